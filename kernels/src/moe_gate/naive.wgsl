// idea: a thread per expert makes its score; then one thread alone sums the groups' best, drops groups, and picks expert after expert
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
@group(0) @binding(6) var<storage, read_write> biased: array<f32>; // experts
@group(0) @binding(7) var<storage, read_write> sums: array<f32>; // groups

const LOWEST: f32 = -3.4028234e38;

// First pass: a score.
@compute @workgroup_size(64)
fn score(@builtin(global_invocation_id) id: vec3<u32>) {
    let expert = id.x;
    if expert >= sizes.experts {
        return;
    }
    var sum = 0.0;
    for (var c = 0u; c < sizes.width; c++) {
        sum = fma(w[expert * sizes.width + c], x[c], sum);
    }
    let open = 1.0 / (1.0 + exp(-sum));
    scores[expert] = open;
    biased[expert] = open + bias[expert];
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
                second = max(second, min(first, biased[e]));
                first = max(first, biased[e]);
            }
            sums[g] = first + second;
        }
        for (var g = 0u; g < sizes.groups; g++) {
            var better = 0u;
            for (var other = 0u; other < sizes.groups; other++) {
                better += u32((sums[other] > sums[g]) | ((sums[other] == sums[g]) & (other < g)));
            }
            if better >= sizes.kept {
                for (var e = g * size; e < (g + 1u) * size; e++) {
                    biased[e] = LOWEST;
                }
            }
        }
    }
    var total = 0.0;
    for (var i = 0u; i < sizes.chosen; i++) {
        var best = 0u;
        for (var e = 1u; e < sizes.experts; e++) {
            if biased[e] > biased[best] {
                best = e;
            }
        }
        y[i] = f32(best);
        y[sizes.chosen + i] = scores[best];
        total += scores[best];
        biased[best] = LOWEST;
    }
    for (var i = 0u; i < sizes.chosen; i++) {
        y[sizes.chosen + i] *= sizes.scale / total;
    }
}
