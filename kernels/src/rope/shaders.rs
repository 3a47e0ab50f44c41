//! The ladder for GPUs: which file, what is bound, how many workgroups. One rung: at one token it waits for its launch.

use super::NEAR;
use crate::foreign::{Binding, Pass, Shader, shader};
use crate::kernel::Shape;

const BOUND: &[Binding] = &[Binding::Sizes, Binding::Operand(0), Binding::Operand(1), Binding::Operand(2)];

/// Every shader for pairs of neighbours, rung 0 first.
pub(super) const NEIGHBOURS: &[Shader] = &[shader!("naive", [], BOUND, |s| pass(s, 1))];
/// The same for pairs of a head's halves.
pub(super) const HALVES: &[Shader] = &[shader!("naive", [], BOUND, |s| pass(s, s.k / 2))];

fn pass(s: &Shape, apart: usize) -> Vec<Pass> {
    let half = s.k / 2;
    let sizes = [s.m, half, s.n, NEAR - s.n.min(NEAR), apart];
    vec![Pass::new("main", [(s.m * s.n * half).div_ceil(64), 1, 1], &sizes)]
}
