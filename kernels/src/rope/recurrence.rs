//! idea: sines of later positions follow from earlier ones by one turn more, so of 64 positions one calls the library

use super::table::Step;
use super::turn::{self, head};
use super::{Args, Halves, Rope, Variety};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line. Steps double: position 0 gives 1, both give 2 and 3, those give 4 to 7. So the last of a
/// block is six turns from what the library said, and its error six roundings instead of 63.
pub struct Recurrence;

/// Doublings of a block.
pub(super) const STEPS: usize = 6;
/// Positions of a block.
const BLOCK: usize = 1 << STEPS;

impl<V: Variety> Rung<Rope<V>> for Recurrence {
    #[inline(always)]
    fn run<M: Machine>(m: M, mut a: Args<'_>) {
        let (width, positions) = (a.width, a.positions());
        let (tables, steps) = std::mem::take(&mut a.room).split_at_mut(positions * width);
        let doublings = positions.clamp(1, BLOCK).next_power_of_two().ilog2() as usize;
        for s in 0..doublings {
            Step::to(1 << s).table::<M, false>(m, a.frequencies, &mut steps[s * width..(s + 1) * width]);
        }
        tasks!(m, positions.div_ceil(BLOCK), 1, |b| {
            let first = b * BLOCK;
            let count = BLOCK.min(positions - first);
            let tables = &mut tables[first * width..(first + count) * width];
            Step::to(a.first + first).table::<M, false>(m, a.frequencies, &mut tables[..width]);
            for s in 0..doublings {
                let (known, next) = tables.split_at_mut(tables.len().min(width << s));
                // A table is a head whose pairs are its halves.
                for j in 0..(count - count.min(1 << s)).min(1 << s) {
                    let at = j * width..(j + 1) * width;
                    let step = &steps[s * width..(s + 1) * width];
                    head::<M, Halves>(m, step, &known[at.clone()], &mut next[at]);
                }
            }
            tasks!(m, count, 1, |p| turn::heads::<M, V>(m, &mut a, first + p, &tables[p * width..(p + 1) * width]));
        });
    }
}
