// q4_K: blocks of 36 words, a scale and a minimum in f16, 12 bytes of scales and minimums of eight sub-blocks, 128 bytes of
// quants: of each pair of sub-blocks one in the lower halves of 32 bytes, the other in the upper.

// Scale and minimum of sub-block `j` of a block that begins at word `at`, six bits each.
fn scale_and_min(at: u32, j: u32) -> vec2<f32> {
    let shift = j % 4u * 8u;
    let first = w[at + 1u] >> shift;
    let second = w[at + 2u] >> shift;
    if j < 4u {
        return vec2(f32(first & 63u), f32(second & 63u));
    }
    let third = w[at + 3u] >> shift;
    return vec2(f32((third & 15u) | (first >> 2u & 48u)), f32((third >> 4u & 15u) | (second >> 2u & 48u)));
}

// Scales and minimums of sub-blocks `j` and `j + 1` of a block that begins at word `at`; j is even.
fn two_scales_and_mins(at: u32, j: u32) -> vec4<u32> {
    let shift = j % 4u * 8u;
    let first = w[at + 1u] >> shift;
    let second = w[at + 2u] >> shift;
    if j < 4u {
        return vec4(first, first >> 8u, second, second >> 8u) & vec4(63u);
    }
    let third = w[at + 3u] >> shift;
    let low = vec4(third, third >> 8u, third >> 4u, third >> 12u) & vec4(15u);
    return low | (vec4(first >> 2u, first >> 10u, second >> 2u, second >> 10u) & vec4(48u));
}
