// idea: both products of the tiles on matrix units: a warp keeps sixteen queries and the sums of their outputs in registers
enable f16;
enable wgpu_cooperative_matrix;

// As FlashAttention-2 (Dao, arXiv 2307.08691) divides the work: by queries, so that no warp waits for another's sums. A
// head narrower than 128 is filled up with zeros.
const QUERIES: u32 = 64; // of a block: sixteen for each of four warps
const KEYS: u32 = 32;
// Sums are rescaled when a score exceeds the maximum that they are beside by more than this: weights are then below e^8,
// which f16 has, and what went before is touched a few times, not with every block (FlashAttention-4 does so).
const SLACK: f32 = 8.0;
// From row to row in fours: sixteen bytes more than is kept, so that eight rows lie on different banks.
const STEP: u32 = 34; // of queries, keys and values
const STEP_S: u32 = 9; // of scores
const STEP_W: u32 = 10; // of weights
const FIRST_V: u32 = 1088; // KEYS × STEP
var<workgroup> tile: array<vec4<f16>, 2176>; // keys, then values; before them the queries
const OF_WARP: u32 = 144; // 16 × STEP_S
var<workgroup> scores: array<vec4<f32>, 576>; // of each warp
var<workgroup> weights: array<vec4<f16>, 640>; // QUERIES × STEP_W
var<workgroup> fade: array<f32, QUERIES>; // what a query's sums are multiplied by
// 1 where a maximum grew by more than the slack. One is used: four keep what may lie behind them on sixteen bytes, where
// squares are loaded from.
var<workgroup> grown: array<atomic<u32>, 4>;

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) i: u32,
    @builtin(subgroup_id) warp: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let blocks = (sizes.tokens + QUERIES - 1u) / QUERIES;
    for (var late = 0u; late < 2u; late++) {
        let block = select(group.x, blocks - 1u - group.x, late == 1u);
        // Of an odd number the one in the middle has no other.
        if late == 0u || block != group.x {
            attend(block * QUERIES, group.y, i, warp, lane);
        }
    }
}

fn attend(first_query: u32, head: u32, i: u32, warp: u32, lane: u32) {
    let scale = 1.0 / sqrt(f32(sizes.width));
    let kv_head = kv_head_of(head);
    let end = min(first_query + QUERIES, sizes.tokens);
    let token = i / 32u;
    let at = i % 32u;
    keep(queries_of(first_query + token, head, at), token * STEP + at);
    keep(queries_of(first_query + token + 32u, head, at), FIRST_V + token * STEP + at);
    workgroupBarrier();
    let mine = warp * 16u;
    let corner = warp * OF_WARP;
    let q0 = coopLoadT<coop_mat16x16<f16, A>>(&tile[mine * STEP + 0u], STEP);
    let q1 = coopLoadT<coop_mat16x16<f16, A>>(&tile[mine * STEP + 4u], STEP);
    let q2 = coopLoadT<coop_mat16x16<f16, A>>(&tile[mine * STEP + 8u], STEP);
    let q3 = coopLoadT<coop_mat16x16<f16, A>>(&tile[mine * STEP + 12u], STEP);
    let q4 = coopLoadT<coop_mat16x16<f16, A>>(&tile[mine * STEP + 16u], STEP);
    let q5 = coopLoadT<coop_mat16x16<f16, A>>(&tile[mine * STEP + 20u], STEP);
    let q6 = coopLoadT<coop_mat16x16<f16, A>>(&tile[mine * STEP + 24u], STEP);
    let q7 = coopLoadT<coop_mat16x16<f16, A>>(&tile[mine * STEP + 28u], STEP);
    workgroupBarrier();
    // Two threads share the softmax of a query, sixteen keys each.
    let row = mine + lane / 2u;
    let part = lane % 2u * 4u;
    let query = vec4(first_query + row);
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
    keep(keys_of(token, kv_head, at), token * STEP + at);
    keep(values_of(token, kv_head, at), FIRST_V + token * STEP + at);
    for (var first = 0u; first < end; first += KEYS) {
        workgroupBarrier();
        var s0: coop_mat16x16<f32, C>;
        var s1: coop_mat16x16<f32, C>;
        s0 = coopMultiplyAdd(q0, coopLoad<coop_mat16x16<f16, B>>(&tile[0u], STEP), s0);
        s1 = coopMultiplyAdd(q0, coopLoad<coop_mat16x16<f16, B>>(&tile[16u * STEP + 0u], STEP), s1);
        s0 = coopMultiplyAdd(q1, coopLoad<coop_mat16x16<f16, B>>(&tile[4u], STEP), s0);
        s1 = coopMultiplyAdd(q1, coopLoad<coop_mat16x16<f16, B>>(&tile[16u * STEP + 4u], STEP), s1);
        s0 = coopMultiplyAdd(q2, coopLoad<coop_mat16x16<f16, B>>(&tile[8u], STEP), s0);
        s1 = coopMultiplyAdd(q2, coopLoad<coop_mat16x16<f16, B>>(&tile[16u * STEP + 8u], STEP), s1);
        s0 = coopMultiplyAdd(q3, coopLoad<coop_mat16x16<f16, B>>(&tile[12u], STEP), s0);
        s1 = coopMultiplyAdd(q3, coopLoad<coop_mat16x16<f16, B>>(&tile[16u * STEP + 12u], STEP), s1);
        s0 = coopMultiplyAdd(q4, coopLoad<coop_mat16x16<f16, B>>(&tile[16u], STEP), s0);
        s1 = coopMultiplyAdd(q4, coopLoad<coop_mat16x16<f16, B>>(&tile[16u * STEP + 16u], STEP), s1);
        s0 = coopMultiplyAdd(q5, coopLoad<coop_mat16x16<f16, B>>(&tile[20u], STEP), s0);
        s1 = coopMultiplyAdd(q5, coopLoad<coop_mat16x16<f16, B>>(&tile[16u * STEP + 20u], STEP), s1);
        s0 = coopMultiplyAdd(q6, coopLoad<coop_mat16x16<f16, B>>(&tile[24u], STEP), s0);
        s1 = coopMultiplyAdd(q6, coopLoad<coop_mat16x16<f16, B>>(&tile[16u * STEP + 24u], STEP), s1);
        s0 = coopMultiplyAdd(q7, coopLoad<coop_mat16x16<f16, B>>(&tile[28u], STEP), s0);
        s1 = coopMultiplyAdd(q7, coopLoad<coop_mat16x16<f16, B>>(&tile[16u * STEP + 28u], STEP), s1);
        coopStoreT(s0, &scores[corner], STEP_S);
        let right = corner + 4u; // named: naga 30 cannot write SPIR-V of other addresses of stores
        coopStoreT(s1, &scores[right], STEP_S);
        workgroupBarrier();
        let at_s = row * STEP_S + part;
        let key = vec4(first + part * 4u) + vec4(0u, 1u, 2u, 3u);
        let x0 = select(vec4(LOWEST), scores[at_s] * scale, key <= query);
        let x1 = select(vec4(LOWEST), scores[at_s + 1u] * scale, key + 4u <= query);
        let x2 = select(vec4(LOWEST), scores[at_s + 2u] * scale, key + 8u <= query);
        let x3 = select(vec4(LOWEST), scores[at_s + 3u] * scale, key + 12u <= query);
        let x = max(max(x0, x1), max(x2, x3));
        var high = max(max(x.x, x.y), max(x.z, x.w));
        high = max(high, subgroupShuffleXor(high, 1u));
        var shrink = 1.0;
        if high > top + SLACK {
            shrink = exp(top - high);
            top = high;
            atomicMax(&grown[0], 1u);
        }
        if part == 0u {
            fade[row] = shrink;
        }
        let e0 = exp(x0 - top);
        let e1 = exp(x1 - top);
        let e2 = exp(x2 - top);
        let e3 = exp(x3 - top);
        let at_w = row * STEP_W + part;
        weights[at_w] = vec4<f16>(e0);
        weights[at_w + 1u] = vec4<f16>(e1);
        weights[at_w + 2u] = vec4<f16>(e2);
        weights[at_w + 3u] = vec4<f16>(e3);
        let sum = (e0 + e1) + (e2 + e3);
        total = total * shrink + ((sum.x + sum.y) + (sum.z + sum.w));
        if workgroupUniformLoad(&grown[0]) != 0u {
            faded(&o0, mine, corner, lane);
            faded(&o1, mine, corner, lane);
            faded(&o2, mine, corner, lane);
            faded(&o3, mine, corner, lane);
            faded(&o4, mine, corner, lane);
            faded(&o5, mine, corner, lane);
            faded(&o6, mine, corner, lane);
            faded(&o7, mine, corner, lane);
        }
        if i == 0u {
            atomicStore(&grown[0], 0u);
        }
        // The next block is on its way while this one is weighed.
        let next_keys = keys_of(first + KEYS + token, kv_head, at);
        let next_values = values_of(first + KEYS + token, kv_head, at);
        for (var p = 0u; p < KEYS; p += 16u) {
            let left = coopLoadT<coop_mat16x16<f16, A>>(&weights[mine * STEP_W + p / 4u], STEP_W);
            let v = FIRST_V + p * STEP;
            o0 = coopMultiplyAdd(left, coopLoadT<coop_mat16x16<f16, B>>(&tile[v + 0u], STEP), o0);
            o1 = coopMultiplyAdd(left, coopLoadT<coop_mat16x16<f16, B>>(&tile[v + 4u], STEP), o1);
            o2 = coopMultiplyAdd(left, coopLoadT<coop_mat16x16<f16, B>>(&tile[v + 8u], STEP), o2);
            o3 = coopMultiplyAdd(left, coopLoadT<coop_mat16x16<f16, B>>(&tile[v + 12u], STEP), o3);
            o4 = coopMultiplyAdd(left, coopLoadT<coop_mat16x16<f16, B>>(&tile[v + 16u], STEP), o4);
            o5 = coopMultiplyAdd(left, coopLoadT<coop_mat16x16<f16, B>>(&tile[v + 20u], STEP), o5);
            o6 = coopMultiplyAdd(left, coopLoadT<coop_mat16x16<f16, B>>(&tile[v + 24u], STEP), o6);
            o7 = coopMultiplyAdd(left, coopLoadT<coop_mat16x16<f16, B>>(&tile[v + 28u], STEP), o7);
        }
        workgroupBarrier();
        keep(next_keys, token * STEP + at);
        keep(next_values, FIRST_V + token * STEP + at);
    }
    total += subgroupShuffleXor(total, 1u);
    if part == 0u {
        fade[row] = 1.0 / total;
    }
    workgroupBarrier();
    put(o0, mine, first_query, head, 0u, corner, lane);
    put(o1, mine, first_query, head, 16u, corner, lane);
    put(o2, mine, first_query, head, 32u, corner, lane);
    put(o3, mine, first_query, head, 48u, corner, lane);
    put(o4, mine, first_query, head, 64u, corner, lane);
    put(o5, mine, first_query, head, 80u, corner, lane);
    put(o6, mine, first_query, head, 96u, corner, lane);
    put(o7, mine, first_query, head, 112u, corner, lane);
}

// What a thread copies of 32 tokens: a four of every fourth.
struct Fours {
    a: vec4<f16>,
    b: vec4<f16>,
    c: vec4<f16>,
    d: vec4<f16>,
    e: vec4<f16>,
    f: vec4<f16>,
    g: vec4<f16>,
    h: vec4<f16>,
}

fn queries_of(token: u32, head: u32, at: u32) -> Fours {
    return Fours(
        four_of_q(token, head, at),
        four_of_q(token + 4u, head, at),
        four_of_q(token + 8u, head, at),
        four_of_q(token + 12u, head, at),
        four_of_q(token + 16u, head, at),
        four_of_q(token + 20u, head, at),
        four_of_q(token + 24u, head, at),
        four_of_q(token + 28u, head, at),
    );
}

fn keys_of(token: u32, kv_head: u32, at: u32) -> Fours {
    return Fours(
        four_of_k(token, kv_head, at),
        four_of_k(token + 4u, kv_head, at),
        four_of_k(token + 8u, kv_head, at),
        four_of_k(token + 12u, kv_head, at),
        four_of_k(token + 16u, kv_head, at),
        four_of_k(token + 20u, kv_head, at),
        four_of_k(token + 24u, kv_head, at),
        four_of_k(token + 28u, kv_head, at),
    );
}

fn values_of(token: u32, kv_head: u32, at: u32) -> Fours {
    return Fours(
        four_of_v(token, kv_head, at),
        four_of_v(token + 4u, kv_head, at),
        four_of_v(token + 8u, kv_head, at),
        four_of_v(token + 12u, kv_head, at),
        four_of_v(token + 16u, kv_head, at),
        four_of_v(token + 20u, kv_head, at),
        four_of_v(token + 24u, kv_head, at),
        four_of_v(token + 28u, kv_head, at),
    );
}

fn keep(fours: Fours, at: u32) {
    tile[at] = fours.a;
    tile[at + 4u * STEP] = fours.b;
    tile[at + 8u * STEP] = fours.c;
    tile[at + 12u * STEP] = fours.d;
    tile[at + 16u * STEP] = fours.e;
    tile[at + 20u * STEP] = fours.f;
    tile[at + 24u * STEP] = fours.g;
    tile[at + 28u * STEP] = fours.h;
}

// Multiplies a square of sums, from query `row` of the workgroup on, by what its queries have faded by; the warp's room
// begins at `corner`.
fn faded(square: ptr<function, coop_mat16x16<f32, C>>, row: u32, corner: u32, lane: u32) {
    coopStoreT(*square, &scores[corner], 4u);
    workgroupBarrier();
    for (var at = lane; at < 64u; at += 32u) {
        scores[corner + at] *= fade[row + at / 4u];
    }
    workgroupBarrier();
    *square = coopLoadT<coop_mat16x16<f32, C>>(&scores[corner], 4u);
}

// Stores a square of sums, as far as the outputs go.
fn put(
    square: coop_mat16x16<f32, C>,
    row: u32,
    first_query: u32,
    head: u32,
    column: u32,
    corner: u32,
    lane: u32,
) {
    coopStoreT(square, &scores[corner], 4u);
    workgroupBarrier();
    for (var at = lane; at < 256u; at += 32u) {
        let query = row + at / 16u;
        if first_query + query < sizes.tokens && column + at % 16u < sizes.width {
            let sum = scores[corner + at / 4u][at % 4u] * fade[query];
            o[query_at(first_query + query, head) + column + at % 16u] = sum;
        }
    }
    workgroupBarrier();
}
