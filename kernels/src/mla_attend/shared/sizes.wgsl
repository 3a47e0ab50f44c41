// Sizes of attention over latents.
struct Sizes {
    heads: u32,
    tokens: u32,
    latent: u32,
    words: u32, // of a row, two f16 each
    part: u32, // tokens of a workgroup
    parts: u32, // of a sequence
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
