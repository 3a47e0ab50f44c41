// idea: a launch for the gates, one for what passes them, one for both combined, one for the way down; a thread per row
@group(0) @binding(6) var<storage, read_write> room: array<f32>; // gates, then ups: tokens × chosen × inner each

// The product of an expert's row with a token of a route.
fn product(row: u32, route: u32) -> f32 {
    let token = route / sizes.chosen * sizes.width;
    var sum = 0.0;
    for (var c = 0u; c < sizes.width; c++) {
        sum = fma(weight(row + c), x[token + c], sum);
    }
    return sum;
}

@compute @workgroup_size(64)
fn gates(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= sizes.inner {
        return;
    }
    room[id.y * sizes.inner + id.x] = product(first_of(id.y) + id.x * sizes.width, id.y);
}

@compute @workgroup_size(64)
fn ups(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= sizes.inner {
        return;
    }
    let row = first_of(id.y) + (sizes.inner + id.x) * sizes.width;
    room[(sizes.tokens * sizes.chosen + id.y) * sizes.inner + id.x] = product(row, id.y);
}

@compute @workgroup_size(64)
fn combine(@builtin(global_invocation_id) id: vec3<u32>) {
    let values = sizes.tokens * sizes.chosen * sizes.inner;
    if id.x >= values {
        return;
    }
    let gate = room[id.x];
    room[id.x] = gate / (1.0 + exp(-gate)) * room[values + id.x];
}

@compute @workgroup_size(64)
fn down(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= sizes.width {
        return;
    }
    var all = 0.0;
    for (var route = id.y * sizes.chosen; route < (id.y + 1u) * sizes.chosen; route++) {
        let row = first_of(route) + 2u * sizes.inner * sizes.width + id.x * sizes.inner;
        var sum = 0.0;
        for (var f = 0u; f < sizes.inner; f++) {
            sum = fma(weight(row + f), room[route * sizes.inner + f], sum);
        }
        all = fma(weights[route], sum, all);
    }
    y[id.y * sizes.width + id.x] = all;
}
