//! idea: scores and groups' bests follow each sixteen products at once, in the shadow of the next weights' misses

use super::group_lanes::{Bests, select};
use super::scores::{STEP, products, sigmoids};
use super::{Args, MoeGate};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Fused;

impl Rung<MoeGate> for Fused {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let experts = a.size.experts;
        let (mut bests, room) = Bests::new(m, &a.size, a.room);
        tasks!(m, experts.div_ceil(STEP), 1, |step| {
            let at = step * STEP..experts.min((step + 1) * STEP);
            let (scores, biased) = (&mut a.scores[at.clone()], &mut a.biased[at.clone()]);
            products(m, a.by_turns.w, a.x, at.start, scores);
            sigmoids(m, scores, &a.by_turns.bias[at.clone()], biased);
            bests.offer(m, biased, at.start);
        });
        let sums = bests.sums(m.one());
        select(m.one(), &a.size, sums, a.scores, a.biased, room, a.y);
    }
}
