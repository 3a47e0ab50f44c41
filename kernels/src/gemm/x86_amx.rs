//! idea: AMX multiplies 16 rows of A by 16 columns of B over 32 of k in one instruction; 32 by 32 of C stay in its tiles

use half::bf16;

use super::Args;
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str =
    "AMX multiplies 16 rows of A by 16 columns of B over 32 of k in one instruction; 32 by 32 of C stay in its tiles";

/// Runs where AMX with bf16 was granted beside AVX-512; false elsewhere. Denormals count as zeros, see `x86_bf16`.
pub fn run(isa: Isa, g: Args<'_, bf16>) -> bool {
    super::x86_amx_tile::run_on(isa, g, false)
}
