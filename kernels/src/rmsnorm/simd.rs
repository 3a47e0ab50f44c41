//! idea: the same passes in SIMD lanes, the squares in four independent sums

use super::{Args, RmsNorm, Row};
use crate::kernel::Rung;
use crate::machine::{Machine, OneF};

/// See the file's first line.
pub struct Simd;

/// Independent sums of squares.
pub(super) const SUMS: usize = 4;

impl Rung<RmsNorm> for Simd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        super::rows(
            m,
            a,
            #[inline(always)]
            |mut row| {
                add(m, &mut row);
                let squares = sum_of_squares(m, row.h_out);
                let inverse = super::inverse_rms(m.one(), &squares, row.w.len(), row.epsilon);
                super::scale(m, &mut row, &inverse);
            },
        );
    }
}

/// `h_out = h + delta`.
#[inline(always)]
fn add<M: Machine>(m: M, row: &mut Row<'_>) {
    let n = row.w.len();
    let main = m.steps(0, n, m.lanes());
    let tail = main.tail();
    for c in main {
        m.store(&m.add(&m.load(row.h, c), &m.load(row.delta, c)), row.h_out, c);
    }
    let one = m.one();
    for c in one.steps(tail, n, 1) {
        one.store(&one.add(&one.load(row.h, c), &one.load(row.delta, c)), row.h_out, c);
    }
}

/// `sum of h^2`.
#[inline(always)]
fn sum_of_squares<M: Machine>(m: M, h: &[f32]) -> OneF<M> {
    let mut sums = m.zeros::<SUMS>();
    let main = m.steps(0, h.len(), SUMS * m.lanes());
    let tail = main.tail();
    for c in main {
        for (s, sum) in sums.iter_mut().enumerate() {
            let h = m.load(h, c + s * m.lanes());
            *sum = m.mul_add(&h, &h, sum);
        }
    }
    let one = m.one();
    let mut total = m.sum(&m.add(&m.add(&sums[0], &sums[1]), &m.add(&sums[2], &sums[3])));
    for c in one.steps(tail, h.len(), 1) {
        let h = one.load(h, c);
        total = one.mul_add(&h, &h, &total);
    }
    total
}
