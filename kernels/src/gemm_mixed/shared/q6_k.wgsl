// Four weights of a row from place `p` on, a multiple of four, out of q6_K.
fn unpacked(row: u32, p: u32) -> vec4<f32> {
    let at = (row * sizes.k + p) / 256u * 105u;
    // Of each half of the weights four runs of 32 share 64 low and 32 high bytes.
    let half = p % 256u / 128u;
    let run = p % 128u / 32u;
    let place = p % 32u;
    let low = word_at(at + (half * 64u + run % 2u * 32u + place) / 2u) >> (run / 2u * 4u) & 0x0f0f0f0fu;
    let high = word_at(at + 64u + (half * 32u + place) / 2u) >> (run * 2u) & 0x03030303u;
    let of_sub = f16_at(at + 104u) * f32(scale_of(at, p % 256u / 16u));
    return (vec4<f32>(unpack4xU8(low | (high << 4u))) - 32.0) * of_sub;
}
