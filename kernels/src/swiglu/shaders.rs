//! The ladder for GPUs: which file, what is bound, how many workgroups. One rung: it waits for memory or its launch.

use crate::foreign::{Binding, Pass, Shader, shader};

const BOUND: &[Binding] = &[Binding::Sizes, Binding::Operand(0), Binding::Operand(1), Binding::Operand(2)];

/// Every shader, rung 0 first.
pub(super) const LADDER: &[Shader] = &[shader!("naive", [], BOUND, |s| {
    let values = s.m * s.n;
    vec![Pass::new("main", [values.div_ceil(256), 1, 1], &[values])]
})];
