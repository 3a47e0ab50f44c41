//! idea: a 12 by 2 tile of 512-bit registers with masked edges; B is packed and prefetched one panel ahead

use super::x86_blocks::product;
use super::x86_kinds::Fma;
use super::{Args, Factor};
use crate::machine::{Avx512, Isa};

/// The file's first line.
pub const IDEA: &str =
    "a 12 by 2 tile of 512-bit registers with masked edges; B is packed and prefetched one panel ahead";

/// Runs where AVX-512 was detected; false elsewhere.
pub fn run<E: Factor>(isa: Isa, g: Args<'_, E>) -> bool {
    run_on::<E>(isa, g, false)
}

/// The same on this thread or on all.
pub(super) fn run_on<E: Factor>(isa: Isa, g: Args<'_, E>, threads: bool) -> bool {
    match Avx512::detect() {
        Some(_) if isa == Isa::Avx512 => {
            // SAFETY: AVX-512 was just detected, and this kind asks for nothing beside.
            unsafe { product::<Fma<E>>(g, threads) };
            true
        }
        _ => false,
    }
}
