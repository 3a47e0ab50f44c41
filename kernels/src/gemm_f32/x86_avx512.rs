//! idea: a 12 by 2 tile of 512-bit registers with masked edges; B is packed and prefetched one panel ahead

use core::arch::x86_64::*;

use super::Args;
use crate::machine::{Avx512, Isa};

/// The file's first line.
pub const IDEA: &str =
    "a 12 by 2 tile of 512-bit registers with masked edges; B is packed and prefetched one panel ahead";

/// Most rows of a tile: 24 accumulators, two registers of B and one of A.
const MR: usize = 12;
/// Columns of a panel of B.
const NR: usize = 32;
/// Most columns of a block of B.
const NC: usize = 64 * NR;
/// How far ahead of its use A is prefetched, in values.
const A_AHEAD: usize = 16 * MR;

/// Most rows and most inner size of a block of A: under half of a 1.25 MiB second cache. Few rows use a panel of B too
/// seldom to fetch it from further than the first cache, where a depth of 256 keeps it; many rows gain more from passing
/// over C, and walking the pages of A, half as often.
fn blocking(m: usize) -> (usize, usize) {
    if m < 512 { (40 * MR, 256) } else { (10 * MR, 512) }
}

/// Values of `packed_a` and `packed_b` this variant needs.
pub(super) fn scratch(m: usize, n: usize, k: usize) -> (usize, usize) {
    let (mc, kc) = blocking(m);
    (mc.min(m) * kc.min(k), kc.min(k) * NC.min(n.next_multiple_of(NR)))
}

/// Runs where AVX-512 was detected; false elsewhere.
pub fn run(isa: Isa, g: Args<'_>) -> bool {
    match Avx512::detect() {
        Some(_) if isa == Isa::Avx512 => {
            // SAFETY: AVX-512 was just detected.
            unsafe { body(g) };
            true
        }
        _ => false,
    }
}

/// `size` in the fewest pieces of at most `most`, as even as multiples of `unit` allow.
fn even_piece(size: usize, most: usize, unit: usize) -> usize {
    let pieces = size.div_ceil(most).max(1);
    size.div_ceil(pieces).next_multiple_of(unit).max(unit)
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn body(g: Args<'_>) {
    let (m, n, k) = (g.m, g.n, g.k);
    assert!(g.a.len() == m * k && g.b.len() == k * n && g.c.len() == m * n);
    if k == 0 {
        return g.c.fill(0.0);
    }
    let mr = even_piece(m, MR, 4);
    let (mc, kc) = blocking(m);
    let (mc, nc, kc) = (even_piece(m, mc / MR * mr, mr), even_piece(n, NC, NR), even_piece(k, kc, 1));
    for jc in (0..n).step_by(nc) {
        let width = nc.min(n - jc);
        for pc in (0..k).step_by(kc) {
            let depth = kc.min(k - pc);
            for ic in (0..m).step_by(mc) {
                let height = mc.min(m - ic);
                pack_a(&g.a[ic * k..(ic + height) * k], k, pc, depth, mr, g.packed_a);
                let c = &mut g.c[ic * n + jc..(ic + height) * n];
                let block = Block { depth, mr, a: g.packed_a, height, width, c, n, add: pc > 0 };
                block.run(g.packed_b, (ic == 0).then_some(&g.b[pc * n + jc..(pc + depth) * n]));
            }
        }
    }
}

/// A block of C, its packed block of A, and the sizes of both.
struct Block<'a> {
    depth: usize,
    mr: usize,
    a: &'a [f32],
    height: usize,
    width: usize,
    /// From the block's first value; rows are `n` apart.
    c: &'a mut [f32],
    n: usize,
    add: bool,
}

impl Block<'_> {
    /// Every tile. With a `source`, the rows of B `n` apart, each panel of `packed_b` is filled just before its first
    /// use; while the tiles of one panel run, they prefetch the next from wherever it will be read.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    fn run(self, packed_b: &mut [f32], source: Option<&[f32]>) {
        let Self { depth, mr, a, height, width, c, n, add } = self;
        assert!(a.len() >= height * depth && packed_b.len() >= width.next_multiple_of(16) * depth);
        assert!(c.len() >= (height - 1) * n + width && width <= n);
        for j in (0..width).step_by(NR) {
            let columns = NR.min(width - j);
            let registers = columns.div_ceil(16);
            let (b, next) = packed_b[j * depth..].split_at_mut(16 * registers * depth);
            if let Some(source) = source {
                pack_b_panel(&source[j..], n, columns, b);
            }
            let (mut ahead, step) = match source {
                Some(source) if j + NR < width => (source[j + NR..].as_ptr(), n),
                _ => (next.as_ptr(), NR),
            };
            for (t, i) in (0..height).step_by(mr).enumerate() {
                let rows = mr.min(height - i);
                // A tile prefetches a row of the panel for every four of its own: it is whole after four tiles.
                let step = if t < 4 { step } else { 0 };
                let (a, c) = (a[i * depth..].as_ptr(), c[i * n + j..].as_mut_ptr());
                let tile = Tile { depth, a, b: b.as_ptr(), c, n, add, ahead, step };
                let last = columns - 16 * (registers - 1);
                // SAFETY: the asserts above cover `rows` and `columns` of the three panels from these offsets.
                unsafe { if registers == 2 { tile.run_rows::<2>(rows, last) } else { tile.run_rows::<1>(rows, last) } }
                ahead = ahead.wrapping_add(step * (depth / 4));
            }
        }
    }
}

/// One tile of C and the panels that make it.
#[derive(Clone, Copy)]
struct Tile {
    depth: usize,
    a: *const f32,
    b: *const f32,
    c: *mut f32,
    n: usize,
    add: bool,
    /// What to prefetch: two lines every fourth step, then `step` values on.
    ahead: *const f32,
    step: usize,
}

impl Tile {
    /// `rows` by `V` registers, the last of which has `last` columns.
    ///
    /// # Safety
    /// `a` holds `rows * depth` values, `b` holds `16 V depth`, and `c` has `rows` rows of `16 (V - 1) + last` columns,
    /// `n` apart. `1 <= rows <= 12`, `1 <= last <= 16`.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn run_rows<const V: usize>(self, rows: usize, last: usize) {
        let mask = (0xffff_u32 >> (16 - last)) as __mmask16;
        // SAFETY: the caller's contract, with `R = rows`.
        unsafe {
            match rows {
                1 => self.run::<1, V>(mask),
                2 => self.run::<2, V>(mask),
                3 => self.run::<3, V>(mask),
                4 => self.run::<4, V>(mask),
                5 => self.run::<5, V>(mask),
                6 => self.run::<6, V>(mask),
                7 => self.run::<7, V>(mask),
                8 => self.run::<8, V>(mask),
                9 => self.run::<9, V>(mask),
                10 => self.run::<10, V>(mask),
                11 => self.run::<11, V>(mask),
                12 => self.run::<12, V>(mask),
                _ => unreachable!("a tile has at most {MR} rows"),
            }
        }
    }

    /// `R` rows by `V` registers, `mask` the columns of the last one.
    ///
    /// # Safety
    /// As [`Tile::run_rows`].
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn run<const R: usize, const V: usize>(self, mask: __mmask16) {
        let (mut a, mut b, mut ahead) = (self.a, self.b, self.ahead);
        let mut acc = [[_mm512_setzero_ps(); V]; R];
        // SAFETY: `step` reads R values at `a` and 16 V at `b`, `depth` times in all; prefetches touch nothing.
        unsafe {
            for r in 0..R {
                let row = self.c.wrapping_add(r * self.n);
                _mm_prefetch::<_MM_HINT_T1>(row.cast());
                _mm_prefetch::<_MM_HINT_T1>(row.wrapping_add(16 * V - 1).cast());
            }
            for _ in 0..self.depth / 4 {
                for u in 0..R.div_ceil(4) {
                    _mm_prefetch::<_MM_HINT_T0>(a.wrapping_add(A_AHEAD + 16 * u).cast());
                }
                _mm_prefetch::<_MM_HINT_T1>(ahead.cast());
                _mm_prefetch::<_MM_HINT_T1>(ahead.wrapping_add(16).cast());
                ahead = ahead.wrapping_add(self.step);
                for u in 0..4 {
                    step(a.add(u * R), b.add(u * 16 * V), &mut acc);
                }
                a = a.add(4 * R);
                b = b.add(4 * 16 * V);
            }
            for _ in 0..self.depth % 4 {
                step(a, b, &mut acc);
                a = a.add(R);
                b = b.add(16 * V);
            }
        }
        for (r, acc) in acc.iter().enumerate() {
            for (v, acc) in acc.iter().enumerate() {
                let mask = if v == V - 1 { mask } else { 0xffff };
                // SAFETY: the mask covers only columns that C has.
                unsafe {
                    let c = self.c.add(r * self.n + 16 * v);
                    let sum = if self.add { _mm512_add_ps(*acc, _mm512_maskz_loadu_ps(mask, c)) } else { *acc };
                    _mm512_mask_storeu_ps(c, mask, sum);
                }
            }
        }
    }
}

/// One column of A's panel times one row of B's.
///
/// # Safety
/// `a` holds `R` values, `b` holds `16 V`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn step<const R: usize, const V: usize>(a: *const f32, b: *const f32, acc: &mut [[__m512; V]; R]) {
    // SAFETY: the caller's contract.
    unsafe {
        let mut row = [_mm512_setzero_ps(); V];
        for (v, row) in row.iter_mut().enumerate() {
            *row = _mm512_loadu_ps(b.add(16 * v));
        }
        for (r, acc) in acc.iter_mut().enumerate() {
            let scale = _mm512_set1_ps(*a.add(r));
            for (v, acc) in acc.iter_mut().enumerate() {
                *acc = _mm512_fmadd_ps(scale, row[v], *acc);
            }
        }
    }
}

/// `columns` first values of the rows of `b`, which are `n` apart, into one or two registers a row; zeros beyond.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn pack_b_panel(b: &[f32], n: usize, columns: usize, panel: &mut [f32]) {
    let registers = columns.div_ceil(16);
    let mask = (0xffff_u32 >> (16 * registers - columns)) as __mmask16;
    for (row, out) in b.chunks(n).zip(panel.chunks_exact_mut(16 * registers)) {
        let row = &row[..columns];
        // SAFETY: `out` has as many whole registers as are stored; the mask covers only columns that `row` has.
        unsafe {
            let (x, y) = (row.as_ptr(), out.as_mut_ptr());
            if registers == 2 {
                _mm512_storeu_ps(y, _mm512_loadu_ps(x));
                _mm512_storeu_ps(y.add(16), _mm512_maskz_loadu_ps(mask, x.add(16)));
            } else {
                _mm512_storeu_ps(y, _mm512_maskz_loadu_ps(mask, x));
            }
        }
    }
}

/// Columns `pc..pc + depth` of the rows of `a` into panels of `mr` rows, the last as high as what is left.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn pack_a(a: &[f32], k: usize, pc: usize, depth: usize, mr: usize, packed: &mut [f32]) {
    assert!(pc + depth <= k);
    for (t, rows) in a.chunks(mr * k).enumerate() {
        let height = rows.len() / k;
        let panel = &mut packed[t * mr * depth..][..height * depth];
        let (fours, sixteens) = (height / 4 * 4, depth / 16 * 16);
        for p in (0..sixteens).step_by(16) {
            for r in (0..fours).step_by(4) {
                // SAFETY: rows r..r + 4 and columns p..p + 16 lie inside the block and the panel.
                unsafe {
                    interleave(rows.as_ptr().add(r * k + pc + p), k, panel.as_mut_ptr().add(p * height + r), height)
                }
            }
        }
        for r in 0..height {
            for p in if r < fours { sixteens } else { 0 }..depth {
                panel[p * height + r] = rows[r * k + pc + p];
            }
        }
    }
}

/// `out[stride p + r] = rows[k r + p]` for four rows and sixteen columns, by 4 × 4 transposes.
///
/// # Safety
/// `rows` holds `3 k + 16` values, `out` has room for `15 stride + 4`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn interleave(rows: *const f32, k: usize, out: *mut f32, stride: usize) {
    // SAFETY: the caller's contract.
    unsafe {
        let load = |r: usize| _mm512_loadu_ps(rows.add(r * k));
        let pair = |x, y| (_mm512_castps_pd(_mm512_unpacklo_ps(x, y)), _mm512_castps_pd(_mm512_unpackhi_ps(x, y)));
        let ((lo01, hi01), (lo23, hi23)) = (pair(load(0), load(1)), pair(load(2), load(3)));
        // Lane q of column i holds the four rows at 4 q + i.
        let columns = [
            _mm512_castpd_ps(_mm512_unpacklo_pd(lo01, lo23)),
            _mm512_castpd_ps(_mm512_unpackhi_pd(lo01, lo23)),
            _mm512_castpd_ps(_mm512_unpacklo_pd(hi01, hi23)),
            _mm512_castpd_ps(_mm512_unpackhi_pd(hi01, hi23)),
        ];
        for (i, column) in columns.into_iter().enumerate() {
            let at = |q: usize| out.add((4 * q + i) * stride);
            _mm_storeu_ps(at(0), _mm512_castps512_ps128(column));
            _mm_storeu_ps(at(1), _mm512_extractf32x4_ps::<1>(column));
            _mm_storeu_ps(at(2), _mm512_extractf32x4_ps::<2>(column));
            _mm_storeu_ps(at(3), _mm512_extractf32x4_ps::<3>(column));
        }
    }
}
