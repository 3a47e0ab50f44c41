// Queries and latents in words of two f16, and the output.
@group(0) @binding(1) var<storage, read> q: array<u32>; // sequences × heads × row
@group(0) @binding(2) var<storage, read> latents: array<u32>; // sequences × tokens × row
@group(0) @binding(3) var<storage, read_write> o: array<f32>; // sequences × heads × latent
