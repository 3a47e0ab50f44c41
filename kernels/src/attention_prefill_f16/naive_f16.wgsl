// idea: three passes over values that become f32 where they are used, the scores of all tokens by all tokens in memory between
// What follows is naive.wgsl of attention over f32.
