//! idea: blocks of rows go to every core, each rounding x for itself: nothing is passed from one core to another

use half::bf16;

use super::Args;
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str =
    "blocks of rows go to every core, each rounding x for itself: nothing is passed from one core to another";

/// Runs where AVX-512 and AVX512_BF16 were detected; false elsewhere.
pub fn run(isa: Isa, a: Args<'_, bf16>) -> bool {
    super::x86_bf16::run_on(isa, a, true)
}
