// The operands of attention of one token's heads, over a cache of f32.
@group(0) @binding(1) var<storage, read> q: array<f32>; // heads × width
@group(0) @binding(2) var<storage, read> keys: array<f32>; // tokens × kv_heads × width
@group(0) @binding(3) var<storage, read> values: array<f32>; // tokens × kv_heads × width
@group(0) @binding(4) var<storage, read_write> o: array<f32>; // heads × width
