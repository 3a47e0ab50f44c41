//! idea: the pairwise i16 multiply-add makes scores, and values become f32 a register at a time

use super::keys::IntegerDots;
use super::{Args, AttentionDecodeQ8};
use crate::attention_decode::blocks::attend;
use crate::kernel::Rung;
use crate::machine::{Machine, tasks};

/// See the file's first line.
pub struct Simd;

impl Rung<AttentionDecodeQ8> for Simd {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        heads_together(m, a, 1);
    }
}

/// Every head, `together` of one group at a time.
#[inline(always)]
pub(super) fn heads_together<M: Machine>(m: M, a: Args<'_>, together: usize) {
    let (size, tokens, width) = (a.size, a.size.tokens, a.size.width);
    tasks!(m, size.heads / together, size.group() / together, |task| {
        let heads = task * together..(task + 1) * together;
        let kv_head = heads.start / size.group();
        let at = heads.start * tokens..heads.end * tokens;
        let out = heads.start * width..heads.end * width;
        let (asked, v) = (IntegerDots { q: a.q.part(&size, heads), k: a.keys(kv_head) }, a.values(kv_head));
        attend(m, asked, v, size.scale(), &mut a.scores[at], &mut a.o[out]);
    });
}
