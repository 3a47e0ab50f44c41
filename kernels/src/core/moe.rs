//! A mixture of experts. V3's gate is a kernel; V2's is a product, a softmax and a choice, of which the choice has no
//! kernel. Experts in f32 and bf16 are one kernel; of other types each chosen one is a dense layer, and their weighted sum
//! has no kernel. Of several tokens those of an expert meet it together. Shared experts are one dense layer, as files have
//! them.

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
    /// Tokens of an expert that meet it together at most.
    together: usize,
}

/// Tokens of an expert, on average, from which they meet it together.
const WORTH_MEETING: usize = 4;

/// Room for one layer at a time.
pub(super) struct Room {
    /// The chosen experts of each token.
    routes: Buffer<f32>,
    /// Their weights.
    weights: Buffer<f32>,
    choice: Choice,
    /// Routes by expert.
    order: Vec<u32>,
    /// The tokens of one expert.
    gathered: Activations,
    /// Output of one expert, or of the shared ones.
    part: Buffer<f32>,
    /// What the kernel of all experts needs.
    dispatch: Buffer<f32>,
    between: Buffer<f32>,
}

/// Room for choosing experts.
struct Choice {
    /// What one token goes to, then by what weights.
    one: Buffer<f32>,
    logits: Buffer<f32>,
    scores: Buffer<f32>,
    left: Vec<bool>,
}

impl Room {
    /// For so many tokens at once of `hidden` values.
    pub(super) fn of(config: &Config, hidden: usize, tokens: usize) -> Self {
        let (experts, chosen) = (config.routed, config.active);
        let size = moe_ffn::Size { tokens, width: hidden, inner: config.width, experts, chosen, shared: 0 };
        Self {
            routes: Buffer::zeroed(size.routes()),
            weights: Buffer::zeroed(size.routes()),
            choice: Choice {
                one: Buffer::zeroed(2 * chosen),
                logits: Buffer::zeroed(tokens * experts),
                scores: Buffer::zeroed(tokens * experts),
                left: vec![false; experts],
            },
            order: Vec::with_capacity(size.routes()),
            gathered: Activations::room(tokens, hidden, config.width),
            part: Buffer::zeroed(tokens * hidden),
            dispatch: Buffer::zeroed(moe_ffn::order_room(&size)),
            between: Buffer::zeroed(moe_ffn::room(&size)),
        }
    }
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
}

enum Routed {
    /// Gates, ups and downs of all experts, of a type that the kernel takes.
    Together {
        matrices: [Matrix; 3],
        size: moe_ffn::Size,
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
        (batch, prompts): (usize, bool),
    ) -> Result<Self, CoreError> {
        let name = |what: &str| format!("blk.{layer}.ffn_{what}.weight");
        let (experts, width) = (config.routed, config.width);
        let together = prompts && batch * config.active >= WORTH_MEETING * experts;
        let parts = |what: &str, parts: usize, sizes: (usize, usize)| {
            Matrix::parts(file, &name(what), parts, sizes, ladders, together)
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
            Routed::Together { matrices, size }
        } else {
            let gates = parts("gate_exps", experts, (width, hidden))?;
            let ups = parts("up_exps", experts, (width, hidden))?;
            let downs = parts("down_exps", experts, (hidden, width))?;
            let all = gates.into_iter().zip(ups).zip(downs);
            Routed::Apart(all.map(|((gate, up), down)| Dense { gate, up, down }).collect())
        };
        let shared = match config.shared {
            0 => None,
            shared => Some(Dense::shared(file, layer, (hidden, shared * width), ladders, prompts)?),
        };
        Ok(Self {
            gate: Gate::open(file, hidden, config, layer, ladders, prompts)?,
            routed,
            shared,
            chosen: config.active,
            together: if together { usize::MAX } else { 1 },
        })
    }

    /// `y` = the mixture's output for the tokens of `x`.
    pub(super) fn run(
        &mut self,
        l: &Ladders,
        watch: &mut dyn Watch,
        x: &mut Activations,
        (between, room): (&mut Between, &mut Room),
        y: &mut [f32],
    ) {
        let tokens = x.tokens();
        let routes = tokens * self.chosen;
        self.gate.run(l, watch, x, room);
        match &mut self.routed {
            Routed::Together { matrices, size } => {
                let size = moe_ffn::Size { tokens, ..*size };
                let shape = shape(tokens, size.width, size.inner, size.experts).chosen(size.chosen);
                macro_rules! run {
                    ($ladder:ident, $view:ident) => {{
                        let gate_up_down = matrices.each_ref().map(|m| m.$view().unwrap_or_default());
                        let experts = moe_ffn::Experts { size, gate_up_down, apart: size.matrix() };
                        let args = moe_ffn::Args {
                            size,
                            experts,
                            x: x.values(),
                            routes: &room.routes.as_slice()[..routes],
                            weights: &room.weights.as_slice()[..routes],
                            y,
                            order: &mut room.dispatch.as_mut_slice()[..moe_ffn::order_room(&size)],
                            room: &mut room.between.as_mut_slice()[..moe_ffn::room(&size)],
                        };
                        l.$ladder.run(watch, &shape, args);
                    }};
                }
                if matrices[0].dtype() == Dtype::F32 { run!(moe_f32, f32) } else { run!(moe_bf16, bf16) }
            }
            Routed::Apart(experts) => {
                y.fill(0.0);
                if tokens > 1 {
                    gathered((experts, self.together), l, watch, x, (between, room), y);
                } else {
                    let chosen = room.routes.as_slice().iter().zip(room.weights.as_slice()).take(routes);
                    for (expert, weight) in chosen {
                        let part = &mut room.part.as_mut_slice()[..y.len()];
                        experts[*expert as usize].run(l, watch, x, between, part);
                        y.iter_mut().zip(part).for_each(|(y, part)| *y += weight * *part);
                    }
                }
            }
        }
        if let Some(shared) = &self.shared {
            let part = &mut room.part.as_mut_slice()[..y.len()];
            shared.run(l, watch, x, between, part);
            y.iter_mut().zip(part).for_each(|(y, part)| *y += *part);
        }
    }
}

/// Adds to `y` what the experts make of several tokens, expert by expert: so many at most meet its matrices at once.
fn gathered(
    (experts, together): (&[Dense], usize),
    l: &Ladders,
    watch: &mut dyn Watch,
    x: &Activations,
    (between, room): (&mut Between, &mut Room),
    y: &mut [f32],
) {
    let (tokens, routes, weights) = (x.tokens(), room.routes.as_slice(), room.weights.as_slice());
    let (chosen, hidden) = (room.choice.one.as_slice().len() / 2, y.len() / tokens);
    room.order.clear();
    room.order.extend(0..(tokens * chosen) as u32);
    room.order.sort_unstable_by_key(|route| (routes[*route as usize] as u32, *route));
    let by_expert = room.order.chunk_by(|a, b| routes[*a as usize] == routes[*b as usize]);
    for of_expert in by_expert.flat_map(|all| all.chunks(together)) {
        let at = |route: u32| route as usize / chosen * hidden..(route as usize / chosen + 1) * hidden;
        let own = room.gathered.write(of_expert.len(), hidden).chunks_exact_mut(hidden);
        own.zip(of_expert).for_each(|(own, route)| own.copy_from_slice(&x.values()[at(*route)]));
        let part = &mut room.part.as_mut_slice()[..of_expert.len() * hidden];
        experts[routes[of_expert[0] as usize] as usize].run(l, watch, &mut room.gathered, between, part);
        for (part, route) in part.chunks_exact(hidden).zip(of_expert) {
            let weight = weights[*route as usize];
            y[at(*route)].iter_mut().zip(part).for_each(|(y, part)| *y += weight * part);
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
        prompts: bool,
    ) -> Result<Self, CoreError> {
        let name = format!("blk.{layer}.ffn_gate_inp.weight");
        let experts = config.routed;
        match (config.score, config.normalized) {
            (Score::Sigmoid, false) => {
                Err(CoreError::NoKernel("a gate of sigmoids whose weights are not divided by their sum".into()))
            }
            (Score::Softmax, _) => Ok(Self::Softmax(Softmax {
                w: Matrix::open(file, &name, (experts, hidden), ladders, prompts)?,
                config: config.clone(),
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

    /// Leaves in `room` what experts the tokens of `x` go to, and by what weights.
    fn run(&mut self, l: &Ladders, watch: &mut dyn Watch, x: &mut Activations, room: &mut Room) {
        let (tokens, choice) = (x.tokens(), &mut room.choice);
        if let Self::Softmax(gate) = self {
            gate.score(l, watch, x, choice);
        }
        for t in 0..tokens {
            match self {
                Self::Sigmoid(gate) => {
                    gate.choose(l, watch, x.token(t), choice.one.as_mut_slice());
                    let chosen = choice.one.as_slice().len() / 2;
                    keep_apart(&mut choice.one.as_mut_slice()[..chosen], &mut choice.left);
                }
                Self::Softmax(gate) => gate.choose(t, choice),
            }
            let chosen = choice.one.as_slice().len() / 2;
            let (experts, weights) = choice.one.as_slice().split_at(chosen);
            let at = t * chosen..(t + 1) * chosen;
            room.routes.as_mut_slice()[at.clone()].copy_from_slice(experts);
            room.weights.as_mut_slice()[at].copy_from_slice(weights);
        }
    }
}

impl Sigmoid {
    /// The experts of a token `x`, then their weights.
    fn choose(&mut self, l: &Ladders, watch: &mut dyn Watch, x: &[f32], y: &mut [f32]) {
        let size = self.size;
        let [plain, turns] = [0, 1].map(|i| moe_gate::Gate { w: self.w[i].as_slice(), bias: self.bias[i].as_slice() });
        let args = moe_gate::Args {
            size,
            gate: plain,
            by_turns: turns,
            x,
            y,
            scores: self.scores.as_mut_slice(),
            biased: self.biased.as_mut_slice(),
            room: self.room.as_mut_slice(),
        };
        l.moe_gate.run(watch, &shape(1, size.experts, size.width, size.groups), args);
    }
}

impl Softmax {
    /// Scores of all experts for every token of `x`.
    fn score(&self, l: &Ladders, watch: &mut dyn Watch, x: &mut Activations, choice: &mut Choice) {
        let (tokens, n) = (x.tokens(), self.w.n);
        let logits = &mut choice.logits.as_mut_slice()[..tokens * n];
        self.w.multiply(l, watch, x, logits);
        let args = softmax::Args { x: logits, n, y: &mut choice.scores.as_mut_slice()[..tokens * n] };
        l.softmax.run(watch, &shape(tokens, n, 1, 1), args);
    }

    /// The experts of token `t` by its scores, then their weights.
    fn choose(&self, t: usize, choice: &mut Choice) {
        let scores = &choice.scores.as_slice()[t * self.w.n..(t + 1) * self.w.n];
        let (chosen, weights) = choice.one.as_mut_slice().split_at_mut(self.config.active);
        self.keep_groups(scores, &mut choice.left);
        for (expert, weight) in chosen.iter_mut().zip(&mut *weights) {
            let best = best(scores, &choice.left);
            (*expert, *weight) = (best as f32, scores[best]);
            choice.left[best] = false;
        }
        let sum: f32 = if self.config.normalized { weights.iter().sum() } else { 1.0 };
        weights.iter_mut().for_each(|w| *w *= self.config.scale / sum);
    }

    /// Leaves the experts of the groups whose best expert is best.
    fn keep_groups(&self, scores: &[f32], left: &mut [bool]) {
        let Config { groups, groups_kept, routed, .. } = self.config;
        left.fill(groups == groups_kept);
        let size = routed / groups;
        let top = |g: usize| scores[g * size..(g + 1) * size].iter().copied().fold(f32::MIN, f32::max);
        for _ in 0..if groups == groups_kept { 0 } else { groups_kept } {
            let free = (0..groups).filter(|g| !left[g * size]);
            let Some(group) = free.max_by(|a, b| top(*a).total_cmp(&top(*b)).then(b.cmp(a))) else { return };
            left[group * size..(group + 1) * size].fill(true);
        }
    }
}

/// The first of the largest scores that are left; where none of those is a number, the first of them.
fn best(scores: &[f32], left: &[bool]) -> usize {
    let mut best = None;
    for (e, score) in scores.iter().enumerate().filter(|(e, _)| left[*e]) {
        if best.is_none_or(|(_, largest)| *score > largest || f32::is_nan(largest) && !score.is_nan()) {
            best = Some((e, *score));
        }
    }
    best.map_or(0, |(e, _)| e)
}

/// Experts that were chosen by scores that are no numbers may be twice the same, or none: each such becomes the first that is
/// left. A token's places with an expert are counted.
fn keep_apart(experts: &mut [f32], left: &mut [bool]) {
    left.fill(true);
    for expert in experts {
        let chosen = *expert as usize;
        let free = if left.get(chosen) == Some(&true) { Some(chosen) } else { left.iter().position(|left| *left) };
        let free = free.unwrap_or(0);
        *expert = free as f32;
        left[free] = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn experts_are_different_whatever_the_scores() {
        let scores = [[f32::NAN; 4], [f32::NAN, 1.0, f32::NAN, 2.0], [f32::NEG_INFINITY; 4], [2.0, 2.0, 1.0, 3.0]];
        let chosen = scores.map(|scores| {
            let mut left = [true; 4];
            [0; 3].map(|_: usize| {
                let expert = best(&scores, &left);
                left[expert] = false;
                expert
            })
        });
        assert_eq!(chosen, [[0, 1, 2], [3, 1, 0], [0, 1, 2], [3, 0, 1]]);
        let apart = |mut experts: [f32; 3]| {
            keep_apart(&mut experts, &mut [false; 4]);
            experts
        };
        assert_eq!(apart([2.0, 0.0, 3.0]), [2.0, 0.0, 3.0]);
        assert_eq!(apart([0.0, 0.0, 0.0]), [0.0, 1.0, 2.0]);
        assert_eq!(apart([3.0, f32::NAN, f32::INFINITY]), [3.0, 0.0, 1.0]);
        assert_eq!(apart([-1.0, 9.0, 2.0]), [0.0, 1.0, 2.0]);
    }
}
