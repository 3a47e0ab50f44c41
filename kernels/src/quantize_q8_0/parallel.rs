//! idea: pieces of the rows go to every core, which pays for a prompt and not for one token

use super::naive::blocks;
use super::simd::MAXIMA;
use super::{Args, BLOCK_LEN, QuantizeQ8};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Parallel;

/// Blocks of one task: some microseconds.
const BLOCKS: usize = 512;

impl Rung<QuantizeQ8> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let x = a.x;
        // Tasks own pieces of f32; quants are cut by fours.
        let quants: &mut [f32] = bytemuck::cast_slice_mut(a.quants);
        m.par_chunks_with(
            quants,
            BLOCKS * BLOCK_LEN / 4,
            a.scales,
            BLOCKS,
            #[inline(always)]
            |m, t, quants, scales| {
                let x = &x[t * BLOCKS * BLOCK_LEN..][..scales.len() * BLOCK_LEN];
                blocks::<_, MAXIMA>(m, Args { x, quants: bytemuck::cast_slice_mut(quants), scales });
            },
        );
    }
}
