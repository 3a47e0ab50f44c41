//! idea: all sums of two activations are made once, and half a byte of weights picks one: no multiply, half the adds

use super::tq2_0::{Group, place};
use super::{Args, GemvTernary};
use crate::dtype::tq2_0::BlockTq2_0;
use crate::gemv_packed::{GROUP_ROWS, X, rows_per_whole_lines};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line. The tables of half a block stay in the first cache while all rows pass; rows lie interleaved,
/// sixteen to a group, because a pass over them as they lie in a file would use only part of each line it loads.
pub struct Lut;

/// Entries of a table: two codes of two bits.
const ENTRIES: usize = 16;
/// Bytes of half a block: 128 weights, two tables to a byte.
const BYTES: usize = 32;
/// Values of the tables of half a block, 4 KiB.
pub(super) const TABLE_VALUES: usize = 2 * BYTES * ENTRIES;

impl Rung<GemvTernary> for Lut {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        halves_of_blocks(m.one(), a);
    }
}

#[inline(always)]
fn halves_of_blocks<M: Machine<One = M>>(m: M, a: Args<'_>) {
    let (groups, x, y, tables) = (a.packed.groups, a.packed.x, a.packed.y, a.tables);
    let blocks = x.scales.len();
    if blocks == 0 {
        return y.fill(0.0);
    }
    let period = rows_per_whole_lines(blocks * size_of::<Group>());
    tasks!(m, 2 * blocks, 2, |h| {
        let (b, half) = (h / 2, h % 2);
        let x = x.block::<BlockTq2_0>(b);
        make_tables(m, x, half, tables);
        tasks!(m, y.len().div_ceil(GROUP_ROWS), period, |g| {
            let group = &groups[g * blocks + b];
            for r in m.steps(0, GROUP_ROWS.min(y.len() - g * GROUP_ROWS), 1) {
                let mut sum = m.zero_i();
                for c in m.steps(0, BYTES / 4, 1) {
                    let four = &group.qs[BYTES / 4 * half + c][4 * r..4 * r + 4];
                    for i in 0..4 {
                        let byte = m.load_u8(four, i);
                        let both = &tables[2 * ENTRIES * (4 * c + i)..2 * ENTRIES * (4 * c + i + 1)];
                        sum = m.add_i(&sum, &m.lookup(&both[..ENTRIES], &m.and_i(&byte, 15)));
                        sum = m.add_i(&sum, &m.lookup(&both[ENTRIES..], &m.shr_i::<4>(&byte)));
                    }
                }
                let scale = m.mul(&m.load_f16_splat(&group.d[r]), &m.load(x.scales, 0));
                let (scaled, row) = (m.mul(&m.to_f32(&sum), &scale), g * GROUP_ROWS + r);
                let total = if h == 0 { scaled } else { m.add(&scaled, &m.load(y, row)) };
                m.store(&total, y, row);
            }
        });
    });
}

/// The nine sums that codes 0, 1, 2 of two activations can pick, for every half of every byte of half a block. Entry
/// `c0 + 4 c1` is `(c0 - 1) a + (c1 - 1) b`.
#[inline(always)]
fn make_tables<M: Machine<One = M>>(m: M, x: X<'_>, half: usize, tables: &mut [i32]) {
    let zero = m.zero_i();
    for j in m.steps(0, BYTES, 1) {
        for pair in 0..2 {
            let at = place(half, 2 * pair, j);
            let (a, b) = (m.load_i8(x.quants, at), m.load_i8(x.quants, at + 32));
            let (sum, difference) = (m.add_i(&a, &b), m.sub_i(&a, &b));
            let table = &mut tables[ENTRIES * (2 * j + pair)..ENTRIES * (2 * j + pair + 1)];
            m.store_i(&m.sub_i(&zero, &sum), table, 0);
            m.store_i(&m.sub_i(&zero, &b), table, 1);
            m.store_i(&difference, table, 2);
            m.store_i(&m.sub_i(&zero, &a), table, 4);
            m.store_i(&zero, table, 5);
            m.store_i(&a, table, 6);
            m.store_i(&m.sub_i(&zero, &difference), table, 8);
            m.store_i(&b, table, 9);
            m.store_i(&sum, table, 10);
        }
    }
}
