// idea: the products move over to the query and the output, so heads attend over the latents themselves: nothing is made of a token
@group(0) @binding(6) var<storage, read_write> q_latent: array<f32>; // heads × (latent + rope)
@group(0) @binding(7) var<storage, read_write> o_latent: array<f32>; // heads × latent
@group(0) @binding(8) var<storage, read_write> scores: array<f32>; // heads × tokens

// First pass: a value of a query as the latents meet it.
@compute @workgroup_size(64)
fn absorb(@builtin(global_invocation_id) id: vec3<u32>) {
    let column = id.x;
    let head = id.y;
    let row = sizes.latent + sizes.rope;
    if column >= row {
        return;
    }
    let query = head * (sizes.plain + sizes.rope);
    if column >= sizes.latent {
        q_latent[head * row + column] = q[query + sizes.plain + column - sizes.latent];
        return;
    }
    var sum = 0.0;
    for (var d = 0u; d < sizes.plain; d++) {
        sum = fma(to_key[(head * sizes.plain + d) * sizes.latent + column], q[query + d], sum);
    }
    q_latent[head * row + column] = sum;
}

// Second pass: a score.
@compute @workgroup_size(64)
fn score(@builtin(global_invocation_id) id: vec3<u32>) {
    let token = id.x;
    let head = id.y;
    if token >= sizes.tokens {
        return;
    }
    let row = sizes.latent + sizes.rope;
    var sum = 0.0;
    for (var c = 0u; c < row; c++) {
        sum = fma(q_latent[head * row + c], latents[token * row + c], sum);
    }
    scores[head * sizes.tokens + token] = sum / sqrt(f32(sizes.plain + sizes.rope));
}

// Third pass: the softmax of a head's scores.
@compute @workgroup_size(64)
fn normalize(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    soften(group.x * sizes.tokens, i);
}

// Fourth pass: a value of an output in latent form.
@compute @workgroup_size(64)
fn weigh(@builtin(global_invocation_id) id: vec3<u32>) {
    let column = id.x;
    let head = id.y;
    if column >= sizes.latent {
        return;
    }
    var value = column;
    var sum = 0.0;
    for (var t = 0u; t < sizes.tokens; t++) {
        sum = fma(scores[head * sizes.tokens + t], latents[value], sum);
        value += sizes.latent + sizes.rope;
    }
    o_latent[head * sizes.latent + column] = sum;
}

// Fifth pass: an output.
@compute @workgroup_size(64)
fn emit(@builtin(global_invocation_id) id: vec3<u32>) {
    let column = id.x;
    let head = id.y;
    if column >= sizes.plain {
        return;
    }
    let row = (head * sizes.plain + column) * sizes.latent;
    var sum = 0.0;
    for (var c = 0u; c < sizes.latent; c++) {
        sum = fma(to_value[row + c], o_latent[head * sizes.latent + c], sum);
    }
    o[head * sizes.plain + column] = sum;
}
