// idea: a thread per expert makes its score; then one thread alone sums the groups' best, drops groups, and picks expert after expert
@group(0) @binding(6) var<storage, read_write> room: array<f32>; // experts: their scores with their biases
@group(0) @binding(7) var<storage, read_write> sums: array<f32>; // groups

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
    room[expert] = open + bias[expert];
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
            sums[g] = first + second;
        }
        for (var g = 0u; g < sizes.groups; g++) {
            var better = 0u;
            for (var other = 0u; other < sizes.groups; other++) {
                better += u32((sums[other] > sums[g]) | ((sums[other] == sums[g]) & (other < g)));
            }
            if better >= sizes.kept {
                for (var e = g * size; e < (g + 1u) * size; e++) {
                    room[e] = LOWEST;
                }
            }
        }
    }
    pick();
}
