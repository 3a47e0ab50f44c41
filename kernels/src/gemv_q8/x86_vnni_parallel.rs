//! idea: blocks of rows go to every core, each reading one long stream, until the cores' misses fill the bus

use super::Args;
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str =
    "blocks of rows go to every core, each reading one long stream, until the cores' misses fill the bus";

/// Runs where AVX-512 VNNI was detected; false elsewhere.
pub fn run(isa: Isa, a: Args<'_>) -> bool {
    super::x86_vnni_stream::run_on(isa, a, true)
}
