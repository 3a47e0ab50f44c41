//! idea: experts are stored by turns of their groups, so each lane finds the two best of its group without a branch

use super::best::choose;
use super::scores::{all, weigh};
use super::{Args, MoeGate, Size};
use crate::kernel::Rung;
use crate::machine::{Machine, OneF};

/// See the file's first line. The weights are put in that order once, when a model is loaded.
pub struct GroupLanes;

impl Rung<MoeGate> for GroupLanes {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        all(m, a.by_turns, a.x, a.scores, a.biased);
        let (mut bests, room) = Bests::new(m, &a.size, a.room);
        bests.offer(m, a.biased, 0);
        let sums = bests.sums(m.one());
        select(m.one(), &a.size, sums, a.scores, a.biased, room, a.y);
    }
}

/// The two best of each group so far, several pairs to a group where a register has more lanes than there are groups.
pub(super) struct Bests<'a> {
    groups: usize,
    /// Experts at places that are so far apart share a pair.
    stride: usize,
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl<'a> Bests<'a> {
    /// None yet; they take some of `room`, and the rest of it is given back.
    #[inline(always)]
    pub(super) fn new<M: Machine>(m: M, size: &Size, room: &'a mut [f32]) -> (Self, &'a mut [f32]) {
        let groups = size.groups;
        let stride = if Self::lanes_fit(m, groups) { groups.max(m.lanes()) } else { groups };
        let (first, room) = room.split_at_mut(stride);
        let (second, room) = room.split_at_mut(stride);
        let one = m.one();
        for i in one.steps(0, stride, 1) {
            one.store(&one.splat(f32::NEG_INFINITY), first, i);
            one.store(&one.splat(f32::NEG_INFINITY), second, i);
        }
        (Self { groups, stride, first, second }, room)
    }

    /// True where every register of scores has its lanes on the same groups.
    #[inline(always)]
    fn lanes_fit<M: Machine>(m: M, groups: usize) -> bool {
        groups.is_multiple_of(m.lanes()) || m.lanes().is_multiple_of(groups)
    }

    /// Takes scores by turns, the first of them at place `from`, a multiple of the lanes. One group needs no pairs.
    #[inline(always)]
    pub(super) fn offer<M: Machine>(&mut self, m: M, biased: &[f32], from: usize) {
        if self.groups == 1 {
            return;
        }
        let main = m.steps(0, if Self::lanes_fit(m, self.groups) { biased.len() } else { 0 }, m.lanes());
        let tail = main.tail();
        for i in main {
            self.offer_lanes(m, biased, i, from + i);
        }
        let one = m.one();
        for i in one.steps(tail, biased.len(), 1) {
            self.offer_lanes(one, biased, i, from + i);
        }
    }

    #[inline(always)]
    fn offer_lanes<M: Machine>(&mut self, m: M, biased: &[f32], i: usize, place: usize) {
        let at = place % self.stride;
        let pair = (m.load(self.first, at), m.load(self.second, at));
        let (first, second) = better_two(m, pair, &m.load(biased, i));
        m.store(&first, self.first, at);
        m.store(&second, self.second, at);
    }

    /// The sum of the two best of each group.
    #[inline(always)]
    pub(super) fn sums<M: Machine>(self, m: M) -> &'a [f32] {
        let sums = self.second;
        for g in m.steps(0, self.groups, 1) {
            let mut pair: (OneF<M>, OneF<M>) = (m.one().load(self.first, g), m.one().load(sums, g));
            for other in (g + self.groups..self.stride).step_by(self.groups) {
                pair = better_two(m.one(), pair, &m.one().load(self.first, other));
                pair = better_two(m.one(), pair, &m.one().load(sums, other));
            }
            m.one().store(&m.one().add(&pair.0, &pair.1), sums, g);
        }
        sums
    }
}

/// The two best of a pair and another: the larger, and of the others the larger.
#[inline(always)]
fn better_two<M: Machine>(m: M, (first, second): (M::F, M::F), other: &M::F) -> (M::F, M::F) {
    let zero = m.splat(0.0);
    // The smaller of two is the larger of their negatives.
    let smaller = m.sub(&zero, &m.max(&m.sub(&zero, &first), &m.sub(&zero, other)));
    (m.max(&first, other), m.max(&second, &smaller))
}

/// Where expert `e` stands by turns.
#[inline(always)]
pub(super) fn place(size: &Size, e: usize) -> usize {
    e % size.group() * size.groups + e / size.group()
}

/// Chooses and weighs where scores are by turns.
#[inline(always)]
pub(super) fn select<M: Machine>(
    m: M,
    size: &Size,
    sums: &[f32],
    scores: &[f32],
    biased: &[f32],
    room: &mut [f32],
    y: &mut [f32],
) {
    choose(
        m,
        size,
        sums,
        biased,
        #[inline(always)]
        |e| place(size, e),
        room,
        y,
    );
    weigh(
        m,
        size,
        scores,
        #[inline(always)]
        |e| place(size, e),
        y,
    );
}
