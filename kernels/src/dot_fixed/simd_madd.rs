//! idea: one instruction multiplies a register of i16 and adds pairs

use super::{Args, DotFixed, keep, rows_per_whole_lines};
use crate::kernel::Rung;
use crate::machine::{Integers, Machine, Registers, tasks};

/// See the file's first line.
pub struct SimdMadd;

impl Rung<DotFixed> for SimdMadd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        every_row::<M, false>(m, a);
    }
}

/// All rows, by the byte dot product or by the pairwise multiply-add.
#[inline(always)]
pub(super) fn every_row<M: Machine, const DOT4: bool>(m: M, a: Args<'_>) {
    let k = a.x.len();
    tasks!(m, a.y.len(), rows_per_whole_lines(k), |r| {
        let sum = row::<M, DOT4>(m, &a.w[r * k..(r + 1) * k], a.x);
        keep(m.one(), &sum, a.y, r);
    });
}

/// Registers of sums: enough to hide an instruction's latency.
const SUMS: usize = 4;

/// The dot product of two equal-length slices, the tail on the scalar unit.
#[inline(always)]
pub(super) fn row<M: Machine, const DOT4: bool>(m: M, w: &[i8], x: &[i8]) -> <M::One as Registers>::I {
    let (k, step) = (w.len(), m.lanes() * if DOT4 { 4 } else { 2 });
    let mut sums: [M::I; SUMS] = [m.zero_i(), m.zero_i(), m.zero_i(), m.zero_i()];
    let main = m.steps(0, k, SUMS * step);
    let rest = main.tail();
    for c in main {
        for (s, sum) in sums.iter_mut().enumerate() {
            *sum = products::<M, DOT4>(m, sum, w, x, c + s * step);
        }
    }
    let steps = m.steps(rest, k, step);
    let tail = steps.tail();
    for c in steps {
        sums[0] = products::<M, DOT4>(m, &sums[0], w, x, c);
    }
    let both = m.add_i(&m.add_i(&sums[0], &sums[1]), &m.add_i(&sums[2], &sums[3]));
    let one = m.one();
    let mut total = m.sum_i(&both);
    for c in one.steps(tail, k, 1) {
        total = one.add_i(&total, &one.mul_i(&one.load_i8(w, c), &one.load_i8(x, c)));
    }
    total
}

#[inline(always)]
fn products<M: Machine, const DOT4: bool>(m: M, sum: &M::I, w: &[i8], x: &[i8], c: usize) -> M::I {
    if DOT4 { m.dot4_i8(sum, w, c, x, c) } else { m.madd_i8(sum, w, c, x, c) }
}
