// idea: the sixteen steps over a tile are written out: no counter, no branch, and every address but two is a constant
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
            from_a = of_a(row * sizes.k + first + id.x);
        }
        var from_b = 0.0;
        if column < sizes.n && first + id.y < sizes.k {
            from_b = of_b((first + id.y) * sizes.n + column);
        }
        tile_a[mine] = from_a;
        tile_b[mine] = from_b;
        workgroupBarrier();
        sum = fma(tile_a[id.y * TILE + 0u], tile_b[0u + id.x], sum);
        sum = fma(tile_a[id.y * TILE + 1u], tile_b[16u + id.x], sum);
        sum = fma(tile_a[id.y * TILE + 2u], tile_b[32u + id.x], sum);
        sum = fma(tile_a[id.y * TILE + 3u], tile_b[48u + id.x], sum);
        sum = fma(tile_a[id.y * TILE + 4u], tile_b[64u + id.x], sum);
        sum = fma(tile_a[id.y * TILE + 5u], tile_b[80u + id.x], sum);
        sum = fma(tile_a[id.y * TILE + 6u], tile_b[96u + id.x], sum);
        sum = fma(tile_a[id.y * TILE + 7u], tile_b[112u + id.x], sum);
        sum = fma(tile_a[id.y * TILE + 8u], tile_b[128u + id.x], sum);
        sum = fma(tile_a[id.y * TILE + 9u], tile_b[144u + id.x], sum);
        sum = fma(tile_a[id.y * TILE + 10u], tile_b[160u + id.x], sum);
        sum = fma(tile_a[id.y * TILE + 11u], tile_b[176u + id.x], sum);
        sum = fma(tile_a[id.y * TILE + 12u], tile_b[192u + id.x], sum);
        sum = fma(tile_a[id.y * TILE + 13u], tile_b[208u + id.x], sum);
        sum = fma(tile_a[id.y * TILE + 14u], tile_b[224u + id.x], sum);
        sum = fma(tile_a[id.y * TILE + 15u], tile_b[240u + id.x], sum);
        workgroupBarrier();
    }
    if row < sizes.m && column < sizes.n {
        c[row * sizes.n + column] = sum;
    }
}
