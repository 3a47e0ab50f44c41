// idea: a workgroup per row reads it as neighbours; maximum and sum are found by halving in workgroup memory
struct Sizes {
    rows: u32,
    n: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> x: array<f32>; // rows × n
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // rows × n

const THREADS: u32 = 256;
var<workgroup> parts: array<f32, THREADS>;

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
        if i < half {
            parts[i] = max(parts[i], parts[i + half]);
        }
        workgroupBarrier();
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
        if i < half {
            parts[i] += parts[i + half];
        }
        workgroupBarrier();
    }
    let scale = 1.0 / parts[0];
    for (var c = i; c < sizes.n; c += THREADS) {
        y[first + c] *= scale;
    }
}
