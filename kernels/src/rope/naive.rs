//! idea: every pair of every head asks the C library for the sine and cosine of its own angle

use super::table::Step;
use super::turn::pair;
use super::{Args, Rope, Variety};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line. The structure is that of llama2.c's `forward`.
pub struct Naive;

impl<V: Variety> Rung<Rope<V>> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        let (width, stride) = (a.width, a.stride());
        tasks!(m, a.positions(), 1, |p| {
            let step = Step::to(a.first + p);
            for h in m.steps(0, a.heads, 1) {
                let at = p * stride + h * width..p * stride + (h + 1) * width;
                let (x, y) = (&a.x[at.clone()], &mut a.y[at]);
                for i in m.steps(0, width / 2, 1) {
                    let (cos, sin) = step.cos_sin(m, None, a.frequencies, i);
                    pair::<M::One, V::Pairs>(m, &cos, &sin, x, y, i);
                }
            }
        });
    }
}
