// idea: the tokens of a head are split over workgroups, and a second pass merges the parts by their maximums: few heads fill the GPU
struct Sizes {
    heads: u32,
    kv_heads: u32,
    tokens: u32,
    width: u32,
    part: u32, // tokens of a workgroup
    parts: u32, // of a head
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(5) var<storage, read_write> partial: array<f32>; // heads × parts × (2 + width): maximum, total, sums

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let begin = group.y * sizes.part;
    let end = min(begin + sizes.part, sizes.tokens);
    let head = group.x;
    let state = attend(head, begin, end, i); // as online.wgsl does
    let at = (head * sizes.parts + group.y) * (sizes.width + 2u);
    if i == 0u {
        partial[at] = state.top;
        partial[at + 1u] = state.total;
    }
    if i < sizes.width {
        partial[at + 2u + i] = state.sums.x;
    }
    if i + THREADS < sizes.width {
        partial[at + 2u + i + THREADS] = state.sums.y;
    }
}

// Second pass: an output.
@compute @workgroup_size(64)
fn merge(@builtin(global_invocation_id) id: vec3<u32>) {
    let column = id.x;
    let head = id.y;
    if column >= sizes.width {
        return;
    }
    let whole = merged(head, column, sizes.width);
    o[head * sizes.width + column] = whole.x / whole.y;
}
