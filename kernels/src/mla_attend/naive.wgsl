// idea: three passes, all scores in memory between them: a thread per score, a workgroup per head, a thread per two outputs
@group(0) @binding(4) var<storage, read_write> scores: array<f32>; // sequences × heads × tokens

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
    soften((group.y * sizes.heads + group.x) * sizes.tokens, i);
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
