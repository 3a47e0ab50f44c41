//! The ladders for GPUs: which files, what is bound, how many workgroups. At one token both wait for their launch.

use super::{Blocks, Of32, Of256};
use crate::foreign::{Binding, Pass, Shader, shader};

const BOUND: &[Binding] = &[Binding::Sizes, Binding::Operand(0), Binding::Operand(1), Binding::Operand(2)];

/// Every shader for blocks of 32, rung 0 first.
pub(super) const OF_32: &[Shader] = &[shader!("naive", ["shared/operands", "shared/of_32"], BOUND, |s| {
    let blocks = s.m * s.n / Of32::LEN;
    vec![Pass::new("main", [blocks.div_ceil(64), 1, 1], &[blocks])]
})];

/// Every shader for blocks of 256, rung 0 first.
pub(super) const OF_256: &[Shader] = &[
    shader!("naive", ["shared/operands", "shared/of_256"], BOUND, |s| {
        let blocks = s.m * s.n / Of256::LEN;
        vec![Pass::new("main", [blocks.div_ceil(64), 1, 1], &[blocks])]
    }),
    shader!("workgroup_per_block", ["shared/operands", "shared/of_256"], BOUND, |s| {
        let blocks = s.m * s.n / Of256::LEN;
        vec![Pass::new("main", [blocks, 1, 1], &[blocks])]
    })
    .after("naive"),
];
