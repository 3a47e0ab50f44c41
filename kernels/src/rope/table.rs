//! Cosines and sines of a position: `width / 2` cosines, then as many sines, a head's worth of values.

use super::NEAR;
use super::sine::Sine;
use crate::machine::Machine;

/// Adding and subtracting `1.5 * 2^23` rounds to the nearest integer, since an f32 of that size has no fraction bits.
const ROUND: f32 = 12_582_912.0;

/// How far a step turns the pairs: so many runs of [`NEAR`] positions, and so many positions more.
#[derive(Clone, Copy)]
pub(super) struct Step {
    runs: usize,
    positions: usize,
}

impl Step {
    /// From position 0 to this one, or between two so far apart.
    #[inline(always)]
    pub(super) fn to(position: usize) -> Self {
        Self { runs: position / NEAR, positions: position % NEAR }
    }

    /// The table of the step, by a polynomial or by the C library.
    #[inline(always)]
    pub(super) fn table<M: Machine, const POLYNOMIAL: bool>(self, m: M, frequencies: &[f32], table: &mut [f32]) {
        let half = table.len() / 2;
        let (cosines, sines) = table.split_at_mut(half);
        let main = m.steps(0, half, m.lanes());
        let tail = main.tail();
        self.pairs::<M, POLYNOMIAL>(m, main, frequencies, cosines, sines);
        let one = m.one();
        self.pairs::<M::One, POLYNOMIAL>(one, one.steps(tail, half, 1), frequencies, cosines, sines);
    }

    #[inline(always)]
    fn pairs<M: Machine, const POLYNOMIAL: bool>(
        self,
        m: M,
        steps: impl Iterator<Item = usize>,
        frequencies: &[f32],
        cosines: &mut [f32],
        sines: &mut [f32],
    ) {
        let sine = if POLYNOMIAL { Some(Sine::new(m)) } else { None };
        for i in steps {
            let (cos, sin) = self.cos_sin(m, sine.as_ref(), frequencies, i);
            m.store(&cos, cosines, i);
            m.store(&sin, sines, i);
        }
    }

    /// Cosine and sine of the pairs from `i` on, by the C library where there is no polynomial.
    #[inline(always)]
    pub(super) fn cos_sin<M: Machine>(
        self,
        m: M,
        polynomial: Option<&Sine<M>>,
        frequencies: &[f32],
        i: usize,
    ) -> (M::F, M::F) {
        let turns = self.turns(m, frequencies, i);
        if let Some(sine) = polynomial {
            (sine.cos_of(m, &turns), sine.sin_of(m, &turns))
        } else {
            let (sin, cos) = m.sin_cos_libm(&m.mul(&turns, &m.splat(std::f32::consts::TAU)));
            (cos, sin)
        }
    }

    /// The angles of the pairs from `i` on, in turns, less whole ones: within ±3/4.
    #[inline(always)]
    fn turns<M: Machine>(self, m: M, frequencies: &[f32], i: usize) -> M::F {
        let (near, far) = frequencies.split_at(frequencies.len() / 2);
        let turns = product(m, near, self.positions, i);
        if self.runs == 0 {
            return turns;
        }
        let both = m.add(&turns, &product(m, far, self.runs, i));
        m.sub(&both, &whole(m, &both))
    }
}

/// `count` times the frequencies from `i` on, less whole turns. The first product is exact, and so is what is left when its
/// whole turns are taken off; the second is at most 1/4.
#[inline(always)]
fn product<M: Machine>(m: M, frequencies: &[f32], count: usize, i: usize) -> M::F {
    let count = m.splat(count as f32);
    let turns = m.mul(&m.load(frequencies, i), &count);
    let rest = m.sub(&turns, &whole(m, &turns));
    m.mul_add(&m.load(frequencies, frequencies.len() / 2 + i), &count, &rest)
}

#[inline(always)]
fn whole<M: Machine>(m: M, turns: &M::F) -> M::F {
    let round = m.splat(ROUND);
    m.sub(&m.add(turns, &round), &round)
}
