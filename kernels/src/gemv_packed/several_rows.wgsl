// idea: four threads share a block and read its words as neighbours, for two rows at once that share each load of x
struct Sizes {
    n: u32,
    blocks: u32, // of a row
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<u32>; // n × blocks of 18 bytes: a scale in f16, then 32 quants in halves of bytes
@group(0) @binding(2) var<storage, read> quants: array<u32>; // 32 × blocks of i8, by fours
@group(0) @binding(3) var<storage, read> scales: array<f32>; // of the activations, a block
@group(0) @binding(4) var<storage, read_write> y: array<f32>; // n

const ROWS: u32 = 8; // of a workgroup

// Half-word number `at` of the weights.
fn half_word(at: u32) -> u32 {
    return extractBits(w[at / 2u], at % 2u * 16u, 16u);
}

// Quants of a block that begins at half-word `at`, four bytes from half-word `at + 1 + 2 i` on.
fn eight_quants(at: u32, i: u32) -> u32 {
    let first = at + 1u + i * 2u;
    if first % 2u == 0u {
        return w[first / 2u];
    }
    return (w[first / 2u] >> 16u) | (w[first / 2u + 1u] << 16u);
}

// A quarter of a block's products, the eight that each quant is too large taken off.
fn quarter(at: u32, part: u32, low: u32, high: u32, total: i32) -> f32 {
    let bytes = eight_quants(at, part);
    let products = dot4I8Packed(bytes & 0x0f0f0f0fu, low) + dot4I8Packed((bytes >> 4u) & 0x0f0f0f0fu, high);
    return unpack2x16float(half_word(at)).x * f32(products - 8 * total);
}

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(subgroup_id) warp: u32,
    @builtin(num_subgroups) warps: u32,
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_size) lanes: u32,
) {
    let end = min(group.x * ROWS + ROWS, sizes.n);
    let part = lane % 4u;
    for (var row = group.x * ROWS + warp * 2u; row < end; row += warps * 2u) {
        // A row beyond the last repeats it, and is not stored.
        let next = min(row + 1u, end - 1u);
        var sums = vec2<f32>();
        for (var block = lane / 4u; block < sizes.blocks; block += lanes / 4u) {
            let low = quants[block * 8u + part];
            let high = quants[block * 8u + part + 4u];
            let total = dot4I8Packed(0x01010101u, low) + dot4I8Packed(0x01010101u, high);
            let scale = scales[block];
            let one = quarter((row * sizes.blocks + block) * 9u, part, low, high, total);
            let other = quarter((next * sizes.blocks + block) * 9u, part, low, high, total);
            sums = fma(vec2(one, other), vec2(scale), sums);
        }
        sums = subgroupAdd(sums);
        if lane < 2u && row + lane < end {
            y[row + lane] = sums[lane];
        }
    }
}
