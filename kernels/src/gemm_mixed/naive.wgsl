// idea: a thread per output: four weights at a time come out of their block, and their products go into one sum
@group(0) @binding(2) var<storage, read> a: array<vec2<u32>>; // m × k, by fours

@compute @workgroup_size(16, 16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.y;
    let column = id.x;
    if row >= sizes.m || column >= sizes.n {
        return;
    }
    var sum = 0.0;
    for (var p = 0u; p < sizes.k; p += 4u) {
        let words = a[(row * sizes.k + p) / 4u];
        let low = unpack2x16float(words.x);
        let high = unpack2x16float(words.y);
        let four = unpacked(column, p);
        sum = fma(low.x, four.x, sum);
        sum = fma(low.y, four.y, sum);
        sum = fma(high.x, four.z, sum);
        sum = fma(high.y, four.w, sum);
    }
    c[row * sizes.n + column] = sum;
}
