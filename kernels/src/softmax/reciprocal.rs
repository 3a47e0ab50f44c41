//! idea: one division per row, then multiplies by the reciprocal

use super::naive::exponentials;
use super::{Args, Softmax};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Reciprocal;

impl Rung<Softmax> for Reciprocal {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        tasks!(m, a.rows(), 1, |r| {
            let x = &a.x[r * a.n..(r + 1) * a.n];
            let y = &mut a.y[r * a.n..(r + 1) * a.n];
            let sum = exponentials(m, x, y);
            let scale = m.div(&m.splat(1.0), &sum);
            for c in m.steps(0, x.len(), 1) {
                let p = m.mul(&m.load(y, c), &scale);
                m.store(&p, y, c);
            }
        });
    }
}
