// The second pass where tokens are split over workgroups.
@group(0) @binding(4) var<storage, read_write> partial: array<f32>; // sequences × heads × parts × (2 + latent): maximum, total, sums

// An output.
@compute @workgroup_size(64)
fn merge(@builtin(global_invocation_id) id: vec3<u32>) {
    let column = id.x;
    let head = id.z * sizes.heads + id.y;
    if column >= sizes.latent {
        return;
    }
    let whole = merged(head, column, sizes.latent);
    o[head * sizes.latent + column] = whole.x / whole.y;
}
