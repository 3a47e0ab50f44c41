//! The ladders for GPUs: which files, what is bound, how many workgroups.

use crate::foreign::{Binding, Pass, Shader, shader};
use crate::kernel::Shape;

const BOUND: &[Binding] = &[Binding::Sizes, Binding::Operand(2), Binding::Operand(0), Binding::Operand(3)];
/// And room for W in f16.
const BOUND_AND_ROOM: &[Binding] = &[
    Binding::Sizes,
    Binding::Operand(2),
    Binding::Operand(0),
    Binding::Operand(3),
    Binding::Scratch(|s| 2 * s.n * s.k),
];

/// The ladder over a format, whose files are named.
macro_rules! ladder {
    ($($format:literal),+) => {
        &[
            shader!("naive", ["../gemm/shared/sizes", "shared/operands", "shared/words", $($format),+], BOUND, |s| {
                tiles(s, 16)
            }),
            shader!(
                "register_tile",
                [
                    "../gemm/shared/sizes", "shared/operands", "shared/words", "../gemm/shared/square",
                    "../gemm/shared/put_four", $($format),+
                ],
                BOUND,
                |s| tiles(s, 64),
            )
            .after("naive"),
            shader!(
                "unpacked_tiles",
                ["../gemm/shared/sizes", "shared/operands", "shared/tiles", "../gemm/shared/put_squares", $($format),+],
                BOUND,
                |s| tiles(s, TILE),
            )
            .after("register_tile"),
            shader!(
                "unpacked_first",
                ["../gemm/shared/sizes", "shared/operands", "shared/tiles", "../gemm/shared/put_squares", $($format),+],
                BOUND_AND_ROOM,
                |s| {
                    let unpack = Pass::new("unpack", [(s.k / 4).div_ceil(64), s.n, 1], &[s.m, s.n, s.k]);
                    [vec![unpack], tiles(s, TILE)].concat()
                },
            )
            .after("unpacked_tiles"),
        ]
    };
}

/// Every shader over a format, rung 0 first.
pub(super) const Q8_0: &[Shader] = ladder!("shared/q8_0", "../dtype/q8_0", "../dtype/half_words");
pub(super) const Q4_0: &[Shader] = ladder!("shared/q4_0", "../dtype/q4_0", "../dtype/half_words");
pub(super) const Q4_K: &[Shader] = ladder!("shared/q4_k", "../dtype/q4_k");
pub(super) const Q6_K: &[Shader] = ladder!("shared/q6_k", "../dtype/q6_k", "../dtype/half_words");

/// Rows and columns of C for a workgroup with matrix units.
const TILE: usize = 128;

/// Squares of so many rows and columns of C.
fn tiles(s: &Shape, side: usize) -> Vec<Pass> {
    vec![Pass::new("main", [s.n.div_ceil(side), s.m.div_ceil(side), 1], &[s.m, s.n, s.k])]
}
