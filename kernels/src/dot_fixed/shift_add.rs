//! idea: no multiplier: for each bit of the weight the activation is added or not, by a mask, and the sum doubled

use super::{Args, DotFixed, every_product};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct ShiftAdd;

impl Rung<DotFixed> for ShiftAdd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        every_product(
            m,
            a,
            #[inline(always)]
            |w, x| product(m, w, x),
        );
    }
}

/// `w * x` for a w of eight bits, the upper of which counts -128.
#[inline(always)]
fn product<M: Machine<One = M>>(m: M, w: &M::I, x: &M::I) -> M::I {
    let p = m.sub_i(&m.zero_i(), &if_set(m, &m.shr_i::<7>(w), x));
    let p = m.add_i(&m.shl_i::<1>(&p), &if_set(m, &m.shr_i::<6>(w), x));
    let p = m.add_i(&m.shl_i::<1>(&p), &if_set(m, &m.shr_i::<5>(w), x));
    let p = m.add_i(&m.shl_i::<1>(&p), &if_set(m, &m.shr_i::<4>(w), x));
    let p = m.add_i(&m.shl_i::<1>(&p), &if_set(m, &m.shr_i::<3>(w), x));
    let p = m.add_i(&m.shl_i::<1>(&p), &if_set(m, &m.shr_i::<2>(w), x));
    let p = m.add_i(&m.shl_i::<1>(&p), &if_set(m, &m.shr_i::<1>(w), x));
    m.add_i(&m.shl_i::<1>(&p), &if_set(m, w, x))
}

/// x where the lowest bit is set, else 0, without a branch. The bit less one is a mask, 0 or -1; or-ing it in leaves x or
/// -1, and taking it off x or 0.
#[inline(always)]
fn if_set<M: Machine<One = M>>(m: M, bits: &M::I, x: &M::I) -> M::I {
    let mask = m.sub_i(&m.and_i(bits, 1), &m.splat_i(1));
    m.sub_i(&m.or_i(x, &mask), &mask)
}
