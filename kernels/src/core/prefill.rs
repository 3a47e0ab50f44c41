//! Attention of a text's first tokens over themselves, as every kind of attention calls it.

use super::matrix::shape;
use super::rungs::{Ladders, Watch};
use crate::attention_decode::Size;
use crate::attention_prefill::{Args, rooms};
use crate::input::Buffer;

/// What the kernel needs room for: scores, keys abreast, what tasks leave.
pub(super) struct Room([Buffer<f32>; 3]);

impl Room {
    /// For at most so many tokens at once, `size.tokens`.
    pub(super) fn of(size: &Size, l: &Ladders) -> Self {
        let rung_0 = l.attention_prefill.any(|about| about.after.is_none());
        Self(if size.tokens == 0 { [0; 3] } else { rooms(size, rung_0) }.map(Buffer::zeroed))
    }

    /// `o` = attention of the queries `q` over the keys and values of the same `size.tokens` tokens.
    pub(super) fn attend(
        &mut self,
        l: &Ladders,
        watch: &mut dyn Watch,
        size: Size,
        [q, k, v]: [&[f32]; 3],
        o: &mut [f32],
    ) {
        let shape = shape(size.tokens, size.heads, size.width, size.kv_heads);
        let rung_0 = l.attention_prefill.about(&shape).after.is_none();
        let [scores, abreast, scratch] = rooms(&size, rung_0);
        let [of_scores, of_abreast, of_scratch] = self.0.each_mut().map(Buffer::as_mut_slice);
        let args = Args {
            size,
            q,
            k,
            v,
            o,
            scores: &mut of_scores[..scores],
            abreast: &mut of_abreast[..abreast],
            scratch: &mut of_scratch[..scratch],
        };
        l.attention_prefill.run(watch, &shape, args);
    }
}
