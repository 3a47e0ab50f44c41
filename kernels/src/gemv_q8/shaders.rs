//! The ladder for GPUs: which files, what is bound, how many workgroups.

use super::{BLOCK_LEN, LANE_SUMS};
use crate::foreign::{Binding, Pass, Shader};
use crate::kernel::Shape;

/// Activations as f32.
const FLOATS: &[Binding] = &[Binding::Sizes, Binding::Operand(0), Binding::Operand(3), Binding::Operand(4)];
/// Activations as i8 with their scales.
const QUANTS: &[Binding] =
    &[Binding::Sizes, Binding::Operand(0), Binding::Operand(1), Binding::Operand(2), Binding::Operand(4)];

/// Every shader, rung 0 first.
pub(super) const LADDER: &[Shader] = &[
    Shader::new("naive", include_str!("naive.wgsl"), FLOATS, |s| rows(s, 64)),
    Shader::new("warp_per_row", include_str!("warp_per_row.wgsl"), FLOATS, |s| rows(s, 4))
        .after("naive")
        .partial_sums(LANE_SUMS),
    Shader::new("dot4", include_str!("dot4.wgsl"), QUANTS, |s| rows(s, 4))
        .after("warp_per_row")
        .partial_sums(LANE_SUMS),
    Shader::new("several_rows", include_str!("several_rows.wgsl"), QUANTS, |s| rows(s, 8))
        .after("dot4")
        .partial_sums(LANE_SUMS),
];

/// So many rows to a workgroup.
fn rows(s: &Shape, of_workgroup: usize) -> Vec<Pass> {
    vec![Pass::new("main", [s.n.div_ceil(of_workgroup), 1, 1], &[s.n, s.k / BLOCK_LEN])]
}
