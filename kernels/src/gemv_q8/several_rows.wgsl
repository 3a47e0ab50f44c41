// idea: eight threads share a block and read its words as neighbours, for two rows at once that share each load of x
struct Sizes {
    n: u32,
    blocks: u32, // of a row
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<u32>; // n × blocks of 34 bytes: a scale in f16, then 32 quants of i8
@group(0) @binding(2) var<storage, read> quants: array<u32>; // 32 × blocks of i8, by fours
@group(0) @binding(3) var<storage, read> scales: array<f32>; // of the activations, a block
@group(0) @binding(4) var<storage, read_write> y: array<f32>; // n

const ROWS: u32 = 8; // of a workgroup

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

// Four products of a block.
fn part_of(at: u32, part: u32, x: u32) -> f32 {
    return unpack2x16float(half_word(at)).x * f32(dot4I8Packed(four_quants(at, part), x));
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
    let part = lane % 8u;
    for (var row = group.x * ROWS + warp * 2u; row < end; row += warps * 2u) {
        // A row beyond the last repeats it, and is not stored.
        let next = min(row + 1u, end - 1u);
        var sums = vec2<f32>();
        for (var block = lane / 8u; block < sizes.blocks; block += lanes / 8u) {
            let four = quants[block * 8u + part];
            let one = part_of((row * sizes.blocks + block) * 17u, part, four);
            let other = part_of((next * sizes.blocks + block) * 17u, part, four);
            sums = fma(vec2(one, other), vec2(scales[block]), sums);
        }
        sums = subgroupAdd(sums);
        if lane < 2u && row + lane < end {
            y[row + lane] = sums[lane];
        }
    }
}
