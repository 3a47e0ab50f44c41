// idea: a thread computes eight rows of a column, so each value of B it takes from workgroup memory feeds eight sums
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
        for (var p = 0u; p < DEPTH; p += 4u) {
            let b0 = tile_b[p * COLUMNS + column];
            let b1 = tile_b[p * COLUMNS + 32u + column];
            let b2 = tile_b[p * COLUMNS + 64u + column];
            let b3 = tile_b[p * COLUMNS + 96u + column];
            let at = rows * DEPTH + p;
            sum0 = fma(tile_a[at + 0u], b0, sum0);
            sum0 = fma(tile_a[at + 1u], b1, sum0);
            sum0 = fma(tile_a[at + 2u], b2, sum0);
            sum0 = fma(tile_a[at + 3u], b3, sum0);
            sum1 = fma(tile_a[at + 8u], b0, sum1);
            sum1 = fma(tile_a[at + 9u], b1, sum1);
            sum1 = fma(tile_a[at + 10u], b2, sum1);
            sum1 = fma(tile_a[at + 11u], b3, sum1);
            sum2 = fma(tile_a[at + 16u], b0, sum2);
            sum2 = fma(tile_a[at + 17u], b1, sum2);
            sum2 = fma(tile_a[at + 18u], b2, sum2);
            sum2 = fma(tile_a[at + 19u], b3, sum2);
            sum3 = fma(tile_a[at + 24u], b0, sum3);
            sum3 = fma(tile_a[at + 25u], b1, sum3);
            sum3 = fma(tile_a[at + 26u], b2, sum3);
            sum3 = fma(tile_a[at + 27u], b3, sum3);
            sum4 = fma(tile_a[at + 32u], b0, sum4);
            sum4 = fma(tile_a[at + 33u], b1, sum4);
            sum4 = fma(tile_a[at + 34u], b2, sum4);
            sum4 = fma(tile_a[at + 35u], b3, sum4);
            sum5 = fma(tile_a[at + 40u], b0, sum5);
            sum5 = fma(tile_a[at + 41u], b1, sum5);
            sum5 = fma(tile_a[at + 42u], b2, sum5);
            sum5 = fma(tile_a[at + 43u], b3, sum5);
            sum6 = fma(tile_a[at + 48u], b0, sum6);
            sum6 = fma(tile_a[at + 49u], b1, sum6);
            sum6 = fma(tile_a[at + 50u], b2, sum6);
            sum6 = fma(tile_a[at + 51u], b3, sum6);
            sum7 = fma(tile_a[at + 56u], b0, sum7);
            sum7 = fma(tile_a[at + 57u], b1, sum7);
            sum7 = fma(tile_a[at + 58u], b2, sum7);
            sum7 = fma(tile_a[at + 59u], b3, sum7);
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
