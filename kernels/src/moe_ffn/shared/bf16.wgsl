// Experts' weights in bf16.
@group(0) @binding(1) var<storage, read> w: array<u32>; // experts × 3 × inner × width halves of words: gate, up, and down turned round
