//! The ladders for GPUs, over q4_0, q4_K and q6_K: which files, what is bound, how many workgroups.

use super::SUMS;
use crate::foreign::{Binding, Pass, Shader, shader};
use crate::kernel::Shape;

/// Activations as f32.
const FLOATS: &[Binding] = &[Binding::Sizes, Binding::Operand(0), Binding::Operand(5), Binding::Operand(6)];
/// Activations as i8 with their scales.
const QUANTS: &[Binding] =
    &[Binding::Sizes, Binding::Operand(0), Binding::Operand(2), Binding::Operand(3), Binding::Operand(6)];
/// And with the sums of their blocks.
const QUANTS_AND_SUMS: &[Binding] = &[
    Binding::Sizes,
    Binding::Operand(0),
    Binding::Operand(2),
    Binding::Operand(3),
    Binding::Operand(4),
    Binding::Operand(6),
];

/// Every shader over q4_0, rung 0 first.
pub(super) const Q4_0: &[Shader] = &[
    shader!("naive", ["shared/floats", "../dtype/q4_0", "../dtype/half_words"], FLOATS, |s| rows(s, 32, 64)),
    shader!("warp_per_row", ["shared/fours", "../dtype/q4_0", "../dtype/half_words", "../wgsl/halving"], FLOATS, |s| {
        rows(s, 32, 4)
    })
    .after("naive")
    .partial_sums(SUMS),
    shader!("dot4", ["../dtype/q4_0", "../dtype/half_words"], QUANTS_AND_SUMS, |s| rows(s, 32, 4))
        .after("warp_per_row")
        .partial_sums(SUMS),
    shader!("several_rows", ["shared/quants", "../dtype/q4_0", "../dtype/half_words"], QUANTS, |s| rows(s, 32, 8))
        .after("dot4")
        .partial_sums(SUMS),
];

/// Every shader over q4_K, rung 0 first.
pub(super) const Q4_K: &[Shader] = &[
    shader!("naive_q4_k", ["shared/floats", "../dtype/q4_k"], FLOATS, |s| rows(s, 256, 64)),
    shader!("warp_per_row_q4_k", ["shared/fours", "../dtype/q4_k", "../wgsl/halving"], FLOATS, |s| rows(s, 256, 4))
        .after("naive_q4_k")
        .partial_sums(SUMS),
    shader!("several_rows_q4_k", ["shared/quants", "../dtype/q4_k"], QUANTS, |s| rows(s, 256, 8))
        .after("warp_per_row_q4_k")
        .partial_sums(SUMS),
];

/// Every shader over q6_K, rung 0 first.
pub(super) const Q6_K: &[Shader] = &[
    shader!("naive_q6_k", ["shared/floats", "../dtype/q6_k", "../dtype/half_words"], FLOATS, |s| rows(s, 256, 64)),
    shader!(
        "warp_per_row_q6_k",
        ["shared/fours", "../dtype/q6_k", "../dtype/half_words", "../wgsl/halving"],
        FLOATS,
        |s| rows(s, 256, 4),
    )
    .after("naive_q6_k")
    .partial_sums(SUMS),
    shader!("several_rows_q6_k", ["shared/quants", "../dtype/q6_k", "../dtype/half_words"], QUANTS, |s| {
        rows(s, 256, 8)
    })
    .after("warp_per_row_q6_k")
    .partial_sums(SUMS),
];

/// So many rows to a workgroup, blocks of `len` weights.
fn rows(s: &Shape, len: usize, of_workgroup: usize) -> Vec<Pass> {
    vec![Pass::new("main", [s.n.div_ceil(of_workgroup), 1, 1], &[s.n, s.k / len])]
}
