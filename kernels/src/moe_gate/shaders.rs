//! The ladder for GPUs: which files, what is bound, how many workgroups.

use super::Size;
use crate::foreign::{Binding, Pass, Shader, shader};
use crate::kernel::Shape;

/// Weights, biases, the token, the output, and room for scores, for them with their biases, and for groups.
const PLAIN: &[Binding] = &[
    Binding::Sizes,
    Binding::Operand(0),
    Binding::Operand(1),
    Binding::Operand(4),
    Binding::Operand(5),
    Binding::Operand(6),
    Binding::Operand(7),
    Binding::Operand(8),
];
/// The same with one room for both of the last, and weights and token once more, by fours.
const BY_FOURS: &[Binding] = &[
    Binding::Sizes,
    Binding::Operand(0),
    Binding::Operand(1),
    Binding::Operand(4),
    Binding::Operand(5),
    Binding::Operand(6),
    Binding::Operand(8),
    Binding::Operand(0),
    Binding::Operand(4),
];
/// Threads of a workgroup that shares a row.
const THREADS: usize = 128;

/// Every shader, rung 0 first.
pub(super) const LADDER: &[Shader] = &[
    shader!("naive", ["shared/operands", "shared/pick"], PLAIN, |s| passes(s, 64)),
    shader!(
        "workgroup_per_expert",
        ["shared/operands", "shared/row", "shared/pick", "../wgsl/halving"],
        BY_FOURS,
        |s| passes(s, 1),
    )
    .after("naive")
    .partial_sums(THREADS),
    shader!("ranks", ["shared/operands", "shared/row", "../wgsl/halving"], BY_FOURS, |s| passes(s, 1))
        .after("workgroup_per_expert")
        .partial_sums(THREADS),
];

/// Scores of so many experts to a workgroup, then the choice.
fn passes(s: &Shape, of_workgroup: usize) -> Vec<Pass> {
    let size = Size::of(s);
    let scale = size.scale.to_bits() as usize;
    let sizes = [size.experts, size.groups, size.width, size.kept, size.chosen, scale];
    vec![
        Pass::new("score", [size.experts.div_ceil(of_workgroup), 1, 1], &sizes),
        Pass::new("choose", [1, 1, 1], &sizes),
    ]
}
