//! idea: positions go to every core, which pays for a prompt and not for one token

use super::table::Step;
use super::turn::head;
use super::{Args, Rope, Variety};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Parallel;

/// Positions of one task: some ten microseconds.
const POSITIONS_PER_TASK: usize = 16;

impl<V: Variety> Rung<Rope<V>> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let (x, frequencies, first, stride, width) = (a.x, a.frequencies, a.first, a.stride(), a.width);
        m.par_chunks_with(
            a.y,
            POSITIONS_PER_TASK * stride,
            a.room,
            width,
            #[inline(always)]
            |m, t, y, table| {
                tasks!(m, y.len() / stride, 1, |p| {
                    let position = t * POSITIONS_PER_TASK + p;
                    Step::to(first + position).table::<M, true>(m, frequencies, table);
                    let (x, y) = (&x[position * stride..][..stride], &mut y[p * stride..][..stride]);
                    for h in m.steps(0, stride / width, 1) {
                        let at = h * width..(h + 1) * width;
                        head::<M, V::Pairs>(m, table, &x[at.clone()], &mut y[at]);
                    }
                });
            },
        );
    }
}
