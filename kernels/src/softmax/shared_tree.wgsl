// idea: a workgroup per row reads it as neighbours; maximum and sum are found by halving in workgroup memory
const THREADS: u32 = 256;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let first = group.x * sizes.n;
    var top = -3.4028234e38;
    for (var c = i; c < sizes.n; c += THREADS) {
        top = max(top, x[first + c]);
    }
    parts[i] = top;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half >>= 1u) {
        max_half(i, half);
    }
    top = parts[0];
    workgroupBarrier();
    var sum = 0.0;
    for (var c = i; c < sizes.n; c += THREADS) {
        let e = exp(x[first + c] - top);
        y[first + c] = e;
        sum += e;
    }
    parts[i] = sum;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half >>= 1u) {
        add_half(i, i, half);
    }
    let scale = 1.0 / parts[0];
    for (var c = i; c < sizes.n; c += THREADS) {
        y[first + c] *= scale;
    }
}
