// idea: a thread computes a square of eight by eight outputs: sixteen converted values feed sixty-four sums
// What follows is register_tile.wgsl; values become f32 as they are copied.
