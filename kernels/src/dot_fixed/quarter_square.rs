//! idea: a product is the difference of two quarter squares, (w + x)^2 / 4 - (w - x)^2 / 4, from a table of 511

use super::{Args, DotFixed, X_BIAS, every_row};
use crate::kernel::Rung;
use crate::machine::{Integers, Machine};

/// See the file's first line. Both squares lose the same quarter where their bases are odd, so the difference is exact.
/// A table of quarter squares multiplied for astronomers before it did for 8-bit games.
pub struct QuarterSquare;

impl Rung<DotFixed> for QuarterSquare {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        let twice_x_bias = m.splat_i(2 * X_BIAS);
        every_row(
            m,
            a.w_biased,
            a.x.len(),
            a.y,
            #[inline(always)]
            |row| {
                let mut sum = m.zero_i();
                for c in m.steps(0, row.len(), 1) {
                    let (w, x) = (m.load_u8(row, c), m.load_u8(a.x_biased, c));
                    // Biases of both in the sum; in the difference that of x comes off, and back twice.
                    let plus = m.add_i(&w, &x);
                    let minus = m.add_i(&m.sub_i(&w, &x), &twice_x_bias);
                    sum = m.add_i(&sum, &m.lookup(a.squares, &plus));
                    sum = m.sub_i(&sum, &m.lookup(a.squares, &minus));
                }
                sum
            },
        );
    }
}
