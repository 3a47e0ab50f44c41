//! An expert's products for a run of its tokens: a row of the gate with one of up, two rows of down.

use std::ops::Range;

use super::dispatch::Dispatch;
use super::{Args, Expert, ExpertElement};
use crate::attention_decode::blocks::clear;
use crate::gemv::multi_row::dots;
use crate::machine::{Machine, OneF, tasks};
use crate::swiglu::simd::piece;

/// Expert by expert, tokens one by one or together.
#[inline(always)]
pub(super) fn expert_by_expert<M: Machine, E: ExpertElement, const TOGETHER: bool>(m: M, a: Args<'_, E>) {
    let (one, size) = (m.one(), a.size);
    let dispatch = Dispatch::sort(one, &size, a.routes, a.order);
    let (gates, rest) = a.room.split_at_mut(size.routes() * size.inner);
    let (ups, between) = rest.split_at_mut(size.routes() * size.inner);
    clear(m, a.y);
    // Experts differ in tokens, so these loops are no tasks.
    for e in 0..size.experts {
        let Some(all) = Run::of(one, dispatch, e) else { continue };
        let (expert, count) = (a.experts.get(e), if TOGETHER { all.count } else { 1 });
        for first in (all.first..all.first + all.count).step_by(count) {
            let run = Run { first, count, ..all };
            let values = first * size.inner..(first + count) * size.inner;
            let (gates, ups) = (&mut gates[values.clone()], &mut ups[values.clone()]);
            run.gates_and_ups::<M, E, TOGETHER>(m, &expert, a.x, 0..size.inner, gates, ups);
            piece(m, gates, ups, &mut between[values]);
            run.downs::<M, E, TOGETHER>(m, &expert, between, a.weights, 0..size.width, (1, size.width), a.y);
        }
    }
}

/// Neighbouring places of one expert's routes.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    /// All routes.
    pub dispatch: Dispatch<'a>,
    /// The first place of the run.
    pub first: usize,
    /// Its places.
    pub count: usize,
}

impl<'a> Run<'a> {
    /// All of expert `e`'s; none where no token goes to it.
    #[inline(always)]
    pub(super) fn of<M: Machine>(m: M, dispatch: Dispatch<'a>, e: usize) -> Option<Self> {
        let places = dispatch.of(m, e);
        (!places.is_empty()).then_some(Self { dispatch, first: places.start, count: places.len() })
    }

    /// Gates and ups of some rows for each token of the run, a token's one after the other.
    #[inline(always)]
    pub(super) fn gates_and_ups<M: Machine, E: ExpertElement, const TOGETHER: bool>(
        &self,
        m: M,
        expert: &Expert<'_, E>,
        x: &[f32],
        rows: Range<usize>,
        gates: &mut [f32],
        ups: &mut [f32],
    ) {
        let (one, width, count) = (m.one(), expert.size.width, rows.len());
        tasks!(m, count, 1, |row| {
            self.products::<M, E, 2, TOGETHER>(
                m,
                [expert.gate(rows.start + row), expert.up(rows.start + row)],
                #[inline(always)]
                |i| self.token(m, x, width, i),
                #[inline(always)]
                |i, [gate, up]| {
                    one.store(gate, gates, i * count + row);
                    one.store(up, ups, i * count + row);
                },
            );
        });
    }

    /// Adds some rows of the weighted outputs of each token of the run: token `t`'s row `r` to
    /// `y[(r - rows.start) * apart.0 + t * apart.1]`. What is `between` the products lies route after route.
    #[inline(always)]
    #[allow(clippy::too_many_arguments, reason = "two products' operands")]
    pub(super) fn downs<M: Machine, E: ExpertElement, const TOGETHER: bool>(
        &self,
        m: M,
        expert: &Expert<'_, E>,
        between: &[f32],
        weights: &[f32],
        rows: Range<usize>,
        apart: (usize, usize),
        y: &mut [f32],
    ) {
        let (inner, start, half) = (expert.size.inner, rows.start, rows.len() / 2);
        let between = &between[self.first * inner..(self.first + self.count) * inner];
        tasks!(m, half, 1, |row| {
            self.products::<M, E, 2, TOGETHER>(
                m,
                [expert.down(start + row), expert.down(start + half + row)],
                #[inline(always)]
                |i| &between[i * inner..(i + 1) * inner],
                #[inline(always)]
                |i, [first, second]| {
                    self.add(m, weights, i, first, row, apart, y);
                    self.add(m, weights, i, second, half + row, apart, y);
                },
            );
        });
        for row in 2 * half..rows.len() {
            for i in 0..self.count {
                let [sum] = dots(m, [expert.down(start + row)], &between[i * inner..(i + 1) * inner]);
                self.add(m, weights, i, &sum, row, apart, y);
            }
        }
    }

    /// The activations of token `i` of the run.
    #[inline(always)]
    fn token<'x, M: Machine>(&self, m: M, x: &'x [f32], width: usize, i: usize) -> &'x [f32] {
        let (_, token) = self.dispatch.route(m.one(), self.first + i);
        &x[token * width..(token + 1) * width]
    }

    /// Adds a row's product, weighted, to the output of token `i` of the run.
    #[inline(always)]
    #[allow(clippy::too_many_arguments, reason = "a line of `downs` that three loops share")]
    fn add<M: Machine>(
        &self,
        m: M,
        weights: &[f32],
        i: usize,
        sum: &OneF<M>,
        row: usize,
        apart: (usize, usize),
        y: &mut [f32],
    ) {
        let one = m.one();
        let (route, token) = self.dispatch.route(one, self.first + i);
        let at = row * apart.0 + token * apart.1;
        one.store(&one.mul_add(&one.load(weights, route), sum, &one.load(y, at)), y, at);
    }

    /// The products of rows with the vector `x(i)` of each token `i` of the run. Four tokens share each load of a weight:
    /// with two rows that is eight sums, beside which two weights and an x are in flight.
    #[inline(always)]
    fn products<'x, M: Machine, E: ExpertElement, const R: usize, const TOGETHER: bool>(
        &self,
        m: M,
        rows: [&[E]; R],
        x: impl Fn(usize) -> &'x [f32],
        mut put: impl FnMut(usize, &[OneF<M>; R]),
    ) {
        let mut i = 0;
        while TOGETHER && i + 4 <= self.count {
            let sums = tile::<M, E, R, 4>(m, rows, [x(i), x(i + 1), x(i + 2), x(i + 3)]);
            for (t, sums) in sums.iter().enumerate() {
                put(i + t, sums);
            }
            i += 4;
        }
        if TOGETHER && i + 2 <= self.count {
            let [a, b] = tile::<M, E, R, 2>(m, rows, [x(i), x(i + 1)]);
            put(i, &a);
            put(i + 1, &b);
            i += 2;
        }
        if i < self.count {
            put(i, &dots(m, rows, x(i)));
        }
    }
}

/// The dot products of `R` rows with `T` vectors, all equally long.
#[inline(always)]
fn tile<M: Machine, E: ExpertElement, const R: usize, const T: usize>(
    m: M,
    rows: [&[E]; R],
    x: [&[f32]; T],
) -> [[OneF<M>; R]; T] {
    let k = x[0].len();
    let (rows, x) = (rows.map(|row| &row[..k]), x.map(|x| &x[..k]));
    let mut sums = m.tile::<T, R>();
    let main = m.steps(0, k, m.lanes());
    let tail = main.tail();
    for c in main {
        let mut w = m.zeros::<R>();
        for (w, row) in w.iter_mut().zip(rows) {
            *w = E::load(m, row, c);
        }
        for (sums, x) in sums.iter_mut().zip(x) {
            let x = m.load(x, c);
            for (sum, w) in sums.iter_mut().zip(&w) {
                *sum = m.mul_add(w, &x, sum);
            }
        }
    }
    let one = m.one();
    let mut totals = one.tile::<T, R>();
    for (t, totals) in totals.iter_mut().enumerate() {
        for (r, total) in totals.iter_mut().enumerate() {
            let mut sum = m.sum(&sums[t][r]);
            for c in one.steps(tail, k, 1) {
                sum = one.mul_add(&E::load(one, rows[r], c), &one.load(x[t], c), &sum);
            }
            *total = sum;
        }
    }
    totals
}
