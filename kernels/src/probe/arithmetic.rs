//! Arithmetic on registers: `N` chains of one operation, stepped in turn.

use super::{FloatOp, HALVES, ProbeData, TILE, UNROLL};
use crate::machine::Machine;

/// Runs `$step` on each of the `N` chains in turn, `UNROLL` times an iteration. A macro because a closure that the
/// compiler does not inline would lose the machine's target features.
macro_rules! chains {
    ($m:expr, $data:expr, $chains:ident, |$v:ident| $step:expr) => {
        for _ in $m.steps(0, $data.steps, 1) {
            for _ in 0..UNROLL {
                for $v in &mut $chains {
                    *$v = $step;
                }
            }
        }
    };
}

/// `N` chains of an f32 operation.
#[inline(always)]
pub(super) fn float<M: Machine, const N: usize>(m: M, op: FloatOp, data: &mut ProbeData) {
    let operand = |i: usize| m.load(&data.floats, 16 * i);
    let mut v: [M::F; N] = std::array::from_fn(|c| operand(3 + c));
    // 0.5 x + 1, 1 / x, max(x, 1), -0.5 x and the like stay near 1 for ever.
    let (near_one, half, minus_half) = (operand(0), m.splat(0.5), m.splat(-0.5));
    match op {
        FloatOp::Add => chains!(m, data, v, |v| m.add(v, &near_one)),
        FloatOp::Mul => chains!(m, data, v, |v| m.mul(v, &near_one)),
        FloatOp::MulAdd => chains!(m, data, v, |v| m.mul_add(v, &half, &near_one)),
        FloatOp::Max => chains!(m, data, v, |v| m.max(&near_one, v)),
        FloatOp::Div => chains!(m, data, v, |v| m.div(&near_one, v)),
        FloatOp::MulSqrt => chains!(m, data, v, |v| m.sqrt(&m.mul(v, &near_one))),
        FloatOp::MulExp => chains!(m, data, v, |v| m.exp_libm(&m.mul(v, &minus_half))),
    }
    let [mut total] = m.zeros();
    for v in &v {
        total = m.add(&total, v);
    }
    data.keep(m, &total);
}

/// `N` registers of i32 that differ.
#[inline(always)]
fn ints<M: Machine, const N: usize>(m: M, data: &ProbeData) -> [M::I; N] {
    std::array::from_fn(|c| m.load_i8(&data.bytes, 16 * c))
}

/// Keeps the sum of the chains.
#[inline(always)]
fn keep_ints<M: Machine, const N: usize>(m: M, data: &mut ProbeData, v: &[M::I; N]) {
    let mut total = m.zero_i();
    for v in v {
        total = m.add_i(&total, v);
    }
    data.keep(m, &m.to_f32(&total));
}

/// `N` chains of additions. The addend comes from memory: some cores do additions of constants for free.
#[inline(always)]
pub(super) fn int_add<M: Machine, const N: usize>(m: M, data: &mut ProbeData) {
    let mut v: [M::I; N] = ints(m, data);
    let addend = m.load_i8(&data.bytes, 1024);
    chains!(m, data, v, |v| m.add_i(v, &addend));
    keep_ints(m, data, &v);
}

/// `N` chains of multiplications.
#[inline(always)]
pub(super) fn int_mul<M: Machine, const N: usize>(m: M, data: &mut ProbeData) {
    let mut v: [M::I; N] = ints(m, data);
    let factor = m.load_i8(&data.bytes, 1024);
    chains!(m, data, v, |v| m.mul_i(v, &factor));
    keep_ints(m, data, &v);
}

/// `N` chains of four-product dots of the same two registers.
#[inline(always)]
pub(super) fn dot4<M: Machine, const N: usize>(m: M, data: &mut ProbeData) {
    let mut v: [M::I; N] = ints(m, data);
    chains!(m, data, v, |v| m.dot4_i8(v, &data.bytes, 1024, &data.bytes, 1152));
    keep_ints(m, data, &v);
}

/// Each step multiplies another vector of weights, from the first-level cache, with the same `TILE` of activations.
#[inline(always)]
pub(super) fn madd<M: Machine>(m: M, data: &mut ProbeData) {
    let mut sums: [M::I; TILE] = ints(m, data);
    let (weights, activations) = data.bytes.split_at(2048);
    for step in m.steps(0, data.steps, 1) {
        let at = (step * 2 * m.lanes()) % 2048;
        for (t, sum) in sums.iter_mut().enumerate() {
            *sum = m.madd_i8(sum, weights, at, activations, 64 * t);
        }
    }
    keep_ints(m, data, &sums);
}

/// `TILE` sums, each of a vector of weights times one of activations that no other uses.
#[inline(always)]
pub(super) fn madd_loaded<M: Machine>(m: M, data: &mut ProbeData) {
    let mut sums: [M::I; TILE] = ints(m, data);
    let block = TILE * 2 * m.lanes();
    let (weights, activations) = data.bytes.split_at(1024);
    for step in m.steps(0, data.steps, 1) {
        let at = step * block % 1024;
        let (w, x) = (&weights[at..at + block], &activations[at..at + block]);
        for (t, sum) in sums.iter_mut().enumerate() {
            *sum = m.madd_i8(sum, w, t * 2 * m.lanes(), x, t * 2 * m.lanes());
        }
    }
    keep_ints(m, data, &sums);
}

/// `TILE` sums of f16 values.
#[inline(always)]
pub(super) fn sum_halves<M: Machine>(m: M, data: &mut ProbeData) {
    let mut sums = m.zeros::<TILE>();
    for step in m.steps(0, data.steps, 1) {
        let at = step * TILE % HALVES;
        let halves = &data.halves[at..at + TILE];
        for (sum, half) in sums.iter_mut().zip(halves) {
            *sum = m.add(sum, &m.load_f16_splat(half));
        }
    }
    let [mut total] = m.zeros();
    for sum in &sums {
        total = m.add(&total, sum);
    }
    data.keep(m, &total);
}

/// One sum of exponentials.
#[inline(always)]
pub(super) fn sum_exp<M: Machine>(m: M, data: &mut ProbeData) {
    let [mut sum] = m.zeros();
    for step in m.steps(0, data.steps, 1) {
        let at = step * TILE % 256;
        let exponents = &data.floats[at..at + TILE];
        for i in m.one().steps(0, TILE, 1) {
            sum = m.add(&sum, &m.exp_libm(&m.load_splat(exponents, i)));
        }
    }
    data.keep(m, &sum);
}
