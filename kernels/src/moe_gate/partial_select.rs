//! idea: short lists of the best so far replace the sorts: most experts are turned away by one comparison

use super::best::{Best, choose};
use super::scores::{all, weigh_in_order};
use super::{Args, MoeGate};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct PartialSelect;

impl Rung<MoeGate> for PartialSelect {
    #[inline(always)]
    fn run<M: Machine>(m: M, mut a: Args<'_>) {
        all(m, a.gate, a.x, a.scores, a.biased);
        let (m, size, group) = (m.one(), a.size, a.size.group());
        let (sums, room) = a.room.split_at_mut(size.groups);
        if size.groups > 1 {
            for g in 0..size.groups {
                let mut two = Best::new(m, 2, room);
                for e in m.steps(g * group, (g + 1) * group, 1) {
                    two.offer(m, a.biased, e, e);
                }
                m.store(&two.sum(m), sums, g);
            }
        }
        choose(m, &size, sums, a.biased, |e| e, room, a.y);
        weigh_in_order(m, &mut a);
    }
}
