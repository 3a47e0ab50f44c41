// idea: a warp does two rows at once: each load of x serves both, and two loads of eight weights are in flight
// What follows is several_rows_f16.wgsl; the weights are those of dtype/bf16.wgsl.
