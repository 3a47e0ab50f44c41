//! The ladder for GPUs, over q4_0: which files, what is bound, how many workgroups.

use super::SUMS;
use crate::foreign::{Binding, Pass, Shader};
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

/// Every shader, rung 0 first.
pub(super) const Q4_0: &[Shader] = &[
    Shader::new("naive", include_str!("naive.wgsl"), FLOATS, |s| rows(s, 64)),
    Shader::new("warp_per_row", include_str!("warp_per_row.wgsl"), FLOATS, |s| rows(s, 4))
        .after("naive")
        .partial_sums(SUMS),
    Shader::new("dot4", include_str!("dot4.wgsl"), QUANTS_AND_SUMS, |s| rows(s, 4))
        .after("warp_per_row")
        .partial_sums(SUMS),
    Shader::new("several_rows", include_str!("several_rows.wgsl"), QUANTS, |s| rows(s, 8))
        .after("dot4")
        .partial_sums(SUMS),
];

/// So many rows to a workgroup.
fn rows(s: &Shape, of_workgroup: usize) -> Vec<Pass> {
    vec![Pass::new("main", [s.n.div_ceil(of_workgroup), 1, 1], &[s.n, s.k / 32])]
}
