// idea: three passes, the scores of all tokens by all tokens in memory between them, later ones masked: a thread per score
@group(0) @binding(5) var<storage, read_write> scores: array<f32>; // heads × tokens × tokens

// First pass: a score.
@compute @workgroup_size(64)
fn score(@builtin(global_invocation_id) id: vec3<u32>) {
    let key = id.x;
    let query = id.y;
    if key >= sizes.tokens {
        return;
    }
    let at_q = query_at(query, id.z);
    let at_k = key_at(key, kv_head_of(id.z));
    var sum = 0.0;
    for (var c = 0u; c < sizes.width; c++) {
        sum = fma(of_q(at_q + c), of_k(at_k + c), sum);
    }
    scores[(id.z * sizes.tokens + query) * sizes.tokens + key] =
        select(sum / sqrt(f32(sizes.width)), LOWEST, key > query);
}

// Second pass: the softmax of a query's scores.
@compute @workgroup_size(64)
fn normalize(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    soften((group.y * sizes.tokens + group.x) * sizes.tokens, i);
}

// Third pass: an output.
@compute @workgroup_size(64)
fn weigh(@builtin(global_invocation_id) id: vec3<u32>) {
    let column = id.x;
    let query = id.y;
    if column >= sizes.width {
        return;
    }
    let row = (id.z * sizes.tokens + query) * sizes.tokens;
    let kv_head = kv_head_of(id.z);
    var sum = 0.0;
    for (var t = 0u; t < sizes.tokens; t++) {
        sum = fma(scores[row + t], of_v(key_at(t, kv_head) + column), sum);
    }
    o[query_at(query, id.z) + column] = sum;
}
