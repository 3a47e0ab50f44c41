// idea: a launch for the gates, one for what passes them, one for both combined, one for the way down; each weight is half a word
// What follows is naive.wgsl; the weights are those of dtype/bf16.wgsl.
