//! Turning heads by a table.

use super::{Args, Halves, Pairs, Variety};
use crate::machine::Machine;

/// `y = x` turned, all one head or all one table long.
#[inline(always)]
pub(super) fn head<M: Machine, P: Pairs>(m: M, table: &[f32], x: &[f32], y: &mut [f32]) {
    let half = table.len() / 2;
    let main = m.steps(0, half, m.lanes());
    let tail = main.tail();
    pairs::<M, P>(m, main, table, x, y);
    let one = m.one();
    pairs::<M::One, P>(one, one.steps(tail, half, 1), table, x, y);
}

#[inline(always)]
fn pairs<M: Machine, P: Pairs>(m: M, steps: impl Iterator<Item = usize>, table: &[f32], x: &[f32], y: &mut [f32]) {
    for i in steps {
        let (cos, sin) = Halves::load(m, table, i);
        pair::<M, P>(m, &cos, &sin, x, y, i);
    }
}

/// The pairs of a head from `i` on, by their cosines and sines.
#[inline(always)]
pub(super) fn pair<M: Machine, P: Pairs>(m: M, cos: &M::F, sin: &M::F, x: &[f32], y: &mut [f32], i: usize) {
    let (first, second) = P::load(m, x, i);
    let turned = m.sub(&m.mul(&first, cos), &m.mul(&second, sin));
    let other = m.mul_add(&first, sin, &m.mul(&second, cos));
    P::store(m, &turned, &other, y, i);
}

/// Every head at position number `p` of the run, by the table of that position.
#[inline(always)]
pub(super) fn heads<M: Machine, V: Variety>(m: M, a: &mut Args<'_>, p: usize, table: &[f32]) {
    let (width, at) = (a.width, p * a.stride());
    for h in m.steps(0, a.heads, 1) {
        let place = at + h * width..at + (h + 1) * width;
        head::<M, V::Pairs>(m, table, &a.x[place.clone()], &mut a.y[place]);
    }
}
