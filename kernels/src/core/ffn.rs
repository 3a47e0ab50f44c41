//! Feed-forward layers: dense ones, and mixtures of experts.

use std::sync::Arc;

use super::activations::Activations;
use super::error::CoreError;
use super::matrix::{Matrix, shape};
use super::moe::{self, Mixture};
use super::rungs::{Ladders, Watch};
use crate::input::Buffer;
use crate::model::ModelFile;
use crate::model::config::Config;
use crate::swiglu;

/// The feed-forward half of a layer.
pub(super) enum FeedForward {
    Dense(Dense),
    Mixture(Box<Mixture>),
}

/// `down (silu(gate x) * up x)`.
pub(super) struct Dense {
    pub(super) gate: Matrix,
    pub(super) up: Matrix,
    pub(super) down: Matrix,
}

/// What is between the products.
pub(super) struct Between {
    gate: Buffer<f32>,
    up: Buffer<f32>,
    inner: Activations,
}

/// Room for one layer at a time, of any kind.
pub(super) struct Room {
    between: Between,
    mixture: Option<moe::Room>,
}

impl Room {
    /// For so many tokens at once.
    pub(super) fn of(config: &Config, tokens: usize) -> Self {
        Self {
            between: Between::room(tokens, inner(config), config.hidden),
            mixture: config.experts.as_ref().map(|experts| moe::Room::of(experts, config.hidden, tokens)),
        }
    }
}

/// Width inside the widest layer.
pub(super) fn inner(config: &Config) -> usize {
    // By the layers that there are: sizes of others follow from no tensor.
    let width = |layer| config.experts_of(layer).map_or(config.ffn, |e| e.width * e.shared.max(1));
    (0..config.layers).map(width).max().unwrap_or(0)
}

impl Between {
    /// For so many tokens at once and layers at most `width` wide inside.
    fn room(tokens: usize, width: usize, hidden: usize) -> Self {
        Self {
            gate: Buffer::zeroed(tokens * width),
            up: Buffer::zeroed(tokens * width),
            inner: Activations::room(tokens, width, hidden),
        }
    }
}

impl Dense {
    fn open(
        file: &Arc<ModelFile>,
        layer: usize,
        suffix: &str,
        (hidden, width): (usize, usize),
        ladders: &Ladders,
        prompts: bool,
    ) -> Result<Self, CoreError> {
        let open = |what: &str, sizes| {
            Matrix::open(file, &format!("blk.{layer}.ffn_{what}{suffix}.weight"), sizes, ladders, prompts)
        };
        Ok(Self {
            gate: open("gate", (width, hidden))?,
            up: open("up", (width, hidden))?,
            down: open("down", (hidden, width))?,
        })
    }

    /// The experts that every token goes to, side by side.
    pub(super) fn shared(
        file: &Arc<ModelFile>,
        layer: usize,
        sizes: (usize, usize),
        ladders: &Ladders,
        prompts: bool,
    ) -> Result<Self, CoreError> {
        Self::open(file, layer, "_shexp", sizes, ladders, prompts)
    }

    /// `y` = the layer's output for the tokens of `x`.
    pub(super) fn run(
        &self,
        l: &Ladders,
        watch: &mut dyn Watch,
        x: &mut Activations,
        between: &mut Between,
        y: &mut [f32],
    ) {
        let (tokens, width) = (x.tokens(), self.gate.n);
        let len = tokens * width;
        let (gate, up) = (&mut between.gate.as_mut_slice()[..len], &mut between.up.as_mut_slice()[..len]);
        self.gate.multiply(l, watch, x, gate);
        self.up.multiply(l, watch, x, up);
        let inner = between.inner.write(tokens, width);
        l.swiglu.run(watch, &shape(tokens, width, 1, 1), swiglu::Args { g: gate, u: up, y: inner });
        self.down.multiply(l, watch, &mut between.inner, y);
    }
}

impl FeedForward {
    /// For up to `batch` tokens at once; `prompts`: as [`Matrix::open`] has it.
    pub(super) fn open(
        file: &Arc<ModelFile>,
        config: &Config,
        layer: usize,
        ladders: &Ladders,
        (batch, prompts): (usize, bool),
    ) -> Result<Self, CoreError> {
        Ok(match config.experts_of(layer) {
            Some(experts) => {
                let mixture = Mixture::open(file, config.hidden, experts, layer, ladders, (batch, prompts))?;
                Self::Mixture(Box::new(mixture))
            }
            None => Self::Dense(Dense::open(file, layer, "", (config.hidden, config.ffn), ladders, prompts)?),
        })
    }

    /// `y` = the layer's output for the tokens of `x`.
    pub(super) fn run(
        &mut self,
        l: &Ladders,
        watch: &mut dyn Watch,
        x: &mut Activations,
        room: &mut Room,
        y: &mut [f32],
    ) {
        match (self, &mut room.mixture) {
            (Self::Dense(dense), _) => dense.run(l, watch, x, &mut room.between, y),
            (Self::Mixture(mixture), Some(of_mixtures)) => {
                mixture.run(l, watch, x, (&mut room.between, of_mixtures), y);
            }
            (Self::Mixture(_), None) => unreachable!("a model with experts has room for them"),
        }
    }
}
