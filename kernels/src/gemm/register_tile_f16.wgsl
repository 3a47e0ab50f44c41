// idea: a thread computes a square of eight by eight outputs: sixteen converted values feed sixty-four sums
struct Sizes {
    m: u32,
    n: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> a: array<u32>; // m × k halves of words, each an f16
@group(0) @binding(2) var<storage, read> b: array<u32>; // k × n halves of words
@group(0) @binding(3) var<storage, read_write> c: array<f32>; // m × n

const ROWS: u32 = 64; // of C for a workgroup
const COLUMNS: u32 = 64;
const DEPTH: u32 = 8; // of a tile
var<workgroup> tile_a: array<f32, 512>; // ROWS × DEPTH
var<workgroup> tile_b: array<f32, 512>; // DEPTH × COLUMNS

// Number `at` of halves of words.
fn half(word: u32, at: u32) -> f32 {
    return unpack2x16float(word >> (at % 2u * 16u)).x;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let first_row = group.y * ROWS;
    let first_column = group.x * COLUMNS;
    let columns = i % 8u * 8u;
    let rows = i / 8u * 8u;
    var left0 = vec4<f32>();
    var right0 = vec4<f32>();
    var left1 = vec4<f32>();
    var right1 = vec4<f32>();
    var left2 = vec4<f32>();
    var right2 = vec4<f32>();
    var left3 = vec4<f32>();
    var right3 = vec4<f32>();
    var left4 = vec4<f32>();
    var right4 = vec4<f32>();
    var left5 = vec4<f32>();
    var right5 = vec4<f32>();
    var left6 = vec4<f32>();
    var right6 = vec4<f32>();
    var left7 = vec4<f32>();
    var right7 = vec4<f32>();
    for (var first = 0u; first < sizes.k; first += DEPTH) {
        for (var step = 0u; step < 8u; step++) {
            let at_row = i / DEPTH + step * 8u;
            let at_column = i % DEPTH;
            var from_a = 0.0;
            if first_row + at_row < sizes.m && first + at_column < sizes.k {
                let at = (first_row + at_row) * sizes.k + first + at_column;
                from_a = half(a[at / 2u], at);
            }
            tile_a[at_row * DEPTH + at_column] = from_a;
            var from_b = 0.0;
            if first + step < sizes.k && first_column + i < sizes.n {
                let at = (first + step) * sizes.n + first_column + i;
                from_b = half(b[at / 2u], at);
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
            left0 = fma(vec4(a0), left, left0);
            right0 = fma(vec4(a0), right, right0);
            left1 = fma(vec4(a1), left, left1);
            right1 = fma(vec4(a1), right, right1);
            left2 = fma(vec4(a2), left, left2);
            right2 = fma(vec4(a2), right, right2);
            left3 = fma(vec4(a3), left, left3);
            right3 = fma(vec4(a3), right, right3);
            left4 = fma(vec4(a4), left, left4);
            right4 = fma(vec4(a4), right, right4);
            left5 = fma(vec4(a5), left, left5);
            right5 = fma(vec4(a5), right, right5);
            left6 = fma(vec4(a6), left, left6);
            right6 = fma(vec4(a6), right, right6);
            left7 = fma(vec4(a7), left, left7);
            right7 = fma(vec4(a7), right, right7);
        }
        workgroupBarrier();
    }
    let row = first_row + rows;
    let column = first_column + columns;
    put(row + 0u, column, left0);
    put(row + 0u, column + 4u, right0);
    put(row + 1u, column, left1);
    put(row + 1u, column + 4u, right1);
    put(row + 2u, column, left2);
    put(row + 2u, column + 4u, right2);
    put(row + 3u, column, left3);
    put(row + 3u, column + 4u, right3);
    put(row + 4u, column, left4);
    put(row + 4u, column + 4u, right4);
    put(row + 5u, column, left5);
    put(row + 5u, column + 4u, right5);
    put(row + 6u, column, left6);
    put(row + 6u, column + 4u, right6);
    put(row + 7u, column, left7);
    put(row + 7u, column + 4u, right7);
}

// Writes four outputs of a row, as far as C goes.
fn put(row: u32, column: u32, values: vec4<f32>) {
    if row >= sizes.m {
        return;
    }
    let at = row * sizes.n + column;
    if column < sizes.n {
        c[at] = values.x;
    }
    if column + 1u < sizes.n {
        c[at + 1u] = values.y;
    }
    if column + 2u < sizes.n {
        c[at + 2u] = values.z;
    }
    if column + 3u < sizes.n {
        c[at + 3u] = values.w;
    }
}
