//! The ladder for GPUs, over q8_0: which files, what is bound, how many workgroups.

use crate::foreign::{Binding, Pass, Shader, shader};
use crate::gemv_packed::SUMS;
use crate::kernel::Shape;

/// Activations as f32.
const FLOATS: &[Binding] = &[Binding::Sizes, Binding::Operand(0), Binding::Operand(5), Binding::Operand(6)];
/// Activations as i8 with their scales.
const QUANTS: &[Binding] =
    &[Binding::Sizes, Binding::Operand(0), Binding::Operand(2), Binding::Operand(3), Binding::Operand(6)];

/// Every shader, rung 0 first.
pub(super) const Q8_0: &[Shader] = &[
    shader!("naive", ["../dtype/q8_0", "../dtype/half_words"], FLOATS, |s| tiles(s, 16)),
    shader!("dot4", ["shared/quants", "../dtype/q8_0", "../dtype/half_words"], QUANTS, |s| tiles(s, 16))
        .after("naive")
        .partial_sums(SUMS),
    shader!(
        "register_tile",
        ["shared/quants", "../dtype/q8_0", "../dtype/half_words", "../gemm/shared/put_four"],
        QUANTS,
        |s| tiles(s, 32),
    )
    .after("dot4")
    .partial_sums(SUMS),
];

/// Squares of so many rows and columns of C.
fn tiles(s: &Shape, side: usize) -> Vec<Pass> {
    vec![Pass::new("main", [s.n.div_ceil(side), s.m.div_ceil(side), 1], &[s.m, s.n, s.k / 32])]
}
