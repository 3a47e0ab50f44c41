//! idea: head by head, each key and value of the cache becomes f32 by its block's scale and is used once

use super::{Args, AttentionDecodeQ8};
use crate::attention_decode::blocks::{Rows, clear};
use crate::attention_decode::naive::softmax;
use crate::dtype::q8_0::BLOCK_LEN;
use crate::kernel::Rung;
use crate::machine::{Integers, Machine, tasks};

/// See the file's first line.
pub struct Naive;

impl Rung<AttentionDecodeQ8> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        let m = m.one();
        let (size, width, tokens) = (a.size, a.size.width, a.size.tokens);
        let scale = m.splat(size.scale());
        tasks!(m, size.heads, size.group(), |h| {
            let (k, v) = (a.keys(h / size.group()), a.values(h / size.group()));
            let q = &a.q_values[h * width..(h + 1) * width];
            let scores = &mut a.scores[h * tokens..(h + 1) * tokens];
            let o = &mut a.o[h * width..(h + 1) * width];
            tasks!(m, tokens, super::TOKENS_PER_PERIOD, |t| {
                let [mut score] = m.zeros();
                for (b, block) in k.row(t).iter().enumerate() {
                    let d = m.load_f16_splat(&block.d);
                    for c in m.steps(0, BLOCK_LEN, 1) {
                        let key = m.mul(&m.to_f32(&m.load_i8(&block.qs, c)), &d);
                        score = m.mul_add(&m.load(q, b * BLOCK_LEN + c), &key, &score);
                    }
                }
                m.store(&m.mul(&score, &scale), scores, t);
            });
            softmax(m, scores);
            clear(m, o);
            tasks!(m, tokens, super::TOKENS_PER_PERIOD, |t| {
                let p = m.load(scores, t);
                for (b, block) in v.row(t).iter().enumerate() {
                    let d = m.load_f16_splat(&block.d);
                    let o = &mut o[b * BLOCK_LEN..(b + 1) * BLOCK_LEN];
                    for c in m.steps(0, BLOCK_LEN, 1) {
                        let value = m.mul(&m.to_f32(&m.load_i8(&block.qs, c)), &d);
                        m.store(&m.mul_add(&p, &value, &m.load(o, c)), o, c);
                    }
                }
            });
        });
    }
}
