//! idea: groups of columns go to every core, each zipping its own part of every row of B

use half::bf16;

use super::Args;
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str = "groups of columns go to every core, each zipping its own part of every row of B";

/// Runs where AVX-512 and AVX512_BF16 were detected; false elsewhere.
pub fn run(isa: Isa, g: Args<'_, bf16>) -> bool {
    super::x86_few_rows_bf16::run_on(isa, g, true)
}
