// idea: the threads of a warp go along a row of C, so their loads of B are neighbours and that of A is one for all
@compute @workgroup_size(16, 16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.y;
    let column = id.x;
    if row >= sizes.m || column >= sizes.n {
        return;
    }
    var sum = 0.0;
    for (var p = 0u; p < sizes.k; p++) {
        sum = fma(a[row * sizes.k + p], b[p * sizes.n + column], sum);
    }
    c[row * sizes.n + column] = sum;
}
