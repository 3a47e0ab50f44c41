// idea: eight heads share each load of the latents: one key for all heads, so their scores and sums are small matrix products
const THREADS: u32 = 128;
const HEADS: u32 = 8; // of a workgroup
const BLOCK: u32 = 8; // tokens at a time
const SCORES: u32 = HEADS * BLOCK;
const SHARE: u32 = 8; // threads of four scores
const COLUMNS: u32 = 512; // of the latent, of a workgroup
const LOWEST: f32 = -3.4028234e38;
var<workgroup> tiles: array<vec4<f32>, THREADS>;
var<workgroup> block: array<f32, SCORES>; // scores, then weights; of a token all heads together
var<workgroup> shrinks: array<f32, HEADS>;

// Four columns of what a workgroup summed for a head.
fn keep(head: u32, part: u32, column: u32, sums: vec4<f32>) {
    if head >= sizes.heads {
        return;
    }
    let place = (head * sizes.parts + part) * (sizes.latent + 2u) + 2u + column;
    let stored = vec4(column) + vec4(0u, THREADS, 2u * THREADS, 3u * THREADS) < vec4(sizes.latent);
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

// Second pass: a part of the tokens of eight heads.
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let begin = group.y * sizes.part;
    let end = min(begin + sizes.part, sizes.tokens);
    let row = sizes.latent + sizes.rope;
    let scale = 1.0 / sqrt(f32(sizes.plain + sizes.rope));
    // Heads and tokens beyond the last repeat it; the ones are not stored, the others weigh nothing.
    let tile = i / SHARE;
    let of_tile = group.x * HEADS + tile % 4u * 2u;
    let query = vec2(min(of_tile, sizes.heads - 1u), min(of_tile + 1u, sizes.heads - 1u)) * row;
    // Each thread owns four columns; those beyond the last repeat it, and are not stored.
    let column = group.z * COLUMNS + i;
    let owned = min(vec4(column) + vec4(0u, THREADS, 2u * THREADS, 3u * THREADS), vec4(sizes.latent - 1u));
    var sums0 = vec4<f32>();
    var sums1 = vec4<f32>();
    var sums2 = vec4<f32>();
    var sums3 = vec4<f32>();
    var sums4 = vec4<f32>();
    var sums5 = vec4<f32>();
    var sums6 = vec4<f32>();
    var sums7 = vec4<f32>();
    // Of the head of this number, for the first eight threads.
    var total = 0.0;
    var top = LOWEST;
    for (var first = begin; first < end; first += BLOCK) {
        // Two heads' scores of two tokens, every eighth column of them.
        let token = first + tile / 4u * 2u;
        let key = vec2(min(token, end - 1u), min(token + 1u, end - 1u)) * row;
        var scores = vec4<f32>();
        for (var c = i % SHARE; c < row; c += SHARE) {
            let of_heads = vec2(q_latent[query.x + c], q_latent[query.y + c]);
            let of_tokens = vec2(latents[key.x + c], latents[key.y + c]);
            scores = fma(of_heads.xyxy, of_tokens.xxyy, scores);
        }
        tiles[i] = scores;
        workgroupBarrier();
        if i < SCORES {
            let h = i % HEADS;
            let t = i / HEADS;
            let base = (t / 2u * 4u + h / 2u) * SHARE;
            var whole = 0.0;
            for (var other = 0u; other < SHARE; other++) {
                whole += tiles[base + other][t % 2u * 2u + h % 2u];
            }
            block[i] = select(LOWEST, whole * scale, first + t < end);
        }
        workgroupBarrier();
        if i < HEADS {
            var higher = top;
            for (var t = 0u; t < BLOCK; t++) {
                higher = max(higher, block[t * HEADS + i]);
            }
            // What was summed under a lower maximum shrinks.
            let shrink = exp(top - higher);
            top = higher;
            total *= shrink;
            shrinks[i] = shrink;
            for (var t = 0u; t < BLOCK; t++) {
                let weight = exp(block[t * HEADS + i] - top);
                block[t * HEADS + i] = weight;
                total += weight;
            }
        }
        workgroupBarrier();
        sums0 *= shrinks[0];
        sums1 *= shrinks[1];
        sums2 *= shrinks[2];
        sums3 *= shrinks[3];
        sums4 *= shrinks[4];
        sums5 *= shrinks[5];
        sums6 *= shrinks[6];
        sums7 *= shrinks[7];
        let count = min(BLOCK, end - first);
        for (var t = 0u; t < count; t++) {
            let at = vec4((first + t) * row) + owned;
            let value = vec4(latents[at.x], latents[at.y], latents[at.z], latents[at.w]);
            let weight = t * HEADS;
            sums0 = fma(vec4(block[weight]), value, sums0);
            sums1 = fma(vec4(block[weight + 1u]), value, sums1);
            sums2 = fma(vec4(block[weight + 2u]), value, sums2);
            sums3 = fma(vec4(block[weight + 3u]), value, sums3);
            sums4 = fma(vec4(block[weight + 4u]), value, sums4);
            sums5 = fma(vec4(block[weight + 5u]), value, sums5);
            sums6 = fma(vec4(block[weight + 6u]), value, sums6);
            sums7 = fma(vec4(block[weight + 7u]), value, sums7);
        }
    }
    let head = group.x * HEADS;
    if column < HEADS && head + i < sizes.heads {
        let at = ((head + i) * sizes.parts + group.y) * (sizes.latent + 2u);
        partial[at] = top;
        partial[at + 1u] = total;
    }
    keep(head, group.y, column, sums0);
    keep(head + 1u, group.y, column, sums1);
    keep(head + 2u, group.y, column, sums2);
    keep(head + 3u, group.y, column, sums3);
    keep(head + 4u, group.y, column, sums4);
    keep(head + 5u, group.y, column, sums5);
    keep(head + 6u, group.y, column, sums6);
    keep(head + 7u, group.y, column, sums7);
}
