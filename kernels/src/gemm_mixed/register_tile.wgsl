// idea: a thread computes a square of eight by eight outputs, and each weight comes out of its block once for 64 rows of A
const ROWS: u32 = 64; // of C for a workgroup
const COLUMNS: u32 = 64;
const DEPTH: u32 = 8; // of a tile
var<workgroup> tile_a: array<f32, 512>; // ROWS × DEPTH
var<workgroup> tile_w: array<f32, 512>; // DEPTH × COLUMNS

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let first_row = group.y * ROWS;
    let first_column = group.x * COLUMNS;
    let columns = i % 8u * 8u;
    let rows = i / 8u * 8u;
    // Where a thread copies: a four in rows 32 apart, of A and of W.
    let four = i % 2u * 4u;
    var sums: Square;
    for (var first = 0u; first < sizes.k; first += DEPTH) {
        for (var own = i / 2u; own < 64u; own += 32u) {
            var from_a = vec4<f32>();
            if first_row + own < sizes.m {
                from_a = four_of_a(first_row + own, first + four);
            }
            var from_w = vec4<f32>();
            if first_column + own < sizes.n {
                from_w = unpacked(first_column + own, first + four);
            }
            let at_a = own * DEPTH + four;
            tile_a[at_a] = from_a.x;
            tile_a[at_a + 1u] = from_a.y;
            tile_a[at_a + 2u] = from_a.z;
            tile_a[at_a + 3u] = from_a.w;
            let at_w = four * COLUMNS + own;
            tile_w[at_w] = from_w.x;
            tile_w[at_w + 64u] = from_w.y;
            tile_w[at_w + 128u] = from_w.z;
            tile_w[at_w + 192u] = from_w.w;
        }
        workgroupBarrier();
        for (var p = 0u; p < DEPTH; p++) {
            let at_w = p * COLUMNS + columns;
            let left = vec4(tile_w[at_w], tile_w[at_w + 1u], tile_w[at_w + 2u], tile_w[at_w + 3u]);
            let right = vec4(tile_w[at_w + 4u], tile_w[at_w + 5u], tile_w[at_w + 6u], tile_w[at_w + 7u]);
            let at_a = rows * DEPTH + p;
            let above = vec4(tile_a[at_a], tile_a[at_a + 8u], tile_a[at_a + 16u], tile_a[at_a + 24u]);
            let below = vec4(tile_a[at_a + 32u], tile_a[at_a + 40u], tile_a[at_a + 48u], tile_a[at_a + 56u]);
            add(&sums, above, below, left, right);
        }
        workgroupBarrier();
    }
    put_square(&sums, first_row + rows, first_column + columns);
}
