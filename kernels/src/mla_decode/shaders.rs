//! The ladder for GPUs: which files, what is bound, how many workgroups.

use super::Size;
use crate::foreign::{Binding, Pass, Shader, shader};
use crate::kernel::Shape;

/// Latents, matrices and the output, with room for scores and for keys and values that are made anew.
const NAIVE: &[Binding] = &[
    Binding::Sizes,
    Binding::Operand(0),
    Binding::Operand(1),
    Binding::Operand(2),
    Binding::Operand(3),
    Binding::Operand(6),
    Binding::Operand(9),
    Binding::Scratch(|s| 4 * 2 * s.m * s.n * Size::given(s).plain),
];
/// Each head's own cache, what makes the newest token's keys and values, and room for the parts.
const EXPANDED: &[Binding] = &[
    Binding::Sizes,
    Binding::Operand(0),
    Binding::Operand(1),
    Binding::Operand(2),
    Binding::Operand(3),
    Binding::Operand(4),
    Binding::Operand(5),
    Binding::Operand(6),
    Binding::Scratch(|s| parts_bytes(s, s.m, Size::given(s).value)),
];
/// Latents, matrices and the output, with room for queries and outputs in latent form.
const LATENT: [Binding; 8] = [
    Binding::Sizes,
    Binding::Operand(0),
    Binding::Operand(1),
    Binding::Operand(2),
    Binding::Operand(3),
    Binding::Operand(6),
    Binding::Operand(7),
    Binding::Operand(8),
];
/// And for scores.
const SCORES: &[Binding] = &with(Binding::Operand(9));
/// And for the parts of each head.
const PARTS: &[Binding] = &with(Binding::Scratch(|s| parts_bytes(s, s.m, s.k)));
/// And for those where heads are together.
const PARTS_TOGETHER: &[Binding] = &with(Binding::Scratch(|s| parts_bytes(s, s.m.div_ceil(HEADS), s.k)));

const fn with(last: Binding) -> [Binding; 9] {
    let [a, b, c, d, e, f, g, h] = LATENT;
    [a, b, c, d, e, f, g, h, last]
}

/// Every shader, rung 0 first.
pub(super) const LADDER: &[Shader] = &[
    shader!("naive", ["shared/operands", "../wgsl/softmax", "../wgsl/halving"], NAIVE, |s| {
        let size = Size::given(s);
        let pass = |entry, workgroups| Pass::new(entry, workgroups, &sizes(&size));
        vec![
            pass("make", [(2 * size.plain).div_ceil(64), s.n, s.m]),
            pass("score", [s.n.div_ceil(64), s.m, 1]),
            pass("normalize", [s.m, 1, 1]),
            pass("weigh", [size.plain.div_ceil(64), s.m, 1]),
        ]
    }),
    shader!("expanded", ["../wgsl/merge", "../wgsl/halving"], EXPANDED, |s| {
        let size = Size::given(s);
        let (part, parts) = split(s, s.m);
        let sizes = [s.m, s.n, size.key(), size.value, part, parts, s.k];
        vec![
            Pass::new("append", [(2 * s.m * size.value).div_ceil(4), 1, 1], &sizes),
            Pass::new("main", [s.m, parts, size.value.div_ceil(128)], &sizes),
            Pass::new("merge", [size.value.div_ceil(64), s.m, 1], &sizes),
        ]
    })
    .after("naive")
    .partial_sums(8)
    .expanded(),
    shader!("absorbed", ["shared/operands", "../wgsl/softmax", "../wgsl/halving"], SCORES, |s| {
        let size = Size::given(s);
        let pass = |entry, workgroups| Pass::new(entry, workgroups, &sizes(&size));
        vec![
            pass("absorb", [size.row().div_ceil(64), s.m, 1]),
            pass("score", [s.n.div_ceil(64), s.m, 1]),
            pass("normalize", [s.m, 1, 1]),
            pass("weigh", [s.k.div_ceil(64), s.m, 1]),
            pass("emit", [size.plain.div_ceil(64), s.m, 1]),
        ]
    })
    .after("naive"),
    shader!("absorbed_split", ["shared/passes", "../wgsl/halving"], PARTS, |s| in_parts(s, s.m))
        .after("absorbed")
        .partial_sums(8),
    shader!("heads_abreast", ["shared/passes", "../wgsl/halving"], PARTS_TOGETHER, |s| {
        in_parts(s, s.m.div_ceil(HEADS))
    })
    .after("absorbed_split")
    .partial_sums(8),
];

/// Workgroups that fill most GPUs.
const ENOUGH: usize = 256;
/// Tokens of the smallest part: whole blocks of every shader.
const PART: usize = 16;
/// Heads that share a workgroup.
const HEADS: usize = 8;
/// Columns of the latent that a workgroup sums.
const COLUMNS: usize = 512;

fn sizes(size: &Size) -> [usize; 5] {
    [size.heads, size.tokens, size.latent, size.rope, size.plain]
}

/// Tokens of a part, and parts, where so many workgroups attend to each.
fn split(s: &Shape, workgroups: usize) -> (usize, usize) {
    let part = s.n.div_ceil((ENOUGH / workgroups.max(1)).max(1)).next_multiple_of(PART).max(PART);
    (part, s.n.div_ceil(part).max(1))
}

/// What they leave: a maximum, a total, and sums.
fn parts_bytes(s: &Shape, workgroups: usize, width: usize) -> usize {
    4 * s.m * split(s, workgroups).1 * (2 + width)
}

/// Queries in latent form, parts of the tokens, their merger, and outputs.
fn in_parts(s: &Shape, workgroups: usize) -> Vec<Pass> {
    let size = Size::given(s);
    let (part, parts) = split(s, workgroups);
    let [heads, tokens, latent, rope, plain] = sizes(&size);
    let sizes = [heads, tokens, latent, rope, plain, part, parts];
    vec![
        Pass::new("absorb", [latent.div_ceil(128), heads, 1], &sizes),
        Pass::new("main", [workgroups, parts, latent.div_ceil(COLUMNS)], &sizes),
        Pass::new("merge", [(latent / 4).div_ceil(64), heads, 1], &sizes),
        Pass::new("emit", [(heads * plain).div_ceil(4), 1, 1], &sizes),
    ]
}
