//! idea: gate and up, or two rows of down, at a time with prefetches far ahead keep more misses in flight

use core::arch::x86_64::*;

use super::dispatch::Dispatch;
use super::experts::Run;
use super::{Args, ExpertElement};
use crate::gemv::x86_avx512::{AHEAD, two_rows};
use crate::machine::{Avx512, Isa, Machine};
use crate::swiglu::simd::piece;

/// The file's first line.
pub const IDEA: &str = "gate and up, or two rows of down, at a time with prefetches far ahead keep more misses in flight";

/// Runs where AVX-512 was detected; false elsewhere.
pub fn run<E: ExpertElement>(isa: Isa, a: Args<'_, E>) -> bool {
    match Avx512::detect() {
        Some(m) if isa == Isa::Avx512 => {
            // SAFETY: AVX-512 was just detected.
            unsafe { body(m, a) };
            true
        }
        _ => false,
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn body<E: ExpertElement>(m: Avx512, a: Args<'_, E>) {
    let (size, width, inner) = (a.size, a.size.width, a.size.inner);
    let dispatch = Dispatch::sort(m.one(), &size, a.routes, a.order);
    let (gates, rest) = a.room.split_at_mut(size.routes() * inner);
    let (ups, between) = rest.split_at_mut(size.routes() * inner);
    a.y.fill(0.0);
    for e in 0..size.experts {
        let Some(run) = Run::of(m.one(), dispatch, e) else { continue };
        let (expert, first, count) = (a.experts.get(e), run.first, run.count);
        let token = |i: usize| dispatch.route(m.one(), first + i);
        for f in 0..inner {
            products(count, [expert.gate(f), expert.up(f)], |i| &a.x[token(i).1 * width..][..width], |i, [gate, up]| {
                gates[i * inner + f] = gate;
                ups[i * inner + f] = up;
            });
        }
        let values = ..count * inner;
        piece(m, &gates[values], &ups[values], &mut between[values]);
        for r in (0..width).step_by(2) {
            // An odd last row is done twice.
            let rows = [expert.down(r), expert.down((r + 1).min(width - 1))];
            products(count, rows, |i| &between[i * inner..(i + 1) * inner], |i, sums| {
                let (route, token) = token(i);
                let y = &mut a.y[token * width + r..width.min(r + 2) + token * width];
                y.iter_mut().zip(sums).for_each(|(y, sum)| *y += a.weights[route] * sum);
            });
        }
    }
}

/// The products of two rows with the vector `x(i)` of each token.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn products<'x, E: ExpertElement>(
    count: usize,
    rows: [&[E]; 2],
    x: impl Fn(usize) -> &'x [f32],
    mut put: impl FnMut(usize, [f32; 2]),
) {
    let mut i = 0;
    while i + 4 <= count {
        let sums = tile(rows, [x(i), x(i + 1), x(i + 2), x(i + 3)]);
        sums.into_iter().enumerate().for_each(|(t, sums)| put(i + t, sums));
        i += 4;
    }
    if i + 2 <= count {
        let [a, b] = tile(rows, [x(i), x(i + 1)]);
        put(i, a);
        put(i + 1, b);
        i += 2;
    }
    if i < count {
        put(i, two_rows(rows[0], rows[1], x(i)));
    }
}

/// The products of two rows with each of `T` vectors, all equally long.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn tile<E: ExpertElement, const T: usize>(rows: [&[E]; 2], x: [&[f32]; T]) -> [[f32; 2]; T] {
    let k = x[0].len();
    assert!(rows.iter().all(|row| row.len() == k) && x.iter().all(|x| x.len() == k));
    let (rows, x, ahead) = (rows.map(<[E]>::as_ptr), x.map(<[f32]>::as_ptr), AHEAD / size_of::<E>());
    let mut sums = [[_mm512_setzero_ps(); 2]; T];
    for c in (0..k).step_by(16) {
        let mask = (0xffff_u32 >> (16 - (k - c).min(16))) as __mmask16;
        for row in rows {
            _mm_prefetch::<_MM_HINT_T0>(row.wrapping_add(c + ahead).cast());
        }
        // SAFETY: the mask covers only values below k, the length of all.
        unsafe {
            let w = [E::load16(mask, rows[0].add(c)), E::load16(mask, rows[1].add(c))];
            for (sums, x) in sums.iter_mut().zip(x) {
                let x = _mm512_maskz_loadu_ps(mask, x.add(c));
                sums[0] = _mm512_fmadd_ps(w[0], x, sums[0]);
                sums[1] = _mm512_fmadd_ps(w[1], x, sums[1]);
            }
        }
    }
    sums.map(|sums| sums.map(|sum| _mm512_reduce_add_ps(sum)))
}
