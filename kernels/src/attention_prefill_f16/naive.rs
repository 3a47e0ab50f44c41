//! idea: token by token: the scores over those before it, the C library's softmax, then the weighted sum of the values

use super::{Args, AttentionPrefillF16};
use crate::attention_prefill::causal::token_by_token;
use crate::kernel::Rung;
use crate::machine::Machine;

/// See the file's first line.
pub struct Naive;

impl Rung<AttentionPrefillF16> for Naive {
    #[inline(always)]
    fn run<M: Machine>(m: M, a: Args<'_>) {
        token_by_token(m, a.size, [a.q, a.k, a.v], a.o, a.scratch);
    }
}
