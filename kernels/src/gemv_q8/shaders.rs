//! The ladder for GPUs: which files, what is bound, how many workgroups.

use super::{BLOCK_LEN, LANE_SUMS};
use crate::foreign::{Binding, Pass, Shader, shader};
use crate::kernel::Shape;

/// Activations as f32.
const FLOATS: &[Binding] = &[Binding::Sizes, Binding::Operand(0), Binding::Operand(3), Binding::Operand(4)];
/// Activations as i8 with their scales.
const QUANTS: &[Binding] =
    &[Binding::Sizes, Binding::Operand(0), Binding::Operand(1), Binding::Operand(2), Binding::Operand(4)];

/// Every shader, rung 0 first.
pub(super) const LADDER: &[Shader] = &[
    shader!("naive", ["../gemv_packed/shared/floats", "../dtype/q8_0", "../dtype/half_words"], FLOATS, |s| {
        rows(s, 64)
    }),
    shader!(
        "warp_per_row",
        ["../gemv_packed/shared/fours", "../dtype/q8_0", "../dtype/half_words", "../wgsl/halving"],
        FLOATS,
        |s| rows(s, 4),
    )
    .after("naive")
    .partial_sums(LANE_SUMS),
    shader!("dot4", ["../gemv_packed/shared/quants", "../dtype/q8_0", "../dtype/half_words"], QUANTS, |s| {
        rows(s, 4)
    })
    .after("warp_per_row")
    .partial_sums(LANE_SUMS),
    shader!("several_rows", ["../gemv_packed/shared/quants", "../dtype/q8_0", "../dtype/half_words"], QUANTS, |s| {
        rows(s, 8)
    })
    .after("dot4")
    .partial_sums(LANE_SUMS),
];

/// So many rows to a workgroup.
fn rows(s: &Shape, of_workgroup: usize) -> Vec<Pass> {
    vec![Pass::new("main", [s.n.div_ceil(of_workgroup), 1, 1], &[s.n, s.k / BLOCK_LEN])]
}
