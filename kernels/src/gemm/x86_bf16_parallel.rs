//! idea: each core has a piece of the product, for which it packs A and interleaves the rows of B: cores share nothing

use half::bf16;

use super::Args;
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str =
    "each core has a piece of the product, for which it packs A and interleaves the rows of B: cores share nothing";

/// Runs where AVX-512 and AVX512_BF16 were detected; false elsewhere.
pub fn run(isa: Isa, g: Args<'_, bf16>) -> bool {
    super::x86_bf16::run_on(isa, g, true)
}
