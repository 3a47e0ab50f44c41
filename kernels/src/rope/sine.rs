//! Sine and cosine of angles in turns, in lanes, without a call or a branch: a zigzag folds the turn into the quarter on
//! either side of zero, a polynomial does the rest. Error below 4e-7.

use crate::machine::Machine;

/// Coefficients of `sin(2 pi t) / t` in `t^2` for `|t| <= 1/4`, highest power first; interpolated at the Chebyshev points
/// of `t^2`, which leaves 3.2e-8.
const POLYNOMIAL: [f32; 5] = [39.759_827, -76.581_17, 81.602_48, -41.341_682, 6.283_185_5];

/// The constants in registers.
pub(super) struct Sine<M: Machine> {
    quarter: M::F,
    half: M::F,
    polynomial: [M::F; 5],
}

impl<M: Machine> Sine<M> {
    /// Loads the constants.
    #[inline(always)]
    pub(super) fn new(m: M) -> Self {
        let mut polynomial = m.zeros::<5>();
        for (register, c) in polynomial.iter_mut().zip(POLYNOMIAL) {
            *register = m.splat(c);
        }
        Self { quarter: m.splat(0.25), half: m.splat(0.5), polynomial }
    }

    /// The cosine for `|turns| <= 3/4`: it is even, and a sine that is a quarter ahead.
    #[inline(always)]
    pub(super) fn cos_of(&self, m: M, turns: &M::F) -> M::F {
        // From 1/4 at 0 down to -1/4 at half a turn, and up again.
        let folded = m.sub(&m.abs(&m.sub(&self.half, &m.abs(turns))), &self.quarter);
        self.in_quarter(m, &folded)
    }

    /// The sine for `|turns| <= 3/4`.
    #[inline(always)]
    pub(super) fn sin_of(&self, m: M, turns: &M::F) -> M::F {
        self.cos_of(m, &m.sub(turns, &self.quarter))
    }

    #[inline(always)]
    fn in_quarter(&self, m: M, t: &M::F) -> M::F {
        let square = m.mul(t, t);
        let mut p = m.mul_add(&self.polynomial[0], &square, &self.polynomial[1]);
        for c in &self.polynomial[2..] {
            p = m.mul_add(&p, &square, c);
        }
        m.mul(&p, t)
    }
}
