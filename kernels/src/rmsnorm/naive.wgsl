// idea: a thread per row: neighbours read rows that lie far apart
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= sizes.rows {
        return;
    }
    let first = id.x * sizes.n;
    var squares = 0.0;
    for (var c = 0u; c < sizes.n; c++) {
        let sum = h[first + c] + delta[first + c];
        h_out[first + c] = sum;
        squares = fma(sum, sum, squares);
    }
    let scale = 1.0 / sqrt(squares / f32(sizes.n) + EPSILON);
    for (var c = 0u; c < sizes.n; c++) {
        y[first + c] = h_out[first + c] * scale * w[c];
    }
}
