// idea: tiles in workgroup memory hold f32 already, so each value is fetched and converted once for sixteen threads
// What follows is unrolled_tile.wgsl; values become f32 as they are copied.
