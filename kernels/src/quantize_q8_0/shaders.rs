//! The ladder for GPUs: which file, what is bound, how many workgroups. One rung: at one token it waits for its launch.

use super::BLOCK_LEN;
use crate::foreign::{Binding, Pass, Shader, shader};

const BOUND: &[Binding] = &[Binding::Sizes, Binding::Operand(0), Binding::Operand(1), Binding::Operand(2)];

/// Every shader, rung 0 first.
pub(super) const LADDER: &[Shader] = &[shader!("naive", [], BOUND, |s| {
    let blocks = s.m * s.n / BLOCK_LEN;
    vec![Pass::new("main", [blocks.div_ceil(64), 1, 1], &[blocks])]
})];
