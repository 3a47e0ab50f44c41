//! idea: four rows share each load of x, which saves loads and keeps four streams of weights in flight

use super::{Args, Element, Gemv};
use crate::kernel::Rung;
use crate::machine::{Machine, OneF, tasks};

/// See the file's first line.
pub struct MultiRow;

/// Rows done together.
pub(crate) const ROWS: usize = 4;

impl<E: Element> Rung<Gemv<E>> for MultiRow {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        let rows = a.y.len();
        tasks!(m, rows.div_ceil(ROWS), 1, |t| {
            let first = t * ROWS;
            let count = ROWS.min(rows - first);
            four_rows(m, &a.w[first * a.k..], a.k, a.x, &mut a.y[first..first + count]);
        });
    }
}

/// `y[r] = w[r, :] · x` for up to four rows.
#[inline(always)]
pub(crate) fn four_rows<M: Machine, E: Element>(m: M, w: &[E], k: usize, x: &[f32], y: &mut [f32]) {
    if y.len() < ROWS {
        for (r, out) in y.iter_mut().enumerate() {
            let sum = super::dot::<M, E, 1>(m, &w[r * k..(r + 1) * k], &x[..k]);
            m.one().store(&sum, std::slice::from_mut(out), 0);
        }
        return;
    }
    for (r, sum) in four_sums(m, w, k, x).iter().enumerate() {
        m.one().store(sum, y, r);
    }
}

/// The dot products of four rows with x.
#[inline(always)]
pub(crate) fn four_sums<M: Machine, E: Element>(m: M, w: &[E], k: usize, x: &[f32]) -> [OneF<M>; ROWS] {
    let row: [&[E]; ROWS] = std::array::from_fn(|r| &w[r * k..(r + 1) * k]);
    dots(m, row, &x[..k])
}

/// The dot products of rows with `x`, all equally long, in two registers each.
#[inline(always)]
pub(crate) fn dots<M: Machine, E: Element, const R: usize>(m: M, row: [&[E]; R], x: &[f32]) -> [OneF<M>; R] {
    let k = x.len();
    let row = row.map(|row| &row[..k]);
    let mut sums: [[M::F; 2]; R] = m.tile::<R, 2>();
    let main = m.steps(0, k, 2 * m.lanes());
    let tail = main.tail();
    for c in main {
        let (x0, x1) = (m.load(x, c), m.load(x, c + m.lanes()));
        for r in 0..R {
            sums[r][0] = m.mul_add(&E::load(m, row[r], c), &x0, &sums[r][0]);
            sums[r][1] = m.mul_add(&E::load(m, row[r], c + m.lanes()), &x1, &sums[r][1]);
        }
    }
    let one = m.one();
    let mut totals = one.zeros::<R>();
    for (r, total) in totals.iter_mut().enumerate() {
        let mut sum = m.sum(&m.add(&sums[r][0], &sums[r][1]));
        for c in one.steps(tail, k, 1) {
            sum = one.mul_add(&E::load(one, row[r], c), &one.load(x, c), &sum);
        }
        *total = sum;
    }
    totals
}
