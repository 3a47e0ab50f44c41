// A workgroup shares an expert's row, four weights in a load.
@group(0) @binding(7) var<storage, read> w4: array<vec4<f32>>; // w, by fours
@group(0) @binding(8) var<storage, read> x4: array<vec4<f32>>; // x, by fours

const THREADS: u32 = 128;

// Leaves the product of an expert's row with x in `parts[0]`.
fn share(expert: u32, i: u32) {
    // Rows of fours only where every row begins with a whole one.
    let fours = select(0u, sizes.width / 4u, sizes.width % 4u == 0u);
    var sums = vec4<f32>();
    for (var p = i; p < fours; p += THREADS) {
        sums = fma(w4[expert * fours + p], x4[p], sums);
    }
    var sum = (sums.x + sums.y) + (sums.z + sums.w);
    for (var c = fours * 4u + i; c < sizes.width; c += THREADS) {
        sum = fma(w[expert * sizes.width + c], x[c], sum);
    }
    parts[i] = sum;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half >>= 1u) {
        add_half(i, i, half);
    }
}
