// idea: a workgroup shares an expert's row, four weights in a load: few experts fill the GPU, and one thread still chooses
struct Sizes {
    experts: u32,
    groups: u32,
    width: u32,
    kept: u32, // groups
    chosen: u32, // experts
    scale: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> w: array<f32>; // experts × width
@group(0) @binding(2) var<storage, read> bias: array<f32>; // experts
@group(0) @binding(3) var<storage, read> x: array<f32>; // width
@group(0) @binding(4) var<storage, read_write> y: array<f32>; // the chosen, best first, then their weights
@group(0) @binding(5) var<storage, read_write> scores: array<f32>; // experts
@group(0) @binding(6) var<storage, read_write> room: array<f32>; // experts' scores with their biases, then sums of groups
@group(0) @binding(7) var<storage, read> w4: array<vec4<f32>>; // w, by fours
@group(0) @binding(8) var<storage, read> x4: array<vec4<f32>>; // x, by fours

const THREADS: u32 = 128;
const LOWEST: f32 = -3.4028234e38;
var<workgroup> products: array<f32, THREADS>;

// First pass: a score.
@compute @workgroup_size(128)
fn score(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let expert = group.x;
    // Rows of fours only where every row begins with a whole one.
    let fours = select(0u, sizes.width / 4u, sizes.width % 4u == 0u);
    var sums = vec4<f32>();
    for (var p = i; p < fours; p += THREADS) {
        sums = fma(w4[expert * fours + p], x4[p], sums);
    }
    var sum = (sums.x + sums.y) + (sums.z + sums.w);
    for (var c = fours * 4u + i; c < sizes.width; c += THREADS) {
        sum = fma(w[expert * sizes.width + c], x[c], sum);
    }
    products[i] = sum;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half >>= 1u) {
        if i < half {
            products[i] += products[i + half];
        }
        workgroupBarrier();
    }
    if i == 0u {
        let open = 1.0 / (1.0 + exp(-products[0]));
        scores[expert] = open;
        room[expert] = open + bias[expert];
    }
}

// Second pass: all that follows.
@compute @workgroup_size(1)
fn choose() {
    let size = sizes.experts / sizes.groups;
    if sizes.groups > 1u {
        for (var g = 0u; g < sizes.groups; g++) {
            var first = LOWEST;
            var second = LOWEST;
            for (var e = g * size; e < (g + 1u) * size; e++) {
                second = max(second, min(first, room[e]));
                first = max(first, room[e]);
            }
            room[sizes.experts + g] = first + second;
        }
        for (var g = 0u; g < sizes.groups; g++) {
            let own = room[sizes.experts + g];
            var better = 0u;
            for (var other = 0u; other < sizes.groups; other++) {
                let sum = room[sizes.experts + other];
                better += u32((sum > own) | ((sum == own) & (other < g)));
            }
            if better >= sizes.kept {
                for (var e = g * size; e < (g + 1u) * size; e++) {
                    room[e] = LOWEST;
                }
            }
        }
    }
    var total = 0.0;
    for (var i = 0u; i < sizes.chosen; i++) {
        var best = 0u;
        for (var e = 1u; e < sizes.experts; e++) {
            if room[e] > room[best] {
                best = e;
            }
        }
        y[i] = f32(best);
        y[sizes.chosen + i] = scores[best];
        total += scores[best];
        room[best] = LOWEST;
    }
    for (var i = 0u; i < sizes.chosen; i++) {
        y[sizes.chosen + i] *= sizes.scale / total;
    }
}
