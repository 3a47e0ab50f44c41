//! Selection by sorting everything: a stable merge sort, as a library's.

use super::Args;
use super::scores::weigh_in_order;
use crate::machine::Machine;

/// Keys and the indices that go with them.
type List<'a> = (&'a mut [f32], &'a mut [f32]);

/// The chosen experts of `a.biased` and their weights.
#[inline(always)]
pub(super) fn select<M: Machine>(m: M, a: &mut Args<'_>) {
    let (size, group) = (a.size, a.size.group());
    let (lists, rest) = a.room.split_at_mut(4 * size.experts);
    if size.groups > 1 {
        let sums = &mut rest[..size.groups];
        for g in 0..size.groups {
            let (keys, _) = sort(m, &a.biased[g * group..(g + 1) * group], lists);
            m.store(&m.add(&m.load(keys, 0), &m.load(keys, 1)), sums, g);
        }
        let (_, ids) = sort(m, sums, lists);
        for i in size.kept..size.groups {
            let g = m.reveal(&m.load(ids, i)) as usize;
            for e in m.steps(g * group, (g + 1) * group, 1) {
                m.store(&m.splat(f32::NEG_INFINITY), a.biased, e);
            }
        }
    }
    let (_, ids) = sort(m, a.biased, lists);
    for i in m.steps(0, size.chosen, 1) {
        m.store(&m.load(ids, i), a.y, i);
    }
    weigh_in_order(m, a);
}

/// Values with their indices, the largest first, of equals the lowest index. `room` is four times as long as `values`.
#[inline(always)]
fn sort<'a, M: Machine>(m: M, values: &[f32], room: &'a mut [f32]) -> (&'a [f32], &'a [f32]) {
    let n = values.len();
    let (from, to) = room[..4 * n].split_at_mut(2 * n);
    let (mut from, mut to): (List<'a>, List<'a>) = (from.split_at_mut(n), to.split_at_mut(n));
    for i in m.steps(0, n, 1) {
        m.store(&m.load(values, i), from.0, i);
        m.store(&m.splat(i as f32), from.1, i);
    }
    let mut run = 1;
    while run < n {
        for start in (0..n).step_by(2 * run) {
            merge(m, &from, &mut to, start, n.min(start + run), n.min(start + 2 * run));
        }
        (from, to) = (to, from);
        run *= 2;
    }
    (from.0, from.1)
}

/// Two sorted runs, `start..middle` and `middle..end`, into one.
#[inline(always)]
fn merge<M: Machine>(m: M, from: &List<'_>, to: &mut List<'_>, start: usize, middle: usize, end: usize) {
    let (mut left, mut right) = (start, middle);
    for at in m.steps(start, end, 1) {
        let key = |i| m.reveal(&m.load(from.0, i));
        let next = if left < middle && (right == end || key(left) >= key(right)) { &mut left } else { &mut right };
        m.store(&m.load(from.0, *next), to.0, at);
        m.store(&m.load(from.1, *next), to.1, at);
        *next += 1;
    }
}
