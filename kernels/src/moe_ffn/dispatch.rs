//! Which token goes to which expert: made with the inputs, and sorted by expert when a variant runs.

use std::ops::Range;

use super::Size;
use crate::input::{Buffer, Flavor, Input};
use crate::machine::Machine;

/// Seeded routes and their weights: each token takes the next experts of one random order of the routed ones, by weights
/// that sum to 1, and the shared ones by 1. Also where all values are blank: what a run touches follows from the routes.
pub(super) fn routes(size: &Size, input: &Input) -> (Buffer<f32>, Buffer<f32>) {
    let input = Input { flavor: Flavor::Typical, ..input.clone() };
    let (chosen, shared) = (size.chosen, size.shared);
    let (taken, routed) = (chosen - shared, size.experts - shared);
    let keys = input.values(2, routed, 1.0);
    let mut order: Vec<usize> = (0..routed).collect();
    order.sort_by(|a, b| keys.as_slice()[*a].total_cmp(&keys.as_slice()[*b]));
    let raw = input.values(3, size.routes(), 1.0);
    let raw = |route: usize| raw.as_slice()[route].abs() + 0.1;
    let of_token = |route: usize| (route / chosen, route % chosen);
    let expert = |route: usize| match of_token(route) {
        (token, i) if i < taken => order[(token * taken + i) % routed],
        (_, i) => routed + i - taken,
    };
    let weight = |route: usize| match of_token(route) {
        (token, i) if i < taken => raw(route) / (token * chosen..token * chosen + taken).map(raw).sum::<f32>(),
        _ => 1.0,
    };
    (Buffer::filled(size.routes(), |r| expert(r) as f32), Buffer::filled(size.routes(), weight))
}

/// Values that [`Dispatch`] needs.
pub(super) fn room(size: &Size) -> usize {
    size.experts + 2 + size.routes()
}

/// Routes in the order of their experts, those of an expert in the order of their tokens.
#[derive(Clone, Copy)]
pub(super) struct Dispatch<'a> {
    /// Where each expert's routes begin, and the last's end.
    starts: &'a [f32],
    order: &'a [f32],
    chosen: usize,
}

impl<'a> Dispatch<'a> {
    /// A counting sort. Counts and indices are whole numbers that an f32 holds exactly.
    #[inline(always)]
    pub(super) fn sort<M: Machine>(m: M, size: &Size, routes: &[f32], room: &'a mut [f32]) -> Self {
        let (starts, order) = room.split_at_mut(size.experts + 2);
        let one = m.splat(1.0);
        for e in m.steps(0, starts.len(), 1) {
            m.store(&m.splat(0.0), starts, e);
        }
        let expert = |route: usize| m.reveal(&m.load(routes, route)) as usize;
        for route in m.steps(0, routes.len(), 1) {
            let at = expert(route) + 2;
            m.store(&m.add(&m.load(starts, at), &one), starts, at);
        }
        for e in m.steps(2, starts.len(), 1) {
            m.store(&m.add(&m.load(starts, e), &m.load(starts, e - 1)), starts, e);
        }
        // One place further than in the end: it moves on with every route that is put there.
        for route in m.steps(0, routes.len(), 1) {
            let at = expert(route) + 1;
            let place = m.load(starts, at);
            m.store(&m.splat(route as f32), order, m.reveal(&place) as usize);
            m.store(&m.add(&place, &one), starts, at);
        }
        Self { starts, order, chosen: size.chosen }
    }

    /// The places of expert `e`'s routes.
    #[inline(always)]
    pub(super) fn of<M: Machine>(&self, m: M, e: usize) -> Range<usize> {
        let at = |e| m.reveal(&m.load(self.starts, e)) as usize;
        at(e)..at(e + 1)
    }

    /// The route at a place, and its token.
    #[inline(always)]
    pub(super) fn route<M: Machine>(&self, m: M, place: usize) -> (usize, usize) {
        let route = m.reveal(&m.load(self.order, place)) as usize;
        (route, route / self.chosen)
    }
}
