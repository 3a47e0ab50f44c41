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
        let size = a.size;
        tasks!(m, size.heads, size.group(), |h| {
            let (k, v) = (a.keys(h / size.group()), a.values(h / size.group()));
            let room = &mut a.scores[h * size.tokens..(h + 1) * size.tokens];
            let asked = IntegerDots { q: a.q.part(&size, h..h + 1), k };
            attend(m, asked, v, size.scale(), room, &mut a.o[h * size.width..(h + 1) * size.width]);
        });
    }
}
