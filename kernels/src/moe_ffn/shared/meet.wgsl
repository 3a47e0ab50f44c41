// Thirty-two threads share a row: what is between the passes, and how two sums that they share come to be.
@group(0) @binding(6) var<storage, read_write> room: array<f32>; // tokens × chosen × inner

var<workgroup> sums: array<vec2<f32>, 128>;

// The sums of thirty-two threads, which the first of them has then.
fn meet(i: u32, own: vec2<f32>) {
    sums[i] = own;
    workgroupBarrier();
    for (var half = 16u; half > 0u; half >>= 1u) {
        if i % 32u < half {
            sums[i] += sums[i + half];
        }
        workgroupBarrier();
    }
}
