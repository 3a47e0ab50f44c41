//! The ladders for GPUs, over f32, f16 and bf16: which files, what is bound, how many workgroups.

use crate::foreign::{Binding, Pass, Shader, shader};
use crate::kernel::Shape;

const PLAIN: &[Binding] = &[Binding::Sizes, Binding::Operand(0), Binding::Operand(1), Binding::Operand(2)];
/// W and x once more, by fours.
const BY_FOURS: &[Binding] = &[
    Binding::Sizes,
    Binding::Operand(0),
    Binding::Operand(1),
    Binding::Operand(2),
    Binding::Operand(0),
    Binding::Operand(1),
];
/// Lanes of the narrowest warp: partial sums of a row that a warp shares.
const LANES: usize = 32;

/// Every shader over f32, rung 0 first.
pub(super) const LADDER: &[Shader] = &[
    shader!("naive", ["shared/f32"], PLAIN, |s| rows(s, 64)),
    shader!("warp_per_row", ["shared/f32", "../wgsl/halving"], PLAIN, |s| rows(s, 4))
        .after("naive")
        .partial_sums(LANES),
    shader!("subgroup", ["shared/f32"], PLAIN, |s| rows(s, 4)).after("warp_per_row").partial_sums(LANES),
    shader!("vector_loads", ["shared/f32"], BY_FOURS, |s| rows(s, 4)).after("subgroup").partial_sums(LANES),
    shader!("several_rows", ["shared/f32"], BY_FOURS, |s| rows(s, 8)).after("vector_loads").partial_sums(LANES),
];

/// Every shader over f16, rung 0 first. Weights are words of two.
pub(super) const F16: &[Shader] = &[
    shader!("naive_f16", ["shared/words", "../dtype/halves", "../dtype/f16"], PLAIN, |s| rows(s, 64)),
    shader!("warp_per_row_f16", ["shared/words", "../dtype/halves", "../dtype/f16", "../wgsl/halving"], PLAIN, |s| {
        rows(s, 4)
    })
    .after("naive_f16")
    .partial_sums(LANES),
    shader!("vector_loads_f16", ["shared/words", "../dtype/halves", "../dtype/f16"], BY_FOURS, |s| rows(s, 4))
        .after("warp_per_row_f16")
        .partial_sums(LANES),
    shader!("several_rows_f16", ["shared/words", "../dtype/halves", "../dtype/f16"], BY_FOURS, |s| rows(s, 8))
        .after("vector_loads_f16")
        .partial_sums(LANES),
];

/// Every shader over bf16, rung 0 first. Weights are words of two.
pub(super) const BF16: &[Shader] = &[
    shader!("naive_bf16", ["naive_f16", "shared/words", "../dtype/halves", "../dtype/bf16"], PLAIN, |s| {
        rows(s, 64)
    }),
    shader!(
        "warp_per_row_bf16",
        ["warp_per_row_f16", "shared/words", "../dtype/halves", "../dtype/bf16", "../wgsl/halving"],
        PLAIN,
        |s| rows(s, 4),
    )
    .after("naive_bf16")
    .partial_sums(LANES),
    shader!(
        "vector_loads_bf16",
        ["vector_loads_f16", "shared/words", "../dtype/halves", "../dtype/bf16"],
        BY_FOURS,
        |s| rows(s, 4),
    )
    .after("warp_per_row_bf16")
    .partial_sums(LANES),
    shader!(
        "several_rows_bf16",
        ["several_rows_f16", "shared/words", "../dtype/halves", "../dtype/bf16"],
        BY_FOURS,
        |s| rows(s, 8),
    )
    .after("vector_loads_bf16")
    .partial_sums(LANES),
];

/// So many rows to a workgroup.
fn rows(s: &Shape, of_workgroup: usize) -> Vec<Pass> {
    vec![Pass::new("main", [s.n.div_ceil(of_workgroup), 1, 1], &[s.n, s.k])]
}
