//! idea: sixteen experts at a time go to every core, scores included; one core selects

use super::group_lanes::{Bests, select};
use super::scores::{STEP, products, sigmoids};
use super::{Args, MoeGate};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Parallel;

impl Rung<MoeGate> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let (gate, x) = (a.by_turns, a.x);
        m.par_chunks_with(
            a.scores,
            STEP,
            a.biased,
            STEP,
            #[inline(always)]
            |m, step, scores, biased| {
                products(m, gate.w, x, step * STEP, scores);
                sigmoids(m, scores, &gate.bias[step * STEP..], biased);
            },
        );
        let (mut bests, room) = Bests::new(m, &a.size, a.room);
        bests.offer(m, a.biased, 0);
        let sums = bests.sums(m.one());
        select(m.one(), &a.size, sums, a.scores, a.biased, room, a.y);
    }
}
