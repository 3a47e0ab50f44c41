//! idea: a block's 128 products are summed first, so its two scales are applied once

use super::naive::{COLUMNS_PER_PERIOD, Decode};
use super::table::ByTable;
use super::{Args, BLOCK, GemmFp8};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Hoisted;

impl Rung<GemmFp8> for Hoisted {
    #[inline(always)]
    fn run<M: Machine>(m: M, g: Args<'_>) {
        block_by_block(m.one(), g);
    }
}

#[inline(always)]
fn block_by_block<M: Machine<One = M>>(m: M, g: Args<'_>) {
    let (n, k, blocks) = (g.n, g.k, g.blocks());
    tasks!(m, g.m, 1, |i| {
        tasks!(m, n, COLUMNS_PER_PERIOD, |j| {
            let (a, w) = (&g.a[i * k..(i + 1) * k], &g.w[j * k..(j + 1) * k]);
            let (sa, sb) = (&g.a_scales[i * blocks..][..blocks], &g.w_scales[j / BLOCK * blocks..][..blocks]);
            let [mut total] = m.zeros();
            for b in m.steps(0, blocks, 1) {
                let [mut sum] = m.zeros();
                for p in m.steps(b * BLOCK, (b + 1) * BLOCK, 1) {
                    sum = m.mul_add(&ByTable::decode(m, a, p, g.values), &ByTable::decode(m, w, p, g.values), &sum);
                }
                total = m.mul_add(&sum, &m.mul(&m.load(sa, b), &m.load(sb, b)), &total);
            }
            m.store(&total, g.c, i * n + j);
        });
    });
}
