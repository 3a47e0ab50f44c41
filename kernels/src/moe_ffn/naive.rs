//! idea: every token goes through every expert, and what it did not choose counts with weight zero

use super::{Args, ExpertElement, MoeFfn};
use crate::attention_decode::blocks::clear;
use crate::gemv::dot;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line. How a mixture is written as masks over all experts, which is how it is trained.
pub struct Naive;

impl<E: ExpertElement> Rung<MoeFfn<E>> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        let m = m.one();
        let (size, width, inner, chosen) = (a.size, a.size.width, a.size.inner, a.size.chosen);
        let (zero, one) = (m.splat(0.0), m.splat(1.0));
        let between = &mut a.room[..inner];
        clear(m, a.y);
        tasks!(m, size.experts, 1, |e| {
            let expert = a.experts.get(e);
            tasks!(m, size.tokens, 1, |t| {
                let x = &a.x[t * width..(t + 1) * width];
                let y = &mut a.y[t * width..(t + 1) * width];
                let [mut weight] = m.zeros();
                for route in m.steps(t * chosen, (t + 1) * chosen, 1) {
                    if m.reveal(&m.load(a.routes, route)) as usize == e {
                        weight = m.add(&weight, &m.load(a.weights, route));
                    }
                }
                tasks!(m, inner, 1, |f| {
                    let gate = dot::<M::One, E, 1>(m, expert.gate(f), x);
                    let up = dot::<M::One, E, 1>(m, expert.up(f), x);
                    let closed = m.add(&m.exp_libm(&m.sub(&zero, &gate)), &one);
                    m.store(&m.mul(&m.div(&gate, &closed), &up), between, f);
                });
                tasks!(m, width, 1, |r| {
                    let down = dot::<M::One, E, 1>(m, expert.down(r), between);
                    m.store(&m.mul_add(&weight, &down, &m.load(y, r)), y, r);
                });
            });
        });
    }
}
