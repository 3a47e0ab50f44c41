// idea: a thread per row: each weight is half a word, moved to where an f32 has it; a load of a warp touches as many lines as lanes
// What follows is naive_f16.wgsl; the weights are those of dtype/bf16.wgsl.
