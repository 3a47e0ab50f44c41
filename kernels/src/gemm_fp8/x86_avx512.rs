//! idea: two byte permutes look a code up as bf16, exact, and vdpbf16ps multiplies pairs: along k for a row, in tiles for many

use core::arch::x86_64::*;

use rayon::prelude::*;

use super::{Args, BLOCK};
use crate::dtype::e4m3;
use crate::machine::{Avx512, Isa};
use crate::threads::each_row;

/// The file's first line.
pub const IDEA: &str = "two byte permutes look a code up as bf16, exact, and vdpbf16ps multiplies pairs: along k for a row, in tiles for many";

/// Rows up to which each is a dot product with every column: decoding again costs less than transposing.
const FEW: usize = 2;
/// Columns of a panel: two registers.
const NR: usize = 32;
/// Most rows of a tile: 24 accumulators, two registers of W.
const MR: usize = 12;
/// Pairs of k in a block.
const PAIRS: usize = BLOCK / 2;
/// How far ahead of the loads the prefetches run, bytes.
const AHEAD: usize = 4096;
/// Values of a panel: one block of its columns, a pair to a value.
const PANEL: usize = PAIRS * NR;

/// Values of `panels` that this variant needs: a panel for every task.
pub(super) fn room(n: usize) -> usize {
    n.div_ceil(NR).max(1) * PANEL
}

/// Runs where AVX-512 with VBMI and BF16 was detected; false elsewhere.
pub fn run(isa: Isa, g: Args<'_>) -> bool {
    run_on(isa, g, false)
}

/// The same on this thread or on all.
pub(super) fn run_on(isa: Isa, g: Args<'_>, threads: bool) -> bool {
    let detected = is_x86_feature_detected!("avx512vbmi") && is_x86_feature_detected!("avx512bf16");
    match Avx512::detect() {
        Some(_) if isa == Isa::Avx512 && detected => {
            // SAFETY: AVX-512, VBMI and BF16 were just detected.
            unsafe { body(g, threads) };
            true
        }
        _ => false,
    }
}

/// The upper and the lower bytes of the positive codes' values as bf16: 128 each, 64 to a register.
#[derive(Clone, Copy)]
struct Tables {
    upper: [__m512i; 2],
    lower: [__m512i; 2],
}

impl Tables {
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512bf16")]
    fn new() -> Self {
        let bytes = |shift: u32| -> [u8; 128] {
            // Three bits of mantissa: the rest of the f32 is zero.
            std::array::from_fn(|code| (e4m3::decode(code as u8).to_bits() >> shift) as u8)
        };
        let registers = |bytes: [u8; 128]| -> [__m512i; 2] { bytemuck::cast(bytes) };
        Self { upper: registers(bytes(24)), lower: registers(bytes(16)) }
    }

    /// 64 codes as bf16. Of each 128-bit lane the first register has the lower eight, the second the upper eight.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512bf16")]
    fn decode(&self, codes: __m512i) -> [__m512i; 2] {
        // The permutes ignore the sign bit: it joins the upper byte, A or (B and C).
        let upper = _mm512_permutex2var_epi8(self.upper[0], codes, self.upper[1]);
        let upper = _mm512_ternarylogic_epi32::<0xf8>(upper, codes, _mm512_set1_epi8(-128));
        let lower = _mm512_permutex2var_epi8(self.lower[0], codes, self.lower[1]);
        [_mm512_unpacklo_epi8(lower, upper), _mm512_unpackhi_epi8(lower, upper)]
    }
}

/// 64 bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512bf16")]
fn load(codes: &[u8], i: usize) -> __m512i {
    let bytes = &codes[i..i + 64];
    // SAFETY: 64 bytes.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// `acc` plus products of pairs of bf16.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512bf16")]
fn dot(acc: __m512, a: __m512i, b: __m512i) -> __m512 {
    // SAFETY: both types are 64 bytes of any bits.
    let (a, b) =
        unsafe { (core::mem::transmute::<__m512i, __m512bh>(a), core::mem::transmute::<__m512i, __m512bh>(b)) };
    _mm512_dpbf16_ps(acc, a, b)
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512bf16")]
fn body(g: Args<'_>, threads: bool) {
    let (m, n, k, blocks) = (g.m, g.n, g.k, g.blocks());
    assert!(g.a.len() == m * k && g.w.len() == n * k && g.c.len() == m * n && g.a_values.len() == m * k);
    if k == 0 || m == 0 || n == 0 {
        return g.c.fill(0.0);
    }
    let tables = Tables::new();
    let pairs: &mut [u32] = bytemuck::cast_slice_mut(g.a_values);
    if m <= FEW {
        let pairs = &mut pairs[..k / 2];
        for i in 0..m {
            decode_row(&tables, &g.a[i * k..(i + 1) * k], pairs);
            let scales = (&g.a_scales[i * blocks..(i + 1) * blocks], g.w_scales);
            let (pairs, w) = (&*pairs, g.w);
            each_row(&mut g.c[i * n..(i + 1) * n], k, 1, threads, |first, c| {
                row_by_columns(&tables, pairs, &w[first * k..], scales, first, c);
            });
        }
        return;
    }
    // A as pairs of bf16, block after block of all rows.
    for i in 0..m {
        for b in 0..blocks {
            let codes = &g.a[i * k + b * BLOCK..][..BLOCK];
            in_order(&tables, codes, &mut pairs[(b * m + i) * PAIRS..][..PAIRS]);
        }
    }
    let all = Rows { tables, pairs, scales: g.a_scales, w: g.w, w_scales: g.w_scales, m, k };
    if !threads {
        let panel = bytemuck::cast_slice_mut(&mut g.panels[..PANEL]);
        for j in (0..n).step_by(NR) {
            let columns = NR.min(n - j);
            all.by_panel(j, columns, panel, &mut g.c[j..(m - 1) * n + j + columns], n);
        }
        return;
    }
    // Tasks have memory of their own for their columns, which then go where they belong.
    let tasks = g.columns.par_chunks_mut(m * NR).zip(g.panels.par_chunks_mut(PANEL)).enumerate();
    tasks.for_each(|(t, (c, panel))| {
        let columns = c.len() / m;
        all.by_panel(t * NR, columns, bytemuck::cast_slice_mut(panel), c, columns);
    });
    let columns = &*g.columns;
    g.c.par_chunks_mut(n).enumerate().for_each(|(i, row)| {
        for (piece, own) in row.chunks_mut(NR).zip(columns.chunks(m * NR)) {
            piece.copy_from_slice(&own[i * piece.len()..][..piece.len()]);
        }
    });
}

/// Many rows of activations as pairs, and the weights.
#[derive(Clone, Copy)]
struct Rows<'a> {
    tables: Tables,
    /// Block after block of all rows.
    pairs: &'a [u32],
    scales: &'a [f32],
    w: &'a [u8],
    w_scales: &'a [f32],
    m: usize,
    k: usize,
}

impl Rows<'_> {
    /// Columns `j..j + columns` of the product, through `panel`; `c` begins with the first of them, and rows of it lie `n`
    /// apart.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512bf16")]
    fn by_panel(&self, j: usize, columns: usize, panel: &mut [u32], c: &mut [f32], n: usize) {
        let Self { tables, pairs, scales, w, w_scales, m, k } = *self;
        let (blocks, tile_rows) = (k / BLOCK, m.div_ceil(m.div_ceil(MR)));
        for b in 0..blocks {
            transpose(&tables, &w[j * k..(j + columns) * k], k, b * BLOCK, panel);
            let scale = w_scales[j / BLOCK * blocks + b];
            for i in (0..m).step_by(tile_rows) {
                let rows = tile_rows.min(m - i);
                let a = &pairs[(b * m + i) * PAIRS..][..rows * PAIRS];
                let tile = Tile { a, panel, scales: &scales[i * blocks + b..], blocks, scale, n, columns, add: b > 0 };
                tile.run_rows(rows, &mut c[i * n..(i + rows - 1) * n + columns]);
            }
        }
    }
}

/// Codes as pairs of bf16 in the order in which [`Tables::decode`] leaves them.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512bf16")]
fn decode_row(tables: &Tables, codes: &[u8], pairs: &mut [u32]) {
    for (i, out) in pairs.chunks_exact_mut(32).enumerate() {
        let both: [u32; 32] = bytemuck::cast(tables.decode(load(codes, 64 * i)));
        out.copy_from_slice(&both);
    }
}

/// Codes as pairs of bf16 in their own order: the eights of codes are laid so that unpacking restores it.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512bf16")]
fn in_order(tables: &Tables, codes: &[u8], pairs: &mut [u32]) {
    let eights = _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7);
    for (i, out) in pairs.chunks_exact_mut(32).enumerate() {
        let codes = _mm512_permutexvar_epi64(eights, load(codes, 64 * i));
        let both: [u32; 32] = bytemuck::cast(tables.decode(codes));
        out.copy_from_slice(&both);
    }
}

/// A row of C from column `first` on: `a`, decoded, with every column, one after the other as they lie in memory.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512bf16")]
fn row_by_columns(
    tables: &Tables,
    a: &[u32],
    w: &[u8],
    (a_scales, w_scales): (&[f32], &[f32]),
    first: usize,
    c: &mut [f32],
) {
    let blocks = a_scales.len();
    for (j, (c, column)) in c.iter_mut().zip(w.chunks_exact(blocks * BLOCK)).enumerate() {
        let block = (first + j) / BLOCK;
        let scales = &w_scales[block * blocks..(block + 1) * blocks];
        let mut total = _mm512_setzero_ps();
        let parts = column.chunks_exact(BLOCK).zip(a.chunks_exact(PAIRS)).zip(a_scales.iter().zip(scales));
        for ((codes, a), (a_scale, scale)) in parts {
            let mut sums = [_mm512_setzero_ps(); 2];
            for half in 0..2 {
                _mm_prefetch::<_MM_HINT_T0>(codes.as_ptr().wrapping_add(AHEAD + 64 * half).cast());
                let w = tables.decode(load(codes, 64 * half));
                let a: [__m512i; 2] = bytemuck::cast(*a[32 * half..].first_chunk::<32>().expect("a block is 64 pairs"));
                sums[0] = dot(sums[0], w[0], a[0]);
                sums[1] = dot(sums[1], w[1], a[1]);
            }
            total = _mm512_fmadd_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_set1_ps(a_scale * scale), total);
        }
        *c = _mm512_reduce_add_ps(total);
    }
}

/// A block of up to 32 columns, `k` codes apart, from `p` on, to pairs of bf16: for each pair of k a value of each column.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512bf16")]
fn transpose(tables: &Tables, w: &[u8], k: usize, p: usize, panel: &mut [u32]) {
    let columns = w.len() / k;
    // Of four columns' four codes: the first two of each, then the last two.
    let pairs = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15));
    for sixteen in 0..2 {
        for half in 0..2 {
            let p = p + 64 * half;
            let mut rows = [_mm512_setzero_si512(); 16];
            for (r, row) in rows.iter_mut().enumerate().take(columns.saturating_sub(16 * sixteen)) {
                let at = (16 * sixteen + r) * k + p;
                _mm_prefetch::<_MM_HINT_T0>(w.as_ptr().wrapping_add(at + BLOCK).cast());
                *row = load(w, at);
            }
            for (q, four) in transposed(rows).into_iter().enumerate() {
                let both = tables.decode(_mm512_shuffle_epi8(four, pairs));
                for (s, values) in both.into_iter().enumerate() {
                    let values: [u32; 16] = bytemuck::cast(values);
                    panel[(32 * half + 2 * q + s) * NR + 16 * sixteen..][..16].copy_from_slice(&values);
                }
            }
        }
    }
}

/// Sixteen rows of sixteen 32-bit values, columns for rows.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512bf16")]
fn transposed(r: [__m512i; 16]) -> [__m512i; 16] {
    let mut t = [_mm512_setzero_si512(); 16];
    // Fours of rows inside each 128-bit lane.
    for q in 0..4 {
        let [a, b, c, d] = [r[4 * q], r[4 * q + 1], r[4 * q + 2], r[4 * q + 3]];
        let (ab, cd) = (_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d));
        let (ef, gh) = (_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d));
        t[4 * q] = _mm512_unpacklo_epi64(ab, cd);
        t[4 * q + 1] = _mm512_unpackhi_epi64(ab, cd);
        t[4 * q + 2] = _mm512_unpacklo_epi64(ef, gh);
        t[4 * q + 3] = _mm512_unpackhi_epi64(ef, gh);
    }
    // Then the lanes: lane l of t[4 q + i] is column 4 l + i of rows 4 q..4 q + 4.
    let mut out = t;
    for i in 0..4 {
        let [a, b, c, d] = [t[i], t[4 + i], t[8 + i], t[12 + i]];
        let (ab, cd) = (_mm512_shuffle_i32x4::<0x88>(a, b), _mm512_shuffle_i32x4::<0x88>(c, d));
        let (ef, gh) = (_mm512_shuffle_i32x4::<0xdd>(a, b), _mm512_shuffle_i32x4::<0xdd>(c, d));
        out[i] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
        out[8 + i] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
        out[4 + i] = _mm512_shuffle_i32x4::<0x88>(ef, gh);
        out[12 + i] = _mm512_shuffle_i32x4::<0xdd>(ef, gh);
    }
    out
}

/// Rows of activations by a panel, over one block of k.
struct Tile<'a> {
    /// Pairs of the rows, a block's of each after the other.
    a: &'a [u32],
    panel: &'a [u32],
    /// Scale of the first row; the rows' lie `blocks` apart.
    scales: &'a [f32],
    blocks: usize,
    /// Scale of the panel.
    scale: f32,
    /// How far apart rows of C lie.
    n: usize,
    columns: usize,
    add: bool,
}

impl Tile<'_> {
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512bf16")]
    fn run_rows(&self, rows: usize, c: &mut [f32]) {
        match rows {
            1 => self.run::<1>(c),
            2 => self.run::<2>(c),
            3 => self.run::<3>(c),
            4 => self.run::<4>(c),
            5 => self.run::<5>(c),
            6 => self.run::<6>(c),
            7 => self.run::<7>(c),
            8 => self.run::<8>(c),
            9 => self.run::<9>(c),
            10 => self.run::<10>(c),
            11 => self.run::<11>(c),
            12 => self.run::<12>(c),
            _ => unreachable!("a tile has at most {MR} rows"),
        }
    }

    /// `R` rows of C, `n` apart.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512bf16")]
    fn run<const R: usize>(&self, c: &mut [f32]) {
        assert!(self.a.len() == R * PAIRS && self.panel.len() == PANEL && (1..=NR).contains(&self.columns));
        assert!(c.len() >= (R - 1) * self.n + self.columns);
        let mut acc = [[_mm512_setzero_ps(); 2]; R];
        for p in 0..PAIRS {
            // SAFETY: p is below the pairs of a block, of which `a` has R and `panel` one for 32 columns.
            unsafe {
                let row = self.panel.as_ptr().add(p * NR);
                let w = [_mm512_loadu_si512(row.cast()), _mm512_loadu_si512(row.add(16).cast())];
                for (r, acc) in acc.iter_mut().enumerate() {
                    let x = _mm512_set1_epi32(*self.a.as_ptr().add(r * PAIRS + p) as i32);
                    acc[0] = dot(acc[0], w[0], x);
                    acc[1] = dot(acc[1], w[1], x);
                }
            }
        }
        let masks = [0, 16].map(|first| {
            let left = self.columns.saturating_sub(first).min(16);
            (0xffff_u32 >> (16 - left)) as __mmask16
        });
        for (r, acc) in acc.into_iter().enumerate() {
            let scale = _mm512_set1_ps(self.scales[r * self.blocks] * self.scale);
            for (v, acc) in acc.into_iter().enumerate() {
                // SAFETY: the masks cover only columns that row r of C has.
                unsafe {
                    let at = c.as_mut_ptr().add(r * self.n).wrapping_add(16 * v);
                    let sum = if self.add { _mm512_maskz_loadu_ps(masks[v], at) } else { _mm512_setzero_ps() };
                    _mm512_mask_storeu_ps(at, masks[v], _mm512_fmadd_ps(acc, scale, sum));
                }
            }
        }
    }
}
