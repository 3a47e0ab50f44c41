// idea: a warp has four streams of weights, four in a load: two rows of the gate with the same of up, or four rows of down
@group(0) @binding(7) var<storage, read> w4: array<vec4<f32>>; // w, by fours

const ROWS: u32 = 8; // of a workgroup

fn total(four: vec4<f32>) -> f32 {
    return (four.x + four.y) + (four.z + four.w);
}

// Products of four rows, from these weights on, with a token from value `base` on: those of one lane.
fn four_products(rows: vec4<u32>, base: u32, lane: u32, lanes: u32) -> vec4<f32> {
    // By fours only where every row begins with a whole one.
    let fours = select(0u, sizes.width / 4u, sizes.width % 4u == 0u);
    let at = rows / vec4(4u);
    var sums0 = vec4<f32>();
    var sums1 = vec4<f32>();
    var sums2 = vec4<f32>();
    var sums3 = vec4<f32>();
    for (var p = lane; p < fours; p += lanes) {
        let from_x = x4[base / 4u + p];
        sums0 = fma(w4[at.x + p], from_x, sums0);
        sums1 = fma(w4[at.y + p], from_x, sums1);
        sums2 = fma(w4[at.z + p], from_x, sums2);
        sums3 = fma(w4[at.w + p], from_x, sums3);
    }
    var sums = vec4(total(sums0), total(sums1), total(sums2), total(sums3));
    for (var c = fours * 4u + lane; c < sizes.width; c += lanes) {
        let of_rows = vec4(w[rows.x + c], w[rows.y + c], w[rows.z + c], w[rows.w + c]);
        sums = fma(of_rows, vec4(x[base + c]), sums);
    }
    return sums;
}

@compute @workgroup_size(64)
fn down(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(subgroup_id) warp: u32,
    @builtin(num_subgroups) warps: u32,
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_size) lanes: u32,
) {
    let token = group.y;
    let of_route = (sizes.inner + 3u) / 4u;
    let fours = select(0u, sizes.inner / 4u, sizes.inner % 4u == 0u);
    let end = min(group.x * ROWS + ROWS, sizes.width);
    for (var row = group.x * ROWS + warp * 4u; row < end; row += warps * 4u) {
        // Rows beyond the last repeat it, and are not stored.
        let numbers = min(vec4(row) + vec4(0u, 1u, 2u, 3u), vec4(end - 1u));
        var all = vec4<f32>();
        for (var route = token * sizes.chosen; route < (token + 1u) * sizes.chosen; route++) {
            let rows = vec4(first_of(route) + 2u * sizes.inner * sizes.width) + numbers * sizes.inner;
            let at = rows / vec4(4u);
            var sums0 = vec4<f32>();
            var sums1 = vec4<f32>();
            var sums2 = vec4<f32>();
            var sums3 = vec4<f32>();
            for (var p = lane; p < fours; p += lanes) {
                let values = room[route * of_route + p];
                sums0 = fma(w4[at.x + p], values, sums0);
                sums1 = fma(w4[at.y + p], values, sums1);
                sums2 = fma(w4[at.z + p], values, sums2);
                sums3 = fma(w4[at.w + p], values, sums3);
            }
            var sums = vec4(total(sums0), total(sums1), total(sums2), total(sums3));
            for (var f = fours * 4u + lane; f < sizes.inner; f += lanes) {
                let of_rows = vec4(w[rows.x + f], w[rows.y + f], w[rows.z + f], w[rows.w + f]);
                sums = fma(of_rows, vec4(room[route * of_route + f / 4u][f % 4u]), sums);
            }
            all = fma(vec4(weights[route]), sums, all);
        }
        all = subgroupAdd(all);
        if lane < 4u && row + lane < end {
            y[token * sizes.width + row + lane] = all[lane];
        }
    }
}
