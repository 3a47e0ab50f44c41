// idea: a thread per output: four weights at a time come out of their block, and their products go into one sum
@compute @workgroup_size(16, 16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.y;
    let column = id.x;
    if row >= sizes.m || column >= sizes.n {
        return;
    }
    var sum = 0.0;
    for (var p = 0u; p < sizes.k; p += 4u) {
        let four_a = four_of_a(row, p);
        let four_w = unpacked(column, p);
        sum = fma(four_a.x, four_w.x, sum);
        sum = fma(four_a.y, four_w.y, sum);
        sum = fma(four_a.z, four_w.z, sum);
        sum = fma(four_a.w, four_w.w, sum);
    }
    c[row * sizes.n + column] = sum;
}
