//! idea: two rows a step with eight registers and prefetches far ahead, as in the GEMV, and both logits compared

use super::{Args, Best, HeadElement};
use crate::gemv::x86_avx512::two_rows;
use crate::machine::{Avx512, Isa, Scalar};

/// The file's first line.
pub const IDEA: &str =
    "two rows a step with eight registers and prefetches far ahead, as in the GEMV, and both logits compared";

/// Runs where AVX-512 was detected; false elsewhere.
pub fn run<E: HeadElement>(isa: Isa, a: Args<'_, E>) -> bool {
    match Avx512::detect() {
        Some(_) if isa == Isa::Avx512 => {
            // SAFETY: AVX-512 was just detected.
            unsafe { body(a) };
            true
        }
        _ => false,
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn body<E: HeadElement>(a: Args<'_, E>) {
    let h = a.x.len();
    let row = |r: usize| &a.w[r * h..(r + 1) * h];
    let mut best = Best::none();
    for r in (0..a.rows).step_by(2) {
        // An odd last row meets itself.
        let next = (r + 1).min(a.rows - 1);
        let [first, second] = two_rows(row(r), row(next), a.x);
        best.meet(Scalar, &first, r);
        best.meet(Scalar, &second, next);
    }
    best.store(Scalar, a.y);
}
