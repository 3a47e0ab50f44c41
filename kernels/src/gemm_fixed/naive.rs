//! idea: both bytes become f32 and their product goes into a running sum, token after token

use super::{Args, GemmFixed, every_row};
use crate::kernel::Rung;
use crate::machine::{Integers, Machine};

/// See the file's first line.
pub struct Naive;

/// So many products of the largest, 128 times 127, stay below 2^24.
const EXACT: usize = 1024;

impl Rung<GemmFixed> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        every_row::<_, 1>(
            m,
            a,
            #[inline(always)]
            |w, [x]| {
                let mut total = m.zero_i();
                for (w, x) in w.chunks(EXACT).zip(x.chunks(EXACT)) {
                    let [mut sum] = m.zeros();
                    for c in m.steps(0, w.len(), 1) {
                        sum = m.mul_add(&m.to_f32(&m.load_i8(w, c)), &m.to_f32(&m.load_i8(x, c)), &sum);
                    }
                    total = m.add_i(&total, &m.round_i(&sum));
                }
                [total]
            },
        );
    }
}
