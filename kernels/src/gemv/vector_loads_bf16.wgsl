// idea: eight weights in one load, each made f32 by one integer operation; the sums of a warp meet through its registers
// What follows is vector_loads_f16.wgsl; the weights are those of dtype/bf16.wgsl.
