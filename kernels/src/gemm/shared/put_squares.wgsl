// How a warp writes squares of C from its matrix unit.
var<workgroup> edge: array<f32, 1024>; // a square of each warp, where C ends within it

// Stores a whole square from this place of C on. Its own function: naga 30 cannot write SPIR-V of a store whose address is
// not a value yet.
fn store(square: coop_mat16x16<f32, C>, at: u32) {
    let step = sizes.n;
    coopStoreT(square, &c[at], step);
}

// Stores a square as far as C goes.
fn put(square: coop_mat16x16<f32, C>, row: u32, column: u32, warp: u32, lane: u32) {
    let first = warp * 256u;
    coopStoreT(square, &edge[first], 16u);
    workgroupBarrier();
    for (var at = lane; at < 256u; at += 32u) {
        if row + at / 16u < sizes.m && column + at % 16u < sizes.n {
            c[(row + at / 16u) * sizes.n + column + at % 16u] = edge[first + at];
        }
    }
    workgroupBarrier();
}
