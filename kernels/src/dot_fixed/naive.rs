//! idea: both bytes become f32 and their product goes into a running sum, emptied before it needs more than 24 bits

use super::{Args, DotFixed, every_row};
use crate::kernel::Rung;
use crate::machine::{Integers, Machine};

/// See the file's first line.
pub struct Naive;

/// So many products of the largest, 128 times 127, stay below 2^24.
const EXACT: usize = 1024;

impl Rung<DotFixed> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        every_row(
            m,
            a.w,
            a.x.len(),
            a.y,
            #[inline(always)]
            |w| {
                let mut total = m.zero_i();
                for (w, x) in w.chunks(EXACT).zip(a.x.chunks(EXACT)) {
                    let [mut sum] = m.zeros();
                    for c in m.steps(0, w.len(), 1) {
                        sum = m.mul_add(&m.to_f32(&m.load_i8(w, c)), &m.to_f32(&m.load_i8(x, c)), &sum);
                    }
                    total = m.add_i(&total, &m.round_i(&sum));
                }
                total
            },
        );
    }
}
