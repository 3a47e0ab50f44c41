// The first pass of rungs whose warps have four streams of weights: two rows of the gate, the same of up. The rung says how
// products of four rows come to be.
@group(0) @binding(6) var<storage, read_write> room: array<vec4<f32>>; // tokens × chosen × inner by fours, zeros behind the last
@group(0) @binding(8) var<storage, read> x4: array<vec4<f32>>; // x, by fours

@compute @workgroup_size(64)
fn between(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(subgroup_id) warp: u32,
    @builtin(num_subgroups) warps: u32,
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_size) lanes: u32,
) {
    let route = group.y;
    let first = first_of(route);
    let base = route / sizes.chosen * sizes.width;
    let apart = sizes.inner * sizes.width;
    let end = min(group.x * ROWS + ROWS, sizes.inner);
    for (var row = group.x * ROWS + warp * 4u; row < end; row += warps * 4u) {
        // Rows beyond the last repeat it, and leave a zero.
        let numbers = vec4(row) + vec4(0u, 1u, 2u, 3u);
        let rows = vec4(first) + min(numbers, vec4(end - 1u)) * sizes.width;
        let low = subgroupAdd(four_products(vec4(rows.xy, rows.xy + vec2(apart)), base, lane, lanes));
        let high = subgroupAdd(four_products(vec4(rows.zw, rows.zw + vec2(apart)), base, lane, lanes));
        if lane == 0u {
            let gates = vec4(low.xy, high.xy);
            let both = gates / (vec4(1.0) + exp(-gates)) * vec4(low.zw, high.zw);
            room[route * ((sizes.inner + 3u) / 4u) + row / 4u] = select(vec4(0.0), both, numbers < vec4(end));
        }
    }
}
