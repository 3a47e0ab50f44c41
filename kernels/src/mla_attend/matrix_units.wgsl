// idea: sixteen heads make a square, so that scores and weighted sums are products on matrix units and heads share what is loaded
enable f16;
enable wgpu_cooperative_matrix;

const HEADS: u32 = 16; // of a workgroup
const BLOCK: u32 = 32; // tokens at a time: eight for each of four warps
// From row to row in fours, as STEP.
const STEP_S: u32 = 9;
const STEP_W: u32 = 10;
var<workgroup> queries: array<vec4<f16>, 2336>; // HEADS × STEP
var<workgroup> tile: array<vec4<f16>, 4672>; // BLOCK × STEP: keys, and values in their first columns
var<workgroup> scores: array<vec4<f32>, 288>; // 2 × HEADS × STEP_S, then a square of each warp
var<workgroup> weights: array<vec4<f16>, 160>; // HEADS × STEP_W
var<workgroup> fade: array<f32, HEADS>; // what a head's sums are multiplied by
// 1 where a maximum grew by more than the slack. One is used: four keep what may lie behind them on sixteen bytes, where
// squares are loaded from.
var<workgroup> grown: array<atomic<u32>, 4>;

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
        let corner = half * HEADS * STEP_S + square / 4u; // named: naga 30 cannot write SPIR-V of other addresses of stores
        coopStoreT(score, &scores[corner], STEP_S);
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
            atomicMax(&grown[0], 1u);
        }
        if at == 0u {
            fade[head] = shrink;
        }
        let weight = exp(x - top);
        total = total * shrink + ((weight.x + weight.y) + (weight.z + weight.w));
        weights[head * STEP_W + at] = vec4<f16>(weight);
        if workgroupUniformLoad(&grown[0]) != 0u {
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
            atomicStore(&grown[0], 0u);
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
