// idea: a workgroup per head goes over the tokens once, rescaling what it has summed when the maximum grows: no scores in memory
struct Sizes {
    heads: u32,
    kv_heads: u32,
    tokens: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> q: array<f32>; // heads × width
@group(0) @binding(2) var<storage, read> keys: array<f32>; // tokens × kv_heads × width
@group(0) @binding(3) var<storage, read> values: array<f32>; // tokens × kv_heads × width
@group(0) @binding(4) var<storage, read_write> o: array<f32>; // heads × width

const THREADS: u32 = 128;
const BLOCK: u32 = 32; // tokens at a time
const LOWEST: f32 = -3.4028234e38;
var<workgroup> products: array<f32, THREADS>; // four threads share the dot product of a token
var<workgroup> block: array<f32, BLOCK>;

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let head = group.x;
    let kv_head = head / (sizes.heads / sizes.kv_heads);
    let scale = 1.0 / sqrt(f32(sizes.width));
    // Each thread owns the columns i and i + 128 of the output.
    var sums = vec2<f32>();
    var total = 0.0;
    var top = LOWEST;
    for (var first = 0u; first < sizes.tokens; first += BLOCK) {
        let token = first + i / 4u;
        var product = 0.0;
        if token < sizes.tokens {
            let key = (token * sizes.kv_heads + kv_head) * sizes.width;
            for (var c = i % 4u; c < sizes.width; c += 4u) {
                product = fma(q[head * sizes.width + c], keys[key + c], product);
            }
        }
        products[i] = product;
        workgroupBarrier();
        if i < BLOCK {
            let whole = (products[4u * i] + products[4u * i + 1u]) + (products[4u * i + 2u] + products[4u * i + 3u]);
            block[i] = select(LOWEST, whole * scale, first + i < sizes.tokens);
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
        let count = min(BLOCK, sizes.tokens - first);
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
    if i < sizes.width {
        o[head * sizes.width + i] = sums.x / total;
    }
    if i + THREADS < sizes.width {
        o[head * sizes.width + i + THREADS] = sums.y / total;
    }
}
