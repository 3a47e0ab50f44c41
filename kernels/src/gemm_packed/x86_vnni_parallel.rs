//! idea: groups of columns go to every core and straight into their places in C; A is packed once for all

use rayon::prelude::*;

use super::x86_tile::{Product, detected};
use super::{Args, Format};
use crate::machine::Isa;

/// The file's first line.
pub const IDEA: &str =
    "groups of columns go to every core and straight into their places in C; A is packed once for all";

/// Tasks for each thread: enough to balance, few enough that each finds A in its second cache again and again.
const TASKS_PER_THREAD: usize = 4;

/// Runs where AVX-512 VNNI was detected; false elsewhere.
pub fn run<F: Format>(isa: Isa, g: Args<'_, F>) -> bool {
    if !detected(isa) {
        return false;
    }
    let product = Product::new(g, true);
    let groups = product.groups();
    let each = groups.div_ceil(TASKS_PER_THREAD * rayon::current_num_threads()).max(1);
    (0..groups.div_ceil(each)).into_par_iter().for_each(|t| {
        // SAFETY: AVX-512 and VNNI were just detected; each task has columns of its own.
        unsafe { product.columns(t * each..groups.min((t + 1) * each)) };
    });
    true
}
