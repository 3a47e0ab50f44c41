// The operands of C = A B in f32.
@group(0) @binding(1) var<storage, read> a: array<f32>; // m × k
@group(0) @binding(2) var<storage, read> b: array<f32>; // k × n
@group(0) @binding(3) var<storage, read_write> c: array<f32>; // m × n

// Value number `at` of A.
fn of_a(at: u32) -> f32 {
    return a[at];
}

// Value number `at` of B.
fn of_b(at: u32) -> f32 {
    return b[at];
}
