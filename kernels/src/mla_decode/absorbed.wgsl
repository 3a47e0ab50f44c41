// idea: the products move over to the query and the output, so heads attend over the latents themselves: nothing is made of a token
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
@group(0) @binding(6) var<storage, read_write> q_latent: array<f32>; // heads × (latent + rope)
@group(0) @binding(7) var<storage, read_write> o_latent: array<f32>; // heads × latent
@group(0) @binding(8) var<storage, read_write> scores: array<f32>; // heads × tokens

const THREADS: u32 = 64;
var<workgroup> parts: array<f32, THREADS>;

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
