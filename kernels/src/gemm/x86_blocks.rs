//! The blocked product of the rungs in AVX-512: one loop nest for one thread and for all, over words of any kind.

use core::arch::x86_64::*;
use core::ops::Range;

use rayon::prelude::*;

use super::Args;
use super::x86_kinds::Kind;
use super::x86_tile::{Ahead, MR, Tile};

/// Bytes of a cache line.
const LINE: usize = 64;
/// Columns of a panel of B.
const NR: usize = 32;
/// Most columns of a block of B.
const NC: usize = 64 * NR;
/// Groups of columns for each thread: the last to end makes the others wait for a quarter of its work at most.
const GROUPS_PER_THREAD: usize = 4;

/// Most rows and most words of depth of a block of A: under half of a 1.25 MiB second cache. Few rows use a panel of B too
/// seldom to fetch it from further than the first cache, where a depth of 256 keeps it; many rows gain more from passing
/// over C, and walking the pages of A, half as often.
fn blocking(m: usize) -> (usize, usize) {
    if m < 512 { (40 * MR, 256) } else { (10 * MR, 512) }
}

/// Words of `packed_a` and `packed_b` that the rungs need, where a word is one value of k.
pub(super) fn scratch(m: usize, n: usize, k: usize) -> (usize, usize) {
    let (mc, kc) = blocking(m);
    // Up to the whole tiles and steps of a matrix unit.
    let (m, n, k) = (m.next_multiple_of(NR), n.next_multiple_of(NR), k.next_multiple_of(NR));
    (mc.min(m).next_multiple_of(NR) * kc.min(k), kc.min(k) * NC.min(n))
}

/// `size` in the fewest pieces of at most `most`, as even as multiples of `unit` allow.
fn even_piece(size: usize, most: usize, unit: usize) -> usize {
    let pieces = size.div_ceil(most).max(1);
    size.div_ceil(pieces).next_multiple_of(unit).max(unit)
}

/// The whole product, on this thread or on all.
///
/// # Safety
/// The features that [`Kind::run`] asks for.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) unsafe fn product<K: Kind>(kind: K, g: Args<'_, K::Stored>, threads: bool) {
    let (m, n, k) = (g.m, g.n, g.k);
    assert!(g.a.len() == m * k && g.b.len() == k * n && g.c.len() == m * n);
    if k == 0 {
        return g.c.fill(0.0);
    }
    let mr = even_piece(m, K::MR, K::ROWS);
    let (mc, kc) = blocking(m);
    let (mc, nc) = (even_piece(m, mc / K::MR * mr, mr), even_piece(n, NC, NR));
    let kc = K::DEPTH * even_piece(k.div_ceil(K::DEPTH), kc, K::STEP);
    let c = Output { first: g.c.as_mut_ptr(), m, n };
    for jc in (0..n).step_by(nc) {
        let width = nc.min(n - jc);
        let group = if threads { group_columns(width) } else { width.next_multiple_of(NR) };
        for pc in (0..k).step_by(kc) {
            let inner = pc..k.min(pc + kc);
            let depth = inner.len().div_ceil(K::DEPTH).next_multiple_of(K::STEP);
            for ic in (0..m).step_by(mc) {
                let height = mc.min(m - ic);
                let packed_a = height.next_multiple_of(K::PADDED_ROWS) * depth;
                let a = &g.a[ic * k..(ic + height) * k];
                each_chunk(threads, &mut g.packed_a[..packed_a], mr * depth, |t, panel| {
                    let rows = &a[t * mr * k..height.min((t + 1) * mr) * k];
                    assert!(inner.end <= k && panel.len() >= rows.len() / k * depth);
                    // SAFETY: the caller's features; as was just asserted.
                    unsafe { K::pack_a(rows, k, inner.clone(), panel) }
                });
                let a = &g.packed_a[..packed_a];
                let source = (ic == 0).then_some(&g.b[pc * n..inner.end * n]);
                let block = Block { kind, depth, mr, a, rows: ic..ic + height, c, add: pc > 0, source, last: mc >= m };
                each_chunk(
                    threads,
                    &mut g.packed_b[..width.next_multiple_of(K::PADDED_COLUMNS) * depth],
                    group * depth,
                    |t, panels| {
                        let first = jc + t * group;
                        // SAFETY: the caller's features; groups are columns of their own.
                        unsafe { block.run(first..(first + group).min(jc + width), panels) }
                    },
                );
            }
        }
    }
}

/// Columns of a thread's task.
fn group_columns(width: usize) -> usize {
    NR * width.div_ceil(NR).div_ceil(GROUPS_PER_THREAD * rayon::current_num_threads()).max(1)
}

/// `task` for each chunk: on every thread, or one after the other.
fn each_chunk(threads: bool, data: &mut [f32], chunk: usize, task: impl Fn(usize, &mut [f32]) + Sync) {
    if threads {
        data.par_chunks_mut(chunk).enumerate().for_each(|(i, chunk)| task(i, chunk));
    } else {
        data.chunks_mut(chunk).enumerate().for_each(|(i, chunk)| task(i, chunk));
    }
}

/// C, of which tasks write disjoint columns.
#[derive(Clone, Copy)]
struct Output {
    first: *mut f32,
    m: usize,
    n: usize,
}

// SAFETY: a pointer alone; who writes through it says why nobody else does.
unsafe impl Send for Output {}
// SAFETY: as above.
unsafe impl Sync for Output {}

/// Rows of C, their packed block of A, and where B comes from.
struct Block<'a, K: Kind> {
    kind: K,
    /// Words of a row of A.
    depth: usize,
    mr: usize,
    a: &'a [f32],
    rows: Range<usize>,
    c: Output,
    add: bool,
    /// Rows of B that are still to be packed.
    source: Option<&'a [K::Stored]>,
    /// No other block of rows follows, to which the packed panels would be of use.
    last: bool,
}

impl<K: Kind> Block<'_, K> {
    /// Every tile of these columns. With a source, each panel of `packed_b` is filled just before its first use; while the
    /// tiles of one panel run, they prefetch the next from wherever it will be read.
    ///
    /// # Safety
    /// The features that [`Kind::run`] asks for. Nobody else touches these columns of C.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn run(&self, columns: Range<usize>, packed_b: &mut [f32]) {
        let Self { kind, depth, mr, a, c, add, .. } = *self;
        let (n, height) = (c.n, self.rows.len());
        assert!(a.len() >= height * depth && self.rows.end <= c.m && columns.end <= n);
        assert!(packed_b.len() >= columns.len().next_multiple_of(K::PADDED_COLUMNS) * depth);
        kind.begin();
        for j in columns.clone().step_by(NR) {
            let width = NR.min(columns.end - j);
            let panel = width.next_multiple_of(K::PADDED_COLUMNS) * depth;
            let place = if self.last { 0 } else { (j - columns.start) * depth };
            let (b, next) = packed_b[place..].split_at_mut(panel);
            if let Some(source) = self.source {
                pack_b_panel::<K>(&source[j..], n, width, depth, b);
            }
            // A tile prefetches two lines for every four words of its depth: after how many tiles is the panel whole?
            let (ahead, tiles) = match self.source {
                Some(source) if j + NR < n => Ahead::rows(&source[j + NR..], n, K::DEPTH),
                _ => (Ahead { at: next.as_ptr().cast(), second: LINE, step: 2 * LINE }, 4),
            };
            for (t, i) in (0..height).step_by(mr).enumerate() {
                let rows = mr.min(height - i);
                let step = if t < tiles { ahead.step } else { 0 };
                let at = ahead.at.wrapping_add(t.min(tiles) * (depth / 4) * ahead.step);
                let ahead = Ahead { at, step, ..ahead };
                let a = a[i * depth..].as_ptr();
                let c = c.first.wrapping_add((self.rows.start + i) * n + j);
                let tile = Tile { depth, a, b: b.as_ptr(), c, n, add, ahead };
                // SAFETY: the asserts above cover `rows` and `width` of the three panels from these offsets.
                unsafe { kind.run(tile, rows, width) }
            }
        }
        kind.end();
    }
}

impl Ahead {
    /// The first `NR` values of rows of B that are `n` apart, and after how many tiles `depth` rows for each word are
    /// fetched.
    fn rows<E>(b: &[E], n: usize, depth: usize) -> (Self, usize) {
        let row = n * size_of::<E>();
        if NR * size_of::<E>() > LINE {
            (Self { at: b.as_ptr().cast(), second: LINE, step: row }, 4 * depth)
        } else {
            // The last value of each row: where rows straddle lines, the panel before had the first ones.
            (Self { at: b.as_ptr().wrapping_add(NR - 1).cast(), second: row, step: 2 * row }, 2 * depth)
        }
    }
}

/// `columns` first columns of the rows of `b`, which are `n` apart, into one or two registers a word; zeros beyond, and
/// below the last row.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn pack_b_panel<K: Kind>(b: &[K::Stored], n: usize, columns: usize, depth: usize, panel: &mut [f32]) {
    let words = b.len().div_ceil(K::DEPTH * n);
    let width = panel.len() / depth;
    let (filled, below) = panel.split_at_mut(width * words);
    for (rows, out) in b.chunks(K::DEPTH * n).zip(filled.chunks_exact_mut(width)) {
        let last = rows.len().saturating_sub(1) / n * n;
        assert!(rows.len() >= last + columns);
        // SAFETY: every row has the columns, as the last has; `out` holds them.
        unsafe { K::panel_row(rows, n, columns, out) }
    }
    below.fill(0.0);
}

/// Columns `inner` of the rows of `a`, as many as a tile has at most, into a panel: word after word of all rows.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn pack_a_columns<K: Kind>(a: &[K::Stored], k: usize, inner: Range<usize>, panel: &mut [f32]) {
    assert!(inner.end <= k && a.len().is_multiple_of(k));
    let (height, depth) = (a.len() / k, inner.len().div_ceil(K::DEPTH));
    let panel = &mut panel[..height * depth];
    for p in (0..depth).step_by(16) {
        let at = inner.start + p * K::DEPTH;
        // SAFETY: row `r` is one of `a`, and of it only what is left of `inner` is read.
        let words = |r: usize| unsafe { K::words(a.as_ptr().add(r * k + at), inner.end - at) };
        let fours = if depth - p < 16 { 0 } else { height / 4 * 4 };
        for r in (0..fours).step_by(4) {
            let rows = [words(r), words(r + 1), words(r + 2), words(r + 3)];
            // SAFETY: rows r..r + 4 and words p..p + 16 lie inside the panel.
            unsafe { interleave(rows, panel.as_mut_ptr().add(p * height + r), height) }
        }
        for r in fours..height {
            let mut row = [0.0; 16];
            // SAFETY: sixteen words.
            unsafe { _mm512_storeu_ps(row.as_mut_ptr(), words(r)) };
            for (q, word) in row.into_iter().take(depth - p).enumerate() {
                panel[(p + q) * height + r] = word;
            }
        }
    }
}

/// `out[stride p + r] = rows[r][p]`, by 4 × 4 transposes.
///
/// # Safety
/// `out` has room for `15 stride + 4`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn interleave(rows: [__m512; 4], out: *mut f32, stride: usize) {
    let pair = |x, y| (_mm512_castps_pd(_mm512_unpacklo_ps(x, y)), _mm512_castps_pd(_mm512_unpackhi_ps(x, y)));
    let ((lo01, hi01), (lo23, hi23)) = (pair(rows[0], rows[1]), pair(rows[2], rows[3]));
    // Lane q of column i holds the four rows at 4 q + i.
    let columns = [
        _mm512_castpd_ps(_mm512_unpacklo_pd(lo01, lo23)),
        _mm512_castpd_ps(_mm512_unpackhi_pd(lo01, lo23)),
        _mm512_castpd_ps(_mm512_unpacklo_pd(hi01, hi23)),
        _mm512_castpd_ps(_mm512_unpackhi_pd(hi01, hi23)),
    ];
    for (i, column) in columns.into_iter().enumerate() {
        // SAFETY: the caller's contract.
        unsafe {
            let at = |q: usize| out.add((4 * q + i) * stride);
            _mm_storeu_ps(at(0), _mm512_castps512_ps128(column));
            _mm_storeu_ps(at(1), _mm512_extractf32x4_ps::<1>(column));
            _mm_storeu_ps(at(2), _mm512_extractf32x4_ps::<2>(column));
            _mm_storeu_ps(at(3), _mm512_extractf32x4_ps::<3>(column));
        }
    }
}
