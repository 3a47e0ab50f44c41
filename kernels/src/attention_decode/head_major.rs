//! idea: the cache keeps each head's tokens together, so a head streams through whole lines and pages in order

use super::blocks::Rows;
use super::online::one_pass;
use super::{Args, AttentionDecode, Size};
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct HeadMajor;

impl Rung<AttentionDecode> for HeadMajor {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        one_pass(m, a.size, a.q, (a.k_by_head, a.v_by_head), rows_by_head, a.partial, a.o);
    }
}

/// One head of a cache whose heads lie one after the other.
pub(super) fn rows_by_head<'a>(cache: &'a [f32], size: &Size, kv_head: usize) -> Rows<'a> {
    let data = &cache[kv_head * size.tokens * size.width..];
    Rows { data, stride: size.width, width: size.width, count: size.tokens }
}
