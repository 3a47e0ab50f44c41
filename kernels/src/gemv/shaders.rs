//! The ladders for GPUs, over f32, f16 and bf16: which files, what is bound, how many workgroups.

use crate::foreign::{Binding, Pass, Shader};
use crate::kernel::Shape;

const PLAIN: &[Binding] = &[Binding::Sizes, Binding::Operand(0), Binding::Operand(1), Binding::Operand(2)];
/// W and x once more, by fours.
const BY_FOURS: &[Binding] = &[
    Binding::Sizes,
    Binding::Operand(0),
    Binding::Operand(1),
    Binding::Operand(2),
    Binding::Operand(0),
    Binding::Operand(1),
];
/// Lanes of the narrowest warp: partial sums of a row that a warp shares.
const LANES: usize = 32;

/// Every shader over f32, rung 0 first.
pub(super) const LADDER: &[Shader] = &[
    Shader::new("naive", include_str!("naive.wgsl"), PLAIN, |s| rows(s, 64)),
    Shader::new("warp_per_row", include_str!("warp_per_row.wgsl"), PLAIN, |s| rows(s, 4))
        .after("naive")
        .partial_sums(LANES),
    Shader::new("subgroup", include_str!("subgroup.wgsl"), PLAIN, |s| rows(s, 4))
        .after("warp_per_row")
        .partial_sums(LANES),
    Shader::new("vector_loads", include_str!("vector_loads.wgsl"), BY_FOURS, |s| rows(s, 4))
        .after("subgroup")
        .partial_sums(LANES),
    Shader::new("several_rows", include_str!("several_rows.wgsl"), BY_FOURS, |s| rows(s, 8))
        .after("vector_loads")
        .partial_sums(LANES),
];

/// Every shader over f16, rung 0 first. Weights are words of two.
pub(super) const F16: &[Shader] = &[
    Shader::new("naive_f16", include_str!("naive_f16.wgsl"), PLAIN, |s| rows(s, 64)),
    Shader::new("warp_per_row_f16", include_str!("warp_per_row_f16.wgsl"), PLAIN, |s| rows(s, 4))
        .after("naive_f16")
        .partial_sums(LANES),
    Shader::new("vector_loads_f16", include_str!("vector_loads_f16.wgsl"), BY_FOURS, |s| rows(s, 4))
        .after("warp_per_row_f16")
        .partial_sums(LANES),
    Shader::new("several_rows_f16", include_str!("several_rows_f16.wgsl"), BY_FOURS, |s| rows(s, 8))
        .after("vector_loads_f16")
        .partial_sums(LANES),
];

/// Every shader over bf16, rung 0 first. Weights are words of two.
pub(super) const BF16: &[Shader] = &[
    Shader::new("naive_bf16", include_str!("naive_bf16.wgsl"), PLAIN, |s| rows(s, 64)),
    Shader::new("warp_per_row_bf16", include_str!("warp_per_row_bf16.wgsl"), PLAIN, |s| rows(s, 4))
        .after("naive_bf16")
        .partial_sums(LANES),
    Shader::new("vector_loads_bf16", include_str!("vector_loads_bf16.wgsl"), BY_FOURS, |s| rows(s, 4))
        .after("warp_per_row_bf16")
        .partial_sums(LANES),
    Shader::new("several_rows_bf16", include_str!("several_rows_bf16.wgsl"), BY_FOURS, |s| rows(s, 8))
        .after("vector_loads_bf16")
        .partial_sums(LANES),
];

/// So many rows to a workgroup.
fn rows(s: &Shape, of_workgroup: usize) -> Vec<Pass> {
    vec![Pass::new("main", [s.n.div_ceil(of_workgroup), 1, 1], &[s.n, s.k])]
}
