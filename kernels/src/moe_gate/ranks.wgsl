// idea: each expert counts those that are better than it: ranks, all at once, where one thread picked one after the other
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
@group(0) @binding(6) var<storage, read_write> room: array<f32>; // sums of groups
@group(0) @binding(7) var<storage, read> w4: array<vec4<f32>>; // w, by fours
@group(0) @binding(8) var<storage, read> x4: array<vec4<f32>>; // x, by fours

const THREADS: u32 = 128;
const LOWEST: f32 = -3.4028234e38;
var<workgroup> products: array<f32, THREADS>;
var<workgroup> rivals: array<f32, THREADS>;

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
