// The operands of C = A W, with A in f16 and packed weights turned round.
@group(0) @binding(1) var<storage, read> w: array<u32>; // n × k in blocks
@group(0) @binding(2) var<storage, read> a4: array<vec4<f16>>; // m × k, by fours
@group(0) @binding(3) var<storage, read_write> c: array<f32>; // m × n

// Four neighbours of a row of A; zeros beyond the last row.
fn four_of_a(row: u32, p: u32) -> vec4<f16> {
    if row >= sizes.m || p >= sizes.k {
        return vec4<f16>();
    }
    return a4[(row * sizes.k + p) / 4u];
}
