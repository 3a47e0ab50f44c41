// idea: three passes, all scores in memory between them: a thread per score, a workgroup per head, a thread per output
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
@group(0) @binding(5) var<storage, read_write> scores: array<f32>; // heads × tokens

const THREADS: u32 = 64;
var<workgroup> parts: array<f32, THREADS>;

// First pass: a score.
@compute @workgroup_size(64)
fn score(@builtin(global_invocation_id) id: vec3<u32>) {
    let token = id.x;
    let head = id.y;
    if token >= sizes.tokens {
        return;
    }
    let key = (token * sizes.kv_heads + head / (sizes.heads / sizes.kv_heads)) * sizes.width;
    var sum = 0.0;
    for (var c = 0u; c < sizes.width; c++) {
        sum = fma(q[head * sizes.width + c], keys[key + c], sum);
    }
    scores[head * sizes.tokens + token] = sum / sqrt(f32(sizes.width));
}

// Second pass: the softmax of a head's scores.
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

// Third pass: an output.
@compute @workgroup_size(64)
fn weigh(@builtin(global_invocation_id) id: vec3<u32>) {
    let column = id.x;
    let head = id.y;
    if column >= sizes.width {
        return;
    }
    let step = sizes.kv_heads * sizes.width;
    var value = head / (sizes.heads / sizes.kv_heads) * sizes.width + column;
    var sum = 0.0;
    for (var t = 0u; t < sizes.tokens; t++) {
        sum = fma(scores[head * sizes.tokens + t], values[value], sum);
        value += step;
    }
    o[head * sizes.width + column] = sum;
}
