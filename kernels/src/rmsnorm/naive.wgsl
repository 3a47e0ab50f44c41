// idea: a thread per row: neighbours read rows that lie far apart
struct Sizes {
    rows: u32,
    n: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> h: array<f32>; // rows × n
@group(0) @binding(2) var<storage, read> delta: array<f32>; // rows × n
@group(0) @binding(3) var<storage, read> w: array<f32>; // n
@group(0) @binding(4) var<storage, read_write> h_out: array<f32>; // rows × n
@group(0) @binding(5) var<storage, read_write> y: array<f32>; // rows × n

const EPSILON: f32 = 1e-6;

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
