// idea: k is split over workgroups whose parts are added up by a second pass: few outputs still fill the GPU
struct Sizes {
    m: u32,
    n: u32,
    k: u32,
    part: u32, // steps of k that a workgroup sums; of `merge`, the number of parts
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(6) var<storage, read_write> parts: array<f32>; // C of each part of k

@compute @workgroup_size(64)
fn split(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let tile = tile_of(group, i);
    let begin = group.z * sizes.part;
    let end = min(begin + sizes.part, sizes.k);
    var sums: Square;
    sum_up(&sums, tile, begin, end, i); // as vector_loads.wgsl does
    let row = tile.row + tile.rows;
    let column = tile.column + tile.columns;
    put_part(group.z, row + 0u, column, sums.left0);
    put_part(group.z, row + 0u, column + 4u, sums.right0);
    put_part(group.z, row + 1u, column, sums.left1);
    put_part(group.z, row + 1u, column + 4u, sums.right1);
    put_part(group.z, row + 2u, column, sums.left2);
    put_part(group.z, row + 2u, column + 4u, sums.right2);
    put_part(group.z, row + 3u, column, sums.left3);
    put_part(group.z, row + 3u, column + 4u, sums.right3);
    put_part(group.z, row + 4u, column, sums.left4);
    put_part(group.z, row + 4u, column + 4u, sums.right4);
    put_part(group.z, row + 5u, column, sums.left5);
    put_part(group.z, row + 5u, column + 4u, sums.right5);
    put_part(group.z, row + 6u, column, sums.left6);
    put_part(group.z, row + 6u, column + 4u, sums.right6);
    put_part(group.z, row + 7u, column, sums.left7);
    put_part(group.z, row + 7u, column + 4u, sums.right7);
}

// Writes four sums of a row of one part, as far as C goes.
fn put_part(part: u32, row: u32, column: u32, values: vec4<f32>) {
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
