// Four weights of a row from place `p` on, a multiple of four, out of q8_0.
fn unpacked(row: u32, p: u32) -> vec4<f32> {
    let at = (row * sizes.k + p) / 32u * 17u;
    return vec4<f32>(unpack4xI8(four_quants(at, p % 32u / 4u))) * f16_at(at);
}
