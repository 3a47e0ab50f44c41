// idea: keys and values of every head are made anew of the latents for each token of the text, and lie in memory for plain attention
struct Sizes {
    heads: u32,
    tokens: u32,
    latent: u32,
    rope: u32, // values of a key that carry the position
    plain: u32, // the others; as many has a value
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> q: array<f32>; // heads × (plain + rope)
@group(0) @binding(2) var<storage, read> latents: array<f32>; // tokens × (latent + rope)
@group(0) @binding(3) var<storage, read> to_key: array<f32>; // heads × plain × latent
@group(0) @binding(4) var<storage, read> to_value: array<f32>; // heads × plain × latent
@group(0) @binding(5) var<storage, read_write> o: array<f32>; // heads × plain
@group(0) @binding(6) var<storage, read_write> scores: array<f32>; // heads × tokens
@group(0) @binding(7) var<storage, read_write> made: array<f32>; // heads × tokens × 2 plain: a key, then a value

const THREADS: u32 = 64;
var<workgroup> parts: array<f32, THREADS>;

// First pass: a value of a key, or of a value.
@compute @workgroup_size(64)
fn make(@builtin(global_invocation_id) id: vec3<u32>) {
    let token = id.y;
    let head = id.z;
    if id.x >= 2u * sizes.plain {
        return;
    }
    let base = token * (sizes.latent + sizes.rope);
    let row = (head * sizes.plain + id.x % sizes.plain) * sizes.latent;
    var sum = 0.0;
    if id.x < sizes.plain {
        for (var c = 0u; c < sizes.latent; c++) {
            sum = fma(to_key[row + c], latents[base + c], sum);
        }
    } else {
        for (var c = 0u; c < sizes.latent; c++) {
            sum = fma(to_value[row + c], latents[base + c], sum);
        }
    }
    made[(head * sizes.tokens + token) * 2u * sizes.plain + id.x] = sum;
}

// Second pass: a score.
@compute @workgroup_size(64)
fn score(@builtin(global_invocation_id) id: vec3<u32>) {
    let token = id.x;
    let head = id.y;
    if token >= sizes.tokens {
        return;
    }
    let query = head * (sizes.plain + sizes.rope);
    let key = (head * sizes.tokens + token) * 2u * sizes.plain;
    var sum = 0.0;
    for (var c = 0u; c < sizes.plain; c++) {
        sum = fma(q[query + c], made[key + c], sum);
    }
    let position = token * (sizes.latent + sizes.rope) + sizes.latent;
    for (var c = 0u; c < sizes.rope; c++) {
        sum = fma(q[query + sizes.plain + c], latents[position + c], sum);
    }
    scores[head * sizes.tokens + token] = sum / sqrt(f32(sizes.plain + sizes.rope));
}

// Third pass: the softmax of a head's scores.
@compute @workgroup_size(64)
fn normalize(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let first = group.x * sizes.tokens;
    var top = -3.4028234e38;
    for (var t = i; t < sizes.tokens; t += THREADS) {
        top = max(top, scores[first + t]);
    }
    parts[i] = top;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half >>= 1u) {
        if i < half {
            parts[i] = max(parts[i], parts[i + half]);
        }
        workgroupBarrier();
    }
    top = parts[0];
    workgroupBarrier();
    var sum = 0.0;
    for (var t = i; t < sizes.tokens; t += THREADS) {
        let e = exp(scores[first + t] - top);
        scores[first + t] = e;
        sum += e;
    }
    parts[i] = sum;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half >>= 1u) {
        if i < half {
            parts[i] += parts[i + half];
        }
        workgroupBarrier();
    }
    let scale = 1.0 / parts[0];
    for (var t = i; t < sizes.tokens; t += THREADS) {
        scores[first + t] *= scale;
    }
}

// Fourth pass: an output.
@compute @workgroup_size(64)
fn weigh(@builtin(global_invocation_id) id: vec3<u32>) {
    let column = id.x;
    let head = id.y;
    if column >= sizes.plain {
        return;
    }
    var value = head * sizes.tokens * 2u * sizes.plain + sizes.plain + column;
    var sum = 0.0;
    for (var t = 0u; t < sizes.tokens; t++) {
        sum = fma(scores[head * sizes.tokens + t], made[value], sum);
        value += 2u * sizes.plain;
    }
    o[head * sizes.plain + column] = sum;
}
