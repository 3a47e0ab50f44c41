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
/// Threads for which there is room at least.
const THREADS: usize = 8;
/// What packing a word of A or of B takes, in words of C that are computed meanwhile.
const PACKING: usize = 8;

/// Most rows and most words of depth of a block of A: under half of a 1.25 MiB second cache. Few rows use a panel of B too
/// seldom to fetch it from further than the first cache, where a depth of 256 keeps it; many rows gain more from passing
/// over C, and walking the pages of A, half as often.
fn blocking(m: usize) -> (usize, usize) {
    if m < 512 { (40 * MR, 256) } else { (10 * MR, 512) }
}

/// Words of `packed_a` and `packed_b` that the rungs need, where a word is one value of k.
pub(super) fn scratch(m: usize, n: usize, k: usize) -> (usize, usize) {
    let (mc, kc) = blocking(m);
    // Up to whole panels.
    let (m, n, kc) = (m.next_multiple_of(NR), n.next_multiple_of(NR), kc.min(k));
    room(m, n, NR, |height, width| {
        // Blocks of B are kept where several blocks of A meet them.
        let panels = if height > mc { NC.min(width) } else { NR };
        (mc.min(height + NR).next_multiple_of(NR) * kc, panels * kc)
    })
}

/// What pools of any size up to the current one's need of two scratches where a thread needs `each` for a piece of so many
/// rows and columns, in tiles of `mr` by [`NR`].
pub(super) fn room(m: usize, n: usize, mr: usize, each: impl Fn(usize, usize) -> (usize, usize)) -> (usize, usize) {
    let most = rayon::current_num_threads().max(THREADS);
    let pools = std::iter::successors(Some(1), |threads| Some(2 * threads)).take_while(|threads| *threads < most);
    let rooms = pools.chain([most]).map(|threads| {
        let (height, width) = piece(m, n, mr, threads);
        let (a, b) = each(height.min(m), width.min(n));
        (threads * a, threads * b)
    });
    rooms.fold((0, 0), |most, room| (most.0.max(room.0), most.1.max(room.1)))
}

/// Runs the tasks of a product's pieces, each with its part of both scratches: one here, several on the pool.
pub(super) fn shared<'s>(
    pieces: usize,
    packed_a: &'s mut [f32],
    packed_b: &'s mut [f32],
    task: impl Fn((usize, (&'s mut [f32], &'s mut [f32]))) + Sync + Send,
) {
    if pieces == 1 {
        return task((0, (packed_a, packed_b)));
    }
    let (a, b) = (packed_a.len() / pieces, packed_b.len() / pieces);
    packed_a.par_chunks_mut(a).zip(packed_b.par_chunks_mut(b)).take(pieces).enumerate().for_each(task);
}

/// `size` in the fewest pieces of at most `most`, as even as multiples of `unit` allow.
pub(super) fn even_piece(size: usize, most: usize, unit: usize) -> usize {
    let pieces = size.div_ceil(most).max(1);
    size.div_ceil(pieces).next_multiple_of(unit).max(unit)
}

/// Rows and columns of the pieces of an `m` by `n` product, one for each thread, in tiles of `mr` by [`NR`].
pub(super) fn piece(m: usize, n: usize, mr: usize, threads: usize) -> (usize, usize) {
    let part = |size: usize, unit: usize, parts: usize| unit * size.div_ceil(unit).div_ceil(parts).max(1);
    (1..=threads)
        .filter(|down| threads.is_multiple_of(*down))
        .map(|down| (part(m, mr, down), part(n, NR, threads / down)))
        .min_by_key(|&(rows, columns)| m.min(rows) * n.min(columns) + PACKING * (rows + columns))
        .expect("all rows by a part of the columns")
}

/// The whole product, on this thread or on all: each has a piece of C, for which it packs all it needs. What one thread
/// packs another would have to fetch from its cache, and wait for.
///
/// # Safety
/// The features that [`Tile::run_columns`] asks for.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) unsafe fn product<K: Kind>(g: Args<'_, K::Stored>, threads: bool) {
    let (m, n, k) = (g.m, g.n, g.k);
    assert!(g.a.len() == m * k && g.b.len() == k * n && g.c.len() == m * n);
    if k == 0 {
        return g.c.fill(0.0);
    }
    let mr = even_piece(m, MR, 4);
    let (mc, kc) = blocking(m);
    let (mc, kc) = (mc / MR * mr, even_piece(k.div_ceil(K::DEPTH), kc, 1));
    let blocks = g.packed_a.len() / (mr * kc);
    let panels = g.packed_b.len() / (NR * kc);
    let pieces = if threads { rayon::current_num_threads().min(blocks).min(panels).max(1) } else { 1 };
    let (height, width) = piece(m, n, mr, pieces);
    let across = n.div_ceil(width).max(1);
    let whole = Product::<K> { a: g.a, b: g.b, c: Output { first: g.c.as_mut_ptr(), m, n }, k, mr, mc, kc };
    let task = move |(t, (packed_a, packed_b)): (usize, (&mut [f32], &mut [f32]))| {
        let (i, j) = (t / across * height, t % across * width);
        let (rows, columns) = (i.min(m)..m.min(i + height), j..n.min(j + width));
        // SAFETY: the caller's features; pieces share nothing of C.
        unsafe { whole.piece(rows, columns, packed_a, packed_b) }
    };
    shared(pieces, g.packed_a, g.packed_b, task);
}

/// A product, and how it is cut.
struct Product<'a, K: Kind> {
    a: &'a [K::Stored],
    b: &'a [K::Stored],
    c: Output,
    k: usize,
    /// Rows of a tile.
    mr: usize,
    /// Most rows of a block of A.
    mc: usize,
    /// Words of depth of a block.
    kc: usize,
}

impl<K: Kind> Product<'_, K> {
    /// These rows and columns of C.
    ///
    /// # Safety
    /// The features that [`Tile::run_columns`] asks for. Nobody else touches them.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn piece(&self, rows: Range<usize>, columns: Range<usize>, packed_a: &mut [f32], packed_b: &mut [f32]) {
        let Self { a, b, c, k, mr, mc, kc } = *self;
        if rows.is_empty() || columns.is_empty() {
            return;
        }
        let room = packed_a.len() / kc / mr * mr;
        let mc = even_piece(rows.len(), mc.min(room), mr);
        let last = rows.len() <= mc;
        let most = if last { columns.len() } else { NC.min(packed_b.len() / kc / NR * NR) };
        let nc = even_piece(columns.len(), most, NR);
        for jc in columns.clone().step_by(nc) {
            let width = nc.min(columns.end - jc);
            for pc in (0..k).step_by(K::DEPTH * kc) {
                let inner = pc..k.min(pc + K::DEPTH * kc);
                let depth = inner.len().div_ceil(K::DEPTH);
                for ic in rows.clone().step_by(mc) {
                    let height = mc.min(rows.end - ic);
                    let packed_a = &mut packed_a[..height * depth];
                    let a = &a[ic * k..(ic + height) * k];
                    for (t, panel) in packed_a.chunks_mut(mr * depth).enumerate() {
                        let rows = &a[t * mr * k..height.min((t + 1) * mr) * k];
                        pack_a_columns::<K>(rows, k, inner.clone(), panel);
                    }
                    let source = (ic == rows.start).then_some(&b[pc * c.n..inner.end * c.n]);
                    let rows = ic..ic + height;
                    let block = Block::<K> { depth, mr, a: packed_a, rows, c, add: pc > 0, source, last };
                    // SAFETY: the caller's contract.
                    unsafe { block.run(jc..jc + width, packed_b) }
                }
            }
        }
    }
}

/// C, of which threads write pieces of their own.
#[derive(Clone, Copy)]
pub(super) struct Output {
    pub first: *mut f32,
    pub m: usize,
    pub n: usize,
}

// SAFETY: a pointer alone; who writes through it says why nobody else does.
unsafe impl Send for Output {}
// SAFETY: as above.
unsafe impl Sync for Output {}

/// Rows of C, their packed block of A, and where B comes from.
struct Block<'a, K: Kind> {
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
    /// Every tile of these columns, of which `packed_b` holds each panel, or one panel where no other block follows. With a
    /// source, each panel of `packed_b` is filled just before its first use; while the tiles of one panel run, they prefetch
    /// the next from wherever it will be read.
    ///
    /// # Safety
    /// The features that [`Tile::run_columns`] asks for. Nobody else touches these columns of C.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn run(&self, columns: Range<usize>, packed_b: &mut [f32]) {
        let Self { depth, mr, a, c, add, .. } = *self;
        let (n, height) = (c.n, self.rows.len());
        assert!(a.len() >= height * depth && self.rows.end <= c.m && columns.end <= n);
        for j in columns.clone().step_by(NR) {
            let width = NR.min(columns.end - j);
            let panel = width.next_multiple_of(16) * depth;
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
                unsafe { tile.run_columns::<K>(rows, width) }
            }
        }
    }
}

impl Ahead {
    /// The first `NR` values of rows of B that are `n` apart, and after how many tiles `depth` rows for each word are
    /// fetched.
    pub(super) fn rows<E>(b: &[E], n: usize, depth: usize) -> (Self, usize) {
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
pub(super) fn pack_b_panel<K: Kind>(b: &[K::Stored], n: usize, columns: usize, depth: usize, panel: &mut [f32]) {
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
