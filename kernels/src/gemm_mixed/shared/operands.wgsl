// The operands of C = A W, with A in f16 and packed weights turned round.
@group(0) @binding(1) var<storage, read> w: array<u32>; // n × k in blocks
@group(0) @binding(3) var<storage, read_write> c: array<f32>; // m × n
