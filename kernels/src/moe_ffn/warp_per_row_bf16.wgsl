// idea: thirty-two threads share a row of the gate and the same one of up, a word of two weights each; down sums over experts at once
const ROWS: u32 = 4; // of a workgroup

@compute @workgroup_size(128)
fn between(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let lane = i % 32u;
    let row = group.x * ROWS + i / 32u;
    let route = group.y;
    var own = vec2<f32>();
    if row < sizes.inner {
        let token = route / sizes.chosen * sizes.width;
        let gate = first_of(route) + row * sizes.width;
        let up = gate + sizes.inner * sizes.width;
        // Words of two weights only where every row begins with a whole one.
        let words = select(0u, sizes.width / 2u, sizes.width % 2u == 0u);
        for (var p = lane; p < words; p += 32u) {
            let of_gate = two(w[gate / 2u + p]);
            let of_up = two(w[up / 2u + p]);
            own = fma(vec2(of_gate.x, of_up.x), vec2(x[token + 2u * p]), own);
            own = fma(vec2(of_gate.y, of_up.y), vec2(x[token + 2u * p + 1u]), own);
        }
        for (var c = words * 2u + lane; c < sizes.width; c += 32u) {
            own = fma(vec2(weight(gate + c), weight(up + c)), vec2(x[token + c]), own);
        }
    }
    meet(i, own);
    if lane == 0u && row < sizes.inner {
        let both = sums[i];
        room[route * sizes.inner + row] = both.x / (1.0 + exp(-both.x)) * both.y;
    }
}

@compute @workgroup_size(128)
fn down(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let lane = i % 32u;
    let row = group.x * ROWS + i / 32u;
    let token = group.y;
    var own = vec2<f32>();
    if row < sizes.width {
        for (var route = token * sizes.chosen; route < (token + 1u) * sizes.chosen; route++) {
            let base = first_of(route) + 2u * sizes.inner * sizes.width + row * sizes.inner;
            let words = select(0u, sizes.inner / 2u, sizes.inner % 2u == 0u);
            let begin = route * sizes.inner;
            var sum = 0.0;
            for (var p = lane; p < words; p += 32u) {
                let both = two(w[base / 2u + p]);
                sum = fma(both.x, room[begin + 2u * p], sum);
                sum = fma(both.y, room[begin + 2u * p + 1u], sum);
            }
            for (var f = words * 2u + lane; f < sizes.inner; f += 32u) {
                sum = fma(weight(base + f), room[begin + f], sum);
            }
            own.x = fma(weights[route], sum, own.x);
        }
    }
    meet(i, own);
    if lane == 0u && row < sizes.width {
        y[token * sizes.width + row] = sums[i].x;
    }
}
