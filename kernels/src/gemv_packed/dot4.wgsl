// idea: four products of bytes in one instruction; the eight that each quant is too large meets the sum of the activations
struct Sizes {
    n: u32,
    blocks: u32, // of a row
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<u32>; // n × blocks of 18 bytes: a scale in f16, then 32 quants in halves of bytes
@group(0) @binding(2) var<storage, read> quants: array<u32>; // 32 × blocks of i8, by fours
@group(0) @binding(3) var<storage, read> scales: array<f32>; // of the activations, a block
@group(0) @binding(4) var<storage, read> totals: array<f32>; // sum of a block's quants
@group(0) @binding(5) var<storage, read_write> y: array<f32>; // n

const ROWS: u32 = 4; // of a workgroup

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
            let at = (row * sizes.blocks + block) * 9u;
            var products = 0i;
            for (var i = 0u; i < 4u; i++) {
                let bytes = eight_quants(at, i);
                products += dot4I8Packed(bytes & 0x0f0f0f0fu, quants[block * 8u + i]);
                products += dot4I8Packed((bytes >> 4u) & 0x0f0f0f0fu, quants[block * 8u + i + 4u]);
            }
            let scale = f16_at(at) * scales[block];
            sum = fma(scale, f32(products) - 8.0 * totals[block], sum);
        }
        sum = subgroupAdd(sum);
        if lane == 0u {
            y[row] = sum;
        }
    }
}
