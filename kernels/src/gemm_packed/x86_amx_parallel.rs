//! idea: groups of columns go to every core's matrix unit, each taking its own weights apart; A is packed once for all

use super::{Args, Format};
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str =
    "groups of columns go to every core's matrix unit, each taking its own weights apart; A is packed once for all";

/// Runs where AMX with bytes was granted beside AVX-512 VNNI; false elsewhere.
pub fn run<F: Format>(isa: Isa, g: Args<'_, F>) -> bool {
    super::x86_amx_tile::run_on(isa, g, true)
}
