//! The ladder for GPUs: which files, what is bound, how many workgroups. Queries go in pairs, or blocks of them do, one from
//! the beginning of the text with one from its end: every workgroup then has as much to do.

use crate::foreign::{Binding, Pass, Shader, shader};
use crate::kernel::Shape;

const PLAIN: [Binding; 5] =
    [Binding::Sizes, Binding::Operand(0), Binding::Operand(1), Binding::Operand(2), Binding::Operand(3)];
/// The operands.
pub(crate) const ONLINE: &[Binding] = &PLAIN;
/// Room for all scores too.
pub(crate) const SCORES: &[Binding] = &[PLAIN[0], PLAIN[1], PLAIN[2], PLAIN[3], PLAIN[4], Binding::Scratch(all_scores)];
/// Room for those of pairs in order.
const HALF: &[Binding] = &[PLAIN[0], PLAIN[1], PLAIN[2], PLAIN[3], PLAIN[4], Binding::Scratch(half_of_the_scores)];

/// Every shader, rung 0 first.
pub(super) const LADDER: &[Shader] = &[
    shader!(
        "naive",
        ["shared/sizes", "shared/places", "shared/f32", "../wgsl/softmax", "../wgsl/halving"],
        SCORES,
        square
    ),
    shader!(
        "causal",
        ["shared/sizes", "shared/places", "shared/f32", "../wgsl/softmax", "../wgsl/halving"],
        HALF,
        |s| {
            let pairs = s.m.div_ceil(2);
            vec![
                Pass::new("score", [(s.m + 1).div_ceil(64), pairs, s.n], &sizes(s)),
                Pass::new("normalize", [pairs, s.n, 1], &sizes(s)),
                Pass::new("weigh", [s.k.div_ceil(64), pairs, s.n], &sizes(s)),
            ]
        }
    )
    .after("naive"),
    shader!("tiles_online", ["shared/sizes", "shared/places", "shared/f32", "../gemm/shared/square"], ONLINE, tiles)
        .after("causal"),
];

/// Scores, softmax and weighted sums of all tokens by all tokens.
pub(crate) fn square(s: &Shape) -> Vec<Pass> {
    vec![
        Pass::new("score", [s.m.div_ceil(64), s.m, s.n], &sizes(s)),
        Pass::new("normalize", [s.m, s.n, 1], &sizes(s)),
        Pass::new("weigh", [s.k.div_ceil(64), s.m, s.n], &sizes(s)),
    ]
}

/// Pairs of blocks of 64 queries, heads, slices of 128 columns.
pub(crate) fn tiles(s: &Shape) -> Vec<Pass> {
    vec![Pass::new("main", [s.m.div_ceil(64).div_ceil(2), s.n, s.k.div_ceil(128)], &sizes(s))]
}

/// Tokens, heads of queries and of keys, width.
fn sizes(s: &Shape) -> [usize; 4] {
    [s.m, s.n, s.parts, s.k]
}

fn all_scores(s: &Shape) -> usize {
    4 * s.n * s.m * s.m
}

fn half_of_the_scores(s: &Shape) -> usize {
    4 * s.n * s.m.div_ceil(2) * (s.m + 1)
}
