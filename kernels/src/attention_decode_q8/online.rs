//! idea: a running maximum rescales what was summed before, so tokens go by in blocks and no row of scores is kept

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
