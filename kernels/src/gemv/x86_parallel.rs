//! idea: blocks of rows go to every core, eight rows at a time: the cores' misses together fill the memory bus

use super::x86_eight_rows::ROWS;
use super::{Args, Element};
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str =
    "blocks of rows go to every core, eight rows at a time: the cores' misses together fill the memory bus";

/// Runs where AVX-512 was detected; false elsewhere.
pub fn run<E: Element>(isa: Isa, a: Args<'_, E>) -> bool {
    super::x86_eight_rows::run_on::<E, ROWS>(isa, a, true)
}
