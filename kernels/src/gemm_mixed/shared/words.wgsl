// A in words of two f16, for units that take f32.
@group(0) @binding(2) var<storage, read> a: array<vec2<u32>>; // m × k, by fours

// Four neighbours of a row of A.
fn four_of_a(row: u32, p: u32) -> vec4<f32> {
    let words = a[(row * sizes.k + p) / 4u];
    return vec4(unpack2x16float(words.x), unpack2x16float(words.y));
}
