// idea: 64 queries meet 32 keys at a time in workgroup memory, with a running maximum; values become f32 as they are copied
// What follows is tiles_online.wgsl of attention over f32.
