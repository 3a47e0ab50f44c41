// idea: a warp keeps sixteen squares of sums, so each square it loads feeds four products: matrix units wait less for workgroup memory
enable f16;
enable wgpu_cooperative_matrix;

const ROWS: u32 = 128; // of C for a workgroup: two warps of 64
const COLUMNS: u32 = 128; // two warps of 64
const DEPTH: u32 = 32; // of a tile
// From row to row of a tile, in fours: sixteen bytes more than it holds, so that eight rows lie on different banks.
const STEP_A: u32 = 10;
const STEP_B: u32 = 34;
var<workgroup> tile_a: array<vec4<f16>, 1280>; // ROWS × STEP_A
var<workgroup> tile_b: array<vec4<f16>, 1088>; // DEPTH × STEP_B

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
    // Where a thread copies: a four of A in rows 16 apart, one of B in rows 4 apart.
    let row_a = i / 8u;
    let at_a = i % 8u;
    let row_b = i / 32u;
    let at_b = i % 32u;
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
    var a0 = four_of_a(first_row + row_a + 0u, at_a * 4u);
    var a1 = four_of_a(first_row + row_a + 16u, at_a * 4u);
    var a2 = four_of_a(first_row + row_a + 32u, at_a * 4u);
    var a3 = four_of_a(first_row + row_a + 48u, at_a * 4u);
    var a4 = four_of_a(first_row + row_a + 64u, at_a * 4u);
    var a5 = four_of_a(first_row + row_a + 80u, at_a * 4u);
    var a6 = four_of_a(first_row + row_a + 96u, at_a * 4u);
    var a7 = four_of_a(first_row + row_a + 112u, at_a * 4u);
    var b0 = four_of_b(row_b + 0u, first_column + at_b * 4u);
    var b1 = four_of_b(row_b + 4u, first_column + at_b * 4u);
    var b2 = four_of_b(row_b + 8u, first_column + at_b * 4u);
    var b3 = four_of_b(row_b + 12u, first_column + at_b * 4u);
    var b4 = four_of_b(row_b + 16u, first_column + at_b * 4u);
    var b5 = four_of_b(row_b + 20u, first_column + at_b * 4u);
    var b6 = four_of_b(row_b + 24u, first_column + at_b * 4u);
    var b7 = four_of_b(row_b + 28u, first_column + at_b * 4u);
    for (var first = 0u; first < sizes.k; first += DEPTH) {
        tile_a[(row_a + 0u) * STEP_A + at_a] = a0;
        tile_a[(row_a + 16u) * STEP_A + at_a] = a1;
        tile_a[(row_a + 32u) * STEP_A + at_a] = a2;
        tile_a[(row_a + 48u) * STEP_A + at_a] = a3;
        tile_a[(row_a + 64u) * STEP_A + at_a] = a4;
        tile_a[(row_a + 80u) * STEP_A + at_a] = a5;
        tile_a[(row_a + 96u) * STEP_A + at_a] = a6;
        tile_a[(row_a + 112u) * STEP_A + at_a] = a7;
        tile_b[(row_b + 0u) * STEP_B + at_b] = b0;
        tile_b[(row_b + 4u) * STEP_B + at_b] = b1;
        tile_b[(row_b + 8u) * STEP_B + at_b] = b2;
        tile_b[(row_b + 12u) * STEP_B + at_b] = b3;
        tile_b[(row_b + 16u) * STEP_B + at_b] = b4;
        tile_b[(row_b + 20u) * STEP_B + at_b] = b5;
        tile_b[(row_b + 24u) * STEP_B + at_b] = b6;
        tile_b[(row_b + 28u) * STEP_B + at_b] = b7;
        workgroupBarrier();
        // The next tile is on its way while this one is multiplied.
        let next = first + DEPTH;
        a0 = four_of_a(first_row + row_a + 0u, next + at_a * 4u);
        a1 = four_of_a(first_row + row_a + 16u, next + at_a * 4u);
        a2 = four_of_a(first_row + row_a + 32u, next + at_a * 4u);
        a3 = four_of_a(first_row + row_a + 48u, next + at_a * 4u);
        a4 = four_of_a(first_row + row_a + 64u, next + at_a * 4u);
        a5 = four_of_a(first_row + row_a + 80u, next + at_a * 4u);
        a6 = four_of_a(first_row + row_a + 96u, next + at_a * 4u);
        a7 = four_of_a(first_row + row_a + 112u, next + at_a * 4u);
        b0 = four_of_b(next + row_b + 0u, first_column + at_b * 4u);
        b1 = four_of_b(next + row_b + 4u, first_column + at_b * 4u);
        b2 = four_of_b(next + row_b + 8u, first_column + at_b * 4u);
        b3 = four_of_b(next + row_b + 12u, first_column + at_b * 4u);
        b4 = four_of_b(next + row_b + 16u, first_column + at_b * 4u);
        b5 = four_of_b(next + row_b + 20u, first_column + at_b * 4u);
        b6 = four_of_b(next + row_b + 24u, first_column + at_b * 4u);
        b7 = four_of_b(next + row_b + 28u, first_column + at_b * 4u);
        for (var p = 0u; p < DEPTH; p += 16u) {
            let left0 = coopLoadT<coop_mat16x16<f16, A>>(&tile_a[(rows + 0u) * STEP_A + p / 4u], STEP_A);
            let left1 = coopLoadT<coop_mat16x16<f16, A>>(&tile_a[(rows + 16u) * STEP_A + p / 4u], STEP_A);
            let left2 = coopLoadT<coop_mat16x16<f16, A>>(&tile_a[(rows + 32u) * STEP_A + p / 4u], STEP_A);
            let left3 = coopLoadT<coop_mat16x16<f16, A>>(&tile_a[(rows + 48u) * STEP_A + p / 4u], STEP_A);
            let right0 = coopLoadT<coop_mat16x16<f16, B>>(&tile_b[p * STEP_B + columns / 4u + 0u], STEP_B);
            c00 = coopMultiplyAdd(left0, right0, c00);
            c10 = coopMultiplyAdd(left1, right0, c10);
            c20 = coopMultiplyAdd(left2, right0, c20);
            c30 = coopMultiplyAdd(left3, right0, c30);
            let right1 = coopLoadT<coop_mat16x16<f16, B>>(&tile_b[p * STEP_B + columns / 4u + 4u], STEP_B);
            c01 = coopMultiplyAdd(left0, right1, c01);
            c11 = coopMultiplyAdd(left1, right1, c11);
            c21 = coopMultiplyAdd(left2, right1, c21);
            c31 = coopMultiplyAdd(left3, right1, c31);
            let right2 = coopLoadT<coop_mat16x16<f16, B>>(&tile_b[p * STEP_B + columns / 4u + 8u], STEP_B);
            c02 = coopMultiplyAdd(left0, right2, c02);
            c12 = coopMultiplyAdd(left1, right2, c12);
            c22 = coopMultiplyAdd(left2, right2, c22);
            c32 = coopMultiplyAdd(left3, right2, c32);
            let right3 = coopLoadT<coop_mat16x16<f16, B>>(&tile_b[p * STEP_B + columns / 4u + 12u], STEP_B);
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
        let at = row * sizes.n + column;
        store(c00, at + 0u * sizes.n + 0u);
        store(c01, at + 0u * sizes.n + 16u);
        store(c02, at + 0u * sizes.n + 32u);
        store(c03, at + 0u * sizes.n + 48u);
        store(c10, at + 16u * sizes.n + 0u);
        store(c11, at + 16u * sizes.n + 16u);
        store(c12, at + 16u * sizes.n + 32u);
        store(c13, at + 16u * sizes.n + 48u);
        store(c20, at + 32u * sizes.n + 0u);
        store(c21, at + 32u * sizes.n + 16u);
        store(c22, at + 32u * sizes.n + 32u);
        store(c23, at + 32u * sizes.n + 48u);
        store(c30, at + 48u * sizes.n + 0u);
        store(c31, at + 48u * sizes.n + 16u);
        store(c32, at + 48u * sizes.n + 32u);
        store(c33, at + 48u * sizes.n + 48u);
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
