//! idea: vpdpbusd on keys made unsigned by one xor, values in tiles of six heads by four registers

use core::arch::x86_64::*;

use super::keys::{BlockRows, Group, GroupDots, TOKENS};
use super::{Args, BLOCK_LEN};
use crate::attention_decode::Size;
use crate::attention_decode::blocks::{Asked, BLOCK, Rows};
use crate::attention_decode::online::{begin, fade, normalize};
use crate::attention_decode::parallel::split;
use crate::dtype::q8_0::BlockQ8_0;
use crate::machine::{Avx512, Isa};

/// The file's first line.
pub const IDEA: &str = "vpdpbusd on keys made unsigned by one xor, values in tiles of six heads by four registers";

/// Heads of a tile at most: 24 accumulators, four values.
const HEADS: usize = 6;

/// Runs where AVX-512 VNNI was detected; false elsewhere.
pub fn run(isa: Isa, a: Args<'_>) -> bool {
    match Avx512::detect() {
        Some(m) if isa == Isa::Avx512 && is_x86_feature_detected!("avx512vnni") => {
            // SAFETY: AVX-512 and VNNI were just detected.
            unsafe { body(m, a) };
            true
        }
        _ => false,
    }
}

/// The same with every head's tokens split over the cores.
pub(super) fn run_split(isa: Isa, mut a: Args<'_>) -> bool {
    match Avx512::detect() {
        Some(m) if isa == Isa::Avx512 && is_x86_feature_detected!("avx512vnni") => {
            let (partial, o) = (std::mem::take(&mut a.partial), std::mem::take(&mut a.o));
            split(m, a.size, partial, o, |m, kv_head, first, count, state, room, o| {
                let (asked, v) = (a.abreast(kv_head).part(first, count), a.values(kv_head).part(first, count));
                // SAFETY: AVX-512 and VNNI were just detected.
                unsafe { pass(m, &a.size, asked, v, state, room, o) }
            });
            true
        }
        _ => false,
    }
}

/// Calls a function of a constant number of heads.
macro_rules! by_heads {
    ($heads:expr, $call:ident($($arg:expr),*)) => {
        match $heads {
            1 => $call::<1>($($arg),*),
            2 => $call::<2>($($arg),*),
            3 => $call::<3>($($arg),*),
            4 => $call::<4>($($arg),*),
            5 => $call::<5>($($arg),*),
            _ => $call::<HEADS>($($arg),*),
        }
    };
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")]
fn body(m: Avx512, a: Args<'_>) {
    let (size, width) = (a.size, a.size.width);
    let group = size.group();
    for kv_head in 0..size.kv_heads {
        let (asked, v) = (a.abreast(kv_head), a.values(kv_head));
        let o = &mut a.o[kv_head * group * width..(kv_head + 1) * group * width];
        let (state, room) = a.partial.split_at_mut(2 * group);
        pass(m, &size, asked, v, state, room, o);
        normalize(m, state, width, o);
    }
}

/// A group of heads over these tokens: leaves each one's maximum and sum in `state`, and weighted values in `o`. `room` has
/// scores of a block for each head, and a value for each block of its query.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")]
fn pass(
    m: Avx512,
    size: &Size,
    asked: GroupDots<'_>,
    v: BlockRows<'_>,
    state: &mut [f32],
    room: &mut [f32],
    o: &mut [f32],
) {
    let (width, group, blocks) = (size.width, size.group(), size.width / BLOCK_LEN);
    let (room, corrections) = room.split_at_mut(group * BLOCK);
    // What products of unsigned keys are too large by, negated; integers below 2^24.
    for (correction, quants) in corrections.iter_mut().zip(asked.q.quants.chunks_exact(BLOCK_LEN)) {
        *correction = -128.0 * quants.iter().map(|q| f32::from(*q)).sum::<f32>();
    }
    let corrections = &corrections[..group * blocks];
    begin(m, state, o);
    for first in (0..v.count).step_by(BLOCK) {
        let count = BLOCK.min(v.count - first);
        let (asked, v) = (asked.part(first, count), v.part(first, count));
        for h in (0..group).step_by(HEADS) {
            by_heads!(group - h, scores(asked, h, corrections, size.scale(), &mut room[h * BLOCK..]));
        }
        fade(m, state, room, count, width, o);
        for h in (0..group).step_by(HEADS) {
            by_heads!(group - h, weigh(&room[h * BLOCK..], v, &mut o[h * width..]));
        }
    }
}

/// The scores of `H` heads from head `h` for up to [`BLOCK`] tokens.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")]
fn scores<const H: usize>(asked: GroupDots<'_>, h: usize, corrections: &[f32], factor: f32, out: &mut [f32]) {
    let (blocks, groups) = (asked.blocks, asked.count.div_ceil(TOKENS));
    let quants: [&[i8]; H] =
        std::array::from_fn(|r| &asked.q.quants[(h + r) * blocks * BLOCK_LEN..(h + r + 1) * blocks * BLOCK_LEN]);
    let scales: [&[f32]; H] = std::array::from_fn(|r| &asked.q.scales[(h + r) * blocks..(h + r + 1) * blocks]);
    let corrections: [&[f32]; H] = std::array::from_fn(|r| &corrections[(h + r) * blocks..(h + r + 1) * blocks]);
    assert!(asked.k.len() >= groups * blocks && out.len() >= (H - 1) * BLOCK + groups * TOKENS);
    for g in 0..groups {
        let mut sums = [_mm512_setzero_ps(); H];
        for b in 0..blocks {
            let group: &Group = &asked.k[g * blocks + b];
            let mut products = [_mm512_setzero_si512(); H];
            for (c, bytes) in group.qs.iter().enumerate() {
                // SAFETY: 64 bytes.
                let keys = unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) };
                let keys = _mm512_xor_si512(keys, _mm512_set1_epi8(-128));
                for (products, quants) in products.iter_mut().zip(quants) {
                    let at = b * BLOCK_LEN + 4 * c;
                    let four: [i8; 4] = quants[at..at + 4].try_into().expect("four values");
                    let four = _mm512_set1_epi32(bytemuck::cast(four));
                    *products = _mm512_dpbusd_epi32(*products, keys, four);
                }
            }
            // SAFETY: 32 bytes.
            let d = _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(group.d.as_ptr().cast()) });
            for r in 0..H {
                let whole = _mm512_add_ps(_mm512_cvtepi32_ps(products[r]), _mm512_set1_ps(corrections[r][b]));
                sums[r] = _mm512_fmadd_ps(whole, _mm512_mul_ps(d, _mm512_set1_ps(scales[r][b])), sums[r]);
            }
        }
        for (r, sum) in sums.into_iter().enumerate() {
            let sum = _mm512_mul_ps(sum, _mm512_set1_ps(factor));
            // SAFETY: the assert above covers sixteen scores of every head and group.
            unsafe { _mm512_storeu_ps(out.as_mut_ptr().add(r * BLOCK + g * TOKENS), sum) };
        }
    }
}

/// Adds the weighted values to the outputs of `H` heads.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")]
fn weigh<const H: usize>(p: &[f32], v: BlockRows<'_>, o: &mut [f32]) {
    let mut b = 0;
    while b + 2 <= v.blocks {
        columns::<H, 2>(p, v, b, o);
        b += 2;
    }
    if b < v.blocks {
        columns::<H, 1>(p, v, b, o);
    }
}

/// [`weigh`] for the columns of `B` blocks from block `b`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")]
fn columns<const H: usize, const B: usize>(p: &[f32], v: BlockRows<'_>, b: usize, o: &mut [f32]) {
    let width = v.width();
    let p: [&[f32]; H] = std::array::from_fn(|r| &p[r * BLOCK..r * BLOCK + v.count]);
    assert!((b + B) * BLOCK_LEN <= width && o.len() >= H * width);
    let mut sums = [[[_mm512_setzero_ps(); 2]; B]; H];
    for t in 0..v.count {
        let row: &[BlockQ8_0] = &v.row(t)[b..b + B];
        let mut values = [[_mm512_setzero_ps(); 2]; B];
        for (values, block) in values.iter_mut().zip(row) {
            let d = _mm512_cvtph_ps(_mm256_set1_epi16(block.d.to_bits() as i16));
            for (half, value) in values.iter_mut().enumerate() {
                // SAFETY: sixteen of the block's 32 bytes.
                let quants = unsafe { _mm_loadu_si128(block.qs.as_ptr().add(16 * half).cast()) };
                *value = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(quants)), d);
            }
        }
        for (sums, p) in sums.iter_mut().zip(p) {
            let p = _mm512_set1_ps(p[t]);
            for (sums, values) in sums.iter_mut().zip(&values) {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum = _mm512_fmadd_ps(p, *value, *sum);
                }
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        for (i, sum) in sums.as_flattened().iter().enumerate() {
            // SAFETY: the assert above: sixteen outputs of head `r` from this column.
            unsafe {
                let at = o.as_mut_ptr().add(r * width + b * BLOCK_LEN + 16 * i);
                _mm512_storeu_ps(at, _mm512_add_ps(_mm512_loadu_ps(at), *sum));
            }
        }
    }
}
