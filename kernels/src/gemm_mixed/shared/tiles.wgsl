// The product on matrix units: tiles of A and of W lie in workgroup memory, sixteen squares of sums are in a warp.
@group(0) @binding(2) var<storage, read> a4: array<vec4<f16>>; // m × k, by fours

// Four neighbours of a row of A; zeros beyond the last row.
fn four_of_a(row: u32, p: u32) -> vec4<f16> {
    if row >= sizes.m || p >= sizes.k {
        return vec4<f16>();
    }
    return a4[(row * sizes.k + p) / 4u];
}

const ROWS: u32 = 128; // of C for a workgroup: two warps of 64
const COLUMNS: u32 = 128; // two warps of 64
const DEPTH: u32 = 32; // of a tile
// From row to row of a tile, in fours: sixteen bytes more than it holds, so that eight rows lie on different banks.
const STEP: u32 = 10;
var<workgroup> tile_a: array<vec4<f16>, 1280>; // ROWS × STEP
var<workgroup> tile_w: array<vec4<f16>, 1280>; // COLUMNS × STEP

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) i: u32,
    @builtin(subgroup_id) warp: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let first_row = group.y * ROWS;
    let first_column = group.x * COLUMNS;
    let rows = warp / 2u * 64u;
    let columns = warp % 2u * 64u;
    // Where a thread copies: a four in rows 16 apart, of A and of W.
    let own = i / 8u;
    let at = i % 8u;
    var c00: coop_mat16x16<f32, C>;
    var c01: coop_mat16x16<f32, C>;
    var c02: coop_mat16x16<f32, C>;
    var c03: coop_mat16x16<f32, C>;
    var c10: coop_mat16x16<f32, C>;
    var c11: coop_mat16x16<f32, C>;
    var c12: coop_mat16x16<f32, C>;
    var c13: coop_mat16x16<f32, C>;
    var c20: coop_mat16x16<f32, C>;
    var c21: coop_mat16x16<f32, C>;
    var c22: coop_mat16x16<f32, C>;
    var c23: coop_mat16x16<f32, C>;
    var c30: coop_mat16x16<f32, C>;
    var c31: coop_mat16x16<f32, C>;
    var c32: coop_mat16x16<f32, C>;
    var c33: coop_mat16x16<f32, C>;
    var a0 = four_of_a(first_row + own + 0u, at * 4u);
    var a1 = four_of_a(first_row + own + 16u, at * 4u);
    var a2 = four_of_a(first_row + own + 32u, at * 4u);
    var a3 = four_of_a(first_row + own + 48u, at * 4u);
    var a4 = four_of_a(first_row + own + 64u, at * 4u);
    var a5 = four_of_a(first_row + own + 80u, at * 4u);
    var a6 = four_of_a(first_row + own + 96u, at * 4u);
    var a7 = four_of_a(first_row + own + 112u, at * 4u);
    var w0 = four_of_w(first_column + own + 0u, at * 4u);
    var w1 = four_of_w(first_column + own + 16u, at * 4u);
    var w2 = four_of_w(first_column + own + 32u, at * 4u);
    var w3 = four_of_w(first_column + own + 48u, at * 4u);
    var w4 = four_of_w(first_column + own + 64u, at * 4u);
    var w5 = four_of_w(first_column + own + 80u, at * 4u);
    var w6 = four_of_w(first_column + own + 96u, at * 4u);
    var w7 = four_of_w(first_column + own + 112u, at * 4u);
    for (var first = 0u; first < sizes.k; first += DEPTH) {
        tile_a[(own + 0u) * STEP + at] = a0;
        tile_a[(own + 16u) * STEP + at] = a1;
        tile_a[(own + 32u) * STEP + at] = a2;
        tile_a[(own + 48u) * STEP + at] = a3;
        tile_a[(own + 64u) * STEP + at] = a4;
        tile_a[(own + 80u) * STEP + at] = a5;
        tile_a[(own + 96u) * STEP + at] = a6;
        tile_a[(own + 112u) * STEP + at] = a7;
        tile_w[(own + 0u) * STEP + at] = w0;
        tile_w[(own + 16u) * STEP + at] = w1;
        tile_w[(own + 32u) * STEP + at] = w2;
        tile_w[(own + 48u) * STEP + at] = w3;
        tile_w[(own + 64u) * STEP + at] = w4;
        tile_w[(own + 80u) * STEP + at] = w5;
        tile_w[(own + 96u) * STEP + at] = w6;
        tile_w[(own + 112u) * STEP + at] = w7;
        workgroupBarrier();
        // The next tile is on its way while this one is multiplied.
        let next = first + DEPTH + at * 4u;
        a0 = four_of_a(first_row + own + 0u, next);
        a1 = four_of_a(first_row + own + 16u, next);
        a2 = four_of_a(first_row + own + 32u, next);
        a3 = four_of_a(first_row + own + 48u, next);
        a4 = four_of_a(first_row + own + 64u, next);
        a5 = four_of_a(first_row + own + 80u, next);
        a6 = four_of_a(first_row + own + 96u, next);
        a7 = four_of_a(first_row + own + 112u, next);
        w0 = four_of_w(first_column + own + 0u, next);
        w1 = four_of_w(first_column + own + 16u, next);
        w2 = four_of_w(first_column + own + 32u, next);
        w3 = four_of_w(first_column + own + 48u, next);
        w4 = four_of_w(first_column + own + 64u, next);
        w5 = four_of_w(first_column + own + 80u, next);
        w6 = four_of_w(first_column + own + 96u, next);
        w7 = four_of_w(first_column + own + 112u, next);
        for (var p = 0u; p < DEPTH; p += 16u) {
            let left0 = coopLoadT<coop_mat16x16<f16, A>>(&tile_a[(rows + 0u) * STEP + p / 4u], STEP);
            let left1 = coopLoadT<coop_mat16x16<f16, A>>(&tile_a[(rows + 16u) * STEP + p / 4u], STEP);
            let left2 = coopLoadT<coop_mat16x16<f16, A>>(&tile_a[(rows + 32u) * STEP + p / 4u], STEP);
            let left3 = coopLoadT<coop_mat16x16<f16, A>>(&tile_a[(rows + 48u) * STEP + p / 4u], STEP);
            let right0 = coopLoad<coop_mat16x16<f16, B>>(&tile_w[(columns + 0u) * STEP + p / 4u], STEP);
            c00 = coopMultiplyAdd(left0, right0, c00);
            c10 = coopMultiplyAdd(left1, right0, c10);
            c20 = coopMultiplyAdd(left2, right0, c20);
            c30 = coopMultiplyAdd(left3, right0, c30);
            let right1 = coopLoad<coop_mat16x16<f16, B>>(&tile_w[(columns + 16u) * STEP + p / 4u], STEP);
            c01 = coopMultiplyAdd(left0, right1, c01);
            c11 = coopMultiplyAdd(left1, right1, c11);
            c21 = coopMultiplyAdd(left2, right1, c21);
            c31 = coopMultiplyAdd(left3, right1, c31);
            let right2 = coopLoad<coop_mat16x16<f16, B>>(&tile_w[(columns + 32u) * STEP + p / 4u], STEP);
            c02 = coopMultiplyAdd(left0, right2, c02);
            c12 = coopMultiplyAdd(left1, right2, c12);
            c22 = coopMultiplyAdd(left2, right2, c22);
            c32 = coopMultiplyAdd(left3, right2, c32);
            let right3 = coopLoad<coop_mat16x16<f16, B>>(&tile_w[(columns + 48u) * STEP + p / 4u], STEP);
            c03 = coopMultiplyAdd(left0, right3, c03);
            c13 = coopMultiplyAdd(left1, right3, c13);
            c23 = coopMultiplyAdd(left2, right3, c23);
            c33 = coopMultiplyAdd(left3, right3, c33);
        }
        workgroupBarrier();
    }
    let row = first_row + rows;
    let column = first_column + columns;
    let whole = first_row + ROWS <= sizes.m && first_column + COLUMNS <= sizes.n && sizes.n % 4u == 0u;
    if whole {
        let to = row * sizes.n + column;
        store(c00, to + 0u * sizes.n + 0u);
        store(c01, to + 0u * sizes.n + 16u);
        store(c02, to + 0u * sizes.n + 32u);
        store(c03, to + 0u * sizes.n + 48u);
        store(c10, to + 16u * sizes.n + 0u);
        store(c11, to + 16u * sizes.n + 16u);
        store(c12, to + 16u * sizes.n + 32u);
        store(c13, to + 16u * sizes.n + 48u);
        store(c20, to + 32u * sizes.n + 0u);
        store(c21, to + 32u * sizes.n + 16u);
        store(c22, to + 32u * sizes.n + 32u);
        store(c23, to + 32u * sizes.n + 48u);
        store(c30, to + 48u * sizes.n + 0u);
        store(c31, to + 48u * sizes.n + 16u);
        store(c32, to + 48u * sizes.n + 32u);
        store(c33, to + 48u * sizes.n + 48u);
        return;
    }
    put(c00, row + 0u, column + 0u, warp, lane);
    put(c01, row + 0u, column + 16u, warp, lane);
    put(c02, row + 0u, column + 32u, warp, lane);
    put(c03, row + 0u, column + 48u, warp, lane);
    put(c10, row + 16u, column + 0u, warp, lane);
    put(c11, row + 16u, column + 16u, warp, lane);
    put(c12, row + 16u, column + 32u, warp, lane);
    put(c13, row + 16u, column + 48u, warp, lane);
    put(c20, row + 32u, column + 0u, warp, lane);
    put(c21, row + 32u, column + 16u, warp, lane);
    put(c22, row + 32u, column + 32u, warp, lane);
    put(c23, row + 32u, column + 48u, warp, lane);
    put(c30, row + 48u, column + 0u, warp, lane);
    put(c31, row + 48u, column + 16u, warp, lane);
    put(c32, row + 48u, column + 32u, warp, lane);
    put(c33, row + 48u, column + 48u, warp, lane);
}
