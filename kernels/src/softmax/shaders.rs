//! The ladder for GPUs: which files, what is bound, how many workgroups.

use crate::foreign::{Binding, Pass, Shader, shader};
use crate::kernel::Shape;

const BOUND: &[Binding] = &[Binding::Sizes, Binding::Operand(0), Binding::Operand(1)];
/// Threads of a workgroup that shares a row.
const THREADS: usize = 256;

/// Every shader, rung 0 first.
pub(super) const LADDER: &[Shader] = &[
    shader!("naive", ["shared/operands"], BOUND, |s| rows(s, 64)),
    shader!("shared_tree", ["shared/operands", "../wgsl/halving"], BOUND, |s| rows(s, 1))
        .after("naive")
        .partial_sums(THREADS),
    shader!("subgroup", ["shared/operands"], BOUND, |s| rows(s, 1)).after("shared_tree").partial_sums(THREADS),
];

/// So many rows to a workgroup; of rows without values there is nothing to do.
fn rows(s: &Shape, of_workgroup: usize) -> Vec<Pass> {
    let rows = if s.n == 0 { 0 } else { s.m };
    vec![Pass::new("main", [rows.div_ceil(of_workgroup), 1, 1], &[s.m, s.n])]
}
