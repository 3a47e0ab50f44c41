//! idea: one row after the other: out of cache the weights are one long stream, which some processors follow best alone

use super::{Args, Element};
use crate::machine::Isa;

/// The file's first line. Of two hosts with a Zen 4, one read a single stream faster than eight rows, the other eight rows
/// half as fast again as a single stream: processors alike differ in the prefetchers that are on.
pub const IDEA: &str =
    "one row after the other: out of cache the weights are one long stream, which some processors follow best alone";

/// Runs where AVX-512 was detected; false elsewhere.
pub fn run<E: Element>(isa: Isa, a: Args<'_, E>) -> bool {
    super::x86_eight_rows::run_on::<E, 1>(isa, a, false)
}
