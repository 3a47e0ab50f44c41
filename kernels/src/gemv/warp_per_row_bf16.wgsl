// idea: thirty-two threads share a row, a word of two weights each, which a shift and a mask make f32; their sums meet in workgroup memory
// What follows is warp_per_row_f16.wgsl; the weights are those of dtype/bf16.wgsl.
