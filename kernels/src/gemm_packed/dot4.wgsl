// idea: activations are i8 too: four products of bytes in one instruction, and the two scales of a block meet once
struct Sizes {
    m: u32,
    n: u32,
    blocks: u32, // of a row
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<u32>; // n × blocks of 34 bytes: a scale in f16, then 32 quants of i8
@group(0) @binding(2) var<storage, read> quants: array<u32>; // m × 32 blocks of i8, by fours
@group(0) @binding(3) var<storage, read> scales: array<f32>; // m × blocks
@group(0) @binding(4) var<storage, read_write> c: array<f32>; // m × n

// Half-word number `at` of the weights.
fn half_word(at: u32) -> u32 {
    return extractBits(w[at / 2u], at % 2u * 16u, 16u);
}

// Four quants of a block that begins at half-word `at`, from number `4 i` on.
fn four_quants(at: u32, i: u32) -> u32 {
    let first = at + 1u + i * 2u;
    if first % 2u == 0u {
        return w[first / 2u];
    }
    return (w[first / 2u] >> 16u) | (w[first / 2u + 1u] << 16u);
}

@compute @workgroup_size(16, 16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.y;
    let column = id.x;
    if row >= sizes.m || column >= sizes.n {
        return;
    }
    var sum = 0.0;
    for (var block = 0u; block < sizes.blocks; block++) {
        let at = (column * sizes.blocks + block) * 17u;
        let of_row = row * sizes.blocks + block;
        var products = 0i;
        for (var i = 0u; i < 8u; i++) {
            products += dot4I8Packed(four_quants(at, i), quants[of_row * 8u + i]);
        }
        // One scale after the other: their product may be too small for an f32.
        sum = fma(f32(products) * unpack2x16float(half_word(at)).x, scales[of_row], sum);
    }
    c[row * sizes.n + column] = sum;
}
