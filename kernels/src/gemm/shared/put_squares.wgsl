// How a warp writes squares of C from its matrix unit.
var<workgroup> edge: array<f32, 1024>; // a square of each warp, where C ends within it

// Stores a square as far as C goes.
fn put(square: coop_mat16x16<f32, C>, row: u32, column: u32, warp: u32, lane: u32) {
    coopStoreT(square, &edge[warp * 256u], 16u);
    workgroupBarrier();
    for (var at = lane; at < 256u; at += 32u) {
        if row + at / 16u < sizes.m && column + at % 16u < sizes.n {
            c[(row + at / 16u) * sizes.n + column + at % 16u] = edge[warp * 256u + at];
        }
    }
    workgroupBarrier();
}
