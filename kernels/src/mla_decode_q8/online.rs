//! idea: several heads share each latent that is made f32, and all pass over the cache together with running maximums

use super::{Args, MlaDecodeQ8};
use crate::kernel::Rung;
use crate::machine::Machine;
use crate::mla_decode::absorbed_online::all_heads;

/// See the file's first line.
pub struct Online;

impl Rung<MlaDecodeQ8> for Online {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        all_heads(m, a);
    }
}
