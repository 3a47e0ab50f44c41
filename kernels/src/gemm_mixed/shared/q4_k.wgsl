// Four weights of a row from place `p` on, a multiple of four, out of q4_K.
fn unpacked(row: u32, p: u32) -> vec4<f32> {
    let at = (row * sizes.k + p) / 256u * 36u;
    let sub = p % 256u / 32u;
    let of_sub = scale_and_min(at, sub) * unpack2x16float(w[at]);
    let four = w[at + 4u + sub / 2u * 8u + p % 32u / 4u] >> (sub % 2u * 4u) & 0x0f0f0f0fu;
    return vec4<f32>(unpack4xU8(four)) * of_sub.x - of_sub.y;
}
