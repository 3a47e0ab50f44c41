//! idea: groups of rows go to every core, each a stream of its own

use super::Args;
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str = "groups of rows go to every core, each a stream of its own";

/// Runs where AVX-512 VNNI was detected; false elsewhere.
pub fn run(isa: Isa, a: Args<'_>) -> bool {
    crate::gemv_packed::x86_vnni::run_on::<_, 1>(isa, a.packed, true)
}
