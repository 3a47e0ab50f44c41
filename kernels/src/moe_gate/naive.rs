//! idea: one running sum per expert, the C library's exp, and full sorts: of each group, of the groups, of all experts

use super::sorted::select;
use super::{Args, MoeGate};
use crate::gemv::dot;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line. The steps are those of DeepSeek's `model.py`.
pub struct Naive;

/// Values of a cache line: neighbours may differ in cost, lines do not.
const PER_LINE: usize = 16;

impl Rung<MoeGate> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, mut a: Args<'_>) {
        let m = m.one();
        let k = a.size.width;
        tasks!(m, a.size.experts, 1, |e| {
            let logit = dot::<M::One, f32, 1>(m, &a.gate.w[e * k..(e + 1) * k], a.x);
            m.store(&logit, a.scores, e);
        });
        let (zero, one) = (m.splat(0.0), m.splat(1.0));
        tasks!(m, a.size.experts, PER_LINE, |e| {
            let closed = m.add(&m.exp_libm(&m.sub(&zero, &m.load(a.scores, e))), &one);
            let score = m.div(&one, &closed);
            m.store(&score, a.scores, e);
            m.store(&m.add(&score, &m.load(a.gate.bias, e)), a.biased, e);
        });
        select(m, &mut a);
    }
}
