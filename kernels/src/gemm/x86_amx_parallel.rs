//! idea: each core's matrix unit has a piece of the product, for which its core packs A and interleaves B: cores share nothing

use half::bf16;

use super::Args;
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str = "each core's matrix unit has a piece of the product, for which its core packs A and interleaves B: cores share nothing";

/// Runs where AMX with bf16 was granted beside AVX-512; false elsewhere.
pub fn run(isa: Isa, g: Args<'_, bf16>) -> bool {
    super::x86_amx_tile::run_on(isa, g, true)
}
