// idea: a workgroup per head goes over the tokens once, rescaling what it has summed when the maximum grows: no scores in memory
const THREADS: u32 = 128;
const BLOCK: u32 = 32; // tokens at a time
const LOWEST: f32 = -3.4028234e38;
var<workgroup> products: array<f32, THREADS>; // four threads share the dot product of a token
var<workgroup> block: array<f32, BLOCK>;

// What a workgroup has of a head after some tokens. Each thread owns the columns i and i + 128 of the sums.
struct State {
    top: f32, // maximum of the scores
    total: f32, // of the weights below it
    sums: vec2<f32>, // of values by weights
}

// Goes over the tokens from `begin` to `end`.
fn attend(head: u32, begin: u32, end: u32, i: u32) -> State {
    let kv_head = head / (sizes.heads / sizes.kv_heads);
    let scale = 1.0 / sqrt(f32(sizes.width));
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
    return State(top, total, sums);
}

@compute @workgroup_size(128)
fn whole(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let head = group.x;
    let state = attend(head, 0u, sizes.tokens, i);
    if i < sizes.width {
        o[head * sizes.width + i] = state.sums.x / state.total;
    }
    if i + THREADS < sizes.width {
        o[head * sizes.width + i + THREADS] = state.sums.y / state.total;
    }
}
