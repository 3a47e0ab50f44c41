// idea: 64 queries meet 32 keys at a time in workgroup memory, with a running maximum: scores never leave the chip
// FlashAttention's tiles (Dao et al., arXiv 2205.14135), in the 16 KiB that every GPU has. A workgroup takes a block of
// queries with the one as far from the end, so that all have as much to do; of a wider head than 128 each takes a slice of
// the outputs.
const QUERIES: u32 = 64; // of a block
const KEYS: u32 = 32;
const DEPTH: u32 = 16; // columns of queries and keys at a time
const COLUMNS: u32 = 128; // of the values
// From row to row in fours: four more than is kept, so that eight rows lie on different banks.
const STEP_Q: u32 = 17;
const STEP_K: u32 = 9;
const FIRST_K: u32 = 272; // DEPTH × STEP_Q
// By turns queries and keys, DEPTH × QUERIES and DEPTH × KEYS; the maximums of parts of a row; values, eight × COLUMNS.
var<workgroup> tile: array<vec4<f32>, 416>;
var<workgroup> weights: array<vec4<f32>, 544>; // KEYS × STEP_Q
var<workgroup> fade: array<vec4<f32>, 16>; // what a query's sums are multiplied by

// Of the scores a thread has four queries by four keys, of the outputs eight queries by eight columns.
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let blocks = (sizes.tokens + QUERIES - 1u) / QUERIES;
    for (var late = 0u; late < 2u; late++) {
        let block = select(group.x, blocks - 1u - group.x, late == 1u);
        // Of an odd number the one in the middle has no other.
        if late == 0u || block != group.x {
            attend(block * QUERIES, group.y, group.z * COLUMNS, i);
        }
    }
}

fn attend(first_query: u32, head: u32, first_column: u32, i: u32) {
    let scale = 1.0 / sqrt(f32(sizes.width));
    let kv_head = kv_head_of(head);
    let rows = i / 8u; // four queries
    let lane = i % 8u; // keys lane, lane + 8 and so on
    let query = vec4(first_query + rows * 4u) + vec4(0u, 1u, 2u, 3u);
    let end = min(first_query + QUERIES, sizes.tokens);
    var top = vec4(LOWEST);
    var total = vec4<f32>();
    var sums: Square;
    for (var first = 0u; first < end; first += KEYS) {
        // Scores, of each key those of four queries.
        var s0 = vec4<f32>();
        var s1 = vec4<f32>();
        var s2 = vec4<f32>();
        var s3 = vec4<f32>();
        for (var step = 0u; step < sizes.width; step += DEPTH) {
            let p = i % DEPTH;
            let at = i / DEPTH;
            tile[p * STEP_Q + at] = four_of_q(first_query + at * 4u, head, step + p);
            tile[p * STEP_Q + at + 8u] = four_of_q(first_query + at * 4u + 32u, head, step + p);
            tile[FIRST_K + p * STEP_K + at] = four_of_k(first + at, kv_head, step + p);
            workgroupBarrier();
            for (var p = 0u; p < DEPTH; p++) {
                let a = tile[p * STEP_Q + rows];
                let b = tile[FIRST_K + p * STEP_K + lane];
                s0 = fma(vec4(b.x), a, s0);
                s1 = fma(vec4(b.y), a, s1);
                s2 = fma(vec4(b.z), a, s2);
                s3 = fma(vec4(b.w), a, s3);
            }
            workgroupBarrier();
        }
        let key = first + lane;
        let x0 = select(vec4(LOWEST), s0 * scale, vec4(key) <= query);
        let x1 = select(vec4(LOWEST), s1 * scale, vec4(key + 8u) <= query);
        let x2 = select(vec4(LOWEST), s2 * scale, vec4(key + 16u) <= query);
        let x3 = select(vec4(LOWEST), s3 * scale, vec4(key + 24u) <= query);
        tile[lane * STEP_Q + rows] = max(max(x0, x1), max(x2, x3));
        workgroupBarrier();
        let near = max(max(tile[rows], tile[STEP_Q + rows]), max(tile[2u * STEP_Q + rows], tile[3u * STEP_Q + rows]));
        let far = max(
            max(tile[4u * STEP_Q + rows], tile[5u * STEP_Q + rows]),
            max(tile[6u * STEP_Q + rows], tile[7u * STEP_Q + rows]),
        );
        // What was summed under a lower maximum shrinks.
        let higher = max(top, max(near, far));
        let shrink = exp(top - higher);
        top = higher;
        let e0 = exp(x0 - top);
        let e1 = exp(x1 - top);
        let e2 = exp(x2 - top);
        let e3 = exp(x3 - top);
        total = fma(total, shrink, (e0 + e1) + (e2 + e3));
        weights[lane * STEP_Q + rows] = e0;
        weights[(lane + 8u) * STEP_Q + rows] = e1;
        weights[(lane + 16u) * STEP_Q + rows] = e2;
        weights[(lane + 24u) * STEP_Q + rows] = e3;
        if lane == 0u {
            fade[rows] = shrink;
        }
        workgroupBarrier();
        multiply(&sums, fade[i / 16u * 2u], fade[i / 16u * 2u + 1u]);
        for (var step = 0u; step < KEYS; step += 8u) {
            let at = i / 32u;
            let column = first_column + i % 32u;
            tile[i] = four_of_v(first + step + at, end, kv_head, column);
            tile[i + 128u] = four_of_v(first + step + at + 4u, end, kv_head, column);
            workgroupBarrier();
            for (var t = 0u; t < 8u; t++) {
                let row = (step + t) * STEP_Q + i / 16u * 2u;
                let left = tile[t * 32u + i % 16u];
                let right = tile[t * 32u + i % 16u + 16u];
                add(&sums, weights[row], weights[row + 1u], left, right);
            }
            workgroupBarrier();
        }
    }
    tile[lane * STEP_Q + rows] = total;
    workgroupBarrier();
    if lane == 0u {
        var whole = vec4<f32>();
        for (var part = 0u; part < 8u; part++) {
            whole += tile[part * STEP_Q + rows];
        }
        fade[rows] = 1.0 / whole;
    }
    workgroupBarrier();
    multiply(&sums, fade[i / 16u * 2u], fade[i / 16u * 2u + 1u]);
    let row = first_query + i / 16u * 8u;
    let column = first_column + i % 16u;
    put_row(row + 0u, head, column, sums.left0, sums.right0);
    put_row(row + 1u, head, column, sums.left1, sums.right1);
    put_row(row + 2u, head, column, sums.left2, sums.right2);
    put_row(row + 3u, head, column, sums.left3, sums.right3);
    put_row(row + 4u, head, column, sums.left4, sums.right4);
    put_row(row + 5u, head, column, sums.left5, sums.right5);
    put_row(row + 6u, head, column, sums.left6, sums.right6);
    put_row(row + 7u, head, column, sums.left7, sums.right7);
    workgroupBarrier();
}

// Column `c` of a query, zero beyond the edges.
fn q_or_zero(token: u32, head: u32, c: u32) -> f32 {
    if token < sizes.tokens && c < sizes.width {
        return of_q(query_at(token, head) + c);
    }
    return 0.0;
}

// Column `c` of four queries one after the other.
fn four_of_q(token: u32, head: u32, c: u32) -> vec4<f32> {
    return vec4(
        q_or_zero(token, head, c),
        q_or_zero(token + 1u, head, c),
        q_or_zero(token + 2u, head, c),
        q_or_zero(token + 3u, head, c),
    );
}

fn k_or_zero(token: u32, kv_head: u32, c: u32) -> f32 {
    if token < sizes.tokens && c < sizes.width {
        return of_k(key_at(token, kv_head) + c);
    }
    return 0.0;
}

// Column `c` of four keys eight apart.
fn four_of_k(token: u32, kv_head: u32, c: u32) -> vec4<f32> {
    return vec4(
        k_or_zero(token, kv_head, c),
        k_or_zero(token + 8u, kv_head, c),
        k_or_zero(token + 16u, kv_head, c),
        k_or_zero(token + 24u, kv_head, c),
    );
}

fn v_or_zero(at: u32, inside: bool) -> f32 {
    if inside {
        return of_v(at);
    }
    return 0.0;
}

// Four columns 32 apart of a token's value.
fn four_of_v(token: u32, end: u32, kv_head: u32, column: u32) -> vec4<f32> {
    if token >= end {
        return vec4<f32>();
    }
    let at = key_at(token, kv_head) + column;
    return vec4(
        v_or_zero(at, column < sizes.width),
        v_or_zero(at + 32u, column + 32u < sizes.width),
        v_or_zero(at + 64u, column + 64u < sizes.width),
        v_or_zero(at + 96u, column + 96u < sizes.width),
    );
}

// Multiplies a thread's sums by what their queries have, the first four and the others.
fn multiply(sums: ptr<function, Square>, above: vec4<f32>, below: vec4<f32>) {
    sums.left0 *= above.x;
    sums.right0 *= above.x;
    sums.left1 *= above.y;
    sums.right1 *= above.y;
    sums.left2 *= above.z;
    sums.right2 *= above.z;
    sums.left3 *= above.w;
    sums.right3 *= above.w;
    sums.left4 *= below.x;
    sums.right4 *= below.x;
    sums.left5 *= below.y;
    sums.right5 *= below.y;
    sums.left6 *= below.z;
    sums.right6 *= below.z;
    sums.left7 *= below.w;
    sums.right7 *= below.w;
}

// Writes the outputs of a query: four columns 32 apart, and those 16 further.
fn put_row(token: u32, head: u32, column: u32, left: vec4<f32>, right: vec4<f32>) {
    if token < sizes.tokens {
        put(query_at(token, head), column, left);
        put(query_at(token, head), column + 16u, right);
    }
}

fn put(row: u32, column: u32, values: vec4<f32>) {
    if column < sizes.width {
        o[row + column] = values.x;
    }
    if column + 32u < sizes.width {
        o[row + column + 32u] = values.y;
    }
    if column + 64u < sizes.width {
        o[row + column + 64u] = values.z;
    }
    if column + 96u < sizes.width {
        o[row + column + 96u] = values.w;
    }
}
