// idea: a workgroup copies tiles of A and B to workgroup memory, so each value is fetched once for sixteen threads
const TILE: u32 = 16;
var<workgroup> tile_a: array<f32, 256>;
var<workgroup> tile_b: array<f32, 256>;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) id: vec3<u32>) {
    let row = group.y * TILE + id.y;
    let column = group.x * TILE + id.x;
    let mine = id.y * TILE + id.x;
    var sum = 0.0;
    for (var first = 0u; first < sizes.k; first += TILE) {
        // Beyond the edges lie zeros, which add nothing.
        var from_a = 0.0;
        if row < sizes.m && first + id.x < sizes.k {
            from_a = a[row * sizes.k + first + id.x];
        }
        var from_b = 0.0;
        if column < sizes.n && first + id.y < sizes.k {
            from_b = b[(first + id.y) * sizes.n + column];
        }
        tile_a[mine] = from_a;
        tile_b[mine] = from_b;
        workgroupBarrier();
        for (var p = 0u; p < TILE; p++) {
            sum = fma(tile_a[id.y * TILE + p], tile_b[p * TILE + id.x], sum);
        }
        workgroupBarrier();
    }
    if row < sizes.m && column < sizes.n {
        c[row * sizes.n + column] = sum;
    }
}
