//! idea: groups of columns go to every core, each with its own part of every row of B and of the sums

use super::{Args, Factor};
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str = "groups of columns go to every core, each with its own part of every row of B and of the sums";

/// Runs where AVX-512 was detected; false elsewhere.
pub fn run<E: Factor>(isa: Isa, g: Args<'_, E>) -> bool {
    super::x86_few_rows::run_on(isa, g, true)
}
