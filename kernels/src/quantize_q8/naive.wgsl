// idea: a thread per block: one running maximum, its scale and reciprocal, then four values at a time to a word
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let block = id.x;
    if block >= sizes.blocks {
        return;
    }
    var tops = vec4<f32>();
    for (var i = 0u; i < FOURS; i++) {
        tops = max(tops, abs(x4[block * FOURS + i]));
    }
    let scale = scale_of(largest(tops));
    scales[block] = scale;
    let reciprocal = 1.0 / scale;
    for (var i = 0u; i < FOURS; i++) {
        quants[block * FOURS + i] = four_quants(x4[block * FOURS + i] * reciprocal);
    }
}
