// idea: a workgroup takes 64 heads, so each square of latents that is loaded feeds four products, and L2 is read once for all of them
enable f16;
enable wgpu_cooperative_matrix;

const HEADS: u32 = 64; // of a workgroup
const BLOCK: u32 = 64; // tokens at a time: eight for each of eight warps
// From row to row in fours, as STEP.
const STEP_S: u32 = 17;
const STEP_W: u32 = 18;
var<workgroup> queries: array<vec4<f16>, 9344>; // HEADS × STEP
var<workgroup> tile: array<vec4<f16>, 9344>; // BLOCK × STEP: keys, and values in their first columns
var<workgroup> scores: array<vec4<f32>, 2176>; // 2 × HEADS × STEP_S, then a square of each warp
var<workgroup> weights: array<vec4<f16>, 1152>; // HEADS × STEP_W
var<workgroup> fade: array<f32, HEADS>; // what a head's sums are multiplied by
// 1 where a maximum grew by more than the slack. One is used: four keep what may lie behind them on sixteen bytes, where
// squares are loaded from.
var<workgroup> grown: array<atomic<u32>, 4>;

// A head's running maximum, and the sum of a thread's weights.
struct State {
    top: f32,
    total: f32,
}

// Eight threads make weights of a head's scores, eight tokens each.
fn soften(before: State, head: u32, at: u32, first: u32, end: u32, scale: f32) -> State {
    let near = scores[head * STEP_S + at] + scores[(HEADS + head) * STEP_S + at];
    let far = scores[head * STEP_S + at + 8u] + scores[(HEADS + head) * STEP_S + at + 8u];
    let token = vec4(first + at * 4u) + vec4(0u, 1u, 2u, 3u);
    let x = select(vec4(LOWEST), near * scale, token < vec4(end));
    let y = select(vec4(LOWEST), far * scale, token + 32u < vec4(end));
    let both = max(x, y);
    var high = max(max(both.x, both.y), max(both.z, both.w));
    high = max(high, subgroupShuffleXor(high, 1u));
    high = max(high, subgroupShuffleXor(high, 2u));
    high = max(high, subgroupShuffleXor(high, 4u));
    var top = before.top;
    var shrink = 1.0;
    if high > top + SLACK {
        shrink = exp(top - high);
        top = high;
        atomicMax(&grown[0], 1u);
    }
    if at == 0u {
        fade[head] = shrink;
    }
    let a = exp(x - top);
    let b = exp(y - top);
    weights[head * STEP_W + at] = vec4<f16>(a);
    weights[head * STEP_W + at + 8u] = vec4<f16>(b);
    let sum = a + b;
    return State(top, before.total * shrink + ((sum.x + sum.y) + (sum.z + sum.w)));
}

// Leaves what the sums of a head are to be multiplied by at last, and the state of a part.
fn conclude(state: State, head: u32, at: u32, place: Place) {
    var total = state.total;
    total += subgroupShuffleXor(total, 1u);
    total += subgroupShuffleXor(total, 2u);
    total += subgroupShuffleXor(total, 4u);
    if at == 0u {
        fade[head] = select(1.0, 1.0 / total, sizes.parts == 1u);
        if sizes.parts > 1u && head < place.heads {
            let part = ((place.first + head) * sizes.parts + place.part) * (sizes.latent + 2u);
            partial[part] = state.top;
            partial[part + 1u] = total;
        }
    }
}

@compute @workgroup_size(256)
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
    for (var head = warp; head < HEADS; head += 8u) {
        for (var at = lane; at < fours; at += 32u) {
            if head < place.heads {
                queries[head * STEP + at] = q[(place.first + head) * fours + at];
            }
        }
    }
    // Of the scores a warp has 32 heads by 32 tokens over half of the depth, of the sums 64 columns.
    let steps = (sizes.words + 15u) / 16u;
    let rows = warp / 4u * 32u;
    let square = warp / 2u % 2u * 32u;
    let half = warp % 2u;
    let column = warp * 64u;
    // Eight threads share the softmax of two heads.
    let head = warp * 4u + lane / 8u;
    let at = lane % 8u;
    var near = State(LOWEST, 0.0);
    var far = State(LOWEST, 0.0);
    var o00: coop_mat16x16<f32, C>;
    var o01: coop_mat16x16<f32, C>;
    var o02: coop_mat16x16<f32, C>;
    var o03: coop_mat16x16<f32, C>;
    var o10: coop_mat16x16<f32, C>;
    var o11: coop_mat16x16<f32, C>;
    var o12: coop_mat16x16<f32, C>;
    var o13: coop_mat16x16<f32, C>;
    var o20: coop_mat16x16<f32, C>;
    var o21: coop_mat16x16<f32, C>;
    var o22: coop_mat16x16<f32, C>;
    var o23: coop_mat16x16<f32, C>;
    var o30: coop_mat16x16<f32, C>;
    var o31: coop_mat16x16<f32, C>;
    var o32: coop_mat16x16<f32, C>;
    var o33: coop_mat16x16<f32, C>;
    keep(pair(begin + warp * 8u + 0u, end, lane, fours), warp * 8u + 0u, lane);
    keep(pair(begin + warp * 8u + 2u, end, lane, fours), warp * 8u + 2u, lane);
    keep(pair(begin + warp * 8u + 4u, end, lane, fours), warp * 8u + 4u, lane);
    keep(pair(begin + warp * 8u + 6u, end, lane, fours), warp * 8u + 6u, lane);
    for (var first = begin; first < end; first += BLOCK) {
        workgroupBarrier();
        var s00: coop_mat16x16<f32, C>;
        var s01: coop_mat16x16<f32, C>;
        var s10: coop_mat16x16<f32, C>;
        var s11: coop_mat16x16<f32, C>;
        for (var step = half * steps; step < (half + 1u) * steps; step++) {
            let left0 = coopLoadT<coop_mat16x16<f16, A>>(&queries[(rows + 0u) * STEP + step * 4u], STEP);
            let left1 = coopLoadT<coop_mat16x16<f16, A>>(&queries[(rows + 16u) * STEP + step * 4u], STEP);
            let right0 = coopLoad<coop_mat16x16<f16, B>>(&tile[(square + 0u) * STEP + step * 4u], STEP);
            let right1 = coopLoad<coop_mat16x16<f16, B>>(&tile[(square + 16u) * STEP + step * 4u], STEP);
            s00 = coopMultiplyAdd(left0, right0, s00);
            s10 = coopMultiplyAdd(left1, right0, s10);
            s01 = coopMultiplyAdd(left0, right1, s01);
            s11 = coopMultiplyAdd(left1, right1, s11);
        }
        let corner = (half * HEADS + rows) * STEP_S + square / 4u;
        coopStoreT(s00, &scores[corner], STEP_S);
        let right = corner + 4u; // named: naga 30 cannot write SPIR-V of other addresses of stores
        coopStoreT(s01, &scores[right], STEP_S);
        let below = corner + 16u * STEP_S;
        coopStoreT(s10, &scores[below], STEP_S);
        let across = below + 4u;
        coopStoreT(s11, &scores[across], STEP_S);
        workgroupBarrier();
        near = soften(near, head, at, first, end, scale);
        far = soften(far, head + 32u, at, first, end, scale);
        if workgroupUniformLoad(&grown[0]) != 0u {
            faded(&o00, 0u, warp, lane);
            faded(&o01, 0u, warp, lane);
            faded(&o02, 0u, warp, lane);
            faded(&o03, 0u, warp, lane);
            faded(&o10, 16u, warp, lane);
            faded(&o11, 16u, warp, lane);
            faded(&o12, 16u, warp, lane);
            faded(&o13, 16u, warp, lane);
            faded(&o20, 32u, warp, lane);
            faded(&o21, 32u, warp, lane);
            faded(&o22, 32u, warp, lane);
            faded(&o23, 32u, warp, lane);
            faded(&o30, 48u, warp, lane);
            faded(&o31, 48u, warp, lane);
            faded(&o32, 48u, warp, lane);
            faded(&o33, 48u, warp, lane);
        }
        if warp == 0u && lane == 0u {
            atomicStore(&grown[0], 0u);
        }
        // The next block is on its way while this one is weighed.
        let pair0 = pair(first + BLOCK + warp * 8u + 0u, end, lane, fours);
        let pair1 = pair(first + BLOCK + warp * 8u + 2u, end, lane, fours);
        let pair2 = pair(first + BLOCK + warp * 8u + 4u, end, lane, fours);
        let pair3 = pair(first + BLOCK + warp * 8u + 6u, end, lane, fours);
        for (var p = 0u; p < BLOCK; p += 16u) {
            let left0 = coopLoadT<coop_mat16x16<f16, A>>(&weights[0u * STEP_W + p / 4u], STEP_W);
            let left1 = coopLoadT<coop_mat16x16<f16, A>>(&weights[16u * STEP_W + p / 4u], STEP_W);
            let left2 = coopLoadT<coop_mat16x16<f16, A>>(&weights[32u * STEP_W + p / 4u], STEP_W);
            let left3 = coopLoadT<coop_mat16x16<f16, A>>(&weights[48u * STEP_W + p / 4u], STEP_W);
            let right0 = coopLoadT<coop_mat16x16<f16, B>>(&tile[p * STEP + column / 4u + 0u], STEP);
            let right1 = coopLoadT<coop_mat16x16<f16, B>>(&tile[p * STEP + column / 4u + 4u], STEP);
            o00 = coopMultiplyAdd(left0, right0, o00);
            o10 = coopMultiplyAdd(left1, right0, o10);
            o20 = coopMultiplyAdd(left2, right0, o20);
            o30 = coopMultiplyAdd(left3, right0, o30);
            let right2 = coopLoadT<coop_mat16x16<f16, B>>(&tile[p * STEP + column / 4u + 8u], STEP);
            o01 = coopMultiplyAdd(left0, right1, o01);
            o11 = coopMultiplyAdd(left1, right1, o11);
            o21 = coopMultiplyAdd(left2, right1, o21);
            o31 = coopMultiplyAdd(left3, right1, o31);
            let right3 = coopLoadT<coop_mat16x16<f16, B>>(&tile[p * STEP + column / 4u + 12u], STEP);
            o02 = coopMultiplyAdd(left0, right2, o02);
            o12 = coopMultiplyAdd(left1, right2, o12);
            o22 = coopMultiplyAdd(left2, right2, o22);
            o32 = coopMultiplyAdd(left3, right2, o32);
            o03 = coopMultiplyAdd(left0, right3, o03);
            o13 = coopMultiplyAdd(left1, right3, o13);
            o23 = coopMultiplyAdd(left2, right3, o23);
            o33 = coopMultiplyAdd(left3, right3, o33);
        }
        workgroupBarrier();
        keep(pair0, warp * 8u + 0u, lane);
        keep(pair1, warp * 8u + 2u, lane);
        keep(pair2, warp * 8u + 4u, lane);
        keep(pair3, warp * 8u + 6u, lane);
    }
    conclude(near, head, at, place);
    conclude(far, head + 32u, at, place);
    workgroupBarrier();
    put(o00, 0u, column + 0u, place, warp, lane);
    put(o01, 0u, column + 16u, place, warp, lane);
    put(o02, 0u, column + 32u, place, warp, lane);
    put(o03, 0u, column + 48u, place, warp, lane);
    put(o10, 16u, column + 0u, place, warp, lane);
    put(o11, 16u, column + 16u, place, warp, lane);
    put(o12, 16u, column + 32u, place, warp, lane);
    put(o13, 16u, column + 48u, place, warp, lane);
    put(o20, 32u, column + 0u, place, warp, lane);
    put(o21, 32u, column + 16u, place, warp, lane);
    put(o22, 32u, column + 32u, place, warp, lane);
    put(o23, 32u, column + 48u, place, warp, lane);
    put(o30, 48u, column + 0u, place, warp, lane);
    put(o31, 48u, column + 16u, place, warp, lane);
    put(o32, 48u, column + 32u, place, warp, lane);
    put(o33, 48u, column + 48u, place, warp, lane);
}
