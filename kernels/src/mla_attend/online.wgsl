// idea: a workgroup per head goes over the latents once, rescaling what it has summed when the maximum grows: no scores in memory
const THREADS: u32 = 128;
const BLOCK: u32 = 32; // tokens at a time
const LOWEST: f32 = -3.4028234e38;
var<workgroup> products: array<f32, THREADS>; // four threads share the dot product of a token
var<workgroup> block: array<f32, BLOCK>;

// What a workgroup has of a head after some tokens. Each thread owns the words i and i + 128 of the sums.
struct State {
    top: f32, // maximum of the scores
    total: f32, // of the weights below it
    near: vec2<f32>, // sums of values by weights
    far: vec2<f32>,
}

// Goes over the tokens from `begin` to `end` of those behind number `cache`.
fn attend(head: u32, cache: u32, begin: u32, end: u32, i: u32) -> State {
    // A key that the latent stands for has three eighths of its width.
    let scale = 1.0 / sqrt(f32(sizes.latent / 8u * 3u));
    var near = vec2<f32>();
    var far = vec2<f32>();
    var total = 0.0;
    var top = LOWEST;
    for (var first = begin; first < end; first += BLOCK) {
        let token = first + i / 4u;
        var product = 0.0;
        if token < end {
            let key = (cache + token) * sizes.words;
            for (var c = i % 4u; c < sizes.words; c += 4u) {
                let a = unpack2x16float(q[head * sizes.words + c]);
                let b = unpack2x16float(latents[key + c]);
                product = fma(a.x, b.x, product);
                product = fma(a.y, b.y, product);
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
        near *= shrink;
        far *= shrink;
        total *= shrink;
        let count = min(BLOCK, end - first);
        for (var t = 0u; t < count; t++) {
            let weight = exp(block[t] - top);
            total += weight;
            let value = (cache + first + t) * sizes.words + i;
            if i < sizes.latent / 2u {
                near = fma(vec2(weight), unpack2x16float(latents[value]), near);
            }
            if i + THREADS < sizes.latent / 2u {
                far = fma(vec2(weight), unpack2x16float(latents[value + THREADS]), far);
            }
        }
        workgroupBarrier();
    }
    return State(top, total, near, far);
}

@compute @workgroup_size(128)
fn whole(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let head = group.y * sizes.heads + group.x;
    let state = attend(head, group.y * sizes.tokens, 0u, sizes.tokens, i);
    let at = head * sizes.latent + 2u * i;
    if i < sizes.latent / 2u {
        o[at] = state.near.x / state.total;
        o[at + 1u] = state.near.y / state.total;
    }
    if i + THREADS < sizes.latent / 2u {
        o[at + 2u * THREADS] = state.far.x / state.total;
        o[at + 2u * THREADS + 1u] = state.far.y / state.total;
    }
}
