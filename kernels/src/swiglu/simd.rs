//! idea: a polynomial replaces the library's exp: a register's worth of values without a call

use super::{Args, SwiGlu};
use crate::exp::Exp;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Simd;

/// Values of one task.
pub(super) const PIECE: usize = 256;
/// Below this a gate lets nothing through that an f32 could say, and its exp would overflow.
const CLOSED: f32 = -88.0;

impl Rung<SwiGlu> for Simd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        tasks!(m, a.y.len().div_ceil(PIECE), 1, |t| {
            let at = t * PIECE..a.y.len().min((t + 1) * PIECE);
            piece(m, &a.g[at.clone()], &a.u[at.clone()], &mut a.y[at]);
        });
    }
}

/// A run of values, as long as all three slices.
#[inline(always)]
pub(crate) fn piece<M: Machine>(m: M, g: &[f32], u: &[f32], y: &mut [f32]) {
    let main = m.steps(0, y.len(), m.lanes());
    let tail = main.tail();
    values(m, main, g, u, y);
    let one = m.one();
    values(one, one.steps(tail, y.len(), 1), g, u, y);
}

#[inline(always)]
fn values<M: Machine>(m: M, steps: impl Iterator<Item = usize>, g: &[f32], u: &[f32], y: &mut [f32]) {
    let exp = Exp::new(m);
    let (zero, one, closed) = (m.splat(0.0), m.splat(1.0), m.splat(CLOSED));
    for i in steps {
        let g = m.load(g, i);
        let e = exp.of(m, &m.sub(&zero, &m.max(&g, &closed)));
        m.store(&m.mul(&m.div(&g, &m.add(&e, &one)), &m.load(u, i)), y, i);
    }
}
