// idea: keys and values of every head are made anew of the latents for each token of the text, and lie in memory for plain attention
@group(0) @binding(6) var<storage, read_write> scores: array<f32>; // heads × tokens
@group(0) @binding(7) var<storage, read_write> made: array<f32>; // heads × tokens × 2 plain: a key, then a value

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
    soften(group.x * sizes.tokens, i);
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
