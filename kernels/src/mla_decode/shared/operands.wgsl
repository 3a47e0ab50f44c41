// The operands of attention over latents, and the matrices that make keys and values of them.
struct Sizes {
    heads: u32,
    tokens: u32,
    latent: u32,
    rope: u32, // values of a key that carry the position
    plain: u32, // the others; as many has a value
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> q: array<f32>; // heads × (plain + rope)
@group(0) @binding(2) var<storage, read> latents: array<f32>; // tokens × (latent + rope)
@group(0) @binding(3) var<storage, read> to_key: array<f32>; // heads × plain × latent
@group(0) @binding(4) var<storage, read> to_value: array<f32>; // heads × plain × latent
@group(0) @binding(5) var<storage, read_write> o: array<f32>; // heads × plain
