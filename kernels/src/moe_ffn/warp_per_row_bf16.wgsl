// idea: thirty-two threads share a row of the gate and the same one of up, a word of two weights each; down sums over experts at once
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
@group(0) @binding(6) var<storage, read_write> room: array<f32>; // tokens × chosen × inner

const ROWS: u32 = 4; // of a workgroup
var<workgroup> sums: array<vec2<f32>, 128>;

// Both weights of a word: the upper halves of two f32.
fn two(word: u32) -> vec2<f32> {
    return bitcast<vec2<f32>>(vec2(word << 16u, word & 0xffff0000u));
}

// Weight number `at`.
fn weight(at: u32) -> f32 {
    return bitcast<f32>(extractBits(w[at / 2u], at % 2u * 16u, 16u) << 16u);
}

// The sums of thirty-two threads, which the first of them has then.
fn meet(i: u32, own: vec2<f32>) {
    sums[i] = own;
    workgroupBarrier();
    for (var half = 16u; half > 0u; half >>= 1u) {
        if i % 32u < half {
            sums[i] += sums[i + half];
        }
        workgroupBarrier();
    }
}

// Where an expert's weights begin.
fn first_of(route: u32) -> u32 {
    return u32(routes[route]) * 3u * sizes.inner * sizes.width;
}

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
