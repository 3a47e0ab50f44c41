// Sizes of attention of a text's tokens over themselves.
struct Sizes {
    tokens: u32,
    heads: u32,
    kv_heads: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
