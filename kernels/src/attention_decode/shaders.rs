//! The ladder for GPUs, over a cache of f32: which files, what is bound, how many workgroups.

use crate::foreign::{Binding, Pass, Shader, shader};
use crate::kernel::Shape;

const PLAIN: [Binding; 5] =
    [Binding::Sizes, Binding::Operand(0), Binding::Operand(1), Binding::Operand(2), Binding::Operand(7)];
const ONLINE: &[Binding] = &PLAIN;
/// Room for the scores too.
const SCORES: &[Binding] = &[PLAIN[0], PLAIN[1], PLAIN[2], PLAIN[3], PLAIN[4], Binding::Operand(8)];
/// Room for the parts.
const IN_PARTS: &[Binding] = &[PLAIN[0], PLAIN[1], PLAIN[2], PLAIN[3], PLAIN[4], Binding::Scratch(parts_bytes)];

/// Every shader, rung 0 first.
pub(super) const LADDER: &[Shader] = &[
    shader!("naive", ["shared/sizes", "shared/operands", "../wgsl/softmax", "../wgsl/halving"], SCORES, |s| {
        vec![
            Pass::new("score", [s.n.div_ceil(64), s.m, 1], &sizes(s)),
            Pass::new("normalize", [s.m, 1, 1], &sizes(s)),
            Pass::new("weigh", [s.k.div_ceil(64), s.m, 1], &sizes(s)),
        ]
    }),
    shader!("online", ["shared/sizes", "shared/operands"], ONLINE, |s| {
        vec![Pass::new("whole", [s.m, 1, 1], &sizes(s))]
    })
    .after("naive")
    .partial_sums(4),
    shader!("split", ["online", "shared/operands", "../wgsl/merge"], IN_PARTS, |s| {
        let (part, parts) = split(s);
        let sizes = [s.m, s.parts, s.n, s.k, part, parts];
        vec![Pass::new("main", [s.m, parts, 1], &sizes), Pass::new("merge", [s.k.div_ceil(64), s.m, 1], &sizes)]
    })
    .after("online")
    .partial_sums(4),
];

/// Workgroups that fill most GPUs.
const ENOUGH: usize = 256;
/// Tokens of a block.
const BLOCK: usize = 32;

fn sizes(s: &Shape) -> [usize; 4] {
    [s.m, s.parts, s.n, s.k]
}

/// Tokens of a part, whole blocks, and parts of a head.
fn split(s: &Shape) -> (usize, usize) {
    let part = s.n.div_ceil((ENOUGH / s.m.max(1)).max(1)).next_multiple_of(BLOCK).max(BLOCK);
    (part, s.n.div_ceil(part).max(1))
}

fn parts_bytes(s: &Shape) -> usize {
    4 * s.m * split(s).1 * (s.k + 2)
}
