// idea: four products of bytes in one instruction; scales meet once for the thirty-two of a block
struct Sizes {
    n: u32,
    blocks: u32, // of a row
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<u32>; // n × blocks of 34 bytes: a scale in f16, then 32 quants of i8
@group(0) @binding(2) var<storage, read> quants: array<u32>; // 32 × blocks of i8, by fours
@group(0) @binding(3) var<storage, read> scales: array<f32>; // of the activations, a block
@group(0) @binding(4) var<storage, read_write> y: array<f32>; // n

const ROWS: u32 = 4; // of a workgroup

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

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(subgroup_id) warp: u32,
    @builtin(num_subgroups) warps: u32,
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_size) lanes: u32,
) {
    let end = min(group.x * ROWS + ROWS, sizes.n);
    for (var row = group.x * ROWS + warp; row < end; row += warps) {
        var sum = 0.0;
        for (var block = lane; block < sizes.blocks; block += lanes) {
            let at = (row * sizes.blocks + block) * 17u;
            var products = 0i;
            for (var i = 0u; i < 8u; i++) {
                products += dot4I8Packed(four_quants(at, i), quants[block * 8u + i]);
            }
            sum = fma(unpack2x16float(half_word(at)).x * scales[block], f32(products), sum);
        }
        sum = subgroupAdd(sum);
        if lane == 0u {
            y[row] = sum;
        }
    }
}
