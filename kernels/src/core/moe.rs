//! A mixture of experts. V3's gate is a kernel; V2's is a product, a softmax and a choice, of which the choice has no
//! kernel. Experts in f32 and bf16 are one kernel; of other types each chosen one is a dense layer, and their weighted sum
//! has no kernel. Shared experts are one dense layer, as files have them.

use std::sync::Arc;

use super::activations::Activations;
use super::error::CoreError;
use super::ffn::{Between, Dense};
use super::matrix::{Matrix, shape};
use super::rungs::{Ladders, Watch};
use super::tensors::{decode, has, vector};
use crate::input::Buffer;
use crate::model::config::{Experts as Config, Score};
use crate::model::{Dtype, ModelFile};
use crate::{moe_ffn, moe_gate, softmax};

/// One layer's gate and experts.
pub(super) struct Mixture {
    gate: Gate,
    routed: Routed,
    shared: Option<Dense>,
    chosen: usize,
    /// The chosen experts, then their weights.
    routes: Buffer<f32>,
    /// Output of one expert, or of the shared ones.
    part: Buffer<f32>,
}

enum Gate {
    Sigmoid(Box<Sigmoid>),
    Softmax(Softmax),
}

/// V3's.
struct Sigmoid {
    size: moe_gate::Size,
    /// Weights and biases in the order of the experts, and by turns of their groups.
    w: [Buffer<f32>; 2],
    bias: [Buffer<f32>; 2],
    scores: Buffer<f32>,
    biased: Buffer<f32>,
    room: Buffer<f32>,
}

/// V2's.
struct Softmax {
    w: Matrix,
    config: Config,
    logits: Buffer<f32>,
    scores: Buffer<f32>,
    left: Vec<bool>,
}

enum Routed {
    /// Gates, ups and downs of all experts, of a type that the kernel takes.
    Together {
        matrices: [Matrix; 3],
        size: moe_ffn::Size,
        order: Buffer<f32>,
        room: Buffer<f32>,
    },
    Apart(Vec<Dense>),
}

impl Mixture {
    pub(super) fn open(
        file: &Arc<ModelFile>,
        hidden: usize,
        config: &Config,
        layer: usize,
        ladders: &Ladders,
    ) -> Result<Self, CoreError> {
        let name = |what: &str| format!("blk.{layer}.ffn_{what}.weight");
        let (experts, width) = (config.routed, config.width);
        let parts = |what: &str, parts: usize, sizes: (usize, usize)| {
            Matrix::parts(file, &name(what), parts, sizes, ladders, false)
        };
        let dtype = file.tensor(&name("gate_exps"))?.info().dtype;
        let routed = if matches!(dtype, Dtype::F32 | Dtype::Bf16) {
            let size =
                moe_ffn::Size { tokens: 1, width: hidden, inner: width, experts, chosen: config.active, shared: 0 };
            let all = |what: &str, (n, k): (usize, usize)| {
                let matrix = Matrix::open(file, &name(what), (experts * n, k), ladders, false)?;
                let same = matrix.dtype() == dtype;
                if same { Ok(matrix) } else { Err(CoreError::NoKernel("experts of several types in one layer".into())) }
            };
            let matrices = [
                all("gate_exps", (width, hidden))?,
                all("up_exps", (width, hidden))?,
                all("down_exps", (hidden, width))?,
            ];
            let (order, room) = (moe_ffn::order_room(&size), moe_ffn::room(&size));
            Routed::Together { matrices, size, order: Buffer::zeroed(order), room: Buffer::zeroed(room) }
        } else {
            let gates = parts("gate_exps", experts, (width, hidden))?;
            let ups = parts("up_exps", experts, (width, hidden))?;
            let downs = parts("down_exps", experts, (hidden, width))?;
            let all = gates.into_iter().zip(ups).zip(downs);
            Routed::Apart(all.map(|((gate, up), down)| Dense { gate, up, down }).collect())
        };
        let shared = match config.shared {
            0 => None,
            shared => Some(Dense::shared(file, layer, (hidden, shared * width), ladders)?),
        };
        Ok(Self {
            gate: Gate::open(file, hidden, config, layer, ladders)?,
            routed,
            shared,
            chosen: config.active,
            routes: Buffer::zeroed(2 * config.active),
            part: Buffer::zeroed(hidden),
        })
    }

    /// `y` = the mixture's output for the token of `x`.
    pub(super) fn run(
        &mut self,
        l: &Ladders,
        watch: &mut dyn Watch,
        x: &mut Activations,
        between: &mut Between,
        y: &mut [f32],
    ) {
        self.gate.run(l, watch, x, self.routes.as_mut_slice());
        let (routes, weights) = self.routes.as_slice().split_at(self.chosen);
        match &mut self.routed {
            Routed::Together { matrices, size, order, room } => {
                let shape = shape(1, size.width, size.inner, size.experts);
                macro_rules! run {
                    ($ladder:ident, $view:ident) => {{
                        let gate_up_down = matrices.each_ref().map(|m| m.$view().unwrap_or_default());
                        let experts = moe_ffn::Experts { size: *size, gate_up_down, apart: size.matrix() };
                        let (order, room) = (order.as_mut_slice(), room.as_mut_slice());
                        let args =
                            moe_ffn::Args { size: *size, experts, x: x.values(), routes, weights, y, order, room };
                        l.$ladder.run(watch, &shape, args);
                    }};
                }
                if matrices[0].dtype() == Dtype::F32 { run!(moe_f32, f32) } else { run!(moe_bf16, bf16) }
            }
            Routed::Apart(experts) => {
                y.fill(0.0);
                for (expert, weight) in routes.iter().zip(weights) {
                    let part = self.part.as_mut_slice();
                    experts[*expert as usize].run(l, watch, x, between, part);
                    y.iter_mut().zip(part).for_each(|(y, part)| *y += weight * *part);
                }
            }
        }
        if let Some(shared) = &self.shared {
            let part = self.part.as_mut_slice();
            shared.run(l, watch, x, between, part);
            y.iter_mut().zip(part).for_each(|(y, part)| *y += *part);
        }
    }
}

impl Gate {
    fn open(
        file: &Arc<ModelFile>,
        hidden: usize,
        config: &Config,
        layer: usize,
        ladders: &Ladders,
    ) -> Result<Self, CoreError> {
        let name = format!("blk.{layer}.ffn_gate_inp.weight");
        let experts = config.routed;
        match (config.score, config.normalized) {
            (Score::Sigmoid, false) => {
                Err(CoreError::NoKernel("a gate of sigmoids whose weights are not divided by their sum".into()))
            }
            (Score::Softmax, _) => Ok(Self::Softmax(Softmax {
                w: Matrix::open(file, &name, (experts, hidden), ladders, false)?,
                config: config.clone(),
                logits: Buffer::zeroed(experts),
                scores: Buffer::zeroed(experts),
                left: vec![false; experts],
            })),
            (Score::Sigmoid, true) => {
                let size = moe_gate::Size {
                    experts,
                    groups: config.groups,
                    width: hidden,
                    kept: config.groups_kept,
                    chosen: config.active,
                    scale: config.scale,
                };
                let by_turns = |rows: &[f32], width: usize| {
                    let row = |place: usize| place % size.groups * size.group() + place / size.groups;
                    Buffer::filled(rows.len(), |i| rows[row(i / width) * width + i % width])
                };
                let w = decode(file, &name, (experts, hidden))?;
                let biases = format!("blk.{layer}.exp_probs_b.bias");
                let bias = if has(file, &biases) { vector(file, &biases, experts)? } else { vec![0.0; experts] };
                Ok(Self::Sigmoid(Box::new(Sigmoid {
                    size,
                    w: [Buffer::filled(w.len(), |i| w[i]), by_turns(&w, hidden)],
                    bias: [Buffer::filled(bias.len(), |i| bias[i]), by_turns(&bias, 1)],
                    scores: Buffer::zeroed(experts),
                    biased: Buffer::zeroed(experts),
                    room: Buffer::zeroed(moe_gate::room(&size)),
                })))
            }
        }
    }

    fn run(&mut self, l: &Ladders, watch: &mut dyn Watch, x: &mut Activations, routes: &mut [f32]) {
        match self {
            Self::Sigmoid(gate) => {
                let size = gate.size;
                let [plain, turns] =
                    [0, 1].map(|i| moe_gate::Gate { w: gate.w[i].as_slice(), bias: gate.bias[i].as_slice() });
                let args = moe_gate::Args {
                    size,
                    gate: plain,
                    by_turns: turns,
                    x: x.values(),
                    y: routes,
                    scores: gate.scores.as_mut_slice(),
                    biased: gate.biased.as_mut_slice(),
                    room: gate.room.as_mut_slice(),
                };
                l.moe_gate.run(watch, &shape(1, size.experts, size.width, size.groups), args);
            }
            Self::Softmax(gate) => gate.run(l, watch, x, routes),
        }
    }
}

impl Softmax {
    fn run(&mut self, l: &Ladders, watch: &mut dyn Watch, x: &mut Activations, routes: &mut [f32]) {
        let (n, logits) = (self.w.n, self.logits.as_mut_slice());
        self.w.multiply(l, watch, x, logits);
        let args = softmax::Args { x: logits, n, y: self.scores.as_mut_slice() };
        l.softmax.run(watch, &shape(1, n, 1, 1), args);
        let (chosen, weights) = routes.split_at_mut(self.config.active);
        self.keep_groups();
        let scores = self.scores.as_slice();
        for (expert, weight) in chosen.iter_mut().zip(&mut *weights) {
            let best = best(scores, &self.left);
            (*expert, *weight) = (best as f32, scores[best]);
            self.left[best] = false;
        }
        let sum: f32 = if self.config.normalized { weights.iter().sum() } else { 1.0 };
        weights.iter_mut().for_each(|w| *w *= self.config.scale / sum);
    }

    /// Leaves the experts of the groups whose best expert is best.
    fn keep_groups(&mut self) {
        let Config { groups, groups_kept, routed, .. } = self.config;
        self.left.fill(groups == groups_kept);
        let size = routed / groups;
        let top = |g: usize| self.scores.as_slice()[g * size..(g + 1) * size].iter().copied().fold(f32::MIN, f32::max);
        for _ in 0..if groups == groups_kept { 0 } else { groups_kept } {
            let free = (0..groups).filter(|g| !self.left[g * size]);
            let Some(group) = free.max_by(|a, b| top(*a).total_cmp(&top(*b)).then(b.cmp(a))) else { return };
            self.left[group * size..(group + 1) * size].fill(true);
        }
    }
}

/// The first of the largest scores that are left.
fn best(scores: &[f32], left: &[bool]) -> usize {
    let mut best = 0;
    let mut largest = f32::NEG_INFINITY;
    for (e, score) in scores.iter().enumerate() {
        if left[e] && *score > largest {
            (best, largest) = (e, *score);
        }
    }
    best
}
