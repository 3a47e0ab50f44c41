//! idea: heads that share a head of the cache go by in one pass with a running maximum: each value is made f32 once for all

use super::keys::IntegerDots;
use super::{Args, AttentionDecodeQ8};
use crate::attention_decode::online::one_pass;
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Online;

impl Rung<AttentionDecodeQ8> for Online {
    #[inline(always)]
    fn run<M: Machine>(m: M, mut a: Args<'_>) {
        let (partial, o) = (std::mem::take(&mut a.partial), std::mem::take(&mut a.o));
        one_pass(
            m,
            a.size,
            partial,
            o,
            #[inline(always)]
            |kv_head| (IntegerDots { q: a.queries(kv_head), k: a.keys(kv_head) }, a.values(kv_head)),
        );
    }
}
