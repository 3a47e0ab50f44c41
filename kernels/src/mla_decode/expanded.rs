//! idea: each head's keys and values are cached: nothing is made twice, for many times the memory and its bandwidth

use super::{Args, Cached, MlaDecode};
use crate::attention_decode::blocks::{Dots, attend};
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Expanded;

impl<E: Cached> Rung<MlaDecode<E>> for Expanded {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_, E>) {
        head_by_head(m.one(), a);
    }
}

/// Plain attention over each head's own cache.
#[inline(always)]
pub(super) fn head_by_head<M: Machine, E: Cached>(m: M, a: Args<'_, E>) {
    let size = a.absorbing.size;
    let (key, value) = (size.key(), size.value);
    tasks!(m, size.heads, 1, |h| {
        let (k, v) = a.expanded_rows(h);
        let o = &mut a.absorbing.o[h * value..(h + 1) * value];
        let q = &a.absorbing.q[h * key..(h + 1) * key];
        attend(m, Dots { q, k }, v, size.scale, &mut a.absorbing.scratch[..size.tokens], o);
    });
}
