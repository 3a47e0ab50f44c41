//! idea: latents become f32 in SIMD lanes, still for one head after the other

use super::{Args, MlaDecodeQ8};
use crate::kernel::Rung;
use crate::machine::Machine;
use crate::mla_decode::absorbed::head_by_head;

/// See the file's first line.
pub struct Simd;

impl Rung<MlaDecodeQ8> for Simd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        head_by_head(m, a);
    }
}
