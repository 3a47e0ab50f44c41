//! idea: the tokens are split over every core and the parts merged by their maximums

use super::{Args, AttentionDecodeQ8};
use crate::attention_decode::parallel::split_pass;
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Parallel;

impl Rung<AttentionDecodeQ8> for Parallel {
    #[inline(always)]
    fn run<M: Machine>(m: M, mut a: Args<'_>) {
        let (partial, o) = (std::mem::take(&mut a.partial), std::mem::take(&mut a.o));
        split_pass(
            m,
            a.size,
            partial,
            o,
            #[inline(always)]
            |kv_head| (a.abreast(kv_head), a.values(kv_head)),
        );
    }
}
