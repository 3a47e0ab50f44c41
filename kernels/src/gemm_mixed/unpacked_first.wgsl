// idea: a first pass writes all weights as f16 to memory, once for all of A; a second multiplies them on matrix units
enable f16;
enable wgpu_cooperative_matrix;

@group(0) @binding(4) var<storage, read_write> w4: array<vec4<f16>>; // n × k, by fours

@compute @workgroup_size(64)
fn unpack(@builtin(global_invocation_id) id: vec3<u32>) {
    let fours = sizes.k / 4u;
    if id.x < fours {
        w4[id.y * fours + id.x] = vec4<f16>(unpacked(id.y, id.x * 4u));
    }
}

// Four neighbours of a row of W, unpacked before; zeros beyond the last row.
fn four_of_w(row: u32, p: u32) -> vec4<f16> {
    if row >= sizes.n || p >= sizes.k {
        return vec4<f16>();
    }
    return w4[(row * sizes.k + p) / 4u];
}
