//! Latent attention of a text's first tokens over themselves, expanded: keys and values of every head are products of the
//! latents, made for all tokens at once. The kernel is that of grouped attention, whose values are as wide as its keys:
//! here zeros follow them.

use super::super::matrix::Matrix;
use super::super::prefill;
use super::super::rungs::{Ladders, Watch};
use super::{Layer, Shared};
use crate::attention_decode::Size as Grouped;
use crate::input::Buffer;
use crate::mla_decode::Size;

/// Room for a batch of tokens; none where they pass one by one.
pub(super) struct Room {
    /// Plain parts of the keys, and values, as the products leave them.
    plain: Buffer<f32>,
    value: Buffer<f32>,
    /// The same as the kernel takes them, `tokens × heads × key`, and what it gives.
    keys: Buffer<f32>,
    values: Buffer<f32>,
    o: Buffer<f32>,
    attention: prefill::Room,
}

/// Sizes of the kernel.
fn grouped(size: &Size, tokens: usize) -> Grouped {
    Grouped { heads: size.heads, kv_heads: size.heads, width: size.key(), tokens, capacity: tokens }
}

impl Room {
    pub(super) fn of(size: &Size, batch: usize, l: &Ladders) -> Self {
        let tokens = if batch > 1 { batch } else { 0 };
        let wide = || Buffer::zeroed(tokens * size.heads * size.key());
        Self {
            plain: Buffer::zeroed(tokens * size.heads * size.plain),
            value: Buffer::zeroed(tokens * size.heads * size.value),
            keys: wide(),
            values: wide(),
            o: wide(),
            attention: prefill::Room::of(&grouped(size, tokens), l),
        }
    }
}

impl Layer {
    /// Attention of the tokens whose queries and latents are made, the first of the text.
    pub(super) fn attend_together(&self, l: &Ladders, watch: &mut dyn Watch, s: &mut Shared, tokens: usize) {
        let (size, kernel) = (s.size, grouped(&s.size, tokens));
        let Size { heads, plain, value, rope, .. } = size;
        let (key, rows, room) = (size.key(), tokens * heads, &mut s.prefill);
        let wide = rows * key;
        let mut product = |matrix: &Matrix, y: &mut Buffer<f32>| {
            matrix.multiply(l, watch, &mut s.latent, y.as_mut_slice());
        };
        product(&self.to_key, &mut room.plain);
        product(&self.to_value, &mut room.value);
        let positions = s.turned.as_slice().chunks_exact((heads + 1) * rope).map(|turned| &turned[heads * rope..]);
        let of_token = room.keys.as_mut_slice()[..wide].chunks_exact_mut(heads * key);
        for ((keys, position), made) in of_token.zip(positions).zip(room.plain.as_slice().chunks_exact(heads * plain)) {
            for (k, made) in keys.chunks_exact_mut(key).zip(made.chunks_exact(plain)) {
                k[..plain].copy_from_slice(made);
                k[plain..].copy_from_slice(position);
            }
        }
        let padded = room.values.as_mut_slice()[..wide].chunks_exact_mut(key);
        padded.zip(room.value.as_slice().chunks_exact(value)).for_each(|(v, made)| v[..value].copy_from_slice(made));
        // What the model multiplies scores by beside what the kernel does.
        let q = &mut s.q.as_mut_slice()[..wide];
        let beside = size.scale / kernel.scale();
        q.iter_mut().for_each(|q| *q *= beside);
        let (k, v) = (&room.keys.as_slice()[..wide], &room.values.as_slice()[..wide]);
        room.attention.attend(l, watch, kernel, [q, k, v], &mut room.o.as_mut_slice()[..wide]);
        let o = s.o.write(tokens, heads * value).chunks_exact_mut(value);
        o.zip(room.o.as_slice().chunks_exact(key)).for_each(|(o, padded)| o.copy_from_slice(&padded[..value]));
    }
}
