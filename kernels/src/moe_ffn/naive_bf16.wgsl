// idea: a launch for the gates, one for what passes them, one for both combined, one for the way down; each weight is half a word
struct Sizes {
    tokens: u32,
    width: u32,
    inner: u32,
    chosen: u32, // experts of a token
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<u32>; // experts × 3 × inner × width halves of words, each a bf16: gate, up, and down turned round
@group(0) @binding(2) var<storage, read> x: array<f32>; // tokens × width
@group(0) @binding(3) var<storage, read> routes: array<f32>; // tokens × chosen: experts
@group(0) @binding(4) var<storage, read> weights: array<f32>; // tokens × chosen
@group(0) @binding(5) var<storage, read_write> y: array<f32>; // tokens × width
@group(0) @binding(6) var<storage, read_write> room: array<f32>; // gates, then ups: tokens × chosen × inner each

// Weight number `at`.
fn weight(at: u32) -> f32 {
    return bitcast<f32>(extractBits(w[at / 2u], at % 2u * 16u, 16u) << 16u);
}

// The product of an expert's row with a token of a route.
fn product(row: u32, route: u32) -> f32 {
    let token = route / sizes.chosen * sizes.width;
    var sum = 0.0;
    for (var c = 0u; c < sizes.width; c++) {
        sum = fma(weight(row + c), x[token + c], sum);
    }
    return sum;
}

// Where an expert's weights begin.
fn first_of(route: u32) -> u32 {
    return u32(routes[route]) * 3u * sizes.inner * sizes.width;
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
