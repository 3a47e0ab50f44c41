// idea: a thread per row, three passes over it: neighbours read rows that lie far apart
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= sizes.rows {
        return;
    }
    let first = id.x * sizes.n;
    var top = -3.4028234e38;
    for (var c = 0u; c < sizes.n; c++) {
        top = max(top, x[first + c]);
    }
    var sum = 0.0;
    for (var c = 0u; c < sizes.n; c++) {
        let e = exp(x[first + c] - top);
        y[first + c] = e;
        sum += e;
    }
    for (var c = 0u; c < sizes.n; c++) {
        y[first + c] = y[first + c] / sum;
    }
}
