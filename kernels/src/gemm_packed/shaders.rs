//! The ladder for GPUs, over q8_0: which files, what is bound, how many workgroups.

use crate::foreign::{Binding, Pass, Shader};
use crate::gemv_packed::SUMS;
use crate::kernel::Shape;

/// Activations as f32.
const FLOATS: &[Binding] = &[Binding::Sizes, Binding::Operand(0), Binding::Operand(5), Binding::Operand(6)];
/// Activations as i8 with their scales.
const QUANTS: &[Binding] =
    &[Binding::Sizes, Binding::Operand(0), Binding::Operand(2), Binding::Operand(3), Binding::Operand(6)];

/// Every shader, rung 0 first.
pub(super) const Q8_0: &[Shader] = &[
    Shader::new("naive", include_str!("naive.wgsl"), FLOATS, |s| tiles(s, 16)),
    Shader::new("dot4", include_str!("dot4.wgsl"), QUANTS, |s| tiles(s, 16)).after("naive").partial_sums(SUMS),
    Shader::new("register_tile", include_str!("register_tile.wgsl"), QUANTS, |s| tiles(s, 32))
        .after("dot4")
        .partial_sums(SUMS),
];

/// Squares of so many rows and columns of C.
fn tiles(s: &Shape, side: usize) -> Vec<Pass> {
    vec![Pass::new("main", [s.n.div_ceil(side), s.m.div_ceil(side), 1], &[s.m, s.n, s.k / 32])]
}
