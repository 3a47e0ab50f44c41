//! idea: the largest of every block of a token's keys and values first, then all scales in lanes: few divisions, no waiting

use super::block::{largest, scales, store};
use super::in_lanes::TOKENS_PER_PERIOD;
use super::{Args, KvAppendQ8, Size};
use crate::dtype::q8_0::BLOCK_LEN;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct ScalesTogether;

/// Widest register: blocks are padded to as many.
const WIDEST: usize = 16;

/// Blocks of a token's keys and values, padded.
fn padded(size: &Size) -> usize {
    (2 * size.of_token()).next_multiple_of(WIDEST)
}

/// Values of `room` that this variant needs: a scale and an inverse for each block.
pub(super) fn room(size: &Size) -> usize {
    2 * padded(size)
}

impl Rung<KvAppendQ8> for ScalesTogether {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let (one, size) = (m.one(), a.size);
        let blocks = size.of_token();
        let (ds, inverses) = a.room.split_at_mut(padded(&size));
        tasks!(m, size.tokens, TOKENS_PER_PERIOD, |token| {
            let of_token = token * blocks * BLOCK_LEN..(token + 1) * blocks * BLOCK_LEN;
            let sources = [&a.k[of_token.clone()], &a.v[of_token]];
            for (part, x) in sources.iter().enumerate() {
                for b in one.steps(0, blocks, 1) {
                    one.store(&largest(m, &x[b * BLOCK_LEN..(b + 1) * BLOCK_LEN]), ds, part * blocks + b);
                }
            }
            for i in m.steps(0, (2 * blocks).next_multiple_of(m.lanes()), m.lanes()) {
                let (d, inverse) = scales(m, &m.load(ds, i));
                m.store(&d, ds, i);
                m.store(&inverse, inverses, i);
            }
            for (part, x) in sources.iter().enumerate() {
                for b in one.steps(0, blocks, 1) {
                    let cache = if part == 0 { &mut *a.k_cache } else { &mut *a.v_cache };
                    let (x, block) = (&x[b * BLOCK_LEN..(b + 1) * BLOCK_LEN], &mut cache[size.place(token, b)]);
                    let i = part * blocks + b;
                    store(m, x, &one.load(ds, i), &m.load_splat(inverses, i), block);
                }
            }
        });
    }
}
