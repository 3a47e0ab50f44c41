//! idea: one list of tasks for all experts, each the same rows of every one: cores stay even however tokens are spread

use super::dispatch::Dispatch;
use super::experts::Run;
use super::{Args, ExpertElement, MoeFfn};
use crate::attention_decode::blocks::clear;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};
use crate::swiglu::simd::piece;

/// See the file's first line. One list instead of one for each expert is from KTransformers (SOSP 2025), whose tasks are
/// rows of one expert.
pub struct Parallel;

/// Rows of one task, of each expert.
const ROWS: usize = 32;

impl<E: ExpertElement> Rung<MoeFfn<E>> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        let (one, size, experts, x, weights) = (m.one(), a.size, a.experts, a.x, a.weights);
        let (routes, inner, tokens) = (size.routes(), size.inner, size.tokens);
        let dispatch = Dispatch::sort(one, &size, a.routes, a.order);
        let (gates_and_ups, rest) = a.room.split_at_mut(2 * routes * inner);
        let (blocks, rest) = rest.split_at_mut(routes * inner);
        let (between, turned) = rest.split_at_mut(routes * inner);
        // A task leaves its rows of every route together ...
        m.par_chunks_with(
            blocks,
            ROWS * routes,
            gates_and_ups,
            2 * ROWS * routes,
            #[inline(always)]
            |m, task, block, room| {
                let rows = task * ROWS..task * ROWS + block.len() / routes;
                let (gates, ups) = room.split_at_mut(block.len());
                for e in 0..size.experts {
                    let Some(run) = Run::of(m.one(), dispatch, e) else { continue };
                    let values = run.first * rows.len()..(run.first + run.count) * rows.len();
                    let (gates, ups) = (&mut gates[values.clone()], &mut ups[values]);
                    run.gates_and_ups::<M, E, true>(m, &experts.get(e), x, rows.clone(), gates, ups);
                }
                piece(m, gates, ups, block);
            },
        );
        // ... so each route's are put in line.
        tasks!(m, routes, 1, |place| {
            let line = &mut between[place * inner..(place + 1) * inner];
            for (block, line) in blocks.chunks(ROWS * routes).zip(line.chunks_mut(ROWS)) {
                copy(m, &block[place * line.len()..], line);
            }
        });
        let between = &*between;
        // A row's outputs of all tokens lie together, as a task must own what it writes.
        let by_rows = if tokens == 1 { &mut *a.y } else { &mut turned[..tokens * size.width] };
        m.par_chunks(
            by_rows,
            ROWS * tokens,
            #[inline(always)]
            |m, task, y| {
                let rows = task * ROWS..task * ROWS + y.len() / tokens;
                clear(m, y);
                for e in 0..size.experts {
                    let Some(run) = Run::of(m.one(), dispatch, e) else { continue };
                    run.downs::<M, E, true>(m, &experts.get(e), between, weights, rows.clone(), (tokens, 1), y);
                }
            },
        );
        if tokens > 1 {
            tasks!(one, size.width, 16, |r| {
                for t in one.steps(0, tokens, 1) {
                    one.store(&one.load(turned, r * tokens + t), a.y, t * size.width + r);
                }
            });
        }
    }
}

/// `to = from`, as far as `to` goes.
#[inline(always)]
fn copy<M: Machine>(m: M, from: &[f32], to: &mut [f32]) {
    let main = m.steps(0, to.len(), m.lanes());
    let tail = main.tail();
    for i in main {
        m.store(&m.load(from, i), to, i);
    }
    let one = m.one();
    for i in one.steps(tail, to.len(), 1) {
        one.store(&one.load(from, i), to, i);
    }
}
