//! What the rungs in AVX-512 and AMX share: A packed as their tiles read it, and the order of tiles.

use std::ops::Range;

use rayon::prelude::*;

use super::{Args, Format, GROUP_ROWS};
use crate::gemv_packed::X;

/// Weights of a unit.
pub(super) const UNIT: usize = 32;
/// Most rows of a tile.
pub(super) const MOST_ROWS: usize = 16;
/// Units of k that stay in the first cache while the rows of A pass: of q8_0, 24 by 544 bytes beside 15 KiB of A.
pub(super) const DEPTH: usize = 24;
/// Bytes of packed A that stay in the second cache while the columns pass.
const PACKED_IN_CACHE: usize = 512 << 10;
/// Tasks for each thread: enough to balance, few enough that each finds A in its second cache again and again.
const TASKS_PER_THREAD: usize = 4;

/// Bytes of one row's unit in packed A: its quants, what each sum starts from, the scale, and scale times sum where there
/// are minimums.
pub(super) const fn unit_bytes<F: Format>() -> usize {
    UNIT + 4 * (F::SCALES + 1 + F::MINS as usize)
}

/// Bytes of packed A of any rung.
pub(super) fn packed_bytes<F: Format>(m: usize, blocks: usize) -> usize {
    m.next_multiple_of(MOST_ROWS) * blocks * F::UNITS * unit_bytes::<F>()
}

/// How tiles are computed.
pub(super) trait Engine<F: Format>: Copy + Sync {
    /// What a piece of weights becomes before its tiles, on each thread.
    type Panel;

    /// Rows of the next tile where so many are left, 1 to [`MOST_ROWS`].
    fn rows(left: usize) -> usize;

    /// Rows that a tile of so many has in packed A.
    fn packed_rows(rows: usize) -> usize;

    /// Blocks of k of a piece of weights.
    fn depth(m: usize, blocks: usize) -> usize;

    /// Room for a panel, and the unit made ready for this thread.
    fn begin(self) -> Self::Panel;

    /// The unit given back.
    fn end(self) {}

    /// Prepares a piece of weights for its tiles.
    ///
    /// # Safety
    /// Whatever instructions the engine stands for; `groups` has at most [`Engine::depth`] blocks.
    unsafe fn unpack(self, groups: &[F::Group], panel: &mut Self::Panel);

    /// Computes a tile from the piece that was unpacked last.
    ///
    /// # Safety
    /// Whatever instructions the engine stands for; the tile's pointers are as [`Tile`] says.
    unsafe fn run(self, tile: Tile, groups: &[F::Group], panel: &mut Self::Panel);
}

/// Some rows of sixteen columns or fewer, over some blocks of k.
pub(super) struct Tile {
    /// Packed rows, for every block.
    pub a: *const i8,
    /// As [`Engine::rows`] gave them.
    pub rows: usize,
    /// Where the sums over the blocks before are, sixteen for each row, and the distance of their rows; none before the
    /// first block.
    pub from: Option<(*mut f32, usize)>,
    /// Where the sums go, `columns` for each row, and the distance of their rows.
    pub to: (*mut f32, usize),
    /// 1 to 16.
    pub columns: usize,
}

/// First row and rows of each tile.
fn tiles<F: Format, E: Engine<F>>(m: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut i = 0;
    std::iter::from_fn(move || {
        let rows = if i < m { E::rows(m - i) } else { return None };
        i += rows;
        Some((i - rows, rows))
    })
}

/// What the tiles of one run share.
struct Product<'a, F: Format, E> {
    engine: E,
    m: usize,
    n: usize,
    blocks: usize,
    groups: &'a [F::Group],
    packed: &'a [i8],
    c: *mut f32,
    /// Sums over the first blocks of k, in strips of sixteen columns: rows of C are pages apart, and perhaps a multiple of
    /// what a cache's set takes.
    strips: *mut f32,
}

// SAFETY: both pointers are only used by `columns`, whose callers give every column to one thread.
unsafe impl<F: Format, E: Sync> Sync for Product<'_, F, E> {}

/// The whole product, on this thread or on all.
///
/// # Safety
/// AVX-512 F, BW, DQ, VL, VNNI and what the engine stands for.
pub(super) unsafe fn product<F: Format, E: Engine<F>>(engine: E, g: Args<'_, F>, threads: bool) {
    let product = Product::new(engine, g, threads);
    let groups = product.n.div_ceil(GROUP_ROWS);
    if threads {
        let each = groups.div_ceil(TASKS_PER_THREAD * rayon::current_num_threads()).max(1);
        (0..groups.div_ceil(each)).into_par_iter().for_each(|t| {
            // SAFETY: the caller's features; each task has columns of its own.
            unsafe { product.columns(t * each..groups.min((t + 1) * each)) };
        });
    } else {
        // SAFETY: the caller's features; this is the only thread.
        unsafe { product.columns(0..groups) };
    }
}

impl<'a, F: Format, E: Engine<F>> Product<'a, F, E> {
    /// Packs A, with or without threads, and borrows the rest.
    fn new(engine: E, g: Args<'a, F>, threads: bool) -> Self {
        let Args { m, n, blocks, groups, x, c, strips, packed, .. } = g;
        let wide = n.next_multiple_of(GROUP_ROWS);
        assert!(c.len() == m * n && strips.len() == m * wide && groups.len() == wide / GROUP_ROWS * blocks);
        let row = blocks * F::UNITS * unit_bytes::<F>();
        let packed_rows = tiles::<F, E>(m).map(|(_, rows)| E::packed_rows(rows)).sum::<usize>();
        let packed = &mut packed[..packed_rows * row];
        let pack_rows = |(t, packed): (usize, &mut [i8])| {
            let first = t * MOST_ROWS;
            for (i, rows) in tiles::<F, E>(MOST_ROWS.min(m - first)) {
                let packed = &mut packed[i * row..][..E::packed_rows(rows) * row];
                for r in 0..rows {
                    pack::<F>(x.row::<F>(first + i + r, blocks), r, E::packed_rows(rows), packed);
                }
            }
        };
        let size = (MOST_ROWS * row).max(1);
        if threads {
            packed.par_chunks_mut(size).enumerate().for_each(pack_rows);
        } else {
            packed.chunks_mut(size).enumerate().for_each(pack_rows);
        }
        Self { engine, m, n, blocks, groups, packed, c: c.as_mut_ptr(), strips: strips.as_mut_ptr() }
    }

    /// Computes all rows of these groups of columns.
    ///
    /// # Safety
    /// AVX-512 F, BW, DQ, VL, VNNI and what the engine stands for. No other thread works on these columns.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn columns(&self, range: Range<usize>) {
        let (m, n, blocks) = (self.m, self.n, self.blocks);
        let block_row = F::UNITS * unit_bytes::<F>();
        let depth = E::depth(m, blocks);
        // A small A stays in the second cache whole: then the weights are read in the order in which they lie.
        let outer = PACKED_IN_CACHE / (m * block_row).max(1) / depth.max(1) * depth;
        let mut panel = self.engine.begin();
        for outer in pieces(0..blocks, outer.max(depth)) {
            for g in range.clone() {
                for inner in pieces(outer.clone(), depth) {
                    let groups = &self.groups[g * blocks..(g + 1) * blocks][inner.clone()];
                    // SAFETY: the caller's features; a piece has at most `depth` blocks.
                    unsafe { self.engine.unpack(groups, &mut panel) };
                    for (i, rows) in tiles::<F, E>(m) {
                        let packed_rows = E::packed_rows(rows);
                        // SAFETY: the packed rows of this tile begin at `i`, as all before it are whole, and in them this
                        // block of all its rows. C has these rows from this column on, the strips have them in sixteens.
                        unsafe {
                            let c = (self.c.add(i * n + g * GROUP_ROWS), n);
                            let strip = (self.strips.add((g * m + i) * GROUP_ROWS), GROUP_ROWS);
                            let last = inner.end == blocks;
                            let tile = Tile {
                                a: self.packed.as_ptr().add((i * blocks + inner.start * packed_rows) * block_row),
                                rows,
                                from: (inner.start > 0).then_some(strip),
                                to: if last { c } else { strip },
                                columns: if last { GROUP_ROWS.min(n - g * GROUP_ROWS) } else { GROUP_ROWS },
                            };
                            self.engine.run(tile, groups, &mut panel);
                        }
                    }
                }
            }
        }
        self.engine.end();
    }
}

/// A range in pieces of so many; an empty one is one piece.
fn pieces(range: Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    let count = range.len().div_ceil(size.max(1)).max(1);
    (0..count).map(move |p| range.start + p * size..range.end.min(range.start + (p + 1) * size))
}

/// Packs row `r` of a tile of so many rows: unit by unit the quants of each row, then what the tile needs of each row.
fn pack<F: Format>(x: X<'_>, r: usize, rows: usize, packed: &mut [i8]) {
    let units = x.quants.chunks_exact(UNIT).zip(packed.chunks_exact_mut(rows * unit_bytes::<F>()));
    for (u, (quants, unit)) in units.enumerate() {
        let (to, fields) = unit.split_at_mut(rows * UNIT);
        to[r * UNIT..(r + 1) * UNIT].copy_from_slice(quants);
        let mut put = |field: usize, bytes: [u8; 4]| {
            fields[4 * (field * rows + r)..][..4].copy_from_slice(bytemuck::cast_slice(&bytes));
        };
        let scale = x.scales[u / F::UNITS];
        let sums = &x.sums[u * UNIT / F::SUB..];
        for s in 0..F::SCALES {
            put(s, (-F::ZERO * sums[s] as i32).to_ne_bytes());
        }
        put(F::SCALES, scale.to_ne_bytes());
        if F::MINS {
            put(F::SCALES + 1, (-scale * sums[0]).to_ne_bytes());
        }
    }
}

/// The body for each row below `R`, written out: a loop this long the compiler leaves a loop, and its sums in memory.
macro_rules! rows {
    ($R:expr, |$r:ident| $body:block) => {
        $crate::gemm_packed::x86_product::rows!($R, |$r| $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    ($R:expr, |$r:ident| $body:block, $($row:literal)*) => {$(
        if $row < $R {
            let $r = $row;
            $body
        }
    )*};
}
pub(super) use rows;

/// Where the arithmetic of a row of sixteen sums ends: added to what is there from the blocks before, and stored.
///
/// # Safety
/// AVX-512 F; the tile has row `r`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn put_row(tile: &Tile, r: usize, sum: core::arch::x86_64::__m512) {
    use core::arch::x86_64::*;
    let mask = 0xffff >> (GROUP_ROWS - tile.columns);
    // SAFETY: the mask covers only columns that C has; strips have all sixteen.
    unsafe {
        let sum = match tile.from {
            Some((from, stride)) => _mm512_add_ps(sum, _mm512_loadu_ps(from.add(r * stride))),
            None => sum,
        };
        _mm512_mask_storeu_ps(tile.to.0.add(r * tile.to.1), mask, sum);
    }
}

/// Fetches where the tile's rows of sums will be read and written.
pub(super) fn prefetch_rows(tile: &Tile) {
    use core::arch::x86_64::*;
    for r in 0..tile.rows {
        // SAFETY: prefetches touch nothing.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(tile.to.0.wrapping_add(r * tile.to.1).cast());
            if let Some((from, stride)) = tile.from {
                _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(r * stride).cast());
            }
        }
    }
}
