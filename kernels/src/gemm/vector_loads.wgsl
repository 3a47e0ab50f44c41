// idea: four values at a time: from memory, and from a tile of A that is turned over when it is copied
@group(0) @binding(4) var<storage, read> a4: array<vec4<f32>>; // a, by fours
@group(0) @binding(5) var<storage, read> b4: array<vec4<f32>>; // b, by fours

const ROWS: u32 = 64; // of C for a workgroup
const COLUMNS: u32 = 64;
const DEPTH: u32 = 8; // of a tile
var<workgroup> tile_a: array<vec4<f32>, 128>; // DEPTH × ROWS, turned over
var<workgroup> tile_b: array<vec4<f32>, 128>; // DEPTH × COLUMNS

// Where the tile of a workgroup begins in C, and where in that the square of a thread.
struct Tile {
    row: u32,
    column: u32,
    columns: u32,
    rows: u32,
    whole_a: bool, // rows of A are whole fours
    whole_b: bool,
}

fn tile_of(group: vec3<u32>, i: u32) -> Tile {
    return Tile(
        group.y * ROWS,
        group.x * COLUMNS,
        i % 8u * 8u,
        i / 8u * 8u,
        sizes.k % 4u == 0u,
        sizes.n % 4u == 0u,
    );
}

// Adds up a thread's square over the steps of k from `begin` to `end`.
fn sum_up(sums: ptr<function, Square>, tile: Tile, begin: u32, end: u32, i: u32) {
    for (var first = begin; first < end; first += DEPTH) {
        if i < 32u {
            // Half of the threads turn over four rows by four columns of A each,
            let word = i / 2u;
            let at = i % 2u * 4u;
            let r0 = four_of_a(tile.row + word * 4u, first + at, end, tile.whole_a);
            let r1 = four_of_a(tile.row + word * 4u + 1u, first + at, end, tile.whole_a);
            let r2 = four_of_a(tile.row + word * 4u + 2u, first + at, end, tile.whole_a);
            let r3 = four_of_a(tile.row + word * 4u + 3u, first + at, end, tile.whole_a);
            tile_a[at * 16u + word] = vec4(r0.x, r1.x, r2.x, r3.x);
            tile_a[at * 16u + 16u + word] = vec4(r0.y, r1.y, r2.y, r3.y);
            tile_a[at * 16u + 32u + word] = vec4(r0.z, r1.z, r2.z, r3.z);
            tile_a[at * 16u + 48u + word] = vec4(r0.w, r1.w, r2.w, r3.w);
        } else {
            // the others copy four fours of B.
            let p = (i - 32u) / 4u;
            let word = i % 4u;
            let column = tile.column + word * 4u;
            tile_b[p * 16u + word] = four_of_b(first + p, column, end, tile.whole_b);
            tile_b[p * 16u + word + 4u] = four_of_b(first + p, column + 16u, end, tile.whole_b);
            tile_b[p * 16u + word + 8u] = four_of_b(first + p, column + 32u, end, tile.whole_b);
            tile_b[p * 16u + word + 12u] = four_of_b(first + p, column + 48u, end, tile.whole_b);
        }
        workgroupBarrier();
        for (var p = 0u; p < DEPTH; p++) {
            let left = tile_b[p * 16u + tile.columns / 4u];
            let right = tile_b[p * 16u + tile.columns / 4u + 1u];
            let above = tile_a[p * 16u + tile.rows / 4u];
            let below = tile_a[p * 16u + tile.rows / 4u + 1u];
            add(sums, above, below, left, right);
        }
        workgroupBarrier();
    }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let tile = tile_of(group, i);
    var sums: Square;
    sum_up(&sums, tile, 0u, sizes.k, i);
    put_square(&sums, tile.row + tile.rows, tile.column + tile.columns);
}

// Four values of a row of A from column `at` on, zeros beyond the edges.
fn four_of_a(row: u32, at: u32, last: u32, whole: bool) -> vec4<f32> {
    if row >= sizes.m || at >= last {
        return vec4<f32>();
    }
    if whole {
        return a4[(row * sizes.k + at) / 4u];
    }
    var values = vec4(a[row * sizes.k + at], 0.0, 0.0, 0.0);
    if at + 1u < last {
        values.y = a[row * sizes.k + at + 1u];
    }
    if at + 2u < last {
        values.z = a[row * sizes.k + at + 2u];
    }
    if at + 3u < last {
        values.w = a[row * sizes.k + at + 3u];
    }
    return values;
}

// Four values of a row of B from column `at` on, zeros beyond the edges.
fn four_of_b(row: u32, at: u32, last: u32, whole: bool) -> vec4<f32> {
    if row >= last || at >= sizes.n {
        return vec4<f32>();
    }
    if whole {
        return b4[(row * sizes.n + at) / 4u];
    }
    var values = vec4(b[row * sizes.n + at], 0.0, 0.0, 0.0);
    if at + 1u < sizes.n {
        values.y = b[row * sizes.n + at + 1u];
    }
    if at + 2u < sizes.n {
        values.z = b[row * sizes.n + at + 2u];
    }
    if at + 3u < sizes.n {
        values.w = b[row * sizes.n + at + 3u];
    }
    return values;
}
