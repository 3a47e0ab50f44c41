//! idea: no multiplier: the weight's lowest bit lets the activation through, its sign takes it off twice

use super::{Args, DotTernary};
use crate::dot_fixed::every_row;
use crate::kernel::Rung;
use crate::machine::{Integers, Machine};

/// See the file's first line.
pub struct Select;

impl Rung<DotTernary> for Select {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        every_row(
            m,
            a.w,
            a.x.len(),
            a.y,
            #[inline(always)]
            |row| {
                let zero = m.zero_i();
                let mut sum = m.zero_i();
                for c in m.steps(0, row.len(), 1) {
                    let w = m.load_i8(row, c);
                    // 0 or -1: minus the lowest bit, minus the sign.
                    let (any, negative) = (m.sub_i(&zero, &m.and_i(&w, 1)), m.sub_i(&zero, &m.shr_i::<31>(&w)));
                    let x = m.mask_i(&m.load_i8(a.x, c), &any);
                    let twice = m.mask_i(&m.shl_i::<1>(&x), &negative);
                    sum = m.add_i(&sum, &m.sub_i(&x, &twice));
                }
                sum
            },
        );
    }
}
