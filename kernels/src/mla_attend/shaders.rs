//! The ladder for GPUs: which files, what is bound, how many workgroups. Latents and queries are read as words of two f16,
//! or by fours.

use crate::foreign::{Binding, Pass, Shader, shader};
use crate::kernel::Shape;

const PLAIN: [Binding; 4] = [Binding::Sizes, Binding::Operand(0), Binding::Operand(1), Binding::Operand(2)];
/// Room for the scores too.
const SCORES: &[Binding] = &[PLAIN[0], PLAIN[1], PLAIN[2], PLAIN[3], Binding::Scratch(score_bytes)];

/// Room for the parts too.
macro_rules! in_parts {
    ($tile:expr) => {
        &[
            PLAIN[0],
            PLAIN[1],
            PLAIN[2],
            PLAIN[3],
            Binding::Scratch(|s| 4 * s.parts * s.m * $tile.split(s).1 * (s.k + 2)),
        ]
    };
}

/// Every shader, rung 0 first.
pub(super) const LADDER: &[Shader] = &[
    shader!("naive", ["shared/sizes", "shared/words", "../wgsl/softmax", "../wgsl/halving"], SCORES, |s| {
        vec![
            Pass::new("score", [s.n.div_ceil(64), s.m, s.parts], &sizes(s, (0, 0))),
            Pass::new("normalize", [s.m, s.parts, 1], &sizes(s, (0, 0))),
            Pass::new("weigh", [(s.k / 2).div_ceil(64), s.m, s.parts], &sizes(s, (0, 0))),
        ]
    }),
    shader!("online", ["shared/sizes", "shared/words"], &PLAIN, |s| {
        vec![Pass::new("whole", [s.m, s.parts, 1], &sizes(s, (s.n, 1)))]
    })
    .after("naive")
    .partial_sums(4),
    shader!(
        "split",
        ["online", "shared/sizes", "shared/words", "shared/merge", "../wgsl/merge"],
        in_parts!(ONE_HEAD),
        |s| ONE_HEAD.passes(s),
    )
    .after("online")
    .partial_sums(4),
    shader!(
        "matrix_units",
        ["shared/squares", "shared/sizes", "shared/merge", "../wgsl/merge"],
        in_parts!(SQUARE),
        |s| SQUARE.passes(s),
    )
    .after("split"),
    shader!(
        "wide_matrix_tile",
        ["shared/squares", "shared/sizes", "shared/merge", "../wgsl/merge"],
        in_parts!(WIDE),
        |s| WIDE.passes(s),
    )
    .after("matrix_units"),
];

/// What a workgroup takes.
struct Tile {
    heads: usize,
    /// Tokens at a time.
    block: usize,
}

const ONE_HEAD: Tile = Tile { heads: 1, block: 32 };
const SQUARE: Tile = Tile { heads: 16, block: 32 };
const WIDE: Tile = Tile { heads: 64, block: 64 };

/// Workgroups that fill most GPUs.
const ENOUGH: usize = 256;

impl Tile {
    /// Tokens of a part, whole blocks, and parts of a sequence.
    fn split(&self, s: &Shape) -> (usize, usize) {
        let workgroups = (s.m.div_ceil(self.heads) * s.parts).max(1);
        let part = s.n.div_ceil((ENOUGH / workgroups).max(1)).next_multiple_of(self.block).max(self.block);
        (part, s.n.div_ceil(part).max(1))
    }

    /// One part writes the output itself; several are merged.
    fn passes(&self, s: &Shape) -> Vec<Pass> {
        let (part, parts) = self.split(s);
        let sizes = sizes(s, (part, parts));
        let merged = if parts == 1 { 0 } else { s.k.div_ceil(64) };
        vec![
            Pass::new("main", [s.m.div_ceil(self.heads), parts, s.parts], &sizes),
            Pass::new("merge", [merged, s.m, s.parts], &sizes),
        ]
    }
}

/// Heads, tokens, latent, words of a row, tokens of a part, parts.
fn sizes(s: &Shape, (part, parts): (usize, usize)) -> [usize; 6] {
    [s.m, s.n, s.k, s.k / 16 * 9, part, parts]
}

fn score_bytes(s: &Shape) -> usize {
    4 * s.parts * s.m * s.n
}
