// idea: a thread per row: each weight is taken out of its word and becomes f32; a load of a warp touches as many lines as lanes
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= sizes.n {
        return;
    }
    var sum = 0.0;
    for (var p = 0u; p < sizes.k; p++) {
        sum = fma(weight(id.x * sizes.k + p), x[p], sum);
    }
    y[id.x] = sum;
}
