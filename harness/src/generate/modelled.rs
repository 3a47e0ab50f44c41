//! What one token takes on machines nobody here owns: the sum over the kernels of a decode step, each at its shape through
//! the timing models, naive and at the fastest rung there.
//!
//! Whether weights are found in a cache is decided for the model, not for a kernel: a token walks through all of it. Between
//! two kernels of a GPU lies the gap that was fitted to its generation, and the host adds to a token what the profile says:
//! what `study published` tests. What has no kernel (embeddings, biases, the choice of a token) takes no time. Rungs of
//! latent attention that read each head's own keys and values make the newest token's.

use std::collections::BTreeMap;

use kernels::KERNELS;
use kernels::input::{Flavor, Input};
use kernels::kernel::{Kernel, ShapeError};
use kernels::model::config::Config;
use kernels::model::step::{self, Operation};
use kernels::model::{Types, inventory};

use super::DECODE;
use crate::profile::gpu::Generation;
use crate::profile::{GpuProfile, Hardware, band};
use crate::published::predict::on_activations;
use crate::published::{GapRow, RowsError, gap_ns, gaps};
use crate::record::{Base, Bound, CostRef, Environment, MachineRef, Outcome, Record, SCHEMA, Tier, Timing};
use crate::simt::{self, gate::ShaderGate};
use crate::timed::cells::{self, Context};

/// Why a step cannot be modelled anywhere.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// No kernel for the type of weights.
    #[error(
        "no kernel takes {0} weights, or experts of several types in a layer: no step of the model can be modelled"
    )]
    Types(Types),
    /// A kernel that is not in the table.
    #[error("the step calls {0}, which is not among the kernels")]
    Kernel(&'static str),
    /// A shape that a kernel does not have.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The fitted gaps, which are part of this program, are not what they should be.
    #[error(transparent)]
    Gaps(#[from] RowsError),
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
    /// What the host adds to them, ns: in the record's time.
    pub host_ns: f64,
}

/// One token of `config` with tensors in `types` and `tokens` in the cache, itself included, on every processor and GPU of
/// `machines`: two steps for each, naive and best.
///
/// # Errors
/// [`StepError`].
pub fn steps(
    context: &Context,
    shaders: &ShaderGate,
    config: &Config,
    types: &Types,
    tokens: usize,
    machines: &Hardware,
) -> Result<Vec<Step>, StepError> {
    let lack = || StepError::Types(types.clone());
    let all = step::decode(config, types, tokens).ok_or_else(lack)?;
    let weights = weights_bytes(config, types);
    let cache = 4.0 * (config.layers * tokens * config.attention.cached_values()) as f64;
    let environment = context.environment;
    let mut whole = Whole { config, types, tokens, environment, needs: weights + cache, expanded_needs: 0.0 };
    let has_room = |mib: f64| whole.needs <= mib * MIB;
    let cpus = machines.cpus.iter().any(|machine| has_room(machine.profile.machine.memory_mib.value));
    let mut gpus: Vec<_> =
        machines.gpus.iter().filter(|gpu| has_room(gpu.profile.memory.memory_mib.value)).cloned().collect();
    // What fits nowhere is not even laid out.
    let (bytes, expanded) = if cpus || !gpus.is_empty() { laid_out(&all, environment)? } else { (0.0, 0.0) };
    whole.needs = whole.needs.max(bytes);
    whole.expanded_needs = whole.needs.max(weights + expanded);
    let mut steps = Vec::new();
    for machine in &machines.cpus {
        let (first, has) = (kernel(&all[0])?.cost(&all[0].shape), machine.profile.machine.memory_mib.value * MIB);
        let like = cells::machine_ref(machine, &first, "scalar".into(), 1);
        let mut rungs = Vec::new();
        for operation in all.iter().filter(|_| whole.needs <= has) {
            let kernel = kernel(operation)?;
            let variants: Vec<usize> = (0..kernel.variants().len()).collect();
            rungs.push(cells::cells_within(context, kernel, &operation.shape, &variants, machine, Some(bytes))?);
        }
        steps.extend(whole.on(&all, &rungs, &like, has, 0.0));
    }
    let gaps = gaps()?;
    gpus.iter_mut().for_each(|gpu| in_a_token(&mut gpu.profile, &gaps));
    let shading = simt::cells::Context { gate: shaders, environment };
    let all: Vec<Operation> = all.into_iter().map(head_as_product).collect();
    let mut rungs: Vec<Vec<Record>> = Vec::new();
    for operation in all.iter().filter(|_| !gpus.is_empty()) {
        let kernel = kernel(operation)?;
        let every: Vec<usize> = (0..kernel.shaders().len()).collect();
        rungs.push(match every.is_empty() {
            true => Vec::new(),
            false => {
                let walked = (!on_activations(operation.kernel)).then_some(bytes);
                simt::cells::cells_within(&shading, kernel, &operation.shape, &every, &gpus, walked)?
            }
        });
    }
    for gpu in &machines.gpus {
        let of_gpu = |all: &Vec<Record>| all.iter().filter(|r| r.machine.id == gpu.profile.id).cloned().collect();
        let own: Vec<Vec<Record>> = rungs.iter().map(of_gpu).collect();
        let (first, has) = (kernel(&all[0])?.cost(&all[0].shape), gpu.profile.memory.memory_mib.value * MIB);
        let host_ns = gpu.profile.machine.host_token_ns.value;
        steps.extend(whole.on(&all, &own, &simt::cells::machine_ref(gpu, &first), has, host_ns));
    }
    Ok(steps)
}

/// Kernels of a token start a gap after each other, which is longer than a launch.
fn in_a_token(gpu: &mut GpuProfile, gaps: &BTreeMap<Generation, GapRow>) {
    let launch_ns = &mut gpu.machine.launch_ns.value;
    *launch_ns = gap_ns(gaps, gpu.generation, *launch_ns);
}

/// Bytes that a token walks through, and those of the caches that expanded rungs of attention read.
fn laid_out(operations: &[Operation], environment: &Environment) -> Result<(f64, f64), StepError> {
    let input = Input { flavor: Flavor::Blank, ..Input::typical(environment.seed) };
    let (mut bytes, mut expanded) = (0, 0);
    for operation in operations {
        let mut case = kernel(operation)?.prepare(&operation.shape, &input)?;
        bytes += operation.times * cells::streamed_bytes(case.as_mut());
        expanded += operation.times * cells::expanded_bytes(case.as_mut());
    }
    Ok((bytes as f64, expanded as f64))
}

const MIB: f64 = 1024.0 * 1024.0;

/// Bytes of the weights that a model's tokens walk through, those of experts that one token does not meet included; of the
/// table of embeddings a token reads one row.
fn weights_bytes(config: &Config, types: &Types) -> f64 {
    let walked = |entry: &inventory::Entry| config.tied_head || entry.name != "token_embd.weight";
    inventory::tensors(config).filter(walked).map(|entry| types.bytes(&entry) as f64).sum()
}

/// No shader keeps the largest logit alone: on GPUs the head is a product like any other.
fn head_as_product(operation: Operation) -> Operation {
    let kernel = match operation.kernel {
        "head_argmax" => "gemv_f32",
        "head_argmax_bf16" => "gemv_bf16",
        other => other,
    };
    Operation { kernel, ..operation }
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
    types: &'a Types,
    tokens: usize,
    environment: &'a Environment,
    /// Bytes of weights and cache.
    needs: f64,
    /// The same where each head's keys and values are cached.
    expanded_needs: f64,
}

impl Whole<'_> {
    /// Both steps on one machine like `machine`, of the records of every rung of every operation there.
    fn on(
        &self,
        all: &[Operation],
        rungs: &[Vec<Record>],
        machine: &MachineRef,
        memory_bytes: f64,
        host_ns: f64,
    ) -> Vec<Step> {
        let machine = MachineRef { peak_ops_per_s: None, ..machine.clone() };
        let mut steps: Vec<Step> =
            WAYS.map(|way| self.way(way, all, rungs, machine.clone(), memory_bytes)).into_iter().collect();
        steps.iter_mut().for_each(|step| step.wait_for_host(host_ns));
        let mut base = Base::default();
        steps.iter_mut().enumerate().for_each(|(rung, step)| base.put_speedup(rung, &mut step.record.outcome));
        steps
    }

    fn way(
        &self,
        way: Way,
        all: &[Operation],
        rungs: &[Vec<Record>],
        mut machine: MachineRef,
        memory_bytes: f64,
    ) -> Step {
        if self.needs > memory_bytes {
            let reason = format!("needs {:.0} MiB, the machine has {:.0} MiB", self.needs / MIB, memory_bytes / MIB);
            return self.step(way, machine, Outcome::DoesNotFit { reason }, Vec::new());
        }
        // Each head's own keys and values fit only where those of all layers do.
        let fits = |record: &Record| self.expanded_needs <= memory_bytes || !reads_expanded(record);
        let mut parts = Vec::new();
        for call in all.iter().zip(rungs) {
            match part(way.0, &call, fits) {
                Ok(part) => parts.push(part),
                Err(outcome) => return self.step(way, machine, *outcome, Vec::new()),
            }
        }
        let widest = parts.iter().map(|p| &p.record.machine).max_by_key(|m| (m.isa != "scalar", m.threads));
        if let Some(widest) = widest {
            (machine.isa, machine.threads) = (widest.isa.clone(), widest.threads);
        }
        let mut timing = sum(&parts);
        if machine.class == "gpu" && way.1 > 0 {
            // The best rungs' errors cancel over a token's kernels: it was validated as a whole, they one by one.
            let within = band::of_gpu_token();
            timing.low_ns = timing.low_ns.max(timing.time_ns / within);
            timing.high_ns = timing.high_ns.min(timing.time_ns * within);
        }
        parts.sort_by(|a, b| part_ns(b).total_cmp(&part_ns(a)));
        self.step(way, machine, Outcome::Timed(timing), parts)
    }

    /// The step as a record.
    fn step(&self, (variant, rung, idea): Way, machine: MachineRef, outcome: Outcome, parts: Vec<Part>) -> Step {
        let total = |of: fn(&CostRef) -> u64| parts.iter().map(|p| p.times as u64 * of(&p.record.cost)).sum();
        let c = self.config;
        let record = Record {
            schema: SCHEMA,
            tier: Tier::Modelled,
            kernel: DECODE.into(),
            shape: shape_name(&c.name, self.tokens),
            dims: dims(c, self.types, self.tokens),
            variant: variant.into(),
            rung,
            idea: idea.into(),
            after: (rung > 0).then(|| "naive".into()),
            machine,
            outcome,
            cost: CostRef { operations: total(|c| c.operations), bytes: total(|c| c.bytes) },
            caps: Vec::new(),
            environment: self.environment.clone(),
        };
        Step { record, parts, host_ns: 0.0 }
    }
}

impl Step {
    /// Adds what the host does for a token; its error is taken for as large as that of the kernels.
    fn wait_for_host(&mut self, host_ns: f64) {
        let Outcome::Timed(timing) = &mut self.record.outcome else { return };
        let longer = 1.0 + host_ns / timing.time_ns;
        (timing.time_ns, timing.low_ns, timing.high_ns) =
            (timing.time_ns * longer, timing.low_ns * longer, timing.high_ns * longer);
        let mut shares: BTreeMap<Bound, f64> = timing.shares.iter().map(|(b, share)| (*b, share / longer)).collect();
        *shares.entry(Bound::Launch).or_default() += 1.0 - 1.0 / longer;
        timing.shares = shares.into_iter().filter(|(_, share)| *share > 0.0).collect();
        timing.shares.sort_by(|a, b| b.1.total_cmp(&a.1));
        timing.bound = timing.shares.first().map(|s| s.0);
        self.host_ns = host_ns;
    }
}

/// True for rungs that read each head's own keys and values, of which they make the newest token's.
fn reads_expanded(record: &Record) -> bool {
    let is_it = |expanded: bool, name: &str| expanded && name == record.variant;
    KERNELS.iter().filter(|k| k.name() == record.kernel).any(|k| {
        k.variants().iter().any(|a| is_it(a.expanded, a.name)) || k.shaders().iter().any(|s| is_it(s.expanded, s.name))
    })
}

/// An operation by the rung of this way, of all its records on a machine.
fn part(
    way: &str,
    (operation, records): &(&Operation, &Vec<Record>),
    fits: impl Fn(&Record) -> bool,
) -> Result<Part, Box<Outcome>> {
    if records.is_empty() {
        let reason = format!("{} has no WGSL rung", operation.kernel);
        return Err(Box::new(Outcome::NotAvailable { reason }));
    }
    chosen(way, records, fits).map(|record| Part { times: operation.times, record: record.clone() })
}

/// Operations and least bytes of one token, by the contracts of its kernels; 0 for weights that no kernel takes.
pub fn cost(config: &Config, types: &Types, tokens: usize) -> (u64, u64) {
    let step = step::decode(config, types, tokens).unwrap_or_default();
    let costs = step.iter().filter_map(|o| Some((o.times as u64, kernel(o).ok()?.cost(&o.shape))));
    costs.fold((0, 0), |sum, (times, c)| (sum.0 + times * c.operations, sum.1 + times * c.bytes))
}

/// Shape of records of a model with so many tokens in the cache.
pub fn shape_name(model: &str, tokens: usize) -> String {
    format!("{model}/t{tokens}")
}

/// The same for people.
pub fn dims(config: &Config, types: &Types, tokens: usize) -> String {
    format!("{} layers of {}, {types}, {tokens} tokens", config.layers, config.hidden)
}

/// The record of rung 0, or that of the fastest that fits.
fn chosen<'a>(way: &str, records: &'a [Record], fits: impl Fn(&Record) -> bool) -> Result<&'a Record, Box<Outcome>> {
    let naive = records.iter().find(|r| r.rung == 0);
    let ns = |r: &&Record| match &r.outcome {
        Outcome::Timed(timing) => fits(r).then_some(timing.time_ns),
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
        ratio_within: timings().map(|(_, t)| t.ratio_within).reduce(|a, b| Some(a?.max(b?))).flatten(),
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

#[cfg(test)]
mod tests;
