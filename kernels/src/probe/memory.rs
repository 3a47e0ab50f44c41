//! Loads: chains of dependent ones, and streams of independent ones.

use std::hint::black_box;

use super::{CHASES, ProbeData, STORES};
use crate::machine::Machine;

/// `N` chains through the table, a hop of each in turn.
#[inline(always)]
pub(super) fn chase<M: Machine, const N: usize>(m: M, data: &mut ProbeData) {
    const { assert!(N <= CHASES) };
    let table = data.table.as_slice();
    // Each chain starts from a loaded index, as the traced machine has no other way to make one.
    let starts: [i8; 1] = [0];
    let mut at: [M::I; N] = std::array::from_fn(|_| m.load_i8(&starts, 0));
    for (c, at) in at.iter_mut().enumerate() {
        *at = m.lookup(&data.at[c..], at);
    }
    for _ in m.steps(0, data.steps, 1) {
        for at in &mut at {
            *at = m.lookup(table, at);
        }
    }
    let mut total = m.zero_i();
    for at in &at {
        total = m.add_i(&total, at);
    }
    m.store(&m.to_f32(&total), &mut data.out, 0);
}

/// Streams read side by side.
const STREAMS: usize = 8;
/// Values of one stream in one iteration: every machine's register divides it, and one bounds check covers it.
const BLOCK: usize = 64;

/// What one pass reads: the largest part of the stream that the streams divide evenly.
pub(super) fn bytes_of_a_pass(data: &ProbeData) -> usize {
    data.stream.as_slice().len() / (STREAMS * BLOCK) * (STREAMS * BLOCK) * size_of::<f32>()
}

/// Sums the stream, each register's worth with one load and one add. Eight streams and `SUMS` sums, eight or
/// sixteen: fewer would be bound by the latency of the adds in cache, and by one prefetcher out of it.
#[inline(always)]
pub(super) fn read_stream<M: Machine, const SUMS: usize>(m: M, data: &mut ProbeData) {
    let stream = data.stream.as_slice();
    let each = stream.len() / (STREAMS * BLOCK) * BLOCK;
    let mut sums = m.zeros::<SUMS>();
    for _ in 0..data.steps {
        for i in m.steps(0, each, BLOCK) {
            let blocks: [&[f32]; STREAMS] = std::array::from_fn(|s| &stream[s * each + i..s * each + i + BLOCK]);
            for at in 0..BLOCK / m.lanes() {
                let turn = at * STREAMS % SUMS;
                for (block, sum) in blocks.iter().zip(&mut sums[turn..turn + STREAMS]) {
                    *sum = m.add(sum, &m.load(block, at * m.lanes()));
                }
            }
        }
    }
    let [mut total] = m.zeros();
    for sum in &sums {
        total = m.add(&total, sum);
    }
    data.keep(m, &total);
}

/// One place in memory that everything is added to. The compiler must not know that it is always the same one.
#[inline(always)]
pub(super) fn sum_in_memory<M: Machine>(m: M, data: &mut ProbeData) {
    let addend = m.load(&data.floats, 0);
    m.store(&m.splat(0.0), &mut data.out, 0);
    for _ in m.steps(0, data.steps, 1) {
        let sum = black_box(data.out.as_mut_slice());
        m.store(&m.add(&m.load(sum, 0), &addend), sum, 0);
    }
}

/// `STORES` places in turn.
#[inline(always)]
pub(super) fn stores<M: Machine>(m: M, data: &mut ProbeData) {
    let value = m.load(&data.floats, 0);
    for _ in m.steps(0, data.steps, 1) {
        let out = black_box(data.out.as_mut_slice());
        for place in 0..STORES {
            m.store(&value, out, place * m.lanes());
        }
    }
}
