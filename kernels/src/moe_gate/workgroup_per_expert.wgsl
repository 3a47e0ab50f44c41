// idea: a workgroup shares an expert's row, four weights in a load: few experts fill the GPU, and one thread still chooses
@group(0) @binding(6) var<storage, read_write> room: array<f32>; // experts' scores with their biases, then sums of groups

// First pass: a score.
@compute @workgroup_size(128)
fn score(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let expert = group.x;
    share(expert, i);
    if i == 0u {
        let open = 1.0 / (1.0 + exp(-parts[0]));
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
    pick();
}
