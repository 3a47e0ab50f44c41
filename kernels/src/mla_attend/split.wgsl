// idea: the tokens of a head are split over workgroups, and a second pass merges the parts by their maximums: few heads fill the GPU
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let head = group.z * sizes.heads + group.x;
    let cache = group.z * sizes.tokens;
    let begin = group.y * sizes.part;
    let end = min(begin + sizes.part, sizes.tokens);
    let state = attend(head, cache, begin, end, i); // as online.wgsl does
    // A part that is alone is the whole.
    var at = head * sizes.latent + 2u * i;
    if sizes.parts == 1u {
        if i < sizes.latent / 2u {
            o[at] = state.near.x / state.total;
            o[at + 1u] = state.near.y / state.total;
        }
        if i + THREADS < sizes.latent / 2u {
            o[at + 2u * THREADS] = state.far.x / state.total;
            o[at + 2u * THREADS + 1u] = state.far.y / state.total;
        }
        return;
    }
    at = (head * sizes.parts + group.y) * (sizes.latent + 2u);
    if i == 0u {
        partial[at] = state.top;
        partial[at + 1u] = state.total;
    }
    at += 2u + 2u * i;
    if i < sizes.latent / 2u {
        partial[at] = state.near.x;
        partial[at + 1u] = state.near.y;
    }
    if i + THREADS < sizes.latent / 2u {
        partial[at + 2u * THREADS] = state.far.x;
        partial[at + 2u * THREADS + 1u] = state.far.y;
    }
}
