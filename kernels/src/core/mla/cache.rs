//! What latent attention keeps of the tokens so far: their latents in f32, bf16 or i8, or each head's own keys and values
//! where the chosen rungs read those.

use half::bf16;

use super::super::cache::KvKind;
use super::super::rungs::Ladders;
use crate::activations::quantize;
use crate::input::Buffer;
use crate::kernel::About;
use crate::mla_decode::{Cached, Size};
use crate::mla_decode_q8::RUN;

/// The cache of one layer.
pub(super) enum Cache {
    F32(Plain<f32>),
    Bf16(Plain<bf16>),
    /// Latents in i8 with their scales, and the part that carries the position.
    Q8(Buffer<i8>, Buffer<f32>, Buffer<bf16>),
}

/// In one of two forms.
pub(super) enum Plain<E: Cached> {
    /// `capacity × row`.
    Latents(Buffer<E>),
    /// Keys and values of each head.
    Expanded(Buffer<E>, Buffer<E>),
}

/// A token as it is cached.
#[derive(Clone, Copy)]
pub(super) struct Token<'a> {
    /// Place in the cache.
    pub t: usize,
    /// Its latent.
    pub latent: &'a [f32],
    /// The part of its keys that carries the position.
    pub position: &'a [f32],
    /// The other part and the value of each head, made of the latent; of use to expanded caches.
    pub made: &'a [f32],
}

/// True where the rungs that were chosen for such a cache read each head's own keys and values.
pub(super) fn expands(kv: KvKind, l: &Ladders) -> bool {
    let expanded = |about: &About| about.expanded;
    match kv {
        KvKind::F32 => l.mla.any(expanded),
        KvKind::Bf16 => l.mla_bf16.any(expanded),
        KvKind::Q8 => false,
    }
}

impl Cache {
    /// An empty one.
    pub(super) fn empty(kv: KvKind, size: &Size, expanded: bool) -> Self {
        let Size { capacity, latent, rope, .. } = *size;
        match kv {
            KvKind::F32 => Self::F32(Plain::empty(size, expanded)),
            KvKind::Bf16 => Self::Bf16(Plain::empty(size, expanded)),
            KvKind::Q8 => Self::Q8(
                Buffer::zeroed(capacity * latent),
                Buffer::zeroed(capacity * latent / RUN),
                Buffer::zeroed(capacity * rope),
            ),
        }
    }

    /// Writes a token to its place.
    pub(super) fn put(&mut self, size: &Size, token: Token<'_>) {
        let (Size { latent, rope, .. }, t) = (*size, token.t);
        match self {
            Self::F32(cache) => cache.put(size, token),
            Self::Bf16(cache) => cache.put(size, token),
            Self::Q8(quants, scales, positions) => {
                let runs = latent / RUN;
                let quants = &mut quants.as_mut_slice()[t * latent..(t + 1) * latent];
                quantize(token.latent, RUN, quants, &mut scales.as_mut_slice()[t * runs..(t + 1) * runs]);
                encode(token.position, &mut positions.as_mut_slice()[t * rope..(t + 1) * rope]);
            }
        }
    }
}

impl<E: Cached> Plain<E> {
    fn empty(size: &Size, expanded: bool) -> Self {
        let Size { heads, capacity, value, .. } = *size;
        match expanded {
            true => {
                Self::Expanded(Buffer::zeroed(heads * capacity * size.key()), Buffer::zeroed(heads * capacity * value))
            }
            false => Self::Latents(Buffer::zeroed(capacity * size.row())),
        }
    }

    fn put(&mut self, size: &Size, Token { t, latent, position, made }: Token<'_>) {
        let Size { plain, value, capacity, .. } = *size;
        let (row, key) = (size.row(), size.key());
        match self {
            Self::Latents(cache) => {
                let (c, p) = cache.as_mut_slice()[t * row..(t + 1) * row].split_at_mut(size.latent);
                encode(latent, c);
                encode(position, p);
            }
            Self::Expanded(keys, values) => {
                for (h, made) in made.chunks_exact(plain + value).enumerate() {
                    let at = h * capacity + t;
                    let (k, p) = keys.as_mut_slice()[at * key..(at + 1) * key].split_at_mut(plain);
                    encode(&made[..plain], k);
                    encode(position, p);
                    encode(&made[plain..], &mut values.as_mut_slice()[at * value..(at + 1) * value]);
                }
            }
        }
    }

    /// Latents, keys, values: what the other form has is empty.
    pub(super) fn slices(&mut self) -> (&[E], [&mut [E]; 2]) {
        match self {
            Self::Latents(latents) => (latents.as_slice(), [&mut [], &mut []]),
            Self::Expanded(keys, values) => (&[], [keys.as_mut_slice(), values.as_mut_slice()]),
        }
    }
}

fn encode<E: Cached>(x: &[f32], out: &mut [E]) {
    out.iter_mut().zip(x).for_each(|(out, x)| *out = E::encode(*x));
}
