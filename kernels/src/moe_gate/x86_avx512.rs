//! idea: two experts a step with eight registers and prefetches far ahead, as the best product alone does

use super::Args;
use super::group_lanes::{Bests, select};
use super::scores::{STEP, sigmoids};
use crate::gemv::x86_avx512::two_rows;
use crate::machine::{Avx512, Isa, Machine};

/// The file's first line.
pub const IDEA: &str = "two experts a step with eight registers and prefetches far ahead, as the best product alone does";

/// Runs where AVX-512 was detected; false elsewhere.
pub fn run(isa: Isa, a: Args<'_>) -> bool {
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
fn body(m: Avx512, a: Args<'_>) {
    let (k, w) = (a.size.width, a.by_turns.w);
    let (mut bests, room) = Bests::new(m, &a.size, a.room);
    for (step, (scores, biased)) in a.scores.chunks_mut(STEP).zip(a.biased.chunks_mut(STEP)).enumerate() {
        let first = step * STEP;
        let row = |r: usize| &w[(first + r) * k..(first + r + 1) * k];
        for (i, pair) in scores.chunks_mut(2).enumerate() {
            // An odd last row is done twice.
            let sums = two_rows(row(2 * i), row(2 * i + pair.len() - 1), a.x);
            pair.copy_from_slice(&sums[..pair.len()]);
        }
        sigmoids(m, scores, &a.by_turns.bias[first..first + scores.len()], biased);
        bests.offer(m, biased, first);
    }
    let sums = bests.sums(m.one());
    select(m.one(), &a.size, sums, a.scores, a.biased, room, a.y);
}
