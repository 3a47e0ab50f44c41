//! idea: two rows of B are zipped into pairs of bf16 in registers as they stream past, and vdpbf16ps multiplies them unwidened

use half::bf16;

use super::Args;
use super::x86_few_rows::stream;
use super::x86_kinds::Pairs;
use crate::machine::{Avx512, Isa};

/// The file's first line.
pub const IDEA: &str = "two rows of B are zipped into pairs of bf16 in registers as they stream past, and vdpbf16ps multiplies them unwidened";

/// Runs where AVX-512 and AVX512_BF16 were detected; false elsewhere. Denormals are taken as zeros.
pub fn run(isa: Isa, g: Args<'_, bf16>) -> bool {
    run_on(isa, g, false)
}

/// The same on this thread or on all.
pub(super) fn run_on(isa: Isa, g: Args<'_, bf16>, threads: bool) -> bool {
    match Avx512::detect() {
        Some(_) if isa == Isa::Avx512 && is_x86_feature_detected!("avx512bf16") => {
            // SAFETY: AVX-512 and the one extension that this kind asks for beside were just detected.
            unsafe { stream::<Pairs>(g, threads) };
            true
        }
        _ => false,
    }
}
