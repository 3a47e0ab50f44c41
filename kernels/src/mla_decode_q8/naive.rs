//! idea: head by head, latents become f32 by their scales wherever they are used: every latent twice for every head

use super::{Args, MlaDecodeQ8};
use crate::kernel::Rung;
use crate::machine::Machine;
use crate::mla_decode::absorbed::head_by_head;

/// See the file's first line.
pub struct Naive;

impl Rung<MlaDecodeQ8> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        head_by_head(m.one(), a);
    }
}
