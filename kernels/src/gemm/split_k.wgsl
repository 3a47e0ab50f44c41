// idea: k is split over workgroups whose parts are added up by a second pass: few outputs still fill the GPU
struct Sizes {
    m: u32,
    n: u32,
    k: u32,
    part: u32, // steps of k that a workgroup sums; of `merge`, the number of parts
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> a: array<f32>; // m × k
@group(0) @binding(2) var<storage, read> b: array<f32>; // k × n
@group(0) @binding(3) var<storage, read_write> c: array<f32>; // m × n
@group(0) @binding(4) var<storage, read> a4: array<vec4<f32>>; // a, by fours
@group(0) @binding(5) var<storage, read> b4: array<vec4<f32>>; // b, by fours
@group(0) @binding(6) var<storage, read_write> parts: array<f32>; // C of each part of k

const ROWS: u32 = 64; // of C for a workgroup
const COLUMNS: u32 = 64;
const DEPTH: u32 = 8; // of a tile
var<workgroup> tile_a: array<vec4<f32>, 128>; // DEPTH × ROWS, turned over
var<workgroup> tile_b: array<vec4<f32>, 128>; // DEPTH × COLUMNS

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let first_row = group.y * ROWS;
    let first_column = group.x * COLUMNS;
    let columns = i % 8u * 8u;
    let rows = i / 8u * 8u;
    let whole_a = sizes.k % 4u == 0u;
    let whole_b = sizes.n % 4u == 0u;
    let begin = group.z * sizes.part;
    let end = min(begin + sizes.part, sizes.k);
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
    for (var first = begin; first < end; first += DEPTH) {
        if i < 32u {
            // Half of the threads turn over four rows by four columns of A each,
            let word = i / 2u;
            let at = i % 2u * 4u;
            let r0 = four_of_a(first_row + word * 4u, first + at, end, whole_a);
            let r1 = four_of_a(first_row + word * 4u + 1u, first + at, end, whole_a);
            let r2 = four_of_a(first_row + word * 4u + 2u, first + at, end, whole_a);
            let r3 = four_of_a(first_row + word * 4u + 3u, first + at, end, whole_a);
            tile_a[at * 16u + word] = vec4(r0.x, r1.x, r2.x, r3.x);
            tile_a[at * 16u + 16u + word] = vec4(r0.y, r1.y, r2.y, r3.y);
            tile_a[at * 16u + 32u + word] = vec4(r0.z, r1.z, r2.z, r3.z);
            tile_a[at * 16u + 48u + word] = vec4(r0.w, r1.w, r2.w, r3.w);
        } else {
            // the others copy four fours of B.
            let p = (i - 32u) / 4u;
            let word = i % 4u;
            let column = first_column + word * 4u;
            tile_b[p * 16u + word] = four_of_b(first + p, column, end, whole_b);
            tile_b[p * 16u + word + 4u] = four_of_b(first + p, column + 16u, end, whole_b);
            tile_b[p * 16u + word + 8u] = four_of_b(first + p, column + 32u, end, whole_b);
            tile_b[p * 16u + word + 12u] = four_of_b(first + p, column + 48u, end, whole_b);
        }
        workgroupBarrier();
        for (var p = 0u; p < DEPTH; p++) {
            let left = tile_b[p * 16u + columns / 4u];
            let right = tile_b[p * 16u + columns / 4u + 1u];
            let above = tile_a[p * 16u + rows / 4u];
            let below = tile_a[p * 16u + rows / 4u + 1u];
            left0 = fma(vec4(above.x), left, left0);
            right0 = fma(vec4(above.x), right, right0);
            left1 = fma(vec4(above.y), left, left1);
            right1 = fma(vec4(above.y), right, right1);
            left2 = fma(vec4(above.z), left, left2);
            right2 = fma(vec4(above.z), right, right2);
            left3 = fma(vec4(above.w), left, left3);
            right3 = fma(vec4(above.w), right, right3);
            left4 = fma(vec4(below.x), left, left4);
            right4 = fma(vec4(below.x), right, right4);
            left5 = fma(vec4(below.y), left, left5);
            right5 = fma(vec4(below.y), right, right5);
            left6 = fma(vec4(below.z), left, left6);
            right6 = fma(vec4(below.z), right, right6);
            left7 = fma(vec4(below.w), left, left7);
            right7 = fma(vec4(below.w), right, right7);
        }
        workgroupBarrier();
    }
    let row = first_row + rows;
    let column = first_column + columns;
    put(group.z, row + 0u, column, left0);
    put(group.z, row + 0u, column + 4u, right0);
    put(group.z, row + 1u, column, left1);
    put(group.z, row + 1u, column + 4u, right1);
    put(group.z, row + 2u, column, left2);
    put(group.z, row + 2u, column + 4u, right2);
    put(group.z, row + 3u, column, left3);
    put(group.z, row + 3u, column + 4u, right3);
    put(group.z, row + 4u, column, left4);
    put(group.z, row + 4u, column + 4u, right4);
    put(group.z, row + 5u, column, left5);
    put(group.z, row + 5u, column + 4u, right5);
    put(group.z, row + 6u, column, left6);
    put(group.z, row + 6u, column + 4u, right6);
    put(group.z, row + 7u, column, left7);
    put(group.z, row + 7u, column + 4u, right7);
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

// Writes four sums of a row of one part, as far as C goes.
fn put(part: u32, row: u32, column: u32, values: vec4<f32>) {
    if row >= sizes.m {
        return;
    }
    let at = (part * sizes.m + row) * sizes.n + column;
    if column < sizes.n {
        parts[at] = values.x;
    }
    if column + 1u < sizes.n {
        parts[at + 1u] = values.y;
    }
    if column + 2u < sizes.n {
        parts[at + 2u] = values.z;
    }
    if column + 3u < sizes.n {
        parts[at + 3u] = values.w;
    }
}

// Adds up the parts of one output.
@compute @workgroup_size(64)
fn merge(@builtin(global_invocation_id) id: vec3<u32>) {
    let outputs = sizes.m * sizes.n;
    if id.x >= outputs {
        return;
    }
    var sum = parts[id.x];
    for (var at = id.x + outputs; at < outputs * sizes.part; at += outputs) {
        sum += parts[at];
    }
    c[id.x] = sum;
}
