//! idea: groups of columns go to every core's matrix unit, each interleaving its own pairs of rows of B; packed A is shared

use half::bf16;

use super::Args;
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str = "groups of columns go to every core's matrix unit, each interleaving its own pairs of rows of B; packed A is shared";

/// Runs where AMX with bf16 was granted beside AVX-512; false elsewhere.
pub fn run(isa: Isa, g: Args<'_, bf16>) -> bool {
    super::x86_amx_tile::run_on(isa, g, true)
}
