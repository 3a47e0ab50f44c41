//! idea: 32 weights of sixteen rows wait in eight 512-bit registers while sixteen rows of A pass: vpdpbusd broadcasts A from memory at no cost

use super::{Args, Format};
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str = "32 weights of sixteen rows wait in eight 512-bit registers while sixteen rows of A pass: vpdpbusd broadcasts A from memory at no cost";

/// Runs where AVX-512 VNNI was detected; false elsewhere.
pub fn run<F: Format>(isa: Isa, g: Args<'_, F>) -> bool {
    super::x86_tile::run_on(isa, g, false)
}
