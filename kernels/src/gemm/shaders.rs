//! The ladders for GPUs, over f32 and f16: which files, what is bound, how many workgroups.

use crate::foreign::{Binding, Pass, Shader, shader};
use crate::kernel::Shape;

const PLAIN: &[Binding] = &[Binding::Sizes, Binding::Operand(0), Binding::Operand(1), Binding::Operand(2)];
/// A and B once more, by fours.
const BY_FOURS: &[Binding] = &[
    Binding::Sizes,
    Binding::Operand(0),
    Binding::Operand(1),
    Binding::Operand(2),
    Binding::Operand(0),
    Binding::Operand(1),
];
/// The parts of C too.
const IN_PARTS: &[Binding] = &[
    Binding::Sizes,
    Binding::Operand(0),
    Binding::Operand(1),
    Binding::Operand(2),
    Binding::Operand(0),
    Binding::Operand(1),
    Binding::Scratch(parts_bytes),
];

/// Every shader, rung 0 first.
pub(super) const LADDER: &[Shader] = &[
    shader!("naive", ["shared/sizes", "shared/f32"], PLAIN, |s| tiles(s, [s.m.div_ceil(16), s.n.div_ceil(16)])),
    shader!("coalesced", ["shared/sizes", "shared/f32"], PLAIN, |s| tiles(s, [s.n.div_ceil(16), s.m.div_ceil(16)]))
        .after("naive"),
    shader!("shared_tile", ["shared/sizes", "shared/f32"], PLAIN, |s| {
        tiles(s, [s.n.div_ceil(16), s.m.div_ceil(16)])
    })
    .after("coalesced"),
    shader!("unrolled_tile", ["shared/sizes", "shared/f32"], PLAIN, |s| {
        tiles(s, [s.n.div_ceil(16), s.m.div_ceil(16)])
    })
    .after("shared_tile"),
    shader!("column_tile", ["shared/sizes", "shared/f32"], PLAIN, |s| {
        tiles(s, [s.n.div_ceil(32), s.m.div_ceil(64)])
    })
    .after("unrolled_tile"),
    shader!("register_tile", ["shared/sizes", "shared/f32", "shared/square", "shared/put_four"], PLAIN, |s| {
        tiles(s, [s.n.div_ceil(TILE), s.m.div_ceil(TILE)])
    })
    .after("column_tile"),
    shader!("vector_loads", ["shared/sizes", "shared/f32", "shared/square", "shared/put_four"], BY_FOURS, |s| {
        tiles(s, [s.n.div_ceil(TILE), s.m.div_ceil(TILE)])
    })
    .after("register_tile"),
    shader!("split_k", ["vector_loads", "shared/f32", "shared/square", "shared/put_four"], IN_PARTS, in_parts)
        .after("vector_loads"),
];

/// Every shader over f16, rung 0 first; A and B are words of two.
pub(super) const F16: &[Shader] = &[
    shader!("naive_f16", ["shared/sizes", "shared/words", "../dtype/f16"], PLAIN, |s| {
        tiles(s, [s.n.div_ceil(16), s.m.div_ceil(16)])
    }),
    shader!("shared_tile_f16", ["unrolled_tile", "shared/sizes", "shared/words", "../dtype/f16"], PLAIN, |s| {
        tiles(s, [s.n.div_ceil(16), s.m.div_ceil(16)])
    })
    .after("naive_f16"),
    shader!(
        "register_tile_f16",
        ["register_tile", "shared/sizes", "shared/words", "../dtype/f16", "shared/square", "shared/put_four"],
        PLAIN,
        |s| tiles(s, [s.n.div_ceil(TILE), s.m.div_ceil(TILE)]),
    )
    .after("shared_tile_f16"),
    shader!(
        "matrix_units",
        ["shared/sizes", "shared/words", "../dtype/f16", "shared/fours", "shared/put_squares"],
        BY_FOURS,
        |s| { tiles(s, [s.n.div_ceil(TILE), s.m.div_ceil(TILE)]) }
    )
    .after("register_tile_f16"),
    shader!(
        "wide_matrix_tile",
        ["shared/sizes", "shared/words", "../dtype/f16", "shared/fours", "shared/put_squares"],
        BY_FOURS,
        |s| { tiles(s, [s.n.div_ceil(2 * TILE), s.m.div_ceil(2 * TILE)]) }
    )
    .after("matrix_units"),
];

/// Rows and columns of C for a workgroup of the wide tiles.
const TILE: usize = 64;
/// Workgroups that fill the GPUs of the ladder's time: one for each scheduler of a hundred SMs or so.
const ENOUGH: usize = 512;
/// Steps of k that a part has at least: below that the merge costs more than it saves.
const LEAST_PART: usize = 64;

fn tiles(s: &Shape, [x, y]: [usize; 2]) -> Vec<Pass> {
    vec![Pass::new("main", [x, y, 1], &[s.m, s.n, s.k])]
}

/// Steps of k in a part, whole tiles of it, and the number of parts.
fn split(s: &Shape) -> (usize, usize) {
    let workgroups = (s.m.div_ceil(TILE) * s.n.div_ceil(TILE)).max(1);
    let wanted = (ENOUGH / workgroups).clamp(1, (s.k / LEAST_PART).max(1));
    let part = s.k.div_ceil(wanted).next_multiple_of(8).max(8);
    (part, s.k.div_ceil(part).max(1))
}

fn parts_bytes(s: &Shape) -> usize {
    4 * s.m * s.n * split(s).1
}

fn in_parts(s: &Shape) -> Vec<Pass> {
    let (part, parts) = split(s);
    vec![
        Pass::new("split", [s.n.div_ceil(TILE), s.m.div_ceil(TILE), parts], &[s.m, s.n, s.k, part]),
        Pass::new("merge", [(s.m * s.n).div_ceil(64), 1, 1], &[s.m, s.n, s.k, parts]),
    ]
}
