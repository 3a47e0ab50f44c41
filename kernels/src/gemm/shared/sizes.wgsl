// Sizes of C = A B.
struct Sizes {
    m: u32,
    n: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
