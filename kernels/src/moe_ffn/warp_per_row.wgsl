// idea: thirty-two threads share a row of the gate and the same one of up, which meet in one launch; down sums over experts at once
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
        for (var c = lane; c < sizes.width; c += 32u) {
            own = fma(vec2(w[gate + c], w[up + c]), vec2(x[token + c]), own);
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
            var sum = 0.0;
            for (var f = lane; f < sizes.inner; f += 32u) {
                sum = fma(w[base + f], room[route * sizes.inner + f], sum);
            }
            own.x = fma(weights[route], sum, own.x);
        }
    }
    meet(i, own);
    if lane == 0u && row < sizes.width {
        y[token * sizes.width + row] = sums[i].x;
    }
}
