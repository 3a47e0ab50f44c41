//! Multi-head latent attention: projections, rotation of the parts that carry the position, the cache of latents or, for
//! rungs that read them, of each head's own keys and values, and the way back. Writing either cache has no kernel, nor has
//! quantizing latents. Several tokens share every product; attention of those that begin a text is `prefill.rs`, of later ones
//! token by token.

mod cache;
mod prefill;

use std::sync::Arc;

use super::activations::Activations;
use super::cache::KvKind;
use super::error::CoreError;
use super::matrix::{Matrix, shape};
use super::rope::{frequencies, score_scale};
use super::rungs::{Ladders, Watch};
use super::tensors::{decode, has, vector};
use crate::input::Buffer;
use crate::mla_decode::{Absorbing, Args, PlainLatents, Size};
use crate::mla_decode_q8::{QuantizedLatents, RUN};
use crate::model::ModelFile;
use crate::model::config::{Attention, Config, Pairs};
use crate::{rmsnorm, rope};
use cache::{Cache, Token, expands};

/// One layer's weights and cache.
pub(super) struct Layer {
    q: Query,
    kv_a: Matrix,
    kv_norm: Vec<f32>,
    /// What makes keys and values of latents, as the absorbed rungs take it.
    to_key: Matrix,
    to_value: Matrix,
    /// The same as one matrix, where keys and values are cached.
    kv_b: Option<Matrix>,
    output: Matrix,
    cache: Cache,
}

/// How queries are made.
enum Query {
    Whole(Matrix),
    Ranked { a: Matrix, norm: Vec<f32>, b: Matrix },
}

/// What layers share: sizes, and room for one at a time.
pub(super) struct Shared {
    /// With no token in the cache.
    size: Size,
    rank: Option<usize>,
    pairs: Pairs,
    epsilon: f32,
    kv: KvKind,
    frequencies: Buffer<f32>,
    q: Buffer<f32>,
    compressed: Buffer<f32>,
    query: Activations,
    /// A token's latent and the part of its key with the position in it; the latent once it is normalized.
    kv_a: Buffer<f32>,
    latent: Activations,
    /// What is turned: that part of each head's query, and of the key.
    unturned: Buffer<f32>,
    turned: Buffer<f32>,
    rope_room: Buffer<f32>,
    /// Zeros, and sums nobody needs: these norms follow no residual stream.
    zeros: Buffer<f32>,
    sums: Buffer<f32>,
    expanded: Buffer<f32>,
    q_latent: Buffer<f32>,
    o_latent: Buffer<f32>,
    scratch: Buffer<f32>,
    o: Activations,
    prefill: prefill::Room,
}

impl Shared {
    /// For texts of `capacity` tokens, `batch` at once at most.
    pub(super) fn new(
        config: &Config,
        kv: KvKind,
        capacity: usize,
        batch: usize,
        l: &Ladders,
    ) -> Result<Self, CoreError> {
        let Attention::Latent { heads, query_rank, latent, nope, rope, value } = config.attention else {
            unreachable!("only models with latent attention come here");
        };
        if kv == KvKind::Q8 && !latent.is_multiple_of(RUN) {
            let why = format!("a cache in q8 of latents {latent} wide: {RUN} values share a scale");
            return Err(CoreError::NoKernel(why));
        }
        let scale = score_scale(&config.rope) / ((nope + rope) as f32).sqrt();
        let size = Size { heads, tokens: 0, capacity, latent, rope, plain: nope, value, scale };
        let full = Size { tokens: capacity, ..size };
        let (hidden, queries, widest) = (config.hidden, heads * size.key(), latent.max(query_rank.unwrap_or(0)));
        Ok(Self {
            size,
            rank: query_rank,
            pairs: config.rope.pairs,
            epsilon: config.norm_eps,
            kv,
            frequencies: frequencies(&config.rope, rope),
            q: Buffer::zeroed(batch * queries),
            compressed: Buffer::zeroed(batch * query_rank.unwrap_or(0)),
            query: Activations::room(batch, query_rank.unwrap_or(0), queries),
            kv_a: Buffer::zeroed(batch * size.row()),
            latent: Activations::room(batch, latent, heads * (nope + value)),
            unturned: Buffer::zeroed(batch * (heads + 1) * rope),
            turned: Buffer::zeroed(batch * (heads + 1) * rope),
            rope_room: Buffer::zeroed(rope::room(batch, rope)),
            zeros: Buffer::zeroed(batch * widest),
            sums: Buffer::zeroed(batch * widest),
            expanded: Buffer::zeroed(batch * heads * (nope + value)),
            q_latent: Buffer::zeroed(heads * size.row()),
            o_latent: Buffer::zeroed(heads * latent),
            scratch: Buffer::zeroed(full.room()),
            o: Activations::room(batch, heads * value, hidden),
            prefill: prefill::Room::of(&size, batch, l),
        })
    }

    /// Rows of the largest matrix that takes what a layer is given.
    pub(super) fn widest(&self) -> usize {
        let queries = self.rank.unwrap_or(self.size.heads * self.size.key());
        queries.max(self.size.row())
    }

    fn norm(&mut self, l: &Ladders, watch: &mut dyn Watch, w: &[f32], tokens: usize, of_query: bool) {
        let (n, len) = (w.len(), tokens * w.len());
        let (h, x) = match of_query {
            true => (&self.compressed.as_slice()[..len], &mut self.query),
            false => (&self.kv_a.as_slice()[..len], &mut self.latent),
        };
        let args = rmsnorm::Args {
            h,
            delta: &self.zeros.as_slice()[..len],
            w,
            epsilon: self.epsilon,
            h_out: &mut self.sums.as_mut_slice()[..len],
            y: x.write(tokens, n),
        };
        l.rmsnorm.run(watch, &shape(tokens, n, 1, 1), args);
    }

    /// Puts together what is to be turned of each token: the parts of all queries that carry the position, then that of
    /// the key. What is left of the keys' rows are latents, one after the other.
    fn gather(&mut self, tokens: usize) {
        let Size { heads, rope, plain, latent, .. } = self.size;
        let (key, row) = (self.size.key(), self.size.row());
        let of_token = self.unturned.as_mut_slice().chunks_exact_mut((heads + 1) * rope).take(tokens);
        for (t, parts) in of_token.enumerate() {
            let queries = self.q.as_slice()[t * heads * key..].chunks_exact(key).map(|q| &q[plain..]);
            let position = &self.kv_a.as_slice()[t * row + latent..(t + 1) * row];
            let all = queries.take(heads).chain([position]);
            parts.chunks_exact_mut(rope).zip(all).for_each(|(part, whole)| part.copy_from_slice(whole));
        }
        for t in 1..tokens {
            self.kv_a.as_mut_slice().copy_within(t * row..t * row + latent, t * latent);
        }
    }

    /// Turns what was put together, and takes the queries apart again.
    fn turn(&mut self, l: &Ladders, watch: &mut dyn Watch, tokens: usize, first: usize) {
        let Size { heads, rope, plain, .. } = self.size;
        let key = self.size.key();
        let len = tokens * (heads + 1) * rope;
        let args = rope::Args {
            heads: heads + 1,
            width: rope,
            first,
            frequencies: self.frequencies.as_slice(),
            x: &self.unturned.as_slice()[..len],
            y: &mut self.turned.as_mut_slice()[..len],
            room: self.rope_room.as_mut_slice(),
        };
        let shape = shape(heads + 1, tokens, rope, 1);
        match self.pairs {
            Pairs::Interleaved => l.rope.run(watch, &shape, args),
            Pairs::Halves => l.rope_neox.run(watch, &shape, args),
        }
        let of_token = self.turned.as_slice()[..len].chunks_exact((heads + 1) * rope);
        for (parts, q) in of_token.zip(self.q.as_mut_slice().chunks_exact_mut(heads * key)) {
            let queries = q.chunks_exact_mut(key).zip(parts.chunks_exact(rope));
            queries.for_each(|(q, part)| q[plain..].copy_from_slice(part));
        }
    }
}

impl Layer {
    pub(super) fn open(
        file: &Arc<ModelFile>,
        config: &Config,
        shared: &Shared,
        layer: usize,
        ladders: &Ladders,
        prompts: bool,
    ) -> Result<Self, CoreError> {
        let (size, hidden) = (&shared.size, config.hidden);
        let Size { heads, latent, plain, value, .. } = *size;
        let name = |what: &str| format!("blk.{layer}.attn_{what}.weight");
        let open = |what: &str, sizes| Matrix::open(file, &name(what), sizes, ladders, prompts);
        let q = match shared.rank {
            None => Query::Whole(open("q", (heads * size.key(), hidden))?),
            Some(rank) => Query::Ranked {
                a: open("q_a", (rank, hidden))?,
                norm: vector(file, &name("q_a_norm"), rank)?,
                b: open("q_b", (heads * size.key(), rank))?,
            },
        };
        let (to_key, to_value) = matrices(file, &name, size, prompts)?;
        let expanded = expands(shared.kv, ladders);
        if expanded && !has(file, &name("kv_b")) {
            let why = "expanded rungs of mla_decode where the file has attn_k_b and attn_v_b instead of attn_kv_b";
            return Err(CoreError::NoKernel(why.into()));
        }
        Ok(Self {
            q,
            kv_a: open("kv_a_mqa", (size.row(), hidden))?,
            kv_norm: vector(file, &name("kv_a_norm"), latent)?,
            to_key,
            to_value,
            kv_b: if expanded { Some(open("kv_b", (heads * (plain + value), latent))?) } else { None },
            output: open("output", (hidden, heads * value))?,
            cache: Cache::empty(shared.kv, size, expanded),
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
        let tokens = x.tokens();
        match &self.q {
            Query::Whole(q) => q.multiply(l, watch, x, s.q.as_mut_slice()),
            Query::Ranked { a, norm, b } => {
                a.multiply(l, watch, x, s.compressed.as_mut_slice());
                s.norm(l, watch, norm, tokens, true);
                b.multiply(l, watch, &mut s.query, s.q.as_mut_slice());
            }
        }
        self.kv_a.multiply(l, watch, x, s.kv_a.as_mut_slice());
        s.gather(tokens);
        s.norm(l, watch, &self.kv_norm, tokens, false);
        s.turn(l, watch, tokens, first);
        self.append(l, watch, s, tokens, first);
        if tokens > 1 && first == 0 && s.size.value <= s.size.key() {
            self.attend_together(l, watch, s, tokens);
        } else {
            (0..tokens).for_each(|t| self.attend(l, watch, s, (t, tokens), first));
        }
        self.output.multiply(l, watch, &mut s.o, y);
    }

    fn append(&mut self, l: &Ladders, watch: &mut dyn Watch, s: &mut Shared, tokens: usize, first: usize) {
        let Size { heads, latent, plain, value, rope, .. } = s.size;
        if let Some(kv_b) = &self.kv_b {
            kv_b.multiply(l, watch, &mut s.latent, s.expanded.as_mut_slice());
        }
        let turned = s.turned.as_slice().chunks_exact((heads + 1) * rope).map(|turned| &turned[heads * rope..]);
        let made = s.expanded.as_slice().chunks_exact(heads * (plain + value));
        let each = s.latent.values().chunks_exact(latent).zip(turned).zip(made).take(tokens).enumerate();
        for (i, ((latent, position), made)) in each {
            self.cache.put(&s.size, Token { t: first + i, latent, position, made });
        }
    }

    /// Attention of token number `t` of several.
    fn attend(&mut self, l: &Ladders, watch: &mut dyn Watch, s: &mut Shared, (t, of): (usize, usize), first: usize) {
        let size = Size { tokens: first + t + 1, ..s.size };
        let shape = shape(size.heads, size.tokens, size.latent, 1);
        let (queries, outputs) = (size.heads * size.key(), size.heads * size.value);
        macro_rules! absorbing {
            ($latents:expr) => {
                Absorbing {
                    size,
                    q: &s.q.as_slice()[t * queries..(t + 1) * queries],
                    latents: $latents,
                    to_key: self.to_key.f32().unwrap_or_default(),
                    to_value: self.to_value.f32().unwrap_or_default(),
                    o: &mut s.o.write(of, outputs)[t * outputs..(t + 1) * outputs],
                    q_latent: s.q_latent.as_mut_slice(),
                    o_latent: s.o_latent.as_mut_slice(),
                    scratch: s.scratch.as_mut_slice(),
                }
            };
        }
        macro_rules! plain {
            ($ladder:expr, $cache:expr) => {{
                let (latents, [keys, values]) = $cache.slices();
                let absorbing = absorbing!(PlainLatents { size, data: latents });
                // [`Self::append`] made what the tokens bring, all of them in one product.
                $ladder.run(watch, &shape, Args { absorbing, keys, values, append: false });
            }};
        }
        match &mut self.cache {
            Cache::F32(cache) => plain!(l.mla, cache),
            Cache::Bf16(cache) => plain!(l.mla_bf16, cache),
            Cache::Q8(quants, scales, rope) => {
                let (quants, scales, rope) = (quants.as_slice(), scales.as_slice(), rope.as_slice());
                let absorbing = absorbing!(QuantizedLatents { size, quants, scales, rope });
                l.mla_q8.run(watch, &shape, absorbing);
            }
        }
    }
}

/// What makes keys and values of latents, head by head `plain × latent` and `value × latent`: of `attn_kv_b`, or of
/// llama.cpp's later `attn_k_b`, which has keys the other way round, and `attn_v_b`.
fn matrices(
    file: &ModelFile,
    name: &dyn Fn(&str) -> String,
    size: &Size,
    prompts: bool,
) -> Result<(Matrix, Matrix), CoreError> {
    let Size { heads, latent, plain, value, .. } = *size;
    let matrix = |rows: Buffer<f32>, of_head: usize| Matrix::made(rows, (heads * of_head, latent), prompts);
    if has(file, &name("k_b")) {
        let k = decode(file, &name("k_b"), (heads * latent, plain))?;
        let v = decode(file, &name("v_b"), (heads * value, latent))?;
        let place = |i: usize| {
            let (row, c) = (i / latent, i % latent);
            (row / plain * latent + c) * plain + row % plain
        };
        let (k, v) = (Buffer::filled(k.len(), |i| k[place(i)]), Buffer::filled(v.len(), |i| v[i]));
        return Ok((matrix(k, plain), matrix(v, value)));
    }
    let both = decode(file, &name("kv_b"), (heads * (plain + value), latent))?;
    // Row `r` of a head, of so many after `before` others.
    let part = |rows: usize, before: usize| {
        Buffer::filled(heads * rows * latent, |i| {
            let (row, c) = (i / latent, i % latent);
            both[(row / rows * (plain + value) + before + row % rows) * latent + c]
        })
    };
    Ok((matrix(part(plain, 0), plain), matrix(part(value, plain), value)))
}
