//! idea: each core has a piece of the product, for which it packs both A and B: cores share nothing and wait for nobody

use super::{Args, Factor};
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str =
    "each core has a piece of the product, for which it packs both A and B: cores share nothing and wait for nobody";

/// Runs where AVX-512 was detected; false elsewhere.
pub fn run<E: Factor>(isa: Isa, g: Args<'_, E>) -> bool {
    super::x86_avx512::run_on(isa, g, true)
}
