//! idea: groups of rows go to every core, four streams each, until the cores' misses fill the bus

use super::x86_vnni_streams::GROUPS;
use super::{Args, Format};
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str = "groups of rows go to every core, four streams each, until the cores' misses fill the bus";

/// Runs where AVX-512 VNNI was detected; false elsewhere.
pub fn run<F: Format>(isa: Isa, a: Args<'_, F>) -> bool {
    super::x86_vnni::run_on::<F, GROUPS>(isa, a, true)
}
