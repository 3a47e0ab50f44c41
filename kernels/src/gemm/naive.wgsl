// idea: a thread per output; the threads of a warp go down a column of C, so each load of A touches as many lines as lanes
@compute @workgroup_size(16, 16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.x;
    let column = id.y;
    if row >= sizes.m || column >= sizes.n {
        return;
    }
    var sum = 0.0;
    for (var p = 0u; p < sizes.k; p++) {
        sum = fma(a[row * sizes.k + p], b[p * sizes.n + column], sum);
    }
    c[row * sizes.n + column] = sum;
}
