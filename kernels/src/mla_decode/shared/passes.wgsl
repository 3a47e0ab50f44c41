// Attention over latents whose tokens are split over workgroups: the operands, and the passes around the rung's own, which
// make queries in latent form, merge the parts, and make outputs.
struct Sizes {
    heads: u32,
    tokens: u32,
    latent: u32,
    rope: u32, // values of a key that carry the position
    plain: u32, // the others; as many has a value
    part: u32, // tokens of a workgroup
    parts: u32, // of a head
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> q: array<f32>; // heads × (plain + rope)
@group(0) @binding(2) var<storage, read> latents: array<f32>; // tokens × (latent + rope)
@group(0) @binding(3) var<storage, read> to_key: array<vec4<f32>>; // heads × plain × latent, by fours
@group(0) @binding(4) var<storage, read> to_value: array<vec4<f32>>; // heads × plain × latent, by fours
@group(0) @binding(5) var<storage, read_write> o: array<f32>; // heads × plain
@group(0) @binding(6) var<storage, read_write> q_latent: array<f32>; // heads × (latent + rope)
@group(0) @binding(7) var<storage, read_write> o_latent: array<vec4<f32>>; // heads × latent, by fours
@group(0) @binding(8) var<storage, read_write> partial: array<f32>; // heads × parts × (2 + latent): maximum, total, sums

var<workgroup> sums_of_rows: array<vec4<f32>, 256>;

// First pass: 128 values of a query as the latents meet it. Eight warps share the rows.
@compute @workgroup_size(256)
fn absorb(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let head = group.y;
    let row = sizes.latent + sizes.rope;
    let query = head * (sizes.plain + sizes.rope);
    let fours = sizes.latent / 4u;
    let four = group.x * 32u + i % 32u;
    var sums = vec4<f32>();
    if four < fours {
        for (var d = i / 32u; d < sizes.plain; d += 8u) {
            sums = fma(to_key[(head * sizes.plain + d) * fours + four], vec4(q[query + d]), sums);
        }
    }
    sums_of_rows[i] = sums;
    workgroupBarrier();
    for (var half = 128u; half >= 32u; half >>= 1u) {
        if i < half {
            sums_of_rows[i] += sums_of_rows[i + half];
        }
        workgroupBarrier();
    }
    if i < 32u && four < fours {
        let whole = sums_of_rows[i];
        let at = head * row + 4u * four;
        q_latent[at] = whole.x;
        q_latent[at + 1u] = whole.y;
        q_latent[at + 2u] = whole.z;
        q_latent[at + 3u] = whole.w;
    }
    if group.x == 0u {
        for (var c = i; c < sizes.rope; c += 256u) {
            q_latent[head * row + sizes.latent + c] = q[query + sizes.plain + c];
        }
    }
}

// Third pass: four values of an output in latent form.
@compute @workgroup_size(64)
fn merge(@builtin(global_invocation_id) id: vec3<u32>) {
    let four = id.x;
    let head = id.y;
    if four >= sizes.latent / 4u {
        return;
    }
    let step = sizes.latent + 2u;
    let first = head * sizes.parts * step;
    var top = LOWEST;
    for (var p = 0u; p < sizes.parts; p++) {
        top = max(top, partial[first + p * step]);
    }
    var sums = vec4<f32>();
    var total = 0.0;
    for (var p = 0u; p < sizes.parts; p++) {
        let at = first + p * step;
        let weight = exp(partial[at] - top);
        total = fma(weight, partial[at + 1u], total);
        let base = at + 2u + 4u * four;
        let of_part = vec4(partial[base], partial[base + 1u], partial[base + 2u], partial[base + 3u]);
        sums = fma(vec4(weight), of_part, sums);
    }
    o_latent[head * sizes.latent / 4u + four] = sums / total;
}

// Fourth pass: four outputs, thirty-two threads each.
@compute @workgroup_size(128)
fn emit(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let lane = i % 32u;
    let row = group.x * 4u + i / 32u;
    let rows = sizes.heads * sizes.plain;
    let fours = sizes.latent / 4u;
    var sums = vec4<f32>();
    if row < rows {
        for (var p = lane; p < fours; p += 32u) {
            sums = fma(to_value[row * fours + p], o_latent[row / sizes.plain * fours + p], sums);
        }
    }
    parts[i] = (sums.x + sums.y) + (sums.z + sums.w);
    workgroupBarrier();
    for (var half = 16u; half > 0u; half >>= 1u) {
        add_half(i, lane, half);
    }
    if lane == 0u && row < rows {
        o[row] = parts[i];
    }
}
