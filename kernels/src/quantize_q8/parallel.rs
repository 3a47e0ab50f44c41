//! idea: pieces of the rows go to every core, which pays for a prompt and not for one token

use super::naive::blocks;
use super::simd::MAXIMA;
use super::{Args, Blocks, QuantizeQ8};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Parallel;

/// Values of one task: some microseconds.
const VALUES: usize = 1 << 14;

impl<B: Blocks> Rung<QuantizeQ8<B>> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let x = a.x;
        // Tasks own pieces of f32; quants are cut by fours.
        let quants: &mut [f32] = bytemuck::cast_slice_mut(a.quants);
        m.par_chunks_with(
            quants,
            VALUES / 4,
            a.scales,
            VALUES / B::LEN,
            #[inline(always)]
            |m, t, quants, scales| {
                let x = &x[t * VALUES..][..scales.len() * B::LEN];
                blocks::<_, B, MAXIMA>(m, Args { x, quants: bytemuck::cast_slice_mut(quants), scales });
            },
        );
    }
}
