//! What one token takes on machines nobody here owns: the sum over the kernels of a decode step, each at its shape through
//! the timing models, naive and at the fastest rung there.
//!
//! Whether weights are found in a cache is decided for the model, not for a kernel: a token walks through all of it. Gaps
//! between kernels are the models' own launches; what has no kernel (embeddings, biases, the choice of a token) takes no
//! time.

use std::collections::BTreeMap;

use kernels::KERNELS;
use kernels::input::{Flavor, Input};
use kernels::kernel::{Kernel, ShapeError};
use kernels::model::Dtype;
use kernels::model::config::Config;
use kernels::model::step::{self, Operation};

use super::DECODE;
use crate::profile::Hardware;
use crate::record::{Bound, CostRef, MachineRef, Outcome, Record, Speedup, Timing};
use crate::simt::{self, gate::ShaderGate};
use crate::timed::cells::{self, Context};

/// Why a step cannot be modelled anywhere.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// No kernel for the type of weights.
    #[error("no kernel takes {0} weights, so no step of the model can be modelled")]
    Dtype(Dtype),
    /// A kernel that is not in the table.
    #[error("the step calls {0}, which is not among the kernels")]
    Kernel(&'static str),
    /// A shape that a kernel does not have.
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

/// One kernel of a step on one machine, at the rung that was chosen.
#[derive(Clone, Debug)]
pub struct Part {
    /// Calls in a step.
    pub times: usize,
    /// One call.
    pub record: Record,
}

/// A step on one machine.
#[derive(Clone, Debug)]
pub struct Step {
    /// The record of kernel `decode`.
    pub record: Record,
    /// Its kernels, those that take longest first; empty where one of them cannot run there.
    pub parts: Vec<Part>,
}

/// One token of `config` with matrices in `dtype` and `tokens` in the cache, itself included, on every processor and GPU of
/// `machines`: two steps for each, naive and best.
///
/// # Errors
/// [`StepError`].
pub fn steps(
    context: &Context,
    shaders: &ShaderGate,
    config: &Config,
    dtype: Dtype,
    tokens: usize,
    machines: &Hardware,
) -> Result<Vec<Step>, StepError> {
    let operations = step::decode(config, dtype, tokens).ok_or(StepError::Dtype(dtype))?;
    let kernels: Vec<&dyn Kernel> = operations.iter().map(kernel).collect::<Result<_, _>>()?;
    let input = Input { flavor: Flavor::Blank, ..Input::typical(context.environment.seed) };
    let mut bytes = 0.0;
    for (operation, kernel) in operations.iter().zip(&kernels) {
        let mut case = kernel.prepare(&operation.shape, &input)?;
        bytes += (operation.times * cells::streamed_bytes(case.as_mut())) as f64;
    }
    let whole = Whole { config, dtype, tokens, bytes };
    let mut steps = Vec::new();
    for machine in &machines.cpus {
        let mut rungs = Vec::new();
        for (operation, kernel) in operations.iter().zip(&kernels) {
            let all: Vec<usize> = (0..kernel.variants().len()).collect();
            rungs.push(cells::cells_within(context, *kernel, &operation.shape, &all, machine, Some(bytes))?);
        }
        let has = machine.profile.machine.memory_mib.value * 1024.0 * 1024.0;
        steps.extend(whole.on(&operations, &rungs, has));
    }
    let gpus = simt::cells::Context { gate: shaders, environment: context.environment };
    let operations: Vec<Operation> = operations.into_iter().map(|o| head_as_product(o, dtype)).collect();
    let kernels: Vec<&dyn Kernel> = operations.iter().map(kernel).collect::<Result<_, _>>()?;
    let mut rungs: Vec<Vec<Record>> = Vec::new();
    for (operation, kernel) in operations.iter().zip(&kernels).filter(|_| !machines.gpus.is_empty()) {
        let all: Vec<usize> = (0..kernel.shaders().len()).collect();
        rungs.push(match all.is_empty() {
            true => Vec::new(),
            false => simt::cells::cells_within(&gpus, *kernel, &operation.shape, &all, &machines.gpus, Some(bytes))?,
        });
    }
    for gpu in &machines.gpus {
        let of_gpu = |all: &Vec<Record>| all.iter().filter(|r| r.machine.id == gpu.profile.id).cloned().collect();
        let own: Vec<Vec<Record>> = rungs.iter().map(of_gpu).collect();
        let lacking = operations.iter().zip(&own).find(|(_, records)| records.is_empty());
        let has = gpu.profile.memory.memory_mib.value * 1024.0 * 1024.0;
        match (lacking, own.iter().flatten().next()) {
            (None, _) => steps.extend(whole.on(&operations, &own, has)),
            (Some((operation, _)), Some(any)) => {
                let reason = format!("{} has no WGSL rung", operation.kernel);
                let machine = MachineRef { peak_ops_per_s: None, ..any.machine.clone() };
                let outcome = Outcome::NotAvailable { reason };
                steps.extend(WAYS.map(|way| whole.step(way, any, machine.clone(), outcome.clone(), Vec::new())));
            }
            (Some(_), None) => {}
        }
    }
    Ok(steps)
}

/// No shader keeps the largest logit alone: on GPUs the head is a product like any other.
fn head_as_product(operation: Operation, dtype: Dtype) -> Operation {
    match step::gemv(dtype) {
        Some(gemv) if operation.kernel == "head_argmax" || operation.kernel == "head_argmax_bf16" => {
            Operation { kernel: gemv, ..operation }
        }
        _ => operation,
    }
}

fn kernel(operation: &Operation) -> Result<&'static dyn Kernel, StepError> {
    let found = KERNELS.iter().find(|kernel| kernel.name() == operation.kernel);
    found.copied().ok_or(StepError::Kernel(operation.kernel))
}

/// Name, rung and idea of the two ways to run a step.
pub(super) type Way = (&'static str, u32, &'static str);
pub(super) const WAYS: [Way; 2] =
    [("naive", 0, "every kernel at rung 0"), ("best", 1, "every kernel at its best rung on this machine")];

/// What all steps share.
struct Whole<'a> {
    config: &'a Config,
    dtype: Dtype,
    tokens: usize,
    bytes: f64,
}

impl Whole<'_> {
    /// Both steps on one machine, of the records of every rung of every operation there.
    fn on(&self, operations: &[Operation], rungs: &[Vec<Record>], memory_bytes: f64) -> Vec<Step> {
        let mut steps: Vec<Step> =
            WAYS.iter().filter_map(|way| self.way(*way, operations, rungs, memory_bytes)).collect();
        let ns = |step: &Step| match &step.record.outcome {
            Outcome::Timed(timing) => Some(timing.time_ns),
            _ => None,
        };
        if let Some(naive) = steps.first().and_then(ns) {
            for step in &mut steps {
                if let Outcome::Timed(timing) = &mut step.record.outcome {
                    let ratio = naive / timing.time_ns;
                    timing.speedup = Some(Speedup { ratio, low: ratio, high: ratio });
                }
            }
        }
        steps
    }

    fn way(&self, way: Way, operations: &[Operation], rungs: &[Vec<Record>], memory_bytes: f64) -> Option<Step> {
        let first = rungs.iter().flatten().next()?;
        let mut machine = MachineRef { peak_ops_per_s: None, ..first.machine.clone() };
        if self.bytes > memory_bytes {
            let mib = |bytes: f64| bytes / f64::from(1 << 20);
            let reason = format!("needs {:.0} MiB, the machine has {:.0} MiB", mib(self.bytes), mib(memory_bytes));
            return Some(self.step(way, first, machine, Outcome::DoesNotFit { reason }, Vec::new()));
        }
        let mut parts = Vec::new();
        for (operation, records) in operations.iter().zip(rungs) {
            match chosen(way.0, records) {
                Ok(record) => parts.push(Part { times: operation.times, record: record.clone() }),
                Err(outcome) => return Some(self.step(way, first, machine, *outcome, Vec::new())),
            }
        }
        let widest = parts.iter().map(|p| &p.record.machine).max_by_key(|m| (m.isa != "scalar", m.threads));
        if let Some(widest) = widest {
            (machine.isa, machine.threads) = (widest.isa.clone(), widest.threads);
        }
        let timing = sum(&parts);
        parts.sort_by(|a, b| part_ns(b).total_cmp(&part_ns(a)));
        Some(self.step(way, first, machine, Outcome::Timed(timing), parts))
    }

    /// The step as a record like `like`, one of its kernels' on the machine.
    fn step(
        &self,
        (variant, rung, idea): Way,
        like: &Record,
        machine: MachineRef,
        outcome: Outcome,
        parts: Vec<Part>,
    ) -> Step {
        let total = |of: fn(&CostRef) -> u64| parts.iter().map(|p| p.times as u64 * of(&p.record.cost)).sum();
        let c = self.config;
        let record = Record {
            kernel: DECODE.into(),
            shape: shape_name(&c.name, self.tokens),
            dims: dims(c, self.dtype, self.tokens),
            variant: variant.into(),
            rung,
            idea: idea.into(),
            after: (rung > 0).then(|| "naive".into()),
            machine,
            outcome,
            cost: CostRef { operations: total(|c| c.operations), bytes: total(|c| c.bytes) },
            caps: Vec::new(),
            ..like.clone()
        };
        Step { record, parts }
    }
}

/// Operations and least bytes of one token, by the contracts of its kernels; 0 for weights that no kernel takes.
pub fn cost(config: &Config, dtype: Dtype, tokens: usize) -> (u64, u64) {
    let step = step::decode(config, dtype, tokens).unwrap_or_default();
    let costs = step.iter().filter_map(|o| Some((o.times as u64, kernel(o).ok()?.cost(&o.shape))));
    costs.fold((0, 0), |sum, (times, c)| (sum.0 + times * c.operations, sum.1 + times * c.bytes))
}

/// Shape of records of a model with so many tokens in the cache.
pub fn shape_name(model: &str, tokens: usize) -> String {
    format!("{model}/t{tokens}")
}

/// The same for people.
pub fn dims(config: &Config, dtype: Dtype, tokens: usize) -> String {
    format!("{} layers of {}, {dtype}, {tokens} tokens", config.layers, config.hidden)
}

/// The record of rung 0, or that of the fastest.
fn chosen<'a>(way: &str, records: &'a [Record]) -> Result<&'a Record, Box<Outcome>> {
    let naive = records.iter().find(|r| r.rung == 0);
    let ns = |r: &&Record| match &r.outcome {
        Outcome::Timed(timing) => Some(timing.time_ns),
        _ => None,
    };
    let timed = records.iter().filter(|r| ns(r).is_some());
    let fastest = timed.min_by(|a, b| ns(a).unwrap_or(f64::MAX).total_cmp(&ns(b).unwrap_or(f64::MAX)));
    let found = if way == "naive" { naive.filter(|r| ns(r).is_some()) } else { fastest };
    found.ok_or_else(|| {
        Box::new(match naive {
            Some(naive) => because(&naive.kernel, &naive.outcome),
            None => Outcome::Void { reason: "a kernel without rungs".into() },
        })
    })
}

/// An outcome without a time, with the kernel that it is of.
fn because(kernel: &str, outcome: &Outcome) -> Outcome {
    let of = |reason: &String| format!("{kernel}: {reason}");
    match outcome {
        Outcome::Timed(_) => outcome.clone(),
        Outcome::Wrong { reason } => Outcome::Wrong { reason: of(reason) },
        Outcome::NotAvailable { reason } => Outcome::NotAvailable { reason: of(reason) },
        Outcome::DoesNotFit { reason } => Outcome::DoesNotFit { reason: of(reason) },
        Outcome::Refused { reason } => Outcome::Refused { reason: of(reason) },
        Outcome::Void { reason } => Outcome::Void { reason: of(reason) },
    }
}

/// Time of all calls of a part, ns.
pub fn part_ns(part: &Part) -> f64 {
    match &part.record.outcome {
        Outcome::Timed(timing) => timing.time_ns * part.times as f64,
        _ => 0.0,
    }
}

/// The times of all calls; errors are the largest of any kernel.
fn sum(parts: &[Part]) -> Timing {
    let timings = || {
        parts.iter().filter_map(|part| match &part.record.outcome {
            Outcome::Timed(timing) => Some((part.times as f64, timing)),
            _ => None,
        })
    };
    let total = |of: fn(&Timing) -> f64| timings().map(|(times, t)| times * of(t)).sum::<f64>();
    let time_ns = total(|t| t.time_ns);
    let mut by_bound: BTreeMap<Bound, f64> = BTreeMap::new();
    for (times, timing) in timings() {
        for (bound, share) in &timing.shares {
            *by_bound.entry(*bound).or_default() += times * timing.time_ns * share;
        }
    }
    let mut shares: Vec<(Bound, f64)> = by_bound.into_iter().map(|(bound, ns)| (bound, ns / time_ns)).collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    let floors: Option<f64> = timings().map(|(times, t)| Some(times * t.floor_ns?)).sum();
    Timing {
        time_ns,
        low_ns: total(|t| t.low_ns),
        high_ns: total(|t| t.high_ns),
        speedup: None,
        samples_ns: Vec::new(),
        warm: timings().all(|(_, t)| t.warm),
        floor_ns: floors,
        bound: shares.first().map(|s| s.0),
        shares,
        paced_share: None,
        cycles: None,
        counts: None,
        nmse: timings().map(|(_, t)| t.nmse).fold(0.0, f64::max),
        backward_error: timings().map(|(_, t)| t.backward_error).fold(0.0, f64::max),
    }
}
