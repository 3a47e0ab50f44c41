//! idea: the definition in floating point: the squares' sum, then a division and a multiply for each value

use super::{Args, RmsNormFixed, keep, rows, squares};
use crate::kernel::Rung;
use crate::machine::{Integers, Machine};

/// See the file's first line.
pub struct Naive;

impl Rung<RmsNormFixed> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        rows(
            m,
            a,
            #[inline(always)]
            |x, w, y| {
                let [mut sum] = m.zeros();
                for c in m.steps(0, x.len(), 1) {
                    let x = m.to_f32(&m.load_i8(x, c));
                    sum = m.mul_add(&x, &x, &sum);
                }
                let rms = m.sqrt(&m.div(&squares(m, &sum), &m.splat(x.len() as f32)));
                for c in m.steps(0, x.len(), 1) {
                    let unit = m.div(&m.to_f32(&m.load_i8(x, c)), &rms);
                    keep(m, &m.mul(&unit, &m.to_f32(&m.load_i8(w, c))), y, c);
                }
            },
        );
    }
}
