//! idea: a block is a few registers: the largest by one reduction, quants a register at a time

use super::block::{largest, scales, store};
use super::{Args, KvAppendQ8, Size};
use crate::dtype::q8_0::{BLOCK_LEN, BlockQ8_0};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct InLanes;

impl Rung<KvAppendQ8> for InLanes {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        block_by_block(m, a);
    }
}

/// Tokens after which rows of blocks begin a cache line again, whatever their number of blocks.
pub(super) const TOKENS_PER_PERIOD: usize = 32;

/// Every token's keys, then its values.
#[inline(always)]
pub(super) fn block_by_block<M: Machine>(m: M, a: Args<'_>) {
    tasks!(m, a.size.tokens, TOKENS_PER_PERIOD, |token| {
        append(m, &a.size, token, a.k, a.k_cache);
        append(m, &a.size, token, a.v, a.v_cache);
    });
}

#[inline(always)]
fn append<M: Machine>(m: M, size: &Size, token: usize, x: &[f32], cache: &mut [BlockQ8_0]) {
    let one = m.one();
    for b in one.steps(0, size.of_token(), 1) {
        let x = &x[(token * size.of_token() + b) * BLOCK_LEN..][..BLOCK_LEN];
        let (d, inverse) = scales(one, &largest(m, x));
        store(m, x, &d, &m.broadcast(&inverse), &mut cache[size.place(token, b)]);
    }
}
