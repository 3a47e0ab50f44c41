//! idea: AMX multiplies 16 rows of A by 32 of k by 16 columns in one instruction; AVX-512 scales one tile of sums while the next is made

use super::{Args, Format};
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str = "AMX multiplies 16 rows of A by 32 of k by 16 columns in one instruction; AVX-512 scales one tile of sums while the next is made";

/// Runs where AMX with bytes was granted beside AVX-512 VNNI; false elsewhere.
pub fn run<F: Format>(isa: Isa, g: Args<'_, F>) -> bool {
    super::x86_amx_tile::run_on(isa, g, false)
}
