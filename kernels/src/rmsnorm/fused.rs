//! idea: squares are summed while the residual is added, which saves one of three passes

use super::simd::SUMS;
use super::{Args, RmsNorm, Row};
use crate::kernel::Rung;
use crate::machine::{Machine, OneF};

/// See the file's first line.
pub struct Fused;

impl Rung<RmsNorm> for Fused {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        super::rows(
            m,
            a,
            #[inline(always)]
            |mut row| one_row(m, &mut row),
        );
    }
}

/// One row's sum with the residual, and its norm.
#[inline(always)]
pub(super) fn one_row<M: Machine>(m: M, row: &mut Row<'_>) {
    let squares = add_and_square(m, row);
    let inverse = super::inverse_rms(m.one(), &squares, row.w.len(), row.epsilon);
    super::scale(m, row, &inverse);
}

/// `h_out = h + delta`; returns the sum of its squares.
#[inline(always)]
fn add_and_square<M: Machine>(m: M, row: &mut Row<'_>) -> OneF<M> {
    let n = row.w.len();
    let mut sums = m.zeros::<SUMS>();
    let main = m.steps(0, n, SUMS * m.lanes());
    let tail = main.tail();
    for c in main {
        for (s, sum) in sums.iter_mut().enumerate() {
            let at = c + s * m.lanes();
            let h = m.add(&m.load(row.h, at), &m.load(row.delta, at));
            m.store(&h, row.h_out, at);
            *sum = m.mul_add(&h, &h, sum);
        }
    }
    let one = m.one();
    let mut total = m.sum(&m.add(&m.add(&sums[0], &sums[1]), &m.add(&sums[2], &sums[3])));
    for c in one.steps(tail, n, 1) {
        let h = one.add(&one.load(row.h, c), &one.load(row.delta, c));
        one.store(&h, row.h_out, c);
        total = one.mul_add(&h, &h, &total);
    }
    total
}
