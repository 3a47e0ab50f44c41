// idea: three passes, all scores in memory between them: a thread per score, a workgroup per head, a thread per two outputs
struct Sizes {
    heads: u32,
    tokens: u32,
    latent: u32,
    words: u32, // of a row, two f16 each
    part: u32,
    parts: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> q: array<u32>; // sequences × heads × row
@group(0) @binding(2) var<storage, read> latents: array<u32>; // sequences × tokens × row
@group(0) @binding(3) var<storage, read_write> o: array<f32>; // sequences × heads × latent
@group(0) @binding(4) var<storage, read_write> scores: array<f32>; // sequences × heads × tokens

const THREADS: u32 = 64;
var<workgroup> reduced: array<f32, THREADS>;

// First pass: a score.
@compute @workgroup_size(64)
fn score(@builtin(global_invocation_id) id: vec3<u32>) {
    let token = id.x;
    let head = id.z * sizes.heads + id.y;
    if token >= sizes.tokens {
        return;
    }
    let query = head * sizes.words;
    let key = (id.z * sizes.tokens + token) * sizes.words;
    var sum = 0.0;
    for (var c = 0u; c < sizes.words; c++) {
        let a = unpack2x16float(q[query + c]);
        let b = unpack2x16float(latents[key + c]);
        sum = fma(a.x, b.x, sum);
        sum = fma(a.y, b.y, sum);
    }
    // A key that the latent stands for has three eighths of its width.
    scores[head * sizes.tokens + token] = sum / sqrt(f32(sizes.latent / 8u * 3u));
}

// Second pass: the softmax of a head's scores.
@compute @workgroup_size(64)
fn normalize(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let first = (group.y * sizes.heads + group.x) * sizes.tokens;
    var top = -3.4028234e38;
    for (var t = i; t < sizes.tokens; t += THREADS) {
        top = max(top, scores[first + t]);
    }
    reduced[i] = top;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half >>= 1u) {
        if i < half {
            reduced[i] = max(reduced[i], reduced[i + half]);
        }
        workgroupBarrier();
    }
    top = reduced[0];
    workgroupBarrier();
    var sum = 0.0;
    for (var t = i; t < sizes.tokens; t += THREADS) {
        let e = exp(scores[first + t] - top);
        scores[first + t] = e;
        sum += e;
    }
    reduced[i] = sum;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half >>= 1u) {
        if i < half {
            reduced[i] += reduced[i + half];
        }
        workgroupBarrier();
    }
    let scale = 1.0 / reduced[0];
    for (var t = i; t < sizes.tokens; t += THREADS) {
        scores[first + t] *= scale;
    }
}

// Third pass: two outputs, of one word of every latent.
@compute @workgroup_size(64)
fn weigh(@builtin(global_invocation_id) id: vec3<u32>) {
    let word = id.x;
    let head = id.z * sizes.heads + id.y;
    if word >= sizes.latent / 2u {
        return;
    }
    var at = id.z * sizes.tokens * sizes.words + word;
    var sum = vec2<f32>();
    for (var t = 0u; t < sizes.tokens; t++) {
        sum = fma(vec2(scores[head * sizes.tokens + t]), unpack2x16float(latents[at]), sum);
        at += sizes.words;
    }
    o[head * sizes.latent + 2u * word] = sum.x;
    o[head * sizes.latent + 2u * word + 1u] = sum.y;
}
