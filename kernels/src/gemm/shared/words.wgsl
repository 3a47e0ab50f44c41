// The operands of C = A B in words of two f16.
@group(0) @binding(1) var<storage, read> a: array<u32>; // m × k halves of words
@group(0) @binding(2) var<storage, read> b: array<u32>; // k × n halves of words
@group(0) @binding(3) var<storage, read_write> c: array<f32>; // m × n

// Value number `at` of A.
fn of_a(at: u32) -> f32 {
    return one(a[at / 2u], at);
}

// Value number `at` of B.
fn of_b(at: u32) -> f32 {
    return one(b[at / 2u], at);
}
