//! idea: a counting sort brings each expert's tokens together: experts nobody chose are not touched

use super::dispatch::Dispatch;
use super::{Args, ExpertElement, MoeFfn};
use crate::attention_decode::blocks::clear;
use crate::gemv::dot;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};
use crate::swiglu::simd::piece;

/// See the file's first line.
pub struct Routed;

impl<E: ExpertElement> Rung<MoeFfn<E>> for Routed {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        route_by_route::<M::One, E, 1>(m.one(), a);
    }
}

/// Expert by expert, token by token, with dot products in `SUMS` registers.
#[inline(always)]
pub(super) fn route_by_route<M: Machine, E: ExpertElement, const SUMS: usize>(m: M, a: Args<'_, E>) {
    let (one, size, width, inner) = (m.one(), a.size, a.size.width, a.size.inner);
    let dispatch = Dispatch::sort(one, &size, a.routes, a.order);
    let (gate, rest) = a.room.split_at_mut(inner);
    let (up, rest) = rest.split_at_mut(inner);
    let between = &mut rest[..inner];
    clear(m, a.y);
    // Experts differ in tokens, so these loops are no tasks.
    for e in 0..size.experts {
        let expert = a.experts.get(e);
        for place in dispatch.of(one, e) {
            let (route, token) = dispatch.route(one, place);
            let x = &a.x[token * width..(token + 1) * width];
            let y = &mut a.y[token * width..(token + 1) * width];
            tasks!(m, inner, 1, |f| one.store(&dot::<M, E, SUMS>(m, expert.gate(f), x), gate, f));
            tasks!(m, inner, 1, |f| one.store(&dot::<M, E, SUMS>(m, expert.up(f), x), up, f));
            piece(m, gate, up, between);
            let weight = one.load(a.weights, route);
            tasks!(m, width, 1, |r| {
                let down = dot::<M, E, SUMS>(m, expert.down(r), between);
                one.store(&one.mul_add(&weight, &down, &one.load(y, r)), y, r);
            });
        }
    }
}
