//! Lists of the best so far: what selection keeps instead of sorting everything.

use super::Size;
use crate::machine::Machine;

/// The best so far, best first, in slices of keys and of indices.
pub(super) struct Best<'a> {
    keys: &'a mut [f32],
    ids: &'a mut [f32],
    /// The last key: what a newcomer must exceed.
    last: f32,
}

impl<'a> Best<'a> {
    /// An empty list of `n` places at the start of `room`.
    #[inline(always)]
    pub(super) fn new<M: Machine>(m: M, n: usize, room: &'a mut [f32]) -> Self {
        let (keys, ids) = room[..2 * n].split_at_mut(n);
        for i in m.steps(0, n, 1) {
            m.store(&m.splat(f32::NEG_INFINITY), keys, i);
            m.store(&m.splat(0.0), ids, i);
        }
        Self { keys, ids, last: f32::NEG_INFINITY }
    }

    /// Takes `values[at]` as index `id`, if it belongs here. Of equals the one that came first stays ahead.
    #[inline(always)]
    pub(super) fn offer<M: Machine>(&mut self, m: M, values: &[f32], at: usize, id: usize) {
        let value = m.load(values, at);
        let key = m.reveal(&value);
        if key > self.last {
            self.insert(m, &value, key, id);
        }
    }

    /// Few offers come here, so the loop above stays small.
    #[inline(always)]
    fn insert<M: Machine>(&mut self, m: M, value: &M::F, key: f32, id: usize) {
        let mut place = self.keys.len() - 1;
        while place > 0 {
            let before = m.load(self.keys, place - 1);
            if m.reveal(&before) >= key {
                break;
            }
            m.store(&before, self.keys, place);
            m.store(&m.load(self.ids, place - 1), self.ids, place);
            place -= 1;
        }
        m.store(value, self.keys, place);
        m.store(&m.splat(id as f32), self.ids, place);
        self.last = m.reveal(&m.load(self.keys, self.keys.len() - 1));
    }

    /// The sum of all keys.
    #[inline(always)]
    pub(super) fn sum<M: Machine>(&self, m: M) -> M::F {
        let mut sum = m.load(self.keys, 0);
        for i in 1..self.keys.len() {
            sum = m.add(&sum, &m.load(self.keys, i));
        }
        sum
    }

    /// True where index `id` is in the list.
    #[inline(always)]
    pub(super) fn holds<M: Machine>(&self, m: M, id: usize) -> bool {
        (0..self.ids.len()).any(|i| m.reveal(&m.load(self.ids, i)) as usize == id)
    }

    /// The indices, best first.
    #[inline(always)]
    pub(super) fn ids(&self) -> &[f32] {
        self.ids
    }
}

/// Writes the chosen experts to the first half of `y`: of the groups with the largest `sums` (no matter where there is but
/// one group), the experts with the largest `biased`, which has expert `e` at `place(e)`.
#[inline(always)]
pub(super) fn choose<M: Machine>(
    m: M,
    size: &Size,
    sums: &[f32],
    biased: &[f32],
    place: impl Fn(usize) -> usize,
    room: &mut [f32],
    y: &mut [f32],
) {
    let (room, rest) = room.split_at_mut(2 * size.kept);
    let mut kept = Best::new(m, size.kept, room);
    if size.groups > 1 {
        for g in m.steps(0, size.groups, 1) {
            kept.offer(m, sums, g, g);
        }
    }
    let mut chosen = Best::new(m, size.chosen, rest);
    // In the order of the experts, so that of equals the lowest index comes first.
    for g in 0..size.groups {
        if size.groups == 1 || kept.holds(m, g) {
            for e in m.steps(g * size.group(), (g + 1) * size.group(), 1) {
                chosen.offer(m, biased, place(e), e);
            }
        }
    }
    for i in m.steps(0, size.chosen, 1) {
        m.store(&m.load(chosen.ids(), i), y, i);
    }
}
