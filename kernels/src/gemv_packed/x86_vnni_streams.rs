//! idea: four groups of rows side by side, a block of each in turn: four streams, which the core's own prefetchers follow

use super::{Args, Format};
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str =
    "four groups of rows side by side, a block of each in turn: four streams, which the core's own prefetchers follow";

/// Groups side by side. On a Zen 4 four streams are read out of its caches a third faster than one stream with software
/// prefetches, eight no faster than four.
pub(super) const GROUPS: usize = 4;

/// Runs where AVX-512 VNNI was detected; false elsewhere.
pub fn run<F: Format>(isa: Isa, a: Args<'_, F>) -> bool {
    super::x86_vnni::run_on::<F, GROUPS>(isa, a, false)
}
