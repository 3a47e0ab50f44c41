//! The ladders for GPUs, over f32 and bf16: which files, what is bound, how many workgroups.

use super::Size;
use crate::foreign::{Binding, Pass, Shader, shader};
use crate::kernel::Shape;

const PLAIN: &[Binding] = &[
    Binding::Sizes,
    Binding::Operand(0),
    Binding::Operand(1),
    Binding::Operand(2),
    Binding::Operand(3),
    Binding::Operand(4),
    Binding::Operand(6),
];
/// With room for what is between the products by fours, and weights and tokens once more, by fours.
const BY_FOURS: &[Binding] = &[
    Binding::Sizes,
    Binding::Operand(0),
    Binding::Operand(1),
    Binding::Operand(2),
    Binding::Operand(3),
    Binding::Operand(4),
    Binding::Scratch(|s| 4 * Size::of(s).routes() * s.k.next_multiple_of(4)),
    Binding::Operand(0),
    Binding::Operand(1),
];
/// Lanes of the narrowest warp: partial sums of a row that a warp shares.
const LANES: usize = 32;

/// Every shader over f32, rung 0 first.
pub(super) const LADDER: &[Shader] = &[
    shader!("naive", ["shared/operands", "shared/f32"], PLAIN, apart),
    shader!("warp_per_row", ["shared/meet", "shared/operands", "shared/f32"], PLAIN, |s| rows(s, 4))
        .after("naive")
        .partial_sums(LANES),
    shader!("several_rows", ["shared/between", "shared/operands", "shared/f32"], BY_FOURS, |s| rows(s, 8))
        .after("warp_per_row")
        .partial_sums(LANES),
];

/// Every shader over bf16, rung 0 first. Weights are words of two.
pub(super) const BF16: &[Shader] = &[
    shader!(
        "naive_bf16",
        ["naive", "shared/operands", "shared/bf16", "../dtype/halves", "../dtype/bf16"],
        PLAIN,
        apart,
    ),
    shader!(
        "warp_per_row_bf16",
        ["shared/meet", "shared/operands", "shared/bf16", "../dtype/halves", "../dtype/bf16"],
        PLAIN,
        |s| rows(s, 4),
    )
    .after("naive_bf16")
    .partial_sums(LANES),
    shader!(
        "several_rows_bf16",
        ["shared/between", "shared/operands", "shared/bf16", "../dtype/halves", "../dtype/bf16"],
        BY_FOURS,
        |s| rows(s, 8),
    )
    .after("warp_per_row_bf16")
    .partial_sums(LANES),
];

fn sizes(s: &Shape) -> [usize; 4] {
    [s.m, s.n, s.k, Size::of(s).chosen]
}

/// A launch for each step.
fn apart(s: &Shape) -> Vec<Pass> {
    let routes = Size::of(s).routes();
    let pass = |entry, workgroups| Pass::new(entry, workgroups, &sizes(s));
    vec![
        pass("gates", [s.k.div_ceil(64), routes, 1]),
        pass("ups", [s.k.div_ceil(64), routes, 1]),
        pass("combine", [(routes * s.k).div_ceil(64), 1, 1]),
        pass("down", [s.n.div_ceil(64), s.m, 1]),
    ]
}

/// So many rows to a workgroup.
fn rows(s: &Shape, of_workgroup: usize) -> Vec<Pass> {
    let pass = |entry, workgroups| Pass::new(entry, workgroups, &sizes(s));
    vec![
        pass("between", [s.k.div_ceil(of_workgroup), Size::of(s).routes(), 1]),
        pass("down", [s.n.div_ceil(of_workgroup), s.m, 1]),
    ]
}
