//! idea: a block of rows goes to every core, which finds it in its own cache: the caches are read at once, and hold as many times more

use super::Args;
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str = "a block of rows goes to every core, which finds it in its own cache: the caches are read at once, and hold as many times more";

/// Runs where AVX-512 VNNI was detected; false elsewhere.
pub fn run(isa: Isa, a: Args<'_>) -> bool {
    super::x86_vnni_scales::run_on(isa, a, true)
}
