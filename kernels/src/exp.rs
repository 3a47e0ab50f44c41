//! `e^x` in lanes, without a call: Cody-Waite range reduction and the degree-5 minimax polynomial of Cephes `expf`
//! (Moshier, netlib.org/cephes, single/expf.c). Relative error below 3e-7.

use crate::machine::Machine;

/// Below this the result is 0: `2^-127` is no normal number, and [`Machine::pow2`] gives 0 for it.
const FLUSH: f32 = -88.0;
/// Adding and subtracting `1.5 * 2^23` rounds to the nearest integer, since an f32 of that size has no fraction bits.
const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts; the first has ten significant bits, so that its products with the exponent are exact.
const LN2_HIGH: f32 = 0.693_359_375;
const LN2_LOW: f32 = -2.121_944_4e-4;
/// Coefficients of `(e^r - 1 - r) / r^2` for `|r| <= ln 2 / 2`, highest power first.
const POLYNOMIAL: [f32; 6] =
    [1.987_569_15e-4, 1.398_199_95e-3, 8.333_451_9e-3, 4.166_579_6e-2, 1.666_666_55e-1, 5.000_000_1e-1];

/// The constants of `e^x` in registers.
pub(crate) struct Exp<M: Machine> {
    flush: M::F,
    log2_e: M::F,
    round: M::F,
    minus_ln2_high: M::F,
    minus_ln2_low: M::F,
    polynomial: [M::F; 6],
    one: M::F,
}

impl<M: Machine> Exp<M> {
    /// Loads the constants.
    #[inline(always)]
    pub(crate) fn new(m: M) -> Self {
        let mut polynomial = m.zeros::<6>();
        for (register, c) in polynomial.iter_mut().zip(POLYNOMIAL) {
            *register = m.splat(c);
        }
        Self {
            flush: m.splat(FLUSH),
            log2_e: m.splat(std::f32::consts::LOG2_E),
            round: m.splat(ROUND),
            minus_ln2_high: m.splat(-LN2_HIGH),
            minus_ln2_low: m.splat(-LN2_LOW),
            polynomial,
            one: m.splat(1.0),
        }
    }

    /// `e^x` for `x <= 88`, minus infinity included; results below the smallest normal f32 may be 0.
    #[inline(always)]
    pub(crate) fn of(&self, m: M, x: &M::F) -> M::F {
        let x = m.max(x, &self.flush);
        // e^x = 2^n e^r with n integral and |r| <= ln 2 / 2.
        let n = m.sub(&m.mul_add(&x, &self.log2_e, &self.round), &self.round);
        let r = m.mul_add(&n, &self.minus_ln2_low, &m.mul_add(&n, &self.minus_ln2_high, &x));
        let mut p = m.mul_add(&self.polynomial[0], &r, &self.polynomial[1]);
        for c in &self.polynomial[2..] {
            p = m.mul_add(&p, &r, c);
        }
        let e_r = m.mul_add(&p, &m.mul(&r, &r), &m.add(&r, &self.one));
        m.mul(&e_r, &m.pow2(&n))
    }
}
