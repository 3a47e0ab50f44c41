// idea: a thread per output, columns along the lanes; each value is half of a word and becomes f32 where it is used
@compute @workgroup_size(16, 16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.y;
    let column = id.x;
    if row >= sizes.m || column >= sizes.n {
        return;
    }
    var sum = 0.0;
    for (var p = 0u; p < sizes.k; p++) {
        let at_a = row * sizes.k + p;
        let at_b = p * sizes.n + column;
        sum = fma(of_a(at_a), of_b(at_b), sum);
    }
    c[row * sizes.n + column] = sum;
}
