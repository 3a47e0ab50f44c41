//! idea: sines and cosines are made once a position and serve all its heads

use super::table::Step;
use super::{Args, Rope, Variety, turn};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Shared;

impl<V: Variety> Rung<Rope<V>> for Shared {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        every_position::<M::One, V, false>(m.one(), a);
    }
}

/// A table and all heads, position by position.
#[inline(always)]
pub(super) fn every_position<M: Machine, V: Variety, const POLYNOMIAL: bool>(m: M, mut a: Args<'_>) {
    let room = std::mem::take(&mut a.room);
    tasks!(m, a.positions(), 1, |p| {
        let table = &mut room[p * a.width..(p + 1) * a.width];
        Step::to(a.first + p).table::<M, POLYNOMIAL>(m, a.frequencies, table);
        turn::heads::<M, V>(m, &mut a, p, table);
    });
}
