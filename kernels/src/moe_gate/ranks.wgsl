// idea: each expert counts those that are better than it: ranks, all at once, where one thread picked one after the other
@group(0) @binding(6) var<storage, read_write> room: array<f32>; // sums of groups

var<workgroup> rivals: array<f32, THREADS>;

// First pass: a score.
@compute @workgroup_size(128)
fn score(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let expert = group.x;
    share(expert, i);
    if i == 0u {
        let open = 1.0 / (1.0 + exp(-parts[0]));
        scores[expert] = open;
    }
}

// What an expert is compared by: the lowest value where its group is not kept.
fn compared(expert: u32) -> f32 {
    if sizes.groups > 1u {
        let group = expert / (sizes.experts / sizes.groups);
        let own = room[group];
        var better = 0u;
        for (var other = 0u; other < sizes.groups; other++) {
            better += u32((room[other] > own) | ((room[other] == own) & (other < group)));
        }
        if better >= sizes.kept {
            return LOWEST;
        }
    }
    return scores[expert] + bias[expert];
}

// Second pass: all that follows, in one workgroup.
@compute @workgroup_size(128)
fn choose(@builtin(local_invocation_index) i: u32) {
    let size = sizes.experts / sizes.groups;
    // One group is kept whatever its sum.
    for (var g = i; sizes.groups > 1u && g < sizes.groups; g += THREADS) {
        var first = LOWEST;
        var second = LOWEST;
        for (var e = g * size; e < (g + 1u) * size; e++) {
            let value = scores[e] + bias[e];
            second = max(second, min(first, value));
            first = max(first, value);
        }
        room[g] = first + second;
    }
    storageBarrier();
    for (var begin = 0u; begin < sizes.experts; begin += THREADS) {
        // Threads beyond the last expert repeat it, and store nothing.
        let own = begin + i;
        let value = compared(min(own, sizes.experts - 1u));
        var rank = 0u;
        for (var other = 0u; other < sizes.experts; other += THREADS) {
            rivals[i] = compared(min(other + i, sizes.experts - 1u));
            workgroupBarrier();
            let count = min(THREADS, sizes.experts - other);
            for (var j = 0u; j < count; j++) {
                rank += u32((rivals[j] > value) | ((rivals[j] == value) & (other + j < own)));
            }
            workgroupBarrier();
        }
        if own < sizes.experts && rank < sizes.chosen {
            y[rank] = f32(own);
        }
    }
    storageBarrier();
    for (var r = i; r < sizes.chosen; r += THREADS) {
        var total = 0.0;
        for (var other = 0u; other < sizes.chosen; other++) {
            total += scores[u32(y[other])];
        }
        y[sizes.chosen + r] = scores[u32(y[r])] * (sizes.scale / total);
    }
}
