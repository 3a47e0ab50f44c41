// idea: a thread computes eight rows of a column, so each value of B it takes from workgroup memory feeds eight sums
struct Sizes {
    m: u32,
    n: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> a: array<f32>; // m × k
@group(0) @binding(2) var<storage, read> b: array<f32>; // k × n
@group(0) @binding(3) var<storage, read_write> c: array<f32>; // m × n

const ROWS: u32 = 64; // of C for a workgroup
const COLUMNS: u32 = 32;
const DEPTH: u32 = 8; // of a tile
var<workgroup> tile_a: array<f32, 512>; // ROWS × DEPTH
var<workgroup> tile_b: array<f32, 256>; // DEPTH × COLUMNS

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let first_row = group.y * ROWS;
    let first_column = group.x * COLUMNS;
    let column = i % COLUMNS;
    let rows = i / COLUMNS * 8u;
    let a_column = i % DEPTH;
    let a_row = i / DEPTH;
    var sum0 = 0.0;
    var sum1 = 0.0;
    var sum2 = 0.0;
    var sum3 = 0.0;
    var sum4 = 0.0;
    var sum5 = 0.0;
    var sum6 = 0.0;
    var sum7 = 0.0;
    for (var first = 0u; first < sizes.k; first += DEPTH) {
        for (var half = 0u; half < ROWS; half += 32u) {
            let row = first_row + a_row + half;
            var value = 0.0;
            if row < sizes.m && first + a_column < sizes.k {
                value = a[row * sizes.k + first + a_column];
            }
            tile_a[(a_row + half) * DEPTH + a_column] = value;
        }
        var value = 0.0;
        if first_column + column < sizes.n && first + i / COLUMNS < sizes.k {
            value = b[(first + i / COLUMNS) * sizes.n + first_column + column];
        }
        tile_b[i] = value;
        workgroupBarrier();
        for (var p = 0u; p < DEPTH; p++) {
            let from_b = tile_b[p * COLUMNS + column];
            let at = rows * DEPTH + p;
            sum0 = fma(tile_a[at + 0u], from_b, sum0);
            sum1 = fma(tile_a[at + 8u], from_b, sum1);
            sum2 = fma(tile_a[at + 16u], from_b, sum2);
            sum3 = fma(tile_a[at + 24u], from_b, sum3);
            sum4 = fma(tile_a[at + 32u], from_b, sum4);
            sum5 = fma(tile_a[at + 40u], from_b, sum5);
            sum6 = fma(tile_a[at + 48u], from_b, sum6);
            sum7 = fma(tile_a[at + 56u], from_b, sum7);
        }
        workgroupBarrier();
    }
    if first_column + column >= sizes.n {
        return;
    }
    let row = first_row + rows;
    let at = row * sizes.n + first_column + column;
    if row + 0u < sizes.m {
        c[at + 0u * sizes.n] = sum0;
    }
    if row + 1u < sizes.m {
        c[at + 1u * sizes.n] = sum1;
    }
    if row + 2u < sizes.m {
        c[at + 2u * sizes.n] = sum2;
    }
    if row + 3u < sizes.m {
        c[at + 3u * sizes.n] = sum3;
    }
    if row + 4u < sizes.m {
        c[at + 4u * sizes.n] = sum4;
    }
    if row + 5u < sizes.m {
        c[at + 5u * sizes.n] = sum5;
    }
    if row + 6u < sizes.m {
        c[at + 6u * sizes.n] = sum6;
    }
    if row + 7u < sizes.m {
        c[at + 7u * sizes.n] = sum7;
    }
}
