//! idea: 64 queries meet 64 keys, packed abreast, at a time: both products in register tiles, with a running maximum

use super::tile::{Head, blocks, copy, pack, task_room};
use super::{Args, AttentionPrefill, in_pairs};
use crate::attention_decode::blocks::BLOCK;
use crate::attention_decode::simd::rows;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Tiles;

impl Rung<AttentionPrefill> for Tiles {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let (size, width) = (a.size, a.size.width);
        let (blocks, packed) = (blocks(&size), width * BLOCK);
        tasks!(m, size.kv_heads * blocks, 1, |i| {
            pack(m, rows(a.k, &size, i / blocks), i % blocks, &mut a.abreast[i * packed..(i + 1) * packed]);
        });
        let (room, out) = a.scratch.split_at_mut(task_room(&size));
        tasks!(m, size.heads, size.group(), |h| {
            let head = Head::new(size, a.q, a.abreast, a.v, h);
            in_pairs(
                m,
                blocks,
                #[inline(always)]
                |block| {
                    head.query_block(m, block, room, out);
                    let count = BLOCK.min(size.tokens - block * BLOCK);
                    for (r, from) in out[..count * width].chunks_exact(width).enumerate() {
                        let at = ((block * BLOCK + r) * size.heads + h) * width;
                        copy(m, from, &mut a.o[at..at + width]);
                    }
                },
            );
        });
    }
}
