//! Cosines and sines of a position: `width / 2` cosines, then as many sines, a head's worth of values.

use super::Variety;
use super::sine::Sine;
use crate::machine::Machine;

/// Adding and subtracting `1.5 * 2^23` rounds to the nearest integer, since an f32 of that size has no fraction bits.
const ROUND: f32 = 12_582_912.0;

/// How far a step turns the pairs, and how much it lets them grow.
#[derive(Clone, Copy)]
pub(super) struct Step {
    positions: f32,
    magnitude: f32,
}

impl Step {
    /// What variety `V` does to a head at this position.
    #[inline(always)]
    pub(super) fn to<V: Variety>(position: usize) -> Self {
        Self { positions: position as f32, magnitude: V::MAGNITUDE }
    }

    /// What lies between two positions so far apart.
    #[inline(always)]
    pub(super) fn between(positions: usize) -> Self {
        Self { positions: positions as f32, magnitude: 1.0 }
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
        let (cos, sin) = if let Some(sine) = polynomial {
            (sine.cos_of(m, &turns), sine.sin_of(m, &turns))
        } else {
            let (sin, cos) = m.sin_cos_libm(&m.mul(&turns, &m.splat(std::f32::consts::TAU)));
            (cos, sin)
        };
        if self.magnitude == 1.0 {
            return (cos, sin);
        }
        let magnitude = m.splat(self.magnitude);
        (m.mul(&cos, &magnitude), m.mul(&sin, &magnitude))
    }

    /// The angles of the pairs from `i` on, in turns, less whole ones: within ±3/4. The first product is exact, and so is
    /// what is left when its whole turns are taken off; the second is at most 1/4.
    #[inline(always)]
    fn turns<M: Machine>(self, m: M, frequencies: &[f32], i: usize) -> M::F {
        let (positions, round) = (m.splat(self.positions), m.splat(ROUND));
        let turns = m.mul(&m.load(frequencies, i), &positions);
        let whole = m.sub(&m.add(&turns, &round), &round);
        let rest = m.sub(&turns, &whole);
        m.mul_add(&m.load(frequencies, frequencies.len() / 2 + i), &positions, &rest)
    }
}
