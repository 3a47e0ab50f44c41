// idea: weights come out of their blocks on the way to workgroup memory, once for 128 rows of A, and matrix units take them there
enable f16;
enable wgpu_cooperative_matrix;

// Four neighbours of a row of W, out of its block; zeros beyond the last row.
fn four_of_w(row: u32, p: u32) -> vec4<f16> {
    if row >= sizes.n || p >= sizes.k {
        return vec4<f16>();
    }
    return vec4<f16>(unpacked(row, p));
}
