// Sizes where a workgroup takes all tokens.
struct Sizes {
    heads: u32,
    kv_heads: u32,
    tokens: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
