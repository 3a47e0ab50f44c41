//! idea: squares of bytes sum as whole numbers, and one division a row makes the others multiplies

use super::{Args, RmsNormFixed, inverse, keep, rows};
use crate::kernel::Rung;
use crate::machine::{Integers, Machine};

/// See the file's first line.
pub struct Integer;

impl Rung<RmsNormFixed> for Integer {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        rows(
            m,
            a,
            #[inline(always)]
            |x, w, y| {
                let mut sum = m.zero_i();
                for c in m.steps(0, x.len(), 1) {
                    let x = m.load_i8(x, c);
                    sum = m.add_i(&sum, &m.mul_i(&x, &x));
                }
                let scale = inverse(m, &m.to_f32(&sum), x.len());
                for c in m.steps(0, x.len(), 1) {
                    let product = m.mul_i(&m.load_i8(x, c), &m.load_i8(w, c));
                    keep(m, &m.mul(&m.to_f32(&product), &scale), y, c);
                }
            },
        );
    }
}
