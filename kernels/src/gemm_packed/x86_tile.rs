//! The tile of the rungs in AVX-512 VNNI intrinsics, A packed as it reads it, and the order of tiles.
//!
//! 32 weights of a row of A cost eight vpdpbusd, and the scales a multiply and a multiply-add on the same ports: of the
//! peak of vpdpbusd alone 80 % can be reached. Taking weights apart for each tile costs nothing beside: masks and shifts
//! run on the other ports. So nothing is gained here by unpacking them to bytes once for all rows of a long prompt, as
//! ik_llama.cpp does.

use core::arch::x86_64::*;
use std::ops::Range;

use rayon::prelude::*;

use super::{Args, Format, GROUP_ROWS};
use crate::gemv_packed::X;
use crate::machine::{Avx512, Isa};

/// Weights of a unit.
const UNIT: usize = 32;
/// Most rows of a tile: as many sums, eight registers of weights and what passes.
const MOST_ROWS: usize = 16;
/// Units of k that stay in the first cache while the rows of A pass: of q8_0, 24 by 544 bytes beside 15 KiB of A.
const DEPTH: usize = 24;
/// Bytes of packed A that stay in the second cache while the columns pass.
const PACKED_IN_CACHE: usize = 512 << 10;
/// How far ahead of the loads the prefetches run, bytes. Under few rows of A the core waits for memory alone, and the
/// first cache is the place; the arithmetic of four and more takes turns with it, and the second cache holds what comes
/// while the core is busy.
const fn ahead(rows: usize) -> usize {
    if rows < 4 { 4096 } else { 8192 }
}

/// True where AVX-512 VNNI was detected and asked for.
pub(super) fn detected(isa: Isa) -> bool {
    isa == Isa::Avx512 && Avx512::detect().is_some() && is_x86_feature_detected!("avx512vnni")
}

/// Bytes of one row's unit in packed A: its quants, what each sum starts from, the scale, and scale times sum where there
/// are minimums.
const fn unit_bytes<F: Format>() -> usize {
    UNIT + 4 * (F::SCALES + 1 + F::MINS as usize)
}

/// Bytes of packed A.
pub(super) fn packed_bytes<F: Format>(m: usize, blocks: usize) -> usize {
    m * blocks * F::UNITS * unit_bytes::<F>()
}

/// Rows in tiles of sixteen, then one of eight if there are so many, then one of what is left: first row and rows of each.
fn tiles(m: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut i = 0;
    std::iter::from_fn(move || {
        let rows = match m - i {
            0 => return None,
            MOST_ROWS.. => MOST_ROWS,
            9.. => 8,
            rows => rows,
        };
        i += rows;
        Some((i - rows, rows))
    })
}

/// What the tiles of one run share.
pub(super) struct Product<'a, F: Format> {
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
unsafe impl<F: Format> Sync for Product<'_, F> {}

impl<'a, F: Format> Product<'a, F> {
    /// Packs A, with or without threads, and borrows the rest.
    pub(super) fn new(g: Args<'a, F>, threads: bool) -> Self {
        let Args { m, n, blocks, groups, x, c, strips, packed, .. } = g;
        let wide = n.next_multiple_of(GROUP_ROWS);
        assert!(c.len() == m * n && strips.len() == m * wide && groups.len() == wide / GROUP_ROWS * blocks);
        let row = blocks * F::UNITS * unit_bytes::<F>();
        let packed = &mut packed[..m * row];
        let pack_rows = |(t, packed): (usize, &mut [i8])| {
            for (i, rows) in tiles(packed.len() / row.max(1)) {
                for r in 0..rows {
                    let x = x.row::<F>(t * MOST_ROWS + i + r, blocks);
                    pack::<F>(x, r, rows, &mut packed[i * row..(i + rows) * row]);
                }
            }
        };
        let size = (MOST_ROWS * row).max(1);
        if threads {
            packed.par_chunks_mut(size).enumerate().for_each(pack_rows);
        } else {
            packed.chunks_mut(size).enumerate().for_each(pack_rows);
        }
        Self { m, n, blocks, groups, packed, c: c.as_mut_ptr(), strips: strips.as_mut_ptr() }
    }

    /// Groups of sixteen columns, the last perhaps of fewer.
    pub(super) fn groups(&self) -> usize {
        self.n.div_ceil(GROUP_ROWS)
    }

    /// Computes all rows of these groups of columns.
    ///
    /// # Safety
    /// AVX-512 F, BW, DQ, VL, VNNI. No other thread works on these columns.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub(super) unsafe fn columns(&self, range: Range<usize>) {
        let (m, n, blocks) = (self.m, self.n, self.blocks);
        let block_row = F::UNITS * unit_bytes::<F>();
        // One tile has no use for weights in the first cache. A small A stays in the second one whole: then the weights
        // are read in the order in which they lie.
        let depth = if m <= MOST_ROWS { blocks } else { DEPTH.div_ceil(F::UNITS) };
        let outer = PACKED_IN_CACHE / (m * block_row).max(1) / depth.max(1) * depth;
        for outer in pieces(0..blocks, outer.max(depth)) {
            for g in range.clone() {
                for inner in pieces(outer.clone(), depth) {
                    let groups = &self.groups[g * blocks..(g + 1) * blocks][inner.clone()];
                    for (i, rows) in tiles(m) {
                        // SAFETY: the packed rows of this tile begin at `i`, and in them this block of all its rows. C
                        // has these rows from this column on, the strips have them in sixteens.
                        unsafe {
                            let c = (self.c.add(i * n + g * GROUP_ROWS), n);
                            let strip = (self.strips.add((g * m + i) * GROUP_ROWS), GROUP_ROWS);
                            let last = inner.end == blocks;
                            let tile = Tile {
                                a: self.packed.as_ptr().add((i * blocks + inner.start * rows) * block_row),
                                from: (inner.start > 0).then_some(strip),
                                to: if last { c } else { strip },
                                columns: if last { GROUP_ROWS.min(n - g * GROUP_ROWS) } else { GROUP_ROWS },
                            };
                            tile.run_rows::<F>(groups, rows);
                        }
                    }
                }
            }
        }
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
    ($R:ident, |$r:ident| $body:block) => {
        rows!($R, |$r| $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    ($R:ident, |$r:ident| $body:block, $($row:literal)*) => {$(
        if $row < $R {
            let $r = $row;
            $body
        }
    )*};
}

/// Some rows of sixteen columns or fewer, over some blocks of k.
struct Tile {
    a: *const i8,
    /// Where the sums over the blocks before are, and the distance of their rows; none before the first block.
    from: Option<(*mut f32, usize)>,
    /// Where the sums go, and the distance of their rows.
    to: (*mut f32, usize),
    columns: usize,
}

impl Tile {
    /// `rows` rows.
    ///
    /// # Safety
    /// AVX-512 F, BW, DQ, VL, VNNI. `a` holds the packed rows for every group. `from` has as many rows of sixteen values,
    /// `to` of `columns` values, 1 to 16. `rows` is one that [`tiles`] makes.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn run_rows<F: Format>(self, groups: &[F::Group], rows: usize) {
        // SAFETY: the caller's contract, with `R = rows`.
        unsafe {
            match rows {
                1 => self.run::<F, 1>(groups),
                2 => self.run::<F, 2>(groups),
                3 => self.run::<F, 3>(groups),
                4 => self.run::<F, 4>(groups),
                5 => self.run::<F, 5>(groups),
                6 => self.run::<F, 6>(groups),
                7 => self.run::<F, 7>(groups),
                8 => self.run::<F, 8>(groups),
                16 => self.run::<F, 16>(groups),
                _ => unreachable!("tiles have 1 to 8 rows or 16"),
            }
        }
    }

    /// `R` rows. A unit of weights waits in eight registers while its rows pass, each a chain of eight vpdpbusd that
    /// broadcast A from memory; chains of several rows overlap. A sum starts from what the unsigned weights make too much.
    ///
    /// # Safety
    /// As [`Tile::run_rows`].
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn run<F: Format, const R: usize>(self, groups: &[F::Group]) {
        let lines = size_of::<F::Group>().div_ceil(64 * F::UNITS);
        let mut a = self.a;
        let mut sums = [_mm512_setzero_ps(); R];
        for r in 0..R {
            _mm_prefetch::<_MM_HINT_T0>(self.to.0.wrapping_add(r * self.to.1).cast());
            if let Some((from, stride)) = self.from {
                _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(r * stride).cast());
            }
        }
        for group in groups {
            for unit in 0..F::UNITS {
                let ahead = (&raw const *group).cast::<i8>().wrapping_add(ahead(R) + 64 * lines * unit);
                for line in 0..lines {
                    if R < 4 {
                        _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(64 * line));
                    } else {
                        _mm_prefetch::<_MM_HINT_T1>(ahead.wrapping_add(64 * line));
                    }
                }
                // SAFETY: the features are on; `a` holds R times `unit_bytes` for each unit.
                unsafe {
                    let quants = F::quants(group, unit);
                    let fields = a.add(UNIT * R);
                    let field = |f: usize, r: usize| fields.add(4 * (f * R + r));
                    let float = |f: usize, r: usize| _mm512_set1_ps(field(f, r).cast::<f32>().read_unaligned());
                    let scales: [__m512; 2] = [F::scale(group, unit, 0), F::scale(group, unit, F::SCALES - 1)];
                    rows!(R, |r| {
                        for s in 0..F::SCALES {
                            let mut products = _mm512_set1_epi32(field(s, r).cast::<i32>().read_unaligned());
                            for q in s * 8 / F::SCALES..(s + 1) * 8 / F::SCALES {
                                let x = a.add(UNIT * r + 4 * q).cast::<i32>().read_unaligned();
                                products = _mm512_dpbusd_epi32(products, quants[q], _mm512_set1_epi32(x));
                            }
                            // The scale of A comes last: times the other it may be too small for f32.
                            let scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(products), scales[s]);
                            sums[r] = _mm512_fmadd_ps(scaled, float(F::SCALES, r), sums[r]);
                        }
                    });
                    if F::MINS {
                        let min = F::min(group, unit);
                        rows!(R, |r| {
                            sums[r] = _mm512_fmadd_ps(min, float(F::SCALES + 1, r), sums[r]);
                        });
                    }
                    a = a.add(R * unit_bytes::<F>());
                }
            }
        }
        let mask = 0xffff >> (GROUP_ROWS - self.columns);
        for (r, sum) in sums.into_iter().enumerate() {
            // SAFETY: the mask covers only columns that C has; strips have all sixteen.
            unsafe {
                let sum = match self.from {
                    Some((from, stride)) => _mm512_add_ps(sum, _mm512_loadu_ps(from.add(r * stride))),
                    None => sum,
                };
                _mm512_mask_storeu_ps(self.to.0.add(r * self.to.1), mask, sum);
            }
        }
    }
}
