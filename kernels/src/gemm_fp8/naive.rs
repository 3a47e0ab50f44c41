//! idea: both codes are taken apart by arithmetic and scaled each time they meet, and go into one running sum

use super::{Args, BLOCK, GemmFp8};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Naive;

/// Operations for each declared one: 16 take a code apart, one scales it, both twice, and a multiply-add.
pub(super) const OPERATIONS: f64 = 18.0;

/// Columns after which the costs of neighbours repeat: they share the lines of C.
pub(super) const COLUMNS_PER_PERIOD: usize = 16;

impl Rung<GemmFp8> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, g: Args<'_>) {
        element_by_element::<M::One, ByArithmetic>(m.one(), g);
    }
}

/// How the scalar unit makes a number of a code.
pub(super) trait Decode {
    /// The value of `codes[i]`; `values` holds those of all codes.
    fn decode<M: Machine<One = M>>(m: M, codes: &[u8], i: usize, values: &[f32]) -> M::F;
}

struct ByArithmetic;

impl Decode for ByArithmetic {
    #[inline(always)]
    fn decode<M: Machine<One = M>>(m: M, codes: &[u8], i: usize, _values: &[f32]) -> M::F {
        let code = m.load_u8(codes, i);
        let (one, eight) = (m.splat(1.0), m.splat(8.0));
        let exponent = m.to_f32(&m.and_i(&m.shr_i::<3>(&code), 15));
        let mantissa = m.to_f32(&m.and_i(&code, 7));
        let negative = m.to_f32(&m.shr_i::<7>(&code));
        // Below exponent 1 the step stays, and the hidden eighth one goes: exponent + 1 less the larger of it and 1.
        let binade = m.max(&exponent, &one);
        let hidden = m.sub(&m.add(&exponent, &one), &binade);
        let steps = m.mul_add(&hidden, &eight, &mantissa);
        let magnitude = m.mul(&steps, &m.pow2(&m.sub(&binade, &m.splat(10.0))));
        m.mul(&magnitude, &m.mul_add(&negative, &m.splat(-2.0), &one))
    }
}

/// Every output by one running sum over scaled values.
#[inline(always)]
pub(super) fn element_by_element<M: Machine<One = M>, D: Decode>(m: M, g: Args<'_>) {
    let (n, k, blocks) = (g.n, g.k, g.blocks());
    tasks!(m, g.m, 1, |i| {
        tasks!(m, n, COLUMNS_PER_PERIOD, |j| {
            let (a, w) = (&g.a[i * k..(i + 1) * k], &g.w[j * k..(j + 1) * k]);
            let (sa, sb) = (&g.a_scales[i * blocks..][..blocks], &g.w_scales[j / BLOCK * blocks..][..blocks]);
            let [mut sum] = m.zeros();
            for p in m.steps(0, k, 1) {
                let x = m.mul(&D::decode(m, a, p, g.values), &m.load(sa, p / BLOCK));
                let w = m.mul(&D::decode(m, w, p, g.values), &m.load(sb, p / BLOCK));
                sum = m.mul_add(&x, &w, &sum);
            }
            m.store(&sum, g.c, i * n + j);
        });
    });
}
