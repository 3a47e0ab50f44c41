//! idea: keys lie sixteen abreast by four bytes, so the byte dot product makes sixteen scores and their scales are a vector

use super::{Args, AttentionDecodeQ8};
use crate::attention_decode::online::one_pass;
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line. The layout is that of interleaved weights, see `gemv_packed`.
pub struct KeysAbreast;

impl Rung<AttentionDecodeQ8> for KeysAbreast {
    #[inline(always)]
    fn run<M: Machine>(m: M, mut a: Args<'_>) {
        let (partial, o) = (std::mem::take(&mut a.partial), std::mem::take(&mut a.o));
        one_pass(
            m,
            a.size,
            partial,
            o,
            #[inline(always)]
            |kv_head| (a.abreast(kv_head), a.values(kv_head)),
        );
    }
}
