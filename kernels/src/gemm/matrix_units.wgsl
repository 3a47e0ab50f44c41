// idea: a warp multiplies squares of sixteen on its matrix unit: two of them loaded feed 4096 products at once
enable f16;
enable wgpu_cooperative_matrix;

const ROWS: u32 = 64; // of C for a workgroup: two warps of 32
const COLUMNS: u32 = 64; // two warps of 32
const DEPTH: u32 = 32; // of a tile
// From row to row of a tile, in fours: sixteen bytes more than it holds, so that eight rows lie on different banks.
const STEP_A: u32 = 10;
const STEP_B: u32 = 18;
var<workgroup> tile_a: array<vec4<f16>, 640>; // ROWS × STEP_A
var<workgroup> tile_b: array<vec4<f16>, 576>; // DEPTH × STEP_B

@compute @workgroup_size(128)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) i: u32,
    @builtin(subgroup_id) warp: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let first_row = group.y * ROWS;
    let first_column = group.x * COLUMNS;
    let rows = warp / 2u * 32u;
    let columns = warp % 2u * 32u;
    // Where a thread copies: a four of A in rows 16 apart, one of B in rows 8 apart.
    let row_a = i / 8u;
    let at_a = i % 8u;
    let row_b = i / 16u;
    let at_b = i % 16u;
    var c00: coop_mat16x16<f32, C>;
    var c01: coop_mat16x16<f32, C>;
    var c10: coop_mat16x16<f32, C>;
    var c11: coop_mat16x16<f32, C>;
    var a0 = four_of_a(first_row + row_a + 0u, at_a * 4u);
    var a1 = four_of_a(first_row + row_a + 16u, at_a * 4u);
    var a2 = four_of_a(first_row + row_a + 32u, at_a * 4u);
    var a3 = four_of_a(first_row + row_a + 48u, at_a * 4u);
    var b0 = four_of_b(row_b + 0u, first_column + at_b * 4u);
    var b1 = four_of_b(row_b + 8u, first_column + at_b * 4u);
    var b2 = four_of_b(row_b + 16u, first_column + at_b * 4u);
    var b3 = four_of_b(row_b + 24u, first_column + at_b * 4u);
    for (var first = 0u; first < sizes.k; first += DEPTH) {
        tile_a[(row_a + 0u) * STEP_A + at_a] = a0;
        tile_a[(row_a + 16u) * STEP_A + at_a] = a1;
        tile_a[(row_a + 32u) * STEP_A + at_a] = a2;
        tile_a[(row_a + 48u) * STEP_A + at_a] = a3;
        tile_b[(row_b + 0u) * STEP_B + at_b] = b0;
        tile_b[(row_b + 8u) * STEP_B + at_b] = b1;
        tile_b[(row_b + 16u) * STEP_B + at_b] = b2;
        tile_b[(row_b + 24u) * STEP_B + at_b] = b3;
        workgroupBarrier();
        // The next tile is on its way while this one is multiplied.
        let next = first + DEPTH;
        a0 = four_of_a(first_row + row_a + 0u, next + at_a * 4u);
        a1 = four_of_a(first_row + row_a + 16u, next + at_a * 4u);
        a2 = four_of_a(first_row + row_a + 32u, next + at_a * 4u);
        a3 = four_of_a(first_row + row_a + 48u, next + at_a * 4u);
        b0 = four_of_b(next + row_b + 0u, first_column + at_b * 4u);
        b1 = four_of_b(next + row_b + 8u, first_column + at_b * 4u);
        b2 = four_of_b(next + row_b + 16u, first_column + at_b * 4u);
        b3 = four_of_b(next + row_b + 24u, first_column + at_b * 4u);
        for (var p = 0u; p < DEPTH; p += 16u) {
            let left0 = coopLoadT<coop_mat16x16<f16, A>>(&tile_a[(rows + 0u) * STEP_A + p / 4u], STEP_A);
            let left1 = coopLoadT<coop_mat16x16<f16, A>>(&tile_a[(rows + 16u) * STEP_A + p / 4u], STEP_A);
            let right0 = coopLoadT<coop_mat16x16<f16, B>>(&tile_b[p * STEP_B + columns / 4u + 0u], STEP_B);
            c00 = coopMultiplyAdd(left0, right0, c00);
            c10 = coopMultiplyAdd(left1, right0, c10);
            let right1 = coopLoadT<coop_mat16x16<f16, B>>(&tile_b[p * STEP_B + columns / 4u + 4u], STEP_B);
            c01 = coopMultiplyAdd(left0, right1, c01);
            c11 = coopMultiplyAdd(left1, right1, c11);
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
        store(c10, at + 16u * sizes.n + 0u);
        store(c11, at + 16u * sizes.n + 16u);
        return;
    }
    put(c00, row + 0u, column + 0u, warp, lane);
    put(c01, row + 0u, column + 16u, warp, lane);
    put(c10, row + 16u, column + 0u, warp, lane);
    put(c11, row + 16u, column + 16u, warp, lane);
}
