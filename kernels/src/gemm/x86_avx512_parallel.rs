//! idea: groups of columns go to every core, each packing its own B; the packed block of A is shared

use super::{Args, Factor};
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str = "groups of columns go to every core, each packing its own B; the packed block of A is shared";

/// Runs where AVX-512 was detected; false elsewhere.
pub fn run<E: Factor>(isa: Isa, g: Args<'_, E>) -> bool {
    super::x86_avx512::run_on(isa, g, true)
}
