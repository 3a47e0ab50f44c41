// idea: both products on matrix units, each a pass of its own, between them scores of pairs in order in f32 and weights in f16
enable f16;
enable wgpu_cooperative_matrix;

struct Sizes {
    tokens: u32,
    heads: u32,
    kv_heads: u32,
    width: u32,
    first_head: u32, // of those that there is room for at once
}

// The squares of 64 queries by 64 keys make a triangle, whose shortest row and longest are one of a rectangle.
@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(5) var<storage, read_write> scores: array<f32>; // heads at once × blocks × 64 × blocks × 64
@group(0) @binding(6) var<storage, read_write> weights: array<vec4<f16>>; // as the scores, by fours

const SIDE: u32 = 64; // queries and keys of a square, and columns of outputs: two warps of 32 by two
const DEPTH: u32 = 32; // of a tile
const THREADS: u32 = 128;
// From row to row of a tile, in fours: sixteen bytes more than it holds, so that eight rows lie on different banks.
const STEP: u32 = 10;
const STEP_V: u32 = 18;
var<workgroup> tile_a: array<vec4<f16>, 640>; // SIDE × STEP
var<workgroup> tile_b: array<vec4<f16>, 640>; // SIDE × STEP of keys, or DEPTH × STEP_V of values
var<workgroup> edge: array<vec4<f32>, 256>; // a square of each warp

fn blocks() -> u32 {
    return (sizes.tokens + SIDE - 1u) / SIDE;
}

// Where the scores of a query begin, of a head of those in the room.
fn row_at(in_room: u32, query: u32) -> u32 {
    return (in_room * blocks() * SIDE + query) * blocks() * SIDE;
}

// First pass: a square of scores.
@compute @workgroup_size(128)
fn score(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) i: u32,
    @builtin(subgroup_id) warp: u32,
) {
    let short = group.x <= group.y;
    let late = blocks() - 1u - group.y;
    if !short & (late == group.y) {
        return;
    }
    let query = select(late, group.y, short) * SIDE;
    let key = select(group.x - group.y - 1u, group.x, short) * SIDE;
    let head = sizes.first_head + group.z;
    let kv_head = kv_head_of(head);
    let rows = warp / 2u * 32u;
    let columns = warp % 2u * 32u;
    var c00: coop_mat16x16<f32, C>;
    var c01: coop_mat16x16<f32, C>;
    var c10: coop_mat16x16<f32, C>;
    var c11: coop_mat16x16<f32, C>;
    for (var first = 0u; first < sizes.width; first += DEPTH) {
        let at = first / 4u + i % 8u;
        for (var row = i / 8u; row < SIDE; row += 16u) {
            tile_a[row * STEP + i % 8u] = four_of_q(query + row, head, at);
            tile_b[row * STEP + i % 8u] = four_of_k(key + row, kv_head, at);
        }
        workgroupBarrier();
        for (var p = 0u; p < DEPTH; p += 16u) {
            let left0 = coopLoadT<coop_mat16x16<f16, A>>(&tile_a[(rows + 0u) * STEP + p / 4u], STEP);
            let left1 = coopLoadT<coop_mat16x16<f16, A>>(&tile_a[(rows + 16u) * STEP + p / 4u], STEP);
            let right0 = coopLoad<coop_mat16x16<f16, B>>(&tile_b[(columns + 0u) * STEP + p / 4u], STEP);
            c00 = coopMultiplyAdd(left0, right0, c00);
            c10 = coopMultiplyAdd(left1, right0, c10);
            let right1 = coopLoad<coop_mat16x16<f16, B>>(&tile_b[(columns + 16u) * STEP + p / 4u], STEP);
            c01 = coopMultiplyAdd(left0, right1, c01);
            c11 = coopMultiplyAdd(left1, right1, c11);
        }
        workgroupBarrier();
    }
    let stride = blocks() * SIDE;
    let at = row_at(group.z, query + rows) + key + columns;
    coopStoreT(c00, &scores[at], stride);
    let right = at + 16u; // named: naga 30 cannot write SPIR-V of other addresses of stores
    coopStoreT(c01, &scores[right], stride);
    let below = at + 16u * stride;
    coopStoreT(c10, &scores[below], stride);
    let across = below + 16u;
    coopStoreT(c11, &scores[across], stride);
}

// Second pass: the softmax of two queries.
@compute @workgroup_size(128)
fn normalize(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    soften(group.y, group.x, i);
    let late = sizes.tokens - 1u - group.x;
    if late != group.x {
        soften(group.y, late, i);
    }
}

// Makes weights of a query's scores, zeros of those of later tokens in its block.
fn soften(in_room: u32, query: u32, i: u32) {
    let row = row_at(in_room, query);
    let scale = 1.0 / sqrt(f32(sizes.width));
    var top = LOWEST;
    for (var t = i; t <= query; t += THREADS) {
        top = max(top, scores[row + t]);
    }
    parts[i] = top;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half >>= 1u) {
        max_half(i, half);
    }
    top = parts[0];
    workgroupBarrier();
    var sum = 0.0;
    for (var t = i; t <= query; t += THREADS) {
        sum += exp((scores[row + t] - top) * scale);
    }
    parts[i] = sum;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half >>= 1u) {
        add_half(i, i, half);
    }
    let share = 1.0 / parts[0];
    let end = (query / SIDE + 1u) * SIDE;
    for (var t = 4u * i; t < end; t += 4u * THREADS) {
        let at = row + t;
        let x = vec4(scores[at], scores[at + 1u], scores[at + 2u], scores[at + 3u]);
        let weight = exp((x - top) * scale) * share;
        let seen = vec4(t) + vec4(0u, 1u, 2u, 3u) <= vec4(query);
        weights[at / 4u] = vec4<f16>(select(vec4<f32>(), weight, seen));
    }
    workgroupBarrier();
}

// Third pass: a square of the outputs of two blocks of queries.
@compute @workgroup_size(128)
fn weigh(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) i: u32,
    @builtin(subgroup_id) warp: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    for (var late = 0u; late < 2u; late++) {
        let block = select(group.y, blocks() - 1u - group.y, late == 1u);
        // Of an odd number the one in the middle has no other.
        if late == 0u || block != group.y {
            weighed(block * SIDE, group.z, group.x * SIDE, i, warp, lane);
        }
    }
}

fn weighed(query: u32, in_room: u32, first_column: u32, i: u32, warp: u32, lane: u32) {
    let head = sizes.first_head + in_room;
    let kv_head = kv_head_of(head);
    let rows = warp / 2u * 32u;
    let columns = warp % 2u * 32u;
    var c00: coop_mat16x16<f32, C>;
    var c01: coop_mat16x16<f32, C>;
    var c10: coop_mat16x16<f32, C>;
    var c11: coop_mat16x16<f32, C>;
    for (var first = 0u; first < query + SIDE; first += DEPTH) {
        for (var row = i / 8u; row < SIDE; row += 16u) {
            tile_a[row * STEP + i % 8u] = weights[(row_at(in_room, query + row) + first) / 4u + i % 8u];
        }
        for (var row = i / 16u; row < DEPTH; row += 8u) {
            tile_b[row * STEP_V + i % 16u] = four_of_v(first + row, kv_head, first_column / 4u + i % 16u);
        }
        workgroupBarrier();
        for (var p = 0u; p < DEPTH; p += 16u) {
            let left0 = coopLoadT<coop_mat16x16<f16, A>>(&tile_a[(rows + 0u) * STEP + p / 4u], STEP);
            let left1 = coopLoadT<coop_mat16x16<f16, A>>(&tile_a[(rows + 16u) * STEP + p / 4u], STEP);
            let right0 = coopLoadT<coop_mat16x16<f16, B>>(&tile_b[p * STEP_V + columns / 4u + 0u], STEP_V);
            c00 = coopMultiplyAdd(left0, right0, c00);
            c10 = coopMultiplyAdd(left1, right0, c10);
            let right1 = coopLoadT<coop_mat16x16<f16, B>>(&tile_b[p * STEP_V + columns / 4u + 4u], STEP_V);
            c01 = coopMultiplyAdd(left0, right1, c01);
            c11 = coopMultiplyAdd(left1, right1, c11);
        }
        workgroupBarrier();
    }
    let stride = sizes.heads * sizes.width;
    let column = first_column + columns;
    if query + SIDE <= sizes.tokens && first_column + SIDE <= sizes.width {
        let at = query_at(query + rows, head) + column;
        coopStoreT(c00, &o[at], stride);
        let right = at + 16u;
        coopStoreT(c01, &o[right], stride);
        let below = at + 16u * stride;
        coopStoreT(c10, &o[below], stride);
        let across = below + 16u;
        coopStoreT(c11, &o[across], stride);
        return;
    }
    put(c00, query + rows + 0u, head, column + 0u, warp, lane);
    put(c01, query + rows + 0u, head, column + 16u, warp, lane);
    put(c10, query + rows + 16u, head, column + 0u, warp, lane);
    put(c11, query + rows + 16u, head, column + 16u, warp, lane);
}

// Stores a square as far as the outputs go.
fn put(square: coop_mat16x16<f32, C>, query: u32, head: u32, column: u32, warp: u32, lane: u32) {
    let first = warp * 64u;
    coopStoreT(square, &edge[first], 4u);
    workgroupBarrier();
    for (var at = lane; at < 256u; at += 32u) {
        if query + at / 16u < sizes.tokens && column + at % 16u < sizes.width {
            o[query_at(query + at / 16u, head) + column + at % 16u] = edge[first + at / 4u][at % 4u];
        }
    }
    workgroupBarrier();
}
