//! idea: columns go to every core, for many rows through a panel of its own: decoding is work that threads share

use super::Args;
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str =
    "columns go to every core, for many rows through a panel of its own: decoding is work that threads share";

/// Runs where AVX-512 with VBMI and BF16 was detected; false elsewhere.
pub fn run(isa: Isa, g: Args<'_>) -> bool {
    super::x86_avx512::run_on(isa, g, true)
}
