// idea: three passes, all scores in memory between them: a thread per score, a workgroup per head, a thread per output
@group(0) @binding(5) var<storage, read_write> scores: array<f32>; // heads × tokens

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
    soften(group.x * sizes.tokens, i);
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
