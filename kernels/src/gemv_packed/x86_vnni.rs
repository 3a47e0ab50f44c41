//! idea: a 512-bit register holds sixteen rows, vpdpbusd takes four weights of each with x broadcast from memory, and prefetches run ahead

use core::arch::x86_64::*;

use super::{Args, Format, GROUP_ROWS, X, q4_0, q4_k, q6_k};
use crate::dtype::q4_0::BlockQ4_0;
use crate::dtype::q4_k::BlockQ4K;
use crate::dtype::q6_k::BlockQ6K;
use crate::machine::{Avx512, Isa};
use crate::threads::each_row;

/// The file's first line.
pub const IDEA: &str = "a 512-bit register holds sixteen rows, vpdpbusd takes four weights of each with x broadcast from memory, and prefetches run ahead";

/// How far ahead of the loads the prefetches run, bytes: twice what one core's memory latency times its bandwidth asks
/// for, into the second cache. Into the first one they take the buffers that the loads need: slower than none at all.
const AHEAD: usize = 8192;

/// How sixteen interleaved rows meet x with AVX-512 VNNI.
pub trait Interleaved<G> {
    /// The sum over one block of sixteen rows, and more of the same.
    ///
    /// # Safety
    /// AVX-512 F, BW, VL, VNNI. `x` has the values of one block.
    unsafe fn dot_vnni(group: &G, x: X<'_>, sum: __m512) -> __m512;
}

/// Runs where AVX-512 VNNI was detected; false elsewhere.
pub fn run<F: Format>(isa: Isa, a: Args<'_, F>) -> bool {
    run_on::<F, 1>(isa, a, false)
}

/// The same with `G` groups of rows side by side, on this thread or on all.
pub(crate) fn run_on<F: Format, const G: usize>(isa: Isa, a: Args<'_, F>, threads: bool) -> bool {
    if isa != Isa::Avx512 || Avx512::detect().is_none() || !is_x86_feature_detected!("avx512vnni") {
        return false;
    }
    let Args { groups, x, y, .. } = a;
    let blocks = x.scales.len();
    // Streams side by side where every thread has so many rows.
    let share = y.len() / if threads { rayon::current_num_threads() } else { 1 };
    let unit = GROUP_ROWS * (share / GROUP_ROWS).clamp(1, G);
    each_row(y, blocks * size_of::<F>(), unit, threads, move |first, y| {
        // SAFETY: AVX-512 and VNNI were detected.
        unsafe { body::<F, G>(&groups[first / GROUP_ROWS * blocks..], x, y) }
    });
    true
}

/// Rows from the first group on, as many as `y` has.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn body<F: Format, const G: usize>(groups: &[F::Group], x: X<'_>, y: &mut [f32]) {
    let blocks = x.scales.len();
    let side_by_side = y.len() / (G * GROUP_ROWS) * G;
    let (many, last) = y.split_at_mut(side_by_side * GROUP_ROWS);
    let (groups, last_groups) = groups.split_at(side_by_side * blocks);
    for (g, y) in many.chunks_exact_mut(G * GROUP_ROWS).enumerate() {
        rows_of::<F, G>(&groups[g * G * blocks..][..G * blocks], x, y);
    }
    for (g, y) in last.chunks_mut(GROUP_ROWS).enumerate() {
        rows_of::<F, 1>(&last_groups[g * blocks..][..blocks], x, y);
    }
}

/// The rows of `G` groups: a block of each in turn, as many streams as groups. A stream alone runs on prefetches.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn rows_of<F: Format, const G: usize>(groups: &[F::Group], x: X<'_>, y: &mut [f32]) {
    let blocks = x.scales.len();
    let mut sums = [_mm512_setzero_ps(); G];
    for b in 0..blocks {
        let x = x.block::<F>(b);
        for (g, sum) in sums.iter_mut().enumerate() {
            let group = &groups[g * blocks + b];
            if G == 1 {
                let ahead = (&raw const *group).cast::<i8>().wrapping_add(AHEAD);
                for line in (0..size_of::<F::Group>()).step_by(64) {
                    _mm_prefetch::<_MM_HINT_T1>(ahead.wrapping_add(line));
                }
            }
            // SAFETY: the features are on; x holds the values of a block.
            *sum = unsafe { F::dot_vnni(group, x, *sum) };
        }
    }
    for (sum, y) in sums.into_iter().zip(y.chunks_mut(GROUP_ROWS)) {
        let mut rows = [0.0; GROUP_ROWS];
        // SAFETY: `rows` is 16 long.
        unsafe { _mm512_storeu_ps(rows.as_mut_ptr(), sum) };
        y.copy_from_slice(&rows[..y.len()]);
    }
}

/// Four bytes of each row.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(crate) fn load(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: 64 bytes.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// `sum` plus four products to a row with `x[4 c..]`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(crate) fn dot4(sum: __m512i, w: __m512i, x: &[i8], c: usize) -> __m512i {
    let quad: [i8; 4] = x[4 * c..4 * c + 4].try_into().expect("four values");
    _mm512_dpbusd_epi32(sum, w, _mm512_set1_epi32(bytemuck::cast(quad)))
}

/// The low halves of bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn low(bytes: __m512i) -> __m512i {
    _mm512_and_si512(bytes, _mm512_set1_epi8(15))
}

/// The high halves of bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn high(bytes: __m512i) -> __m512i {
    low(_mm512_srli_epi16::<4>(bytes))
}

/// Sixteen f16 as f32.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(crate) fn halves(h: &[half::f16; GROUP_ROWS]) -> __m512 {
    // SAFETY: 32 bytes.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(h.as_ptr().cast()) })
}

impl Interleaved<q4_0::Group> for BlockQ4_0 {
    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn dot_vnni(group: &q4_0::Group, x: X<'_>, sum: __m512) -> __m512 {
        let quants = &x.quants[..32];
        let (mut lows, mut highs) = (_mm512_setzero_si512(), _mm512_setzero_si512());
        for c in 0..4 {
            let bytes = load(&group.qs[c]);
            lows = dot4(lows, low(bytes), quants, c);
            highs = dot4(highs, high(bytes), quants, c + 4);
        }
        let products = _mm512_cvtepi32_ps(_mm512_add_epi32(lows, highs));
        let whole = _mm512_add_ps(products, _mm512_set1_ps(-8.0 * x.sums[0]));
        _mm512_fmadd_ps(whole, _mm512_mul_ps(halves(&group.d), _mm512_set1_ps(x.scales[0])), sum)
    }
}

impl Interleaved<q4_k::Group> for BlockQ4K {
    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn dot_vnni(group: &q4_k::Group, x: X<'_>, sum: __m512) -> __m512 {
        let (quants, sums) = (&x.quants[..256], &x.sums[..8]);
        let widen = |bytes: &[u8; GROUP_ROWS]| {
            // SAFETY: 16 bytes.
            _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }))
        };
        let (mut scaled, mut offset) = (_mm512_setzero_ps(), _mm512_setzero_ps());
        for run in 0..4 {
            let mut products = [_mm512_setzero_si512(); 2];
            for c in 0..8 {
                let bytes = load(&group.qs[8 * run + c]);
                products[0] = dot4(products[0], low(bytes), quants, 16 * run + c);
                products[1] = dot4(products[1], high(bytes), quants, 16 * run + 8 + c);
            }
            for (j, products) in (2 * run..).zip(products) {
                scaled = _mm512_fmadd_ps(_mm512_cvtepi32_ps(products), widen(&group.scales[j]), scaled);
                offset = _mm512_fmadd_ps(_mm512_set1_ps(sums[j]), widen(&group.mins[j]), offset);
            }
        }
        let whole = _mm512_fmsub_ps(scaled, halves(&group.d), _mm512_mul_ps(offset, halves(&group.dmin)));
        _mm512_fmadd_ps(whole, _mm512_set1_ps(x.scales[0]), sum)
    }
}

impl Interleaved<q6_k::Group> for BlockQ6K {
    /// # Safety
    /// As the trait says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn dot_vnni(group: &q6_k::Group, x: X<'_>, sum: __m512) -> __m512 {
        let (quants, sums) = (&x.quants[..256], &x.sums[..16]);
        let top = |high: __m512i, shifted: __m512i| {
            // Two bits from `high` at bit 4, the rest from `shifted`: one ternary operation.
            _mm512_or_si512(shifted, _mm512_and_si512(high, _mm512_set1_epi8(0x30)))
        };
        let mut scaled = _mm512_setzero_ps();
        for part in 0..4 {
            let half = part / 2;
            let mut products = [_mm512_setzero_si512(); 4];
            for c in 0..4 {
                let [a, b, h] = group.bits[4 * part + c].each_ref().map(|bytes| load(bytes));
                let runs = [
                    top(_mm512_slli_epi16::<4>(h), low(a)),
                    top(_mm512_slli_epi16::<2>(h), low(b)),
                    top(h, high(a)),
                    top(_mm512_srli_epi16::<2>(h), high(b)),
                ];
                for (run, w) in runs.into_iter().enumerate() {
                    let sub = 8 * half + 2 * run + part % 2;
                    products[run] = dot4(products[run], w, quants, 4 * sub + c);
                }
            }
            for (run, products) in products.into_iter().enumerate() {
                let sub = 8 * half + 2 * run + part % 2;
                let whole = _mm512_add_ps(_mm512_cvtepi32_ps(products), _mm512_set1_ps(-32.0 * sums[sub]));
                // SAFETY: 16 bytes.
                let scales = _mm512_cvtepi8_epi32(unsafe { _mm_loadu_si128(group.scales[sub].as_ptr().cast()) });
                scaled = _mm512_fmadd_ps(whole, _mm512_cvtepi32_ps(scales), scaled);
            }
        }
        _mm512_fmadd_ps(scaled, _mm512_mul_ps(halves(&group.d), _mm512_set1_ps(x.scales[0])), sum)
    }
}
