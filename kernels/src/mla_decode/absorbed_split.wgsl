// idea: tokens are split over workgroups, each goes over its part once, and parts merge by their maximums; matrices are read in whole lines
const THREADS: u32 = 128;
const BLOCK: u32 = 16; // tokens at a time
const SHARE: u32 = 8; // threads of a score
const COLUMNS: u32 = 512; // of the latent, of a workgroup
const LOWEST: f32 = -3.4028234e38;
var<workgroup> products: array<f32, THREADS>;
var<workgroup> block: array<f32, BLOCK>;

// Second pass: a part of a head's tokens.
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let head = group.x;
    let begin = group.y * sizes.part;
    let end = min(begin + sizes.part, sizes.tokens);
    let row = sizes.latent + sizes.rope;
    let scale = 1.0 / sqrt(f32(sizes.plain + sizes.rope));
    // Each thread owns four columns; those beyond the last repeat it, and are not stored.
    let column = group.z * COLUMNS + i;
    let owned = min(vec4(column) + vec4(0u, THREADS, 2u * THREADS, 3u * THREADS), vec4(sizes.latent - 1u));
    var sums = vec4<f32>();
    var total = 0.0;
    var top = LOWEST;
    for (var first = begin; first < end; first += BLOCK) {
        let token = first + i / SHARE;
        var product = 0.0;
        if token < end {
            for (var c = i % SHARE; c < row; c += SHARE) {
                product = fma(q_latent[head * row + c], latents[token * row + c], product);
            }
        }
        products[i] = product;
        workgroupBarrier();
        if i < BLOCK {
            var whole = 0.0;
            for (var other = 0u; other < SHARE; other++) {
                whole += products[i * SHARE + other];
            }
            block[i] = select(LOWEST, whole * scale, first + i < end);
        }
        workgroupBarrier();
        var higher = top;
        for (var t = 0u; t < BLOCK; t++) {
            higher = max(higher, block[t]);
        }
        // What was summed under a lower maximum shrinks.
        let shrink = exp(top - higher);
        top = higher;
        sums *= shrink;
        total *= shrink;
        let count = min(BLOCK, end - first);
        for (var t = 0u; t < count; t++) {
            let weight = exp(block[t] - top);
            total += weight;
            let at = vec4((first + t) * row) + owned;
            sums = fma(vec4(weight), vec4(latents[at.x], latents[at.y], latents[at.z], latents[at.w]), sums);
        }
        workgroupBarrier();
    }
    let at = (head * sizes.parts + group.y) * (sizes.latent + 2u);
    if column == 0u {
        partial[at] = top;
        partial[at + 1u] = total;
    }
    let stored = vec4(column) + vec4(0u, THREADS, 2u * THREADS, 3u * THREADS) < vec4(sizes.latent);
    let place = at + 2u + column;
    if stored.x {
        partial[place] = sums.x;
    }
    if stored.y {
        partial[place + THREADS] = sums.y;
    }
    if stored.z {
        partial[place + 2u * THREADS] = sums.z;
    }
    if stored.w {
        partial[place + 3u * THREADS] = sums.w;
    }
}
