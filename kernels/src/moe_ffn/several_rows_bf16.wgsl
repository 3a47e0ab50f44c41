// idea: a warp has four streams of weights, eight in a load: two rows of the gate with the same of up, or four rows of down
@group(0) @binding(7) var<storage, read> w4: array<vec4<u32>>; // w, by four words

const ROWS: u32 = 8; // of a workgroup

// Products of four rows, from these weights on, with a token from value `base` on: those of one lane.
fn four_products(rows: vec4<u32>, base: u32, lane: u32, lanes: u32) -> vec4<f32> {
    // By eights only where every row begins with a whole one.
    let eights = select(0u, sizes.width / 8u, sizes.width % 8u == 0u);
    let at = rows / vec4(8u);
    var sums = vec4<f32>();
    for (var p = lane; p < eights; p += lanes) {
        let low = x4[base / 4u + 2u * p];
        let high = x4[base / 4u + 2u * p + 1u];
        sums += vec4(
            eight(w4[at.x + p], low, high),
            eight(w4[at.y + p], low, high),
            eight(w4[at.z + p], low, high),
            eight(w4[at.w + p], low, high),
        );
    }
    for (var c = eights * 8u + lane; c < sizes.width; c += lanes) {
        let of_rows = vec4(weight(rows.x + c), weight(rows.y + c), weight(rows.z + c), weight(rows.w + c));
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
    let eights = select(0u, sizes.inner / 8u, sizes.inner % 8u == 0u);
    let end = min(group.x * ROWS + ROWS, sizes.width);
    for (var row = group.x * ROWS + warp * 4u; row < end; row += warps * 4u) {
        // Rows beyond the last repeat it, and are not stored.
        let numbers = min(vec4(row) + vec4(0u, 1u, 2u, 3u), vec4(end - 1u));
        var all = vec4<f32>();
        for (var route = token * sizes.chosen; route < (token + 1u) * sizes.chosen; route++) {
            let rows = vec4(first_of(route) + 2u * sizes.inner * sizes.width) + numbers * sizes.inner;
            let at = rows / vec4(8u);
            var sums = vec4<f32>();
            for (var p = lane; p < eights; p += lanes) {
                let low = room[route * of_route + 2u * p];
                let high = room[route * of_route + 2u * p + 1u];
                sums += vec4(
                    eight(w4[at.x + p], low, high),
                    eight(w4[at.y + p], low, high),
                    eight(w4[at.z + p], low, high),
                    eight(w4[at.w + p], low, high),
                );
            }
            for (var f = eights * 8u + lane; f < sizes.inner; f += lanes) {
                let of_rows = vec4(weight(rows.x + f), weight(rows.y + f), weight(rows.z + f), weight(rows.w + f));
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
