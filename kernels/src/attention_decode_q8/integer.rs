//! idea: the query is i8 too, so a block's products sum up as integers; a value's block is scaled by its weight, once

use super::keys::IntegerDots;
use super::{Args, AttentionDecodeQ8};
use crate::attention_decode::blocks::{Asked, Rows, clear};
use crate::attention_decode::naive::softmax;
use crate::dtype::q8_0::BLOCK_LEN;
use crate::kernel::Rung;
use crate::machine::{Integers, Machine, tasks};

/// See the file's first line.
pub struct Integer;

impl Rung<AttentionDecodeQ8> for Integer {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        let (size, width, tokens) = (a.size, a.size.width, a.size.tokens);
        tasks!(m, size.heads, size.group(), |h| {
            let (k, v) = (a.keys(h / size.group()), a.values(h / size.group()));
            let scores = &mut a.scores[h * tokens..(h + 1) * tokens];
            let o = &mut a.o[h * width..(h + 1) * width];
            IntegerDots { q: a.q.part(&size, h..h + 1), k }.scores(m, size.scale(), scores, tokens);
            softmax(m, scores);
            clear(m, o);
            tasks!(m, tokens, super::TOKENS_PER_PERIOD, |t| {
                let p = m.load(scores, t);
                for (b, block) in v.row(t).iter().enumerate() {
                    let p = m.mul(&p, &m.load_f16_splat(&block.d));
                    let o = &mut o[b * BLOCK_LEN..(b + 1) * BLOCK_LEN];
                    for c in m.steps(0, BLOCK_LEN, 1) {
                        let value = m.to_f32(&m.load_i8(&block.qs, c));
                        m.store(&m.mul_add(&p, &value, &m.load(o, c)), o, c);
                    }
                }
            });
        });
    }
}
