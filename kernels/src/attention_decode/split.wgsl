// idea: the tokens of a head are split over workgroups, and a second pass merges the parts by their maximums: few heads fill the GPU
struct Sizes {
    heads: u32,
    kv_heads: u32,
    tokens: u32,
    width: u32,
    part: u32, // tokens of a workgroup
    parts: u32, // of a head
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> q: array<f32>; // heads × width
@group(0) @binding(2) var<storage, read> keys: array<f32>; // tokens × kv_heads × width
@group(0) @binding(3) var<storage, read> values: array<f32>; // tokens × kv_heads × width
@group(0) @binding(4) var<storage, read_write> o: array<f32>; // heads × width
@group(0) @binding(5) var<storage, read_write> partial: array<f32>; // heads × parts × (2 + width): maximum, total, sums

const THREADS: u32 = 128;
const BLOCK: u32 = 32; // tokens at a time
const LOWEST: f32 = -3.4028234e38;
var<workgroup> products: array<f32, THREADS>; // four threads share the dot product of a token
var<workgroup> block: array<f32, BLOCK>;

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let begin = group.y * sizes.part;
    let end = min(begin + sizes.part, sizes.tokens);
    let head = group.x;
    let kv_head = head / (sizes.heads / sizes.kv_heads);
    let scale = 1.0 / sqrt(f32(sizes.width));
    // Each thread owns the columns i and i + 128 of the output.
    var sums = vec2<f32>();
    var total = 0.0;
    var top = LOWEST;
    for (var first = begin; first < end; first += BLOCK) {
        let token = first + i / 4u;
        var product = 0.0;
        if token < end {
            let key = (token * sizes.kv_heads + kv_head) * sizes.width;
            for (var c = i % 4u; c < sizes.width; c += 4u) {
                product = fma(q[head * sizes.width + c], keys[key + c], product);
            }
        }
        products[i] = product;
        workgroupBarrier();
        if i < BLOCK {
            let whole = (products[4u * i] + products[4u * i + 1u]) + (products[4u * i + 2u] + products[4u * i + 3u]);
            block[i] = select(LOWEST, whole * scale, first + i < end);
        }
        workgroupBarrier();
        var higher = top;
        for (var t = 0u; t < BLOCK; t++) {
            higher = max(higher, block[t]);
        }
        // What was summed under a lower maximum shrinks.
        let shrink = exp(top - higher);
        top = higher;
        sums *= shrink;
        total *= shrink;
        let count = min(BLOCK, end - first);
        for (var t = 0u; t < count; t++) {
            let weight = exp(block[t] - top);
            total += weight;
            let value = ((first + t) * sizes.kv_heads + kv_head) * sizes.width + i;
            if i < sizes.width {
                sums.x = fma(weight, values[value], sums.x);
            }
            if i + THREADS < sizes.width {
                sums.y = fma(weight, values[value + THREADS], sums.y);
            }
        }
        workgroupBarrier();
    }
    let at = (head * sizes.parts + group.y) * (sizes.width + 2u);
    if i == 0u {
        partial[at] = top;
        partial[at + 1u] = total;
    }
    if i < sizes.width {
        partial[at + 2u + i] = sums.x;
    }
    if i + THREADS < sizes.width {
        partial[at + 2u + i + THREADS] = sums.y;
    }
}

// Second pass: an output.
@compute @workgroup_size(64)
fn merge(@builtin(global_invocation_id) id: vec3<u32>) {
    let column = id.x;
    let head = id.y;
    if column >= sizes.width {
        return;
    }
    let step = sizes.width + 2u;
    let first = head * sizes.parts * step;
    var top = LOWEST;
    for (var p = 0u; p < sizes.parts; p++) {
        top = max(top, partial[first + p * step]);
    }
    var sum = 0.0;
    var total = 0.0;
    for (var p = 0u; p < sizes.parts; p++) {
        let at = first + p * step;
        let weight = exp(partial[at] - top);
        total = fma(weight, partial[at + 1u], total);
        sum = fma(weight, partial[at + 2u + column], sum);
    }
    o[head * sizes.width + column] = sum / total;
}
