//! idea: B is never packed: 32 of its rows stream past abreast, fetched into the second cache far ahead, the first just ahead

use core::arch::x86_64::*;

use rayon::prelude::*;

use super::x86_blocks::pack_a_columns;
use super::x86_kinds::{Fma, Kind};
use super::{Args, Factor};
use crate::machine::{Avx512, Isa};

/// The file's first line.
pub const IDEA: &str = "B is never packed: 32 of its rows stream past abreast, fetched into the second cache far ahead, the first just ahead";

/// Rows of A that pass over B together.
const ROWS: usize = 16;
/// Rows of a tile: 16 accumulators hide the latency of the multiply-adds.
const MR: usize = 8;
/// Columns of a tile.
const NR: usize = 32;
/// Words of B's columns in a slice. Each is a stream, and each slice passes once over the sums of all columns.
const DEPTH: usize = 32;
/// Most columns of a group: its sums stay in the second cache while B passes.
const NC: usize = 128 * NR;
/// Tiles from a tile to the one that is fetched into the second cache: 64 KiB of f32. The first cache would not do: rows
/// that are a power of two apart share its sets, and more than eight of them drive each other out.
const FAR: usize = 16;
/// Tiles from a tile to the one that is fetched from there into the first cache.
const NEAR: usize = 2;

/// Runs where AVX-512 was detected; false elsewhere.
pub fn run<E: Factor>(isa: Isa, g: Args<'_, E>) -> bool {
    run_on::<E>(isa, g, false)
}

/// The same on this thread or on all.
pub(super) fn run_on<E: Factor>(isa: Isa, g: Args<'_, E>, threads: bool) -> bool {
    match Avx512::detect() {
        Some(_) if isa == Isa::Avx512 => {
            // SAFETY: AVX-512 was just detected, and this kind asks for nothing beside.
            unsafe { stream::<Fma<E>>(g, threads) };
            true
        }
        _ => false,
    }
}

/// Values of `packed_b` that the rungs need: the sums of a block of rows, in tiles.
pub(super) fn scratch(m: usize, n: usize) -> usize {
    ROWS.min(m) * n.next_multiple_of(NR)
}

/// The whole product, on this thread or on all.
///
/// # Safety
/// The features that [`Kind::strip`] asks for.
pub(super) unsafe fn stream<K: Kind>(g: Args<'_, K::Stored>, threads: bool) {
    let (m, n, k) = (g.m, g.n, g.k);
    assert!(g.a.len() == m * k && g.b.len() == k * n && g.c.len() == m * n);
    if k == 0 {
        return g.c.fill(0.0);
    }
    let tasks = if threads { n.div_ceil(NC).next_multiple_of(rayon::current_num_threads()) } else { n.div_ceil(NC) };
    let group = n.div_ceil(tasks.max(1)).next_multiple_of(NR).max(NR);
    for first in (0..m).step_by(ROWS) {
        let rows = ROWS.min(m - first);
        let a = &g.a[first * k..(first + rows) * k];
        let sums = &mut g.packed_b[..rows * n.next_multiple_of(NR)];
        sums.fill(0.0);
        let work = |(t, sums): (usize, &mut [f32])| {
            let columns = t * group..n.min((t + 1) * group);
            // SAFETY: the caller's features.
            unsafe { pass::<K>(a, &g.b[columns.start..], (rows, n, k), columns.len(), sums) }
        };
        if threads {
            sums.par_chunks_mut(rows * group).enumerate().for_each(work);
        } else {
            sums.chunks_mut(rows * group).enumerate().for_each(work);
        }
        // Of each tile of columns the rows lie one after the other.
        for (tile, j) in sums.chunks_exact(rows * NR).zip((0..n).step_by(NR)) {
            let width = NR.min(n - j);
            for (sums, c) in tile.chunks_exact(NR).zip(g.c[first * n..].chunks_mut(n)) {
                c[j..j + width].copy_from_slice(&sums[..width]);
            }
        }
    }
}

/// `sums += a b` for the first `columns` columns of `b`, whose rows are `n` apart.
///
/// # Safety
/// The features that [`Kind::strip`] asks for.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn pass<K: Kind>(
    a: &[K::Stored],
    b: &[K::Stored],
    (rows, n, k): (usize, usize, usize),
    columns: usize,
    sums: &mut [f32],
) {
    let tiles = columns.div_ceil(NR);
    assert!(rows <= ROWS && a.len() == rows * k && columns <= n && sums.len() >= tiles * rows * NR);
    assert!(b.len() >= (k - 1) * n + columns);
    let mut panels = [0.0; ROWS * DEPTH];
    for first in (0..k).step_by(DEPTH * K::DEPTH) {
        let values = (DEPTH * K::DEPTH).min(k - first);
        let depth = values.div_ceil(K::DEPTH);
        for (a, panel) in a.chunks(MR * k).zip(panels.chunks_exact_mut(MR * DEPTH)) {
            pack_a_columns::<K>(a, k, first..first + values, panel);
        }
        let at = b[first * n..].as_ptr();
        // Past the last tile, the first ones of the next slice.
        let ahead = |t: usize| at.wrapping_add(t / tiles * DEPTH * K::DEPTH * n + t % tiles * NR).cast();
        for (t, sums) in sums.chunks_exact_mut(rows * NR).enumerate() {
            let width = NR.min(columns - t * NR);
            let mask = u32::MAX >> (NR - width);
            let (far, near) = (ahead(t + FAR), ahead(t + NEAR));
            for (r, sums) in (0..rows).step_by(MR).zip(sums.chunks_mut(MR * NR)) {
                let b = at.wrapping_add(t * NR);
                let fetch = (r == 0).then_some((far, near));
                let a = panels[r * DEPTH..].as_ptr();
                let strip = Strip::<K> { a, b, n, values, mask, sums: sums.as_mut_ptr(), fetch };
                debug_assert!(depth * sums.len() / NR <= MR * DEPTH);
                // SAFETY: the asserts cover `width` columns of `values` rows of B from here; the panel holds the rows.
                unsafe {
                    match sums.len() / NR {
                        1 => K::strip::<1>(strip),
                        2 => K::strip::<2>(strip),
                        3 => K::strip::<3>(strip),
                        4 => K::strip::<4>(strip),
                        5 => K::strip::<5>(strip),
                        6 => K::strip::<6>(strip),
                        7 => K::strip::<7>(strip),
                        8 => K::strip::<8>(strip),
                        _ => unreachable!("a tile has at most {MR} rows"),
                    }
                }
            }
        }
    }
}

/// One tile of sums and what a slice of B adds to it.
pub(super) struct Strip<K: Kind> {
    /// A panel of A.
    a: *const f32,
    /// B as it is stored.
    b: *const K::Stored,
    /// From one row of B to the next.
    n: usize,
    /// Rows of B.
    values: usize,
    /// Columns of B.
    mask: u32,
    /// Rows of sums, all of them 32 wide.
    sums: *mut f32,
    /// Where the tiles begin that are fetched meanwhile, into the second cache and into the first.
    fetch: Option<(*const u8, *const u8)>,
}

impl<K: Kind> Strip<K> {
    /// `R` rows. Compiled into the kind's strip, which has the features.
    ///
    /// # Safety
    /// AVX-512 F, BW, DQ, VL and what the kind's strip asks for. `a` holds `R` words for each of B's, `b` holds the masked
    /// columns of `values` rows, `sums` holds `32 R`.
    #[inline(always)]
    pub unsafe fn run<const R: usize>(self) {
        // SAFETY: the caller's contract. Two copies of the loop: loads under a constant mask need no mask.
        unsafe { if self.mask == u32::MAX { self.masked::<R>(u32::MAX) } else { self.masked::<R>(self.mask) } }
    }

    /// # Safety
    /// As [`Strip::run`], with `mask` as its own.
    #[inline(always)]
    unsafe fn masked<const R: usize>(&self, mask: u32) {
        let (mut a, mut b, row) = (self.a, self.b, self.n * size_of::<K::Stored>());
        // SAFETY: the caller's contract.
        unsafe {
            let mut acc = [[_mm512_setzero_ps(); 2]; R];
            for (r, acc) in acc.iter_mut().enumerate() {
                for (v, acc) in acc.iter_mut().enumerate() {
                    *acc = _mm512_loadu_ps(self.sums.add(NR * r + 16 * v));
                }
            }
            for p in 0..self.values / K::DEPTH {
                if let Some((far, near)) = self.fetch {
                    prefetch::<K, _MM_HINT_T1>(far.wrapping_add(p * K::DEPTH * row), row);
                    prefetch::<K, _MM_HINT_T0>(near.wrapping_add(p * K::DEPTH * row), row);
                }
                multiply_add::<K, R>(a, K::row(b, self.n, K::DEPTH, mask), &mut acc);
                (a, b) = (a.add(R), b.wrapping_add(K::DEPTH * self.n));
            }
            let left = self.values % K::DEPTH;
            if left > 0 {
                multiply_add::<K, R>(a, K::row(b, self.n, left, mask), &mut acc);
            }
            for (r, acc) in acc.iter().enumerate() {
                for (v, acc) in acc.iter().enumerate() {
                    _mm512_storeu_ps(self.sums.add(NR * r + 16 * v), *acc);
                }
            }
        }
    }
}

/// Fetches a tile's columns of the rows of a word, which are `row` bytes apart.
#[inline(always)]
fn prefetch<K: Kind, const HINT: i32>(at: *const u8, row: usize) {
    for value in 0..K::DEPTH {
        for line in 0..NR * size_of::<K::Stored>() / 64 {
            let at = at.wrapping_add(value * row + 64 * line);
            // SAFETY: a prefetch touches nothing.
            unsafe { _mm_prefetch::<HINT>(at.cast()) };
        }
    }
}

/// A word of each row of A times a row of B.
///
/// # Safety
/// Inlined into [`Kind::strip`] alone; `a` holds `R` words.
#[inline(always)]
unsafe fn multiply_add<K: Kind, const R: usize>(a: *const f32, b: [__m512; 2], acc: &mut [[__m512; 2]; R]) {
    for (r, acc) in acc.iter_mut().enumerate() {
        // SAFETY: the caller's contract.
        unsafe {
            let scale = _mm512_set1_ps(*a.add(r));
            for (acc, b) in acc.iter_mut().zip(b) {
                *acc = K::multiply_add(scale, b, *acc);
            }
        }
    }
}
