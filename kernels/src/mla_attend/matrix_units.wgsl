// idea: sixteen heads make a square, so that scores and weighted sums are products on matrix units and heads share what is loaded
enable f16;
enable wgpu_cooperative_matrix;

struct Sizes {
    heads: u32,
    tokens: u32,
    latent: u32,
    words: u32, // of a row, two f16 each
    part: u32, // tokens of a workgroup
    parts: u32, // of a sequence
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> q: array<vec4<f16>>; // sequences × heads × row, by fours
@group(0) @binding(2) var<storage, read> latents: array<vec4<f16>>; // sequences × tokens × row, by fours
@group(0) @binding(3) var<storage, read_write> o: array<f32>; // sequences × heads × latent
@group(0) @binding(4) var<storage, read_write> partial: array<f32>; // sequences × heads × parts × (2 + latent)

const HEADS: u32 = 16; // of a workgroup
const BLOCK: u32 = 32; // tokens at a time: eight for each of four warps
const LOWEST: f32 = -3.4028234e38;
// Sums are rescaled when a score exceeds the maximum that they are beside by more than this: weights are then below e^8,
// which f16 has, and what went before is touched a few times, not with every block (FlashAttention-4 does so).
const SLACK: f32 = 8.0;
// From row to row, in fours: sixteen bytes more than is kept, so that eight rows lie on different banks. The widest row is
// 576 f16; of narrower ones the rest stays zero, as workgroup memory begins.
const WIDEST: u32 = 144;
const STEP: u32 = 146;
const STEP_S: u32 = 9;
const STEP_W: u32 = 10;
var<workgroup> queries: array<vec4<f16>, 2336>; // HEADS × STEP
var<workgroup> tile: array<vec4<f16>, 4672>; // BLOCK × STEP: keys, and values in their first columns
var<workgroup> scores: array<vec4<f32>, 288>; // 2 × HEADS × STEP_S, then a square of each warp
var<workgroup> weights: array<vec4<f16>, 160>; // HEADS × STEP_W
var<workgroup> fade: array<f32, HEADS>; // what a head's sums are multiplied by
var<workgroup> grown: atomic<u32>; // 1 where a maximum grew by more than the slack

// What a thread copies of two tokens.
struct Pair {
    a0: vec4<f16>,
    a1: vec4<f16>,
    a2: vec4<f16>,
    a3: vec4<f16>,
    b0: vec4<f16>,
    b1: vec4<f16>,
    b2: vec4<f16>,
    b3: vec4<f16>,
    rest: vec4<f16>, // half of the threads the first token's, half the second's
}

fn four(token: u32, end: u32, at: u32, fours: u32) -> vec4<f16> {
    if token < end && at < fours {
        return latents[token * fours + at];
    }
    return vec4<f16>();
}

fn pair(token: u32, end: u32, lane: u32, fours: u32) -> Pair {
    let rest = lane / 16u * fours + 128u + lane % 16u;
    if fours == WIDEST && token + 1u < end {
        let at = token * WIDEST + lane;
        return Pair(
            latents[at],
            latents[at + 32u],
            latents[at + 64u],
            latents[at + 96u],
            latents[at + WIDEST],
            latents[at + WIDEST + 32u],
            latents[at + WIDEST + 64u],
            latents[at + WIDEST + 96u],
            latents[token * WIDEST + rest],
        );
    }
    return Pair(
        four(token, end, lane, fours),
        four(token, end, lane + 32u, fours),
        four(token, end, lane + 64u, fours),
        four(token, end, lane + 96u, fours),
        four(token + 1u, end, lane, fours),
        four(token + 1u, end, lane + 32u, fours),
        four(token + 1u, end, lane + 64u, fours),
        four(token + 1u, end, lane + 96u, fours),
        four(token + lane / 16u, end, 128u + lane % 16u, fours),
    );
}

fn keep(pair: Pair, token: u32, lane: u32) {
    let at = token * STEP + lane;
    tile[at] = pair.a0;
    tile[at + 32u] = pair.a1;
    tile[at + 64u] = pair.a2;
    tile[at + 96u] = pair.a3;
    tile[at + STEP] = pair.b0;
    tile[at + STEP + 32u] = pair.b1;
    tile[at + STEP + 64u] = pair.b2;
    tile[at + STEP + 96u] = pair.b3;
    tile[token * STEP + lane / 16u * STEP + 128u + lane % 16u] = pair.rest;
}

// Multiplies a square of sums, from head `head` on, by what its heads have faded by.
fn faded(square: ptr<function, coop_mat16x16<f32, C>>, head: u32, warp: u32, lane: u32) {
    coopStoreT(*square, &scores[warp * 64u], 4u);
    workgroupBarrier();
    for (var at = lane; at < 64u; at += 32u) {
        scores[warp * 64u + at] *= fade[head + at / 4u];
    }
    workgroupBarrier();
    *square = coopLoadT<coop_mat16x16<f32, C>>(&scores[warp * 64u], 4u);
}

// Where a workgroup's results go.
struct Place {
    first: u32, // head of all sequences
    heads: u32, // that are left
    part: u32,
}

// Stores a square of sums, whose heads begin with number `head` of the workgroup.
fn put(square: coop_mat16x16<f32, C>, head: u32, column: u32, place: Place, warp: u32, lane: u32) {
    coopStoreT(square, &scores[warp * 64u], 4u);
    workgroupBarrier();
    for (var at = lane; at < 256u; at += 32u) {
        let h = head + at / 16u;
        let c = column + at % 16u;
        if h < place.heads && c < sizes.latent {
            let sum = scores[warp * 64u + at / 4u][at % 4u] * fade[h];
            if sizes.parts == 1u {
                o[(place.first + h) * sizes.latent + c] = sum;
            } else {
                partial[((place.first + h) * sizes.parts + place.part) * (sizes.latent + 2u) + 2u + c] = sum;
            }
        }
    }
    workgroupBarrier();
}

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(subgroup_id) warp: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let fours = sizes.words / 2u;
    let cache = group.z * sizes.tokens;
    let begin = cache + group.y * sizes.part;
    let end = min(begin + sizes.part, cache + sizes.tokens);
    let place = Place(group.z * sizes.heads + group.x * HEADS, sizes.heads - group.x * HEADS, group.y);
    // A key that the latent stands for has three eighths of its width.
    let scale = 1.0 / sqrt(f32(sizes.latent / 8u * 3u));
    for (var head = warp; head < HEADS; head += 4u) {
        for (var at = lane; at < fours; at += 32u) {
            if head < place.heads {
                queries[head * STEP + at] = q[(place.first + head) * fours + at];
            }
        }
    }
    // Of the scores a warp has a square of sixteen tokens over half of the depth, of the sums 128 columns.
    let steps = (sizes.words + 15u) / 16u;
    let square = warp % 2u * 16u;
    let half = warp / 2u;
    let column = warp * 128u;
    // Eight threads share the softmax of a head, four tokens each.
    let head = warp * 4u + lane / 8u;
    let at = lane % 8u;
    var top = LOWEST;
    var total = 0.0;
    var o0: coop_mat16x16<f32, C>;
    var o1: coop_mat16x16<f32, C>;
    var o2: coop_mat16x16<f32, C>;
    var o3: coop_mat16x16<f32, C>;
    var o4: coop_mat16x16<f32, C>;
    var o5: coop_mat16x16<f32, C>;
    var o6: coop_mat16x16<f32, C>;
    var o7: coop_mat16x16<f32, C>;
    keep(pair(begin + warp * 8u + 0u, end, lane, fours), warp * 8u + 0u, lane);
    keep(pair(begin + warp * 8u + 2u, end, lane, fours), warp * 8u + 2u, lane);
    keep(pair(begin + warp * 8u + 4u, end, lane, fours), warp * 8u + 4u, lane);
    keep(pair(begin + warp * 8u + 6u, end, lane, fours), warp * 8u + 6u, lane);
    for (var first = begin; first < end; first += BLOCK) {
        workgroupBarrier();
        var score: coop_mat16x16<f32, C>;
        for (var step = half * steps; step < (half + 1u) * steps; step++) {
            let left = coopLoadT<coop_mat16x16<f16, A>>(&queries[step * 4u], STEP);
            let right = coopLoad<coop_mat16x16<f16, B>>(&tile[square * STEP + step * 4u], STEP);
            score = coopMultiplyAdd(left, right, score);
        }
        coopStoreT(score, &scores[half * HEADS * STEP_S + square / 4u], STEP_S);
        workgroupBarrier();
        let sum = scores[head * STEP_S + at] + scores[(HEADS + head) * STEP_S + at];
        let token = vec4(first + at * 4u) + vec4(0u, 1u, 2u, 3u);
        let x = select(vec4(LOWEST), sum * scale, token < vec4(end));
        var high = max(max(x.x, x.y), max(x.z, x.w));
        high = max(high, subgroupShuffleXor(high, 1u));
        high = max(high, subgroupShuffleXor(high, 2u));
        high = max(high, subgroupShuffleXor(high, 4u));
        var shrink = 1.0;
        if high > top + SLACK {
            shrink = exp(top - high);
            top = high;
            atomicMax(&grown, 1u);
        }
        if at == 0u {
            fade[head] = shrink;
        }
        let weight = exp(x - top);
        total = total * shrink + ((weight.x + weight.y) + (weight.z + weight.w));
        weights[head * STEP_W + at] = vec4<f16>(weight);
        if workgroupUniformLoad(&grown) != 0u {
            faded(&o0, 0u, warp, lane);
            faded(&o1, 0u, warp, lane);
            faded(&o2, 0u, warp, lane);
            faded(&o3, 0u, warp, lane);
            faded(&o4, 0u, warp, lane);
            faded(&o5, 0u, warp, lane);
            faded(&o6, 0u, warp, lane);
            faded(&o7, 0u, warp, lane);
        }
        if warp == 0u && lane == 0u {
            atomicStore(&grown, 0u);
        }
        // The next block is on its way while this one is weighed.
        let pair0 = pair(first + BLOCK + warp * 8u + 0u, end, lane, fours);
        let pair1 = pair(first + BLOCK + warp * 8u + 2u, end, lane, fours);
        let pair2 = pair(first + BLOCK + warp * 8u + 4u, end, lane, fours);
        let pair3 = pair(first + BLOCK + warp * 8u + 6u, end, lane, fours);
        for (var p = 0u; p < BLOCK; p += 16u) {
            let left = coopLoadT<coop_mat16x16<f16, A>>(&weights[p / 4u], STEP_W);
            let at_v = p * STEP + column / 4u;
            let right0 = coopLoadT<coop_mat16x16<f16, B>>(&tile[at_v], STEP);
            let right1 = coopLoadT<coop_mat16x16<f16, B>>(&tile[at_v + 4u], STEP);
            o0 = coopMultiplyAdd(left, right0, o0);
            let right2 = coopLoadT<coop_mat16x16<f16, B>>(&tile[at_v + 8u], STEP);
            o1 = coopMultiplyAdd(left, right1, o1);
            let right3 = coopLoadT<coop_mat16x16<f16, B>>(&tile[at_v + 12u], STEP);
            o2 = coopMultiplyAdd(left, right2, o2);
            let right4 = coopLoadT<coop_mat16x16<f16, B>>(&tile[at_v + 16u], STEP);
            o3 = coopMultiplyAdd(left, right3, o3);
            let right5 = coopLoadT<coop_mat16x16<f16, B>>(&tile[at_v + 20u], STEP);
            o4 = coopMultiplyAdd(left, right4, o4);
            let right6 = coopLoadT<coop_mat16x16<f16, B>>(&tile[at_v + 24u], STEP);
            o5 = coopMultiplyAdd(left, right5, o5);
            let right7 = coopLoadT<coop_mat16x16<f16, B>>(&tile[at_v + 28u], STEP);
            o6 = coopMultiplyAdd(left, right6, o6);
            o7 = coopMultiplyAdd(left, right7, o7);
        }
        workgroupBarrier();
        keep(pair0, warp * 8u + 0u, lane);
        keep(pair1, warp * 8u + 2u, lane);
        keep(pair2, warp * 8u + 4u, lane);
        keep(pair3, warp * 8u + 6u, lane);
    }
    total += subgroupShuffleXor(total, 1u);
    total += subgroupShuffleXor(total, 2u);
    total += subgroupShuffleXor(total, 4u);
    if at == 0u {
        fade[head] = select(1.0, 1.0 / total, sizes.parts == 1u);
        if sizes.parts > 1u && head < place.heads {
            let state = ((place.first + head) * sizes.parts + place.part) * (sizes.latent + 2u);
            partial[state] = top;
            partial[state + 1u] = total;
        }
    }
    workgroupBarrier();
    put(o0, 0u, column + 0u, place, warp, lane);
    put(o1, 0u, column + 16u, place, warp, lane);
    put(o2, 0u, column + 32u, place, warp, lane);
    put(o3, 0u, column + 48u, place, warp, lane);
    put(o4, 0u, column + 64u, place, warp, lane);
    put(o5, 0u, column + 80u, place, warp, lane);
    put(o6, 0u, column + 96u, place, warp, lane);
    put(o7, 0u, column + 112u, place, warp, lane);
}

// Second pass: an output.
@compute @workgroup_size(64)
fn merge(@builtin(global_invocation_id) id: vec3<u32>) {
    let column = id.x;
    let head = id.z * sizes.heads + id.y;
    if column >= sizes.latent {
        return;
    }
    let step = sizes.latent + 2u;
    let first = head * sizes.parts * step;
    var top = LOWEST;
    for (var p = 0u; p < sizes.parts; p++) {
        top = max(top, partial[first + p * step]);
    }
    var sum = 0.0;
    var total = 0.0;
    for (var p = 0u; p < sizes.parts; p++) {
        let at = first + p * step;
        let weight = exp(partial[at] - top);
        total = fma(weight, partial[at + 1u], total);
        sum = fma(weight, partial[at + 2u + column], sum);
    }
    o[head * sizes.latent + column] = sum / total;
}
