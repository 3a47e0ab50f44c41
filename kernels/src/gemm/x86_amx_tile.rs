//! The rungs on AMX: tiles of 32 rows by 32 columns of C, the sums of as many tiles as the second cache holds kept there
//! while all of k passes.
//!
//! A tile's step of four products takes 64 cycles and reads 4 KiB. Of that the panel of B comes from the first cache, where
//! it stays while the rows of A pass, and A from the second, at half a line a cycle. Rows of C are pages apart, perhaps a
//! multiple of what a cache's set takes, and passing over C for every block of k would take as long as the products: so the
//! unit adds to sums that lie tile after tile, and C is written once.

use core::arch::x86_64::*;
use std::ops::Range;

use half::bf16;

use super::Args;
use super::x86_blocks::{Output, even_piece, pack_b_panel, piece, room};
use super::x86_kinds::{Kind, Pairs};
use super::x86_tile::Ahead;
use crate::machine::x86_amx::{Amx, Product, STEP, TILE, Tiles, Words};
use crate::machine::{Avx512, Isa};

/// Rows and columns of a tile.
const SIDE: usize = 2 * TILE;
/// Most rows and columns of a block of C, whose sums take a MiB of a second cache of two.
const MOST: usize = 512;
/// Most words of k of a panel: those of A and of B take 16 KiB each of a first cache of 48. Twice as many were slower
/// (peers/results.md).
const KC: usize = 128;

/// Words of k of a panel, of a product this deep.
fn depth(k: usize) -> usize {
    even_piece(k.div_ceil(Pairs::DEPTH), KC, STEP)
}

/// Most rows and columns of a block of C, of a piece of so many.
fn block(rows: usize, columns: usize) -> (usize, usize) {
    (even_piece(rows, MOST, SIDE), even_piece(columns, MOST, SIDE))
}

/// Words that a thread needs of `packed_a`, for its block of A, and of `packed_b`, for a panel of B and the sums of a block.
fn needs((mc, nc): (usize, usize), k: usize) -> (usize, usize) {
    (mc * depth(k), SIDE * depth(k) + mc * nc)
}

/// Words of `packed_a` and `packed_b` that the rungs need.
pub(super) fn scratch(m: usize, n: usize, k: usize) -> (usize, usize) {
    room(m, n, SIDE, |rows, columns| needs(block(rows, columns), k))
}

/// The product where AMX was granted beside AVX-512 and asked for; false elsewhere.
pub(super) fn run_on(isa: Isa, g: Args<'_, bf16>, threads: bool) -> bool {
    match (Avx512::detect(), Amx::detect(Product::Bf16)) {
        (Some(_), Some(amx)) if isa == Isa::Amx => {
            // SAFETY: AVX-512 was just detected, the value proves AMX.
            unsafe { product(amx, g, threads) };
            true
        }
        _ => false,
    }
}

/// The whole product, on this thread or on all: each has a piece of C, for which it packs all it needs.
///
/// # Safety
/// AVX-512 F, BW, DQ, VL, and a unit that is there.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn product<T: Tiles>(unit: T, g: Args<'_, bf16>, threads: bool) {
    let (m, n, k) = (g.m, g.n, g.k);
    assert!(g.a.len() == m * k && g.b.len() == k * n && g.c.len() == m * n);
    if k == 0 {
        return g.c.fill(0.0);
    }
    let (room_a, room_b) = (g.packed_a.len(), g.packed_b.len());
    let cut = |pieces| {
        let (height, width) = piece(m, n, SIDE, pieces);
        (height, width, block(height.min(m), width.min(n)))
    };
    let fits = |pieces: &usize| {
        let (a, b) = needs(cut(*pieces).2, k);
        pieces * a <= room_a && pieces * b <= room_b
    };
    let pieces = if threads { (1..=rayon::current_num_threads()).rev().find(fits).unwrap_or(1) } else { 1 };
    let (height, width, block) = cut(pieces);
    let across = n.div_ceil(width).max(1);
    let whole = Whole { unit, a: g.a, b: g.b, c: Output { first: g.c.as_mut_ptr(), m, n }, k, kc: depth(k), block };
    let task = move |(t, (packed_a, packed_b)): (usize, (&mut [f32], &mut [f32]))| {
        let (i, j) = (t / across * height, t % across * width);
        let (rows, columns) = (i.min(m)..m.min(i + height), j..n.min(j + width));
        // SAFETY: the caller's features; pieces share nothing of C.
        unsafe { whole.piece(rows, columns, packed_a, packed_b) }
    };
    super::x86_blocks::shared(pieces, g.packed_a, g.packed_b, task);
}

/// A product, of which threads compute pieces.
#[derive(Clone, Copy)]
struct Whole<'a, T> {
    unit: T,
    a: &'a [bf16],
    b: &'a [bf16],
    c: Output,
    k: usize,
    /// Most words of k of a panel.
    kc: usize,
    /// Most rows and columns of a block.
    block: (usize, usize),
}

impl<T: Tiles> Whole<'_, T> {
    /// These rows and columns of C, block after block.
    ///
    /// # Safety
    /// AVX-512 F, BW, DQ, VL, and a unit that is there. Nobody else touches them.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn piece(self, rows: Range<usize>, columns: Range<usize>, packed_a: &mut [f32], packed_b: &mut [f32]) {
        if rows.is_empty() || columns.is_empty() {
            return;
        }
        let (mc, nc) = self.block;
        let (panel, sums) = packed_b.split_at_mut(SIDE * self.kc);
        self.unit.begin::<16>();
        for i in rows.clone().step_by(mc) {
            for j in columns.clone().step_by(nc) {
                let (rows, columns) = (i..rows.end.min(i + mc), j..columns.end.min(j + nc));
                // SAFETY: the caller's contract, and the unit was made ready.
                unsafe { self.block(rows, columns, packed_a, panel, sums) }
            }
        }
        self.unit.end();
    }

    /// A block of C, whose sums `sums` holds tile after tile: panels of B one by one, each for all rows.
    ///
    /// # Safety
    /// As [`Whole::piece`], after the unit's `begin`.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn block(
        self,
        rows: Range<usize>,
        columns: Range<usize>,
        packed_a: &mut [f32],
        panel: &mut [f32],
        sums: &mut [f32],
    ) {
        let Self { unit, a, b, c, k, kc, .. } = self;
        let a = &a[rows.start * k..rows.end * k];
        let down = rows.len().div_ceil(SIDE);
        assert!(rows.end <= c.m && columns.end <= c.n && packed_a.len() >= down * SIDE * kc);
        for inner in (0..k).step_by(Pairs::DEPTH * kc).map(|p| p..k.min(p + Pairs::DEPTH * kc)) {
            let depth = inner.len().div_ceil(Pairs::DEPTH).next_multiple_of(STEP);
            let (panel, b) = (&mut panel[..SIDE * depth], &b[inner.start * c.n..inner.end * c.n]);
            for (rows, packed) in a.chunks(SIDE * k).zip(packed_a.chunks_exact_mut(SIDE * depth)) {
                pack_a(rows, k, inner.clone(), packed);
            }
            let mut tiles = sums.chunks_exact_mut(SIDE * SIDE);
            for j in columns.clone().step_by(SIDE) {
                let width = SIDE.min(columns.end - j);
                pack_b_panel::<Pairs>(&b[j..], c.n, width, depth, panel);
                // A tile prefetches two lines for every four words of its depth: after how many is the next panel whole?
                let next = if j + SIDE < columns.end { &b[j + SIDE..] } else { b };
                let (ahead, whole) = Ahead::rows(next, c.n, Pairs::DEPTH);
                for (t, a) in packed_a.chunks_exact(SIDE * depth).enumerate().take(down) {
                    let sums = tiles.next().expect("there is room for all tiles");
                    let words = Words {
                        a: a.as_ptr(),
                        b: panel.as_ptr(),
                        c: sums.as_mut_ptr(),
                        add: inner.start > 0,
                        steps: depth / STEP,
                        ahead: ahead.at.wrapping_add(t.min(whole) * (depth / 4) * ahead.step),
                        ahead_second: ahead.second,
                        ahead_step: if t < whole { ahead.step } else { 0 },
                    };
                    // SAFETY: panels hold whole steps of 32 rows and columns, `sums` a tile.
                    unsafe { unit.multiply_bf16(words) };
                    if inner.end == k {
                        let first = rows.start + t * SIDE;
                        let c = c.first.wrapping_add(first * c.n + j);
                        // SAFETY: C has these rows and columns, as was asserted.
                        unsafe { put(sums, SIDE.min(rows.end - first), width, c, self.c.n) };
                    }
                }
            }
        }
    }
}

/// Columns `inner` of up to 32 rows of `a`, `k` apart, into a panel: sixteen words of every row, then the next sixteen. Rows
/// that A does not have keep what was there: their sums go nowhere.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn pack_a(a: &[bf16], k: usize, inner: Range<usize>, panel: &mut [f32]) {
    for (at, step) in inner.clone().step_by(2 * STEP).zip(panel.chunks_exact_mut(SIDE * STEP)) {
        for (row, words) in a.chunks_exact(k).zip(step.chunks_exact_mut(STEP)) {
            let values = &row[at..inner.end];
            // SAFETY: the values are there; sixteen words.
            unsafe { _mm512_storeu_ps(words.as_mut_ptr(), Pairs::words(values.as_ptr(), values.len())) }
        }
    }
}

/// So many rows and columns of a tile's sums to `c`, whose rows are `n` apart.
///
/// # Safety
/// C has them.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn put(sums: &[f32], rows: usize, columns: usize, c: *mut f32, n: usize) {
    for (r, sums) in sums.chunks_exact(SIDE).enumerate().take(rows) {
        for v in 0..columns.div_ceil(TILE) {
            let mask = (0xffff_u32 >> (TILE - TILE.min(columns - TILE * v))) as __mmask16;
            // SAFETY: the caller's contract; the mask covers the columns of C.
            unsafe {
                let sum = _mm512_loadu_ps(sums[TILE * v..].as_ptr());
                _mm512_mask_storeu_ps(c.add(r * n + TILE * v), mask, sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare;
    use crate::gemm::Gemm;
    use crate::input::Input;
    use crate::kernel::{Contract, Shape};
    use crate::machine::x86_amx::Emulated;

    #[test]
    fn the_product_matches_the_reference_on_an_emulated_unit() {
        if Avx512::detect().is_none() {
            return eprintln!("no AVX-512 here: nothing was tested");
        }
        let mut shapes = Gemm::<bf16>::test_shapes();
        shapes.extend(
            [(33, 49, 33), (70, 40, 1100), (520, 20, 40), (40, 530, 70)].map(|(m, n, k)| Shape::new("test", m, n, k)),
        );
        for (shape, threads) in shapes.iter().flat_map(|s| [(s, false), (s, true)]) {
            let mut data = Gemm::<bf16>::prepare(shape, &Input::typical(5)).unwrap();
            let args = Gemm::<bf16>::args(&mut data);
            args.c.fill(f32::NAN);
            args.packed_a.fill(f32::NAN);
            args.packed_b.fill(f32::NAN);
            // SAFETY: AVX-512 was just detected; the unit is emulated.
            unsafe { product(Emulated, args, threads) };
            let row = |r: usize| (Gemm::<bf16>::reference(&data, r), Gemm::<bf16>::output(&data, r));
            let verdict = compare::verify(&Gemm::<bf16>::tolerance(shape, 1), &Vec::from_iter(0..shape.m), row);
            assert!(verdict.passed(), "{}: {verdict:?}", Gemm::<bf16>::dims(shape));
        }
    }
}
