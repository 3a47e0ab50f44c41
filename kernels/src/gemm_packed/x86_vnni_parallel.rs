//! idea: groups of columns go to every core and straight into their places in C; A is packed once for all

use super::{Args, Format};
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str =
    "groups of columns go to every core and straight into their places in C; A is packed once for all";

/// Runs where AVX-512 VNNI was detected; false elsewhere.
pub fn run<F: Format>(isa: Isa, g: Args<'_, F>) -> bool {
    super::x86_tile::run_on(isa, g, true)
}
