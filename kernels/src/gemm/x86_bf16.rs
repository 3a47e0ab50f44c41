//! idea: vdpbf16ps multiplies pairs of bf16 as they are stored: twice the products of an f32 register, nothing is widened

use half::bf16;

use super::Args;
use super::x86_blocks::product;
use super::x86_kinds::Pairs;
use crate::machine::{Avx512, Isa};

/// The file's first line.
pub const IDEA: &str =
    "vdpbf16ps multiplies pairs of bf16 as they are stored: twice the products of an f32 register, nothing is widened";

/// Runs where AVX-512 and AVX512_BF16 were detected; false elsewhere.
///
/// The instruction takes denormals as zeros. As operands they are below 1.2e-38, and no trained weight is.
pub fn run(isa: Isa, g: Args<'_, bf16>) -> bool {
    run_on(isa, g, false)
}

/// The same on this thread or on all.
pub(super) fn run_on(isa: Isa, g: Args<'_, bf16>, threads: bool) -> bool {
    match Avx512::detect() {
        Some(_) if isa == Isa::Avx512 && is_x86_feature_detected!("avx512bf16") => {
            // SAFETY: AVX-512 and the one extension that this kind asks for beside were just detected.
            unsafe { product::<Pairs>(g, threads) };
            true
        }
        _ => false,
    }
}
