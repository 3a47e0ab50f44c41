// idea: a thread computes a square of eight by eight outputs, so sixteen values it takes feed sixty-four sums
const ROWS: u32 = 64; // of C for a workgroup
const COLUMNS: u32 = 64;
const DEPTH: u32 = 8; // of a tile
var<workgroup> tile_a: array<f32, 512>; // ROWS × DEPTH
var<workgroup> tile_b: array<f32, 512>; // DEPTH × COLUMNS

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let first_row = group.y * ROWS;
    let first_column = group.x * COLUMNS;
    let columns = i % 8u * 8u;
    let rows = i / 8u * 8u;
    var sums: Square;
    for (var first = 0u; first < sizes.k; first += DEPTH) {
        for (var step = 0u; step < 8u; step++) {
            let at_row = i / DEPTH + step * 8u;
            let at_column = i % DEPTH;
            var from_a = 0.0;
            if first_row + at_row < sizes.m && first + at_column < sizes.k {
                from_a = of_a((first_row + at_row) * sizes.k + first + at_column);
            }
            tile_a[at_row * DEPTH + at_column] = from_a;
            var from_b = 0.0;
            if first + step < sizes.k && first_column + i < sizes.n {
                from_b = of_b((first + step) * sizes.n + first_column + i);
            }
            tile_b[step * COLUMNS + i] = from_b;
        }
        workgroupBarrier();
        for (var p = 0u; p < DEPTH; p++) {
            let at_b = p * COLUMNS + columns;
            let left = vec4(tile_b[at_b], tile_b[at_b + 1u], tile_b[at_b + 2u], tile_b[at_b + 3u]);
            let right = vec4(tile_b[at_b + 4u], tile_b[at_b + 5u], tile_b[at_b + 6u], tile_b[at_b + 7u]);
            let at_a = rows * DEPTH + p;
            let a0 = tile_a[at_a + 0u];
            let a1 = tile_a[at_a + 8u];
            let a2 = tile_a[at_a + 16u];
            let a3 = tile_a[at_a + 24u];
            let a4 = tile_a[at_a + 32u];
            let a5 = tile_a[at_a + 40u];
            let a6 = tile_a[at_a + 48u];
            let a7 = tile_a[at_a + 56u];
            add(&sums, vec4(a0, a1, a2, a3), vec4(a4, a5, a6, a7), left, right);
        }
        workgroupBarrier();
    }
    put_square(&sums, first_row + rows, first_column + columns);
}
