// Attention on matrix units: f16 by fours, tokens on their way to workgroup memory, and squares of sums on theirs to the
// output. The rung says how many HEADS and tokens a workgroup takes, and keeps `tile`, `scores` and `fade`.
@group(0) @binding(1) var<storage, read> q: array<vec4<f16>>; // sequences × heads × row, by fours
@group(0) @binding(2) var<storage, read> latents: array<vec4<f16>>; // sequences × tokens × row, by fours
@group(0) @binding(3) var<storage, read_write> o: array<f32>; // sequences × heads × latent

const LOWEST: f32 = -3.4028234e38;
// Sums are rescaled when a score exceeds the maximum that they are beside by more than this: weights are then below e^8,
// which f16 has, and what went before is touched a few times, not with every block (FlashAttention-4 does so).
const SLACK: f32 = 8.0;
// From row to row, in fours: sixteen bytes more than is kept, so that eight rows lie on different banks. The widest row is
// 576 f16; of narrower ones the rest stays zero, as workgroup memory begins.
const WIDEST: u32 = 144;
const STEP: u32 = 146;

// What a thread copies of two tokens.
struct Pair {
    a0: vec4<f16>,
    a1: vec4<f16>,
    a2: vec4<f16>,
    a3: vec4<f16>,
    b0: vec4<f16>,
    b1: vec4<f16>,
    b2: vec4<f16>,
    b3: vec4<f16>,
    rest: vec4<f16>, // half of the threads the first token's, half the second's
}

fn four(token: u32, end: u32, at: u32, fours: u32) -> vec4<f16> {
    if token < end && at < fours {
        return latents[token * fours + at];
    }
    return vec4<f16>();
}

fn pair(token: u32, end: u32, lane: u32, fours: u32) -> Pair {
    let rest = lane / 16u * fours + 128u + lane % 16u;
    if fours == WIDEST && token + 1u < end {
        let at = token * WIDEST + lane;
        return Pair(
            latents[at],
            latents[at + 32u],
            latents[at + 64u],
            latents[at + 96u],
            latents[at + WIDEST],
            latents[at + WIDEST + 32u],
            latents[at + WIDEST + 64u],
            latents[at + WIDEST + 96u],
            latents[token * WIDEST + rest],
        );
    }
    return Pair(
        four(token, end, lane, fours),
        four(token, end, lane + 32u, fours),
        four(token, end, lane + 64u, fours),
        four(token, end, lane + 96u, fours),
        four(token + 1u, end, lane, fours),
        four(token + 1u, end, lane + 32u, fours),
        four(token + 1u, end, lane + 64u, fours),
        four(token + 1u, end, lane + 96u, fours),
        four(token + lane / 16u, end, 128u + lane % 16u, fours),
    );
}

fn keep(pair: Pair, token: u32, lane: u32) {
    let at = token * STEP + lane;
    tile[at] = pair.a0;
    tile[at + 32u] = pair.a1;
    tile[at + 64u] = pair.a2;
    tile[at + 96u] = pair.a3;
    tile[at + STEP] = pair.b0;
    tile[at + STEP + 32u] = pair.b1;
    tile[at + STEP + 64u] = pair.b2;
    tile[at + STEP + 96u] = pair.b3;
    tile[token * STEP + lane / 16u * STEP + 128u + lane % 16u] = pair.rest;
}

// Multiplies a square of sums, from head `head` on, by what its heads have faded by.
fn faded(square: ptr<function, coop_mat16x16<f32, C>>, head: u32, warp: u32, lane: u32) {
    let first = warp * 64u; // named: naga 30 cannot write SPIR-V of other addresses of stores
    coopStoreT(*square, &scores[first], 4u);
    workgroupBarrier();
    for (var at = lane; at < 64u; at += 32u) {
        scores[first + at] *= fade[head + at / 4u];
    }
    workgroupBarrier();
    *square = coopLoadT<coop_mat16x16<f32, C>>(&scores[first], 4u);
}

// Where a workgroup's results go.
struct Place {
    first: u32, // head of all sequences
    heads: u32, // that are left
    part: u32,
}

// Stores a square of sums, whose heads begin with number `head` of the workgroup.
fn put(square: coop_mat16x16<f32, C>, head: u32, column: u32, place: Place, warp: u32, lane: u32) {
    let first = warp * 64u;
    coopStoreT(square, &scores[first], 4u);
    workgroupBarrier();
    for (var at = lane; at < 256u; at += 32u) {
        let h = head + at / 16u;
        let c = column + at % 16u;
        if h < place.heads && c < sizes.latent {
            let sum = scores[first + at / 4u][at % 4u] * fade[h];
            if sizes.parts == 1u {
                o[(place.first + h) * sizes.latent + c] = sum;
            } else {
                partial[((place.first + h) * sizes.parts + place.part) * (sizes.latent + 2u) + 2u + c] = sum;
            }
        }
    }
    workgroupBarrier();
}
