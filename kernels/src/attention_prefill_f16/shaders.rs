//! The ladder for GPUs: which files, what is bound, how many workgroups. The first rungs are those of attention over f32; on
//! matrix units values are read by fours.

use crate::attention_prefill::shaders::{ONLINE, SCORES, square, tiles};
use crate::foreign::{Binding, Pass, Shader, shader};
use crate::kernel::Shape;

/// Room for scores and weights of whole squares too.
const SQUARES: &[Binding] = &[
    Binding::Sizes,
    Binding::Operand(0),
    Binding::Operand(1),
    Binding::Operand(2),
    Binding::Operand(3),
    Binding::Scratch(|s| 4 * at_once(s) * of_head(s)),
    Binding::Scratch(|s| 2 * at_once(s) * of_head(s)),
];

/// Every shader, rung 0 first.
pub(super) const LADDER: &[Shader] = &[
    shader!(
        "naive_f16",
        [
            "../attention_prefill/naive",
            "../attention_prefill/shared/sizes",
            "../attention_prefill/shared/places",
            "shared/words",
            "../dtype/f16",
            "../wgsl/softmax",
            "../wgsl/halving"
        ],
        SCORES,
        square,
    ),
    shader!(
        "matrix_passes",
        ["../attention_prefill/shared/places", "shared/fours", "../wgsl/halving"],
        SQUARES,
        over_squares,
    )
    .after("naive_f16"),
    shader!(
        "tiles_online_f16",
        [
            "../attention_prefill/tiles_online",
            "../attention_prefill/shared/sizes",
            "../attention_prefill/shared/places",
            "shared/words",
            "../dtype/f16",
            "../gemm/shared/square"
        ],
        ONLINE,
        tiles,
    )
    .after("naive_f16"),
    shader!(
        "matrix_units",
        ["../attention_prefill/shared/sizes", "../attention_prefill/shared/places", "shared/fours"],
        ONLINE,
        tiles,
    )
    .after("tiles_online_f16"),
];

/// Queries and keys of a square, and columns of a square of outputs.
const SIDE: usize = 64;
/// Bytes of scores that there is room for at once: of long texts the heads go by in groups.
const ROOM: usize = 1 << 30;

/// Values of a head's squares.
fn of_head(s: &Shape) -> usize {
    s.m.next_multiple_of(SIDE).pow(2)
}

/// Heads whose scores there is room for.
fn at_once(s: &Shape) -> usize {
    (ROOM / (4 * of_head(s))).clamp(1, s.n)
}

fn over_squares(s: &Shape) -> Vec<Pass> {
    let (blocks, at_once) = (s.m.div_ceil(SIDE), at_once(s));
    let group = |first: usize| {
        let heads = at_once.min(s.n - first);
        let sizes = [s.m, s.n, s.parts, s.k, first];
        [
            Pass::new("score", [blocks + 1, blocks.div_ceil(2), heads], &sizes),
            Pass::new("normalize", [s.m.div_ceil(2), heads, 1], &sizes),
            Pass::new("weigh", [s.k.div_ceil(SIDE), blocks.div_ceil(2), heads], &sizes),
        ]
    };
    (0..s.n).step_by(at_once).flat_map(group).collect()
}
