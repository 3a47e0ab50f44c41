//! Speculative decoding: a cheap draft guesses some tokens, and the model looks at all of them in one pass. What that pass
//! takes over a pass for one token, and how often a guess must be right for it to pay. A pass for few tokens reads the
//! weights once, so it is nearly free where bytes bind and costs as many times more where arithmetic does (Leviathan et al.,
//! arXiv 2211.17192; DeepSeek-V3 predicts one token more in training for it, arXiv 2412.19437). Experts take back some of
//! it: tokens go to different ones, whose weights are all read.

use kernels::KERNELS;
use kernels::kernel::{Kernel, Shape};

use crate::record::Outcome;
use crate::sweep::contest::{Arena, Contestant, Gates};

/// Tokens of a pass: the one that is known and those that were guessed.
pub const TOKENS: [usize; 5] = [1, 2, 4, 8, 16];

/// Weights that a pass walks through.
#[derive(Clone, Copy, Debug)]
pub struct Weights {
    /// Their format, and what they are.
    pub name: &'static str,
    /// The kernel for a token; none where the one for several takes one as well as it can be.
    pub one: Option<&'static str>,
    /// The kernel for several.
    pub many: &'static str,
    shape: fn(usize) -> Shape,
}

/// The largest matrix of a layer of R1-Distill-Qwen-1.5B.
fn ffn_down(tokens: usize) -> Shape {
    Shape::new("r1-distill-qwen-1.5b/ffn-down-verify", tokens, 1536, 8960)
}

/// The two largest of a layer of R1-Distill-Llama-8B, made one as GPUs' engines do: more than any L2 holds in any format, and
/// columns for every SM.
fn gate_and_up(tokens: usize) -> Shape {
    Shape::new("r1-distill-llama-8b/ffn-gate-up-verify", tokens, 2 * 14336, 4096)
}

/// The experts of a layer of DeepSeek-V2-Lite, a quarter of their inner width; 6 of 64 for each token, as far apart as they
/// can be.
fn experts(tokens: usize) -> Shape {
    Shape::new("deepseek-v2-lite/experts-slice-verify", tokens, 2048, 352).parts(64).chosen(6)
}

const fn on_processors(name: &'static str, one: &'static str, many: &'static str) -> Weights {
    Weights { name, one: Some(one), many, shape: ffn_down }
}

const fn on_gpus(name: &'static str, one: &'static str, many: &'static str) -> Weights {
    Weights { name, one: Some(one), many, shape: gate_and_up }
}

const EXPERTS: Weights = Weights { name: "f32, experts", one: None, many: "moe_ffn_f32", shape: experts };

/// What processors are asked.
pub const PROCESSORS: [Weights; 5] = [
    on_processors("bf16", "gemv_bf16", "gemm_bf16"),
    on_processors("q8_0", "gemv_q8", "gemm_q8_0"),
    on_processors("q4_0", "gemv_q4_0", "gemm_q4_0"),
    on_processors("q4_k", "gemv_q4_k", "gemm_q4_k"),
    EXPERTS,
];

/// What GPUs are asked; their products of several tokens take activations in f16.
pub const GPUS: [Weights; 5] = [
    on_gpus("f16", "gemv_f16", "gemm_f16"),
    on_gpus("q8_0", "gemv_q8", "gemm_f16_q8_0"),
    on_gpus("q4_0", "gemv_q4_0", "gemm_f16_q4_0"),
    on_gpus("q4_k", "gemv_q4_k", "gemm_f16_q4_k"),
    EXPERTS,
];

/// One pass at the fastest rung.
#[derive(Clone, Debug, PartialEq)]
pub struct Pass {
    /// Tokens it looks at.
    pub tokens: usize,
    /// What it takes, ns.
    pub time_ns: f64,
    /// Over what a pass for one token takes.
    pub cost: f64,
    /// `kernel/rung`, and how often it runs.
    pub rung: String,
}

impl Pass {
    /// How likely each guess must be right, one after the other, for the pass to give as many tokens a second as passes for
    /// one; guessing is free. None where it never does: even if all were right.
    pub fn break_even(&self) -> Option<f64> {
        break_even(self.tokens, self.cost)
    }
}

/// Every pass of [`TOKENS`] on each of the machines, or what keeps a machine from them.
pub fn passes<A: Arena>(gates: &Gates, weights: &Weights, machines: &[A]) -> Vec<Result<Vec<Pass>, String>> {
    let alone = weights.one.map(|kernel| fastest(gates, kernel, &(weights.shape)(1), machines));
    let mut all: Vec<Result<Vec<Pass>, String>> = machines.iter().map(|_| Ok(Vec::new())).collect();
    for tokens in TOKENS {
        let together = fastest(gates, weights.many, &(weights.shape)(tokens), machines);
        for (i, passes) in all.iter_mut().enumerate() {
            let Ok(made) = passes else { continue };
            // Or a token after the other.
            let by_one = alone.as_ref().map(|alone| match &alone[i] {
                Ok((ns, rung)) => Ok((ns * tokens as f64, format!("{rung}, {tokens} times"))),
                Err(reason) => Err(reason.clone()),
            });
            let candidates = by_one.into_iter().chain([together[i].clone()]);
            match candidates.reduce(|a, b| if ns_of(&b) < ns_of(&a) { b } else { a }) {
                Some(Ok((time_ns, rung))) => {
                    let one = made.first().map_or(time_ns, |first: &Pass| first.time_ns);
                    made.push(Pass { tokens, time_ns, cost: time_ns / one, rung });
                }
                Some(Err(reason)) => *passes = Err(reason),
                None => {}
            }
        }
    }
    all
}

type Fastest = Result<(f64, String), String>;

fn ns_of(found: &Fastest) -> f64 {
    found.as_ref().map_or(f64::INFINITY, |(ns, _)| *ns)
}

/// A kernel's fastest rung at a shape on each machine, rung 0 only where there is no other.
fn fastest<A: Arena>(gates: &Gates, kernel: &str, shape: &Shape, machines: &[A]) -> Vec<Fastest> {
    let same = |reason: String| machines.iter().map(|_| Err(reason.clone())).collect();
    let Some(kernel) = KERNELS.iter().copied().find(|k| k.name() == kernel) else {
        return same(format!("no kernel {kernel}"));
    };
    let kernel: &'static dyn Kernel = kernel;
    let rungs = if A::GPU { kernel.shaders().len() } else { kernel.variants().len() };
    let contestant = |rung| Contestant { kernel, shape: shape.clone(), rung };
    let contestants: Vec<Contestant> = (usize::from(rungs > 1)..rungs).map(contestant).collect();
    let mut ready = match A::ready(gates, &contestants, machines) {
        Ok(ready) => ready,
        Err(e) => return same(e.to_string()),
    };
    let of_machine = |machine: &A| {
        let outcomes = machine.outcomes(gates, &contestants, &mut ready);
        let timed = outcomes.iter().zip(&contestants).filter_map(|(outcome, c)| match outcome {
            Outcome::Timed(timing) => Some((timing.time_ns, c.name(A::GPU))),
            _ => None,
        });
        let reason =
            || outcomes.iter().find_map(Outcome::reason).unwrap_or("it has no rung for this machine").to_string();
        timed.min_by(|a, b| a.0.total_cmp(&b.0)).ok_or_else(reason)
    };
    machines.iter().map(of_machine).collect()
}

/// Where `1 + p + p² + … + p^(tokens - 1)` tokens a pass, each guess right with probability p where those before it were,
/// are worth what it costs.
fn break_even(tokens: usize, cost: f64) -> Option<f64> {
    let given = |p: f64| (0..tokens).rev().fold(0.0, |sum, _| sum * p + 1.0);
    if cost <= 1.0 {
        return Some(0.0);
    }
    if cost > given(1.0) {
        return None;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..50 {
        let middle = 0.5 * (low + high);
        if given(middle) < cost { low = middle } else { high = middle }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{GpuProfile, Loaded, Profile, find};
    use crate::record::Environment;

    #[test]
    fn guesses_pay_where_they_give_more_tokens_than_the_pass_costs() {
        // Two tokens at the price of 1.5: every second guess.
        assert!((break_even(2, 1.5).expect("it can pay") - 0.5).abs() < 1e-9);
        // 1 + 1/2 + 1/4 + 1/8.
        assert!((break_even(4, 1.875).expect("it can pay") - 0.5).abs() < 1e-9);
        assert_eq!(break_even(8, 1.0), Some(0.0));
        assert_eq!(break_even(8, 0.9), Some(0.0));
        assert!(break_even(8, 8.0).expect("if all are right") > 0.999);
        assert_eq!(break_even(8, 8.1), None);
        assert_eq!(break_even(1, 1.0), Some(0.0));
    }

    fn on_processor(id: &str, weights: &Weights) -> Result<Vec<Pass>, String> {
        let machine: Profile = find(id).expect("embedded").profile;
        passes(&gates(), weights, &[machine]).remove(0)
    }

    fn gates() -> Gates {
        Gates::new(Environment::build("retrobench study speculation", 1))
    }

    /// A pass reads the weights once, whatever it looks at: cheap where bytes bind, and never more than a token after the
    /// other.
    #[test]
    fn a_pass_for_eight_costs_less_where_bytes_bind() {
        let cost = |passes: &[Pass]| passes.iter().find(|p| p.tokens == 8).expect("eight").cost;
        let q4_0 = PROCESSORS.iter().find(|w| w.name == "q4_0").expect("q4_0");
        let slow = on_processor("pentium-iii-800", q4_0).expect("timed");
        assert!(slow.iter().all(|p| p.cost <= p.tokens as f64 * 1.001), "{slow:?}");
        let all = Loaded::<GpuProfile>::embedded().expect("embedded");
        let h100 = all.iter().find(|m| m.profile.id == "h100").expect("h100").profile.clone();
        let f16 = GPUS.iter().find(|w| w.name == "f16").expect("f16");
        let fast = passes(&gates(), f16, &[h100]).remove(0).expect("timed");
        assert!(cost(&fast) < 0.5 * cost(&slow), "{fast:?} {slow:?}");
    }

    #[test]
    fn what_does_not_fit_says_so() {
        let bf16 = PROCESSORS.iter().find(|w| w.name == "bf16").expect("bf16");
        let reason = on_processor("i486dx2-66", bf16).expect_err("26 MiB");
        assert!(reason.contains("the machine has 16 MiB"), "{reason}");
    }
}
