//! idea: the tokens are split over every core, each with the byte dot product and tiles of x86_vnni, and the parts merged

use super::Args;
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str =
    "the tokens are split over every core, each with the byte dot product and tiles of x86_vnni, and the parts merged";

/// Runs where AVX-512 VNNI was detected; false elsewhere.
pub fn run(isa: Isa, a: Args<'_>) -> bool {
    super::x86_vnni::run_split(isa, a)
}
