//! The inference core: decodes tokens of a model file, every operation through a kernel's chosen rung.
//!
//! - `rungs.rs` chooses rungs and calls them; whoever watches learns of each call
//! - `matrix.rs`, `activations.rs` have both as kernels take them, `tensors.rs` what is used as f32
//! - `gqa.rs`, `mla.rs` are the two attentions, `prefill.rs` that of a text's first tokens over themselves, `cache.rs` keys and
//!   values, `rope.rs` how fast pairs turn
//! - `ffn.rs`, `moe.rs` are the feed-forward layers, `sample.rs` chooses the next token
//!
//! Weights are read where the file is mapped, but for copies in the orders that some rungs read ([`Options::copies`]), and but
//! for types that no GEMV takes: llama2.c's int8 and ternary blocks become f32 when a model is opened, q5_0 the same values in
//! q8_0, and of latent attention what makes keys and values of latents becomes f32, whatever its type.
//!
//! No kernel: looking an embedding up, adding biases, YaRN's sharpening of queries, sums of i8 activations, writing keys and
//! values into caches of f32 and bf16, the choice of V2's experts and sums of what experts and shared experts give, choosing a
//! token of the logits. Prompts go through GEMMs, and attention of all tokens at once where they begin a text, else token by
//! token. Once warm, a token allocates nothing.

#![allow(clippy::large_enum_variant, reason = "there is one of each a layer: what they take does not matter")]

mod activations;
mod cache;
mod error;
mod ffn;
mod gqa;
mod matrix;
mod mla;
mod moe;
mod prefill;
mod rope;
mod rungs;
mod sample;
mod tensors;

use std::sync::Arc;

use activations::Activations;
use cache::KvKind as Kv;
use ffn::FeedForward;
use matrix::{Matrix, WORTH_A_COPY, is_copied, shape};
use rungs::Ladders;
use tensors::{has, vector};

use crate::attention_decode::Size;
use crate::input::Buffer;
use crate::machine::Isa;
use crate::model::config::{Attention, Config};
use crate::model::inventory::{self, Role};
use crate::model::{MappedTensor, ModelFile, Types};
use crate::{head_argmax, rmsnorm};

pub use cache::KvKind;
pub use error::CoreError;
pub use rungs::{Call, Rungs, RungsError, Watch};
pub use sample::Sampler;

/// How a model is to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which rungs.
    pub rungs: Rungs,
    /// What keys and values are stored as.
    pub kv: KvKind,
    /// Threads that the caller's pool has: rungs with threads are chosen where there are several.
    pub threads: usize,
    /// Tokens of text that there is to be room for; less where the model's context is shorter.
    pub tokens: usize,
    /// Tokens of a prompt that pass together; 1 = one by one. Of 24 or more, weights in f32, bf16 and q8_0 are copied into
    /// the order that their GEMMs read.
    pub batch: usize,
    /// Whether weights may be copied. The fastest rungs of q4_0, q4_k and q6_k read rows interleaved, and GEMMs another order
    /// too; without copies, rungs are chosen that read the mapped file, and a prompt's tokens take the products of one.
    pub copies: bool,
    /// Machines that rungs may use.
    pub allowed: Vec<Isa>,
}

impl Default for Options {
    /// The best rungs on one thread, f32, prompts of up to 512 tokens at once.
    fn default() -> Self {
        let (rungs, kv, allowed) = (Rungs::best(), KvKind::F32, Isa::EVERY.to_vec());
        Self { rungs, kv, threads: 1, tokens: usize::MAX, batch: 512, copies: true, allowed }
    }
}

impl Options {
    fn ladders(&self) -> Result<Ladders, CoreError> {
        Ok(Ladders::choose(&self.rungs, self.threads.max(1), &self.allowed, self.copies)?)
    }

    /// Whether batches of so many tokens are worth copies of the weights.
    fn copies_for(&self, batch: usize) -> bool {
        self.copies && batch >= WORTH_A_COPY
    }

    /// Bytes of weights that [`Core::open`] holds beside the mapped file: the copies that [`Options::copies`] is about. Those
    /// of q4_k are 3 % larger than its blocks, which are counted here.
    ///
    /// # Errors
    /// [`CoreError::Rungs`] where rungs cannot be chosen.
    pub fn copied_bytes(&self, config: &Config, types: &Types) -> Result<u64, CoreError> {
        let (ladders, prompts) = (self.ladders()?, self.copies_for(self.batch));
        let head = if config.tied_head { "token_embd.weight" } else { "output.weight" };
        let copied = |entry: &inventory::Entry| {
            let of_head = entry.name == head;
            let matrix =
                matches!(entry.role, Role::Matrix | Role::Gate) && (of_head || entry.name != "token_embd.weight");
            let dtype = types.stored(entry).multiplied().filter(|_| matrix)?;
            is_copied(dtype, &ladders, prompts && !of_head).then(|| types.bytes(entry))
        };
        Ok(inventory::tensors(config).filter_map(|entry| copied(&entry)).sum())
    }
}

/// A model that runs.
pub struct Core {
    config: Config,
    ladders: Ladders,
    layers: Vec<Layer>,
    embedding: MappedTensor,
    output_norm: Vec<f32>,
    head: Matrix,
    shared: Shared,
    state: State,
    batch: usize,
    room: usize,
    position: usize,
}

struct Layer {
    attention_norm: Vec<f32>,
    attention: AttentionLayer,
    ffn_norm: Vec<f32>,
    ffn: FeedForward,
}

enum AttentionLayer {
    Grouped(gqa::Layer),
    Latent(mla::Layer),
}

/// What the layers of an attention share.
enum Shared {
    Grouped(gqa::Shared),
    Latent(mla::Shared),
}

/// What passes from layer to layer.
struct State {
    /// The residual stream, and what the next one will be.
    h: Buffer<f32>,
    h_out: Buffer<f32>,
    /// What a layer adds to it.
    delta: Buffer<f32>,
    /// What a layer is given.
    x: Activations,
    ffn: ffn::Room,
    logits: Buffer<f32>,
    best: [f32; 2],
    head_room: Buffer<f32>,
}

impl Core {
    /// Opens the model in `file` with the hyperparameters `config`.
    ///
    /// # Errors
    /// [`CoreError`]: a tensor is missing or of the wrong size or type, a rung does not exist or run here, or a part of the
    /// model has no kernel.
    pub fn open(file: &Arc<ModelFile>, config: Config, options: &Options) -> Result<Self, CoreError> {
        let ladders = options.ladders()?;
        let room = options.tokens.min(config.context);
        let batch = options.batch.clamp(1, room.max(1));
        let prompts = options.copies_for(batch);
        let (hidden, vocab) = (config.hidden, config.vocab);
        let shared = Shared::new(&config, options.kv, room, batch, &ladders)?;
        let layer = |layer: usize| {
            let norm = |what: &str| vector(file, &format!("blk.{layer}.{what}_norm.weight"), hidden);
            let attention = match (&shared, &config.attention) {
                (Shared::Grouped(shared), Attention::Grouped { biases, .. }) => {
                    let sizes = (shared.size(), *biases);
                    let opened = gqa::Layer::open(file, &config, sizes, layer, options.kv, &ladders, prompts)?;
                    AttentionLayer::Grouped(opened)
                }
                (Shared::Latent(shared), _) => {
                    AttentionLayer::Latent(mla::Layer::open(file, &config, shared, layer, &ladders, prompts)?)
                }
                (Shared::Grouped(_), Attention::Latent { .. }) => unreachable!("shared follows from the attention"),
            };
            Ok(Layer {
                attention_norm: norm("attn")?,
                attention,
                ffn_norm: norm("ffn")?,
                ffn: FeedForward::open(file, &config, layer, &ladders, (batch, prompts))?,
            })
        };
        let layers: Vec<Layer> = (0..config.layers).map(layer).collect::<Result<_, CoreError>>()?;
        let embedding = file.mapped("token_embd.weight")?;
        if (embedding.info().rows, embedding.info().cols) != (vocab, hidden) {
            let is = (embedding.info().rows, embedding.info().cols);
            return Err(CoreError::size(file, "token_embd.weight", (vocab, hidden), is));
        }
        let decoded = embedding.tensor().and_then(|t| t.decode_row(0, &mut vec![0.0; hidden])).is_some();
        if vocab > 0 && !decoded {
            return Err(CoreError::dtype(file, "token_embd.weight", embedding.info().dtype));
        }
        let head = if has(file, "output.weight") { "output.weight" } else { "token_embd.weight" };
        let head = Matrix::open(file, head, (vocab, hidden), &ladders, false)?;
        let experts = config.experts.as_ref().map_or(0, |e| e.routed);
        let widest = shared.widest().max(ffn::inner(&config)).max(experts);
        let state = State {
            h: Buffer::zeroed(batch * hidden),
            h_out: Buffer::zeroed(batch * hidden),
            delta: Buffer::zeroed(batch * hidden),
            x: Activations::room(batch, hidden, widest),
            ffn: ffn::Room::of(&config, batch),
            logits: Buffer::zeroed(vocab),
            best: [0.0; 2],
            head_room: Buffer::zeroed(head_argmax::room(vocab)),
        };
        let output_norm = vector(file, "output_norm.weight", hidden)?;
        Ok(Self { config, ladders, layers, embedding, output_norm, head, shared, state, batch, room, position: 0 })
    }

    /// Its hyperparameters.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Tokens of the text so far.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Tokens that there is room for.
    pub fn room(&self) -> usize {
        self.room
    }

    /// Begins another text.
    pub fn clear(&mut self) {
        self.position = 0;
    }

    /// Takes the next tokens of the text; they pass together, in batches.
    ///
    /// # Errors
    /// [`CoreError::TooLong`], [`CoreError::Token`]; nothing was taken then.
    pub fn feed(&mut self, tokens: &[u32], watch: &mut dyn Watch) -> Result<(), CoreError> {
        let wanted = self.position + tokens.len();
        if wanted > self.room {
            return Err(CoreError::TooLong { wanted, room: self.room });
        }
        let vocab = self.config.vocab;
        if let Some(&token) = tokens.iter().find(|token| **token as usize >= vocab) {
            return Err(CoreError::Token { token, vocab });
        }
        tokens.chunks(self.batch).for_each(|batch| self.pass(batch, watch));
        Ok(())
    }

    /// The logits of what follows the text; of a text without a token they mean nothing.
    pub fn logits(&mut self, watch: &mut dyn Watch) -> &mut [f32] {
        let state = &mut self.state;
        self.head.multiply(&self.ladders, watch, &mut state.x, state.logits.as_mut_slice());
        state.logits.as_mut_slice()
    }

    /// The token that follows the text. Greedy heads of f32 and bf16 are one kernel with the choice.
    pub fn next(&mut self, sampler: &mut Sampler, watch: &mut dyn Watch) -> u32 {
        let (rows, state) = (self.config.vocab, &mut self.state);
        macro_rules! likeliest {
            ($ladder:ident, $w:expr) => {{
                let (x, room) = (state.x.values(), state.head_room.as_mut_slice());
                let args = head_argmax::Args { w: $w, rows, x, y: &mut state.best, room };
                self.ladders.$ladder.run(watch, &shape(1, rows, self.config.hidden, 1), args);
                return state.best[0] as u32;
            }};
        }
        if sampler.is_greedy() {
            match (self.head.f32(), self.head.bf16()) {
                (Some(w), _) => likeliest!(head_f32, w),
                (_, Some(w)) => likeliest!(head_bf16, w),
                (None, None) => {}
            }
        }
        self.head.multiply(&self.ladders, watch, &mut state.x, state.logits.as_mut_slice());
        sampler.next(&self.ladders, watch, state.logits.as_mut_slice())
    }

    /// Some tokens through all layers; what the head takes of the last one stays in `x`.
    fn pass(&mut self, tokens: &[u32], watch: &mut dyn Watch) {
        let (hidden, m, first) = (self.config.hidden, tokens.len(), self.position);
        let (l, s) = (&self.ladders, &mut self.state);
        let tensor = self.embedding.tensor();
        for (token, out) in tokens.iter().zip(s.h.as_mut_slice().chunks_exact_mut(hidden)) {
            let known = tensor.as_ref().and_then(|tensor| tensor.decode_row(*token as usize, out)).is_some();
            debug_assert!(known, "a row was decoded when the model was opened");
        }
        s.delta.as_mut_slice().fill(0.0);
        let epsilon = self.config.norm_eps;
        for layer in &mut self.layers {
            s.norm(l, watch, &layer.attention_norm, epsilon, 0..m);
            let delta = &mut s.delta.as_mut_slice()[..m * hidden];
            match (&mut layer.attention, &mut self.shared) {
                (AttentionLayer::Grouped(layer), Shared::Grouped(shared)) => {
                    layer.run(l, watch, shared, &mut s.x, first, delta);
                }
                (AttentionLayer::Latent(layer), Shared::Latent(shared)) => {
                    layer.run(l, watch, shared, &mut s.x, first, delta);
                }
                _ => unreachable!("layers and what they share are of one attention"),
            }
            s.norm(l, watch, &layer.ffn_norm, epsilon, 0..m);
            layer.ffn.run(l, watch, &mut s.x, &mut s.ffn, &mut s.delta.as_mut_slice()[..m * hidden]);
        }
        s.norm(l, watch, &self.output_norm, epsilon, m - 1..m);
        self.position += m;
    }
}

impl State {
    /// Adds what the last layer left to the residual stream, and gives the next layer these tokens of it, normalized.
    fn norm(&mut self, l: &Ladders, watch: &mut dyn Watch, w: &[f32], epsilon: f32, tokens: std::ops::Range<usize>) {
        let (n, m) = (w.len(), tokens.len());
        let at = tokens.start * n..tokens.end * n;
        let args = rmsnorm::Args {
            h: &self.h.as_slice()[at.clone()],
            delta: &self.delta.as_slice()[at.clone()],
            w,
            epsilon,
            h_out: &mut self.h_out.as_mut_slice()[at],
            y: self.x.write(m, n),
        };
        l.rmsnorm.run(watch, &shape(m, n, 1, 1), args);
        std::mem::swap(&mut self.h, &mut self.h_out);
    }
}

impl Shared {
    fn new(config: &Config, kv: Kv, room: usize, batch: usize, l: &Ladders) -> Result<Self, CoreError> {
        Ok(match config.attention {
            Attention::Grouped { heads, kv_heads, width, .. } => {
                let size = Size { heads, kv_heads, width, tokens: 0, capacity: room };
                if kv == Kv::Q8 && !width.is_multiple_of(32) {
                    let why = format!("a cache in q8 of heads {width} wide: blocks have 32 values");
                    return Err(CoreError::NoKernel(why));
                }
                Self::Grouped(gqa::Shared::new(config, size, batch, l))
            }
            Attention::Latent { .. } => Self::Latent(mla::Shared::new(config, kv, room, batch, l)?),
        })
    }

    /// Rows of the largest matrix that takes what a layer is given, of the attention.
    fn widest(&self) -> usize {
        match self {
            Self::Grouped(shared) => shared.size().heads * shared.size().width,
            Self::Latent(shared) => shared.widest(),
        }
    }
}
