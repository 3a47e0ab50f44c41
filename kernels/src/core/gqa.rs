//! Attention with grouped heads (GQA): projections, rotation, the cache, and the way back. Adding biases, and sharpening
//! queries where YaRN does, has no kernel.

use std::sync::Arc;

use super::activations::Activations;
use super::cache::{Cache, KvKind, Room};
use super::error::CoreError;
use super::matrix::{Matrix, shape};
use super::prefill;
use super::rope::{frequencies, score_scale};
use super::rungs::{Ladders, Watch};
use super::tensors::vector;
use crate::attention_decode::Size;
use crate::input::Buffer;
use crate::model::ModelFile;
use crate::model::config::{Config, Pairs};
use crate::rope;

/// One layer's weights and cache.
pub(super) struct Layer {
    q: Matrix,
    k: Matrix,
    v: Matrix,
    output: Matrix,
    biases: Option<[Vec<f32>; 3]>,
    cache: Cache,
}

/// What layers share: sizes, and room for one at a time.
pub(super) struct Shared {
    /// With no token in the cache.
    size: Size,
    pairs: Pairs,
    frequencies: Buffer<f32>,
    /// What queries are multiplied by for the scores' sake.
    sharpening: f32,
    /// Queries and then keys of all tokens, before and after they are turned.
    qk: Buffer<f32>,
    turned: Buffer<f32>,
    v: Buffer<f32>,
    o: Activations,
    rope_room: Buffer<f32>,
    room: Room,
    /// Room for several tokens at once.
    prefill: prefill::Room,
}

impl Shared {
    /// For texts of `capacity` tokens, `batch` at once at most.
    pub(super) fn new(config: &Config, size: Size, batch: usize, l: &Ladders) -> Self {
        let Size { heads, kv_heads, width, .. } = size;
        let both = batch * (heads + kv_heads) * width;
        let together = if batch > 1 { batch } else { 0 };
        Self {
            size,
            pairs: config.rope.pairs,
            frequencies: frequencies(&config.rope, width),
            sharpening: score_scale(&config.rope),
            qk: Buffer::zeroed(both),
            turned: Buffer::zeroed(both),
            v: Buffer::zeroed(batch * kv_heads * width),
            o: Activations::room(batch, heads * width, config.hidden),
            rope_room: Buffer::zeroed(rope::room(batch, width)),
            room: Room::of(&size),
            prefill: prefill::Room::of(&Size { tokens: together, capacity: together, ..size }, l),
        }
    }

    /// Sizes, with no token in the cache.
    pub(super) fn size(&self) -> &Size {
        &self.size
    }

    /// Turns queries and keys, the first of them at position `first`. Of one token they lie together, one call.
    fn turn(&mut self, l: &Ladders, watch: &mut dyn Watch, tokens: usize, first: usize) {
        let Size { heads, kv_heads, width, .. } = self.size;
        let q = tokens * heads * width;
        let end = q + tokens * kv_heads * width;
        let (together, apart) = ([(heads + kv_heads, 0, end)], [(heads, 0, q), (kv_heads, q, end)]);
        for &(heads, from, to) in if tokens == 1 { &together[..] } else { &apart } {
            let args = rope::Args {
                heads,
                width,
                first,
                frequencies: self.frequencies.as_slice(),
                x: &self.qk.as_slice()[from..to],
                y: &mut self.turned.as_mut_slice()[from..to],
                room: self.rope_room.as_mut_slice(),
            };
            let shape = shape(heads, tokens, width, 1);
            match self.pairs {
                Pairs::Interleaved => l.rope.run(watch, &shape, args),
                Pairs::Halves => l.rope_neox.run(watch, &shape, args),
            }
        }
    }
}

impl Layer {
    pub(super) fn open(
        file: &Arc<ModelFile>,
        config: &Config,
        (size, biases): (&Size, bool),
        layer: usize,
        kv: KvKind,
        ladders: &Ladders,
        prompts: bool,
    ) -> Result<Self, CoreError> {
        let (hidden, q, kv_width) = (config.hidden, size.heads * size.width, size.kv_heads * size.width);
        let open =
            |what: &str, sizes| Matrix::open(file, &format!("blk.{layer}.attn_{what}.weight"), sizes, ladders, prompts);
        let bias = |what: &str, len| vector(file, &format!("blk.{layer}.attn_{what}.bias"), len);
        Ok(Self {
            q: open("q", (q, hidden))?,
            k: open("k", (kv_width, hidden))?,
            v: open("v", (kv_width, hidden))?,
            output: open("output", (hidden, q))?,
            biases: match biases {
                true => Some([bias("q", q)?, bias("k", kv_width)?, bias("v", kv_width)?]),
                false => None,
            },
            cache: Cache::empty(kv, size, ladders),
        })
    }

    /// `y` = attention of the tokens of `x`, the first of them at position `first`.
    pub(super) fn run(
        &mut self,
        l: &Ladders,
        watch: &mut dyn Watch,
        s: &mut Shared,
        x: &mut Activations,
        first: usize,
        y: &mut [f32],
    ) {
        let (size, tokens) = (s.size, x.tokens());
        let (q_len, kv_len) = (tokens * size.heads * size.width, tokens * size.kv_heads * size.width);
        let (q, rest) = s.qk.as_mut_slice().split_at_mut(q_len);
        let (k, v) = (&mut rest[..kv_len], &mut s.v.as_mut_slice()[..kv_len]);
        self.q.multiply(l, watch, x, q);
        self.k.multiply(l, watch, x, k);
        self.v.multiply(l, watch, x, v);
        if let Some(biases) = &self.biases {
            for (values, bias) in [q, k, v].into_iter().zip(biases) {
                for row in values.chunks_exact_mut(bias.len()) {
                    row.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
                }
            }
        }
        s.turn(l, watch, tokens, first);
        if s.sharpening != 1.0 {
            s.turned.as_mut_slice()[..q_len].iter_mut().for_each(|q| *q *= s.sharpening);
        }
        let (q, rest) = s.turned.as_slice().split_at(q_len);
        let (k, v) = (&rest[..kv_len], &s.v.as_slice()[..kv_len]);
        self.cache.append(l, watch, &size, first, (k, v), &mut s.room);
        let one = size.heads * size.width;
        let o = s.o.write(tokens, one);
        if tokens == 1 || first > 0 {
            // The kernel of several tokens has none before them.
            for (t, (q, o)) in q.chunks_exact(one).zip(o.chunks_exact_mut(one)).enumerate() {
                self.cache.attend(l, watch, Size { tokens: first + t + 1, ..size }, q, o, &mut s.room);
            }
        } else {
            let size = Size { tokens, capacity: tokens, ..size };
            s.prefill.attend(l, watch, size, [q, k, v], o);
        }
        self.output.multiply(l, watch, &mut s.o, y);
    }
}
