//! Modelled cells: one kernel × shape on one machine, every variant, as records.

use kernels::input::{Flavor, Input};
use kernels::kernel::{About, Case, Cost, Kernel, NotAvailable, Shape, ShapeError, Width, Work};
use kernels::operand::{Presence, Region};

use super::{Estimate, Mode, Params, lanes, model};
use crate::caught::caught;
use crate::gate::Gate;
use crate::profile::{Loaded, Profile, band};
use crate::record::{Base, CostRef, Counts, Environment, MachineRef, Outcome, Record, SCHEMA, Tier, Timing};

/// What all modelled cells of a run share.
pub struct Context<'a> {
    /// Verdicts of the correctness gate.
    pub gate: &'a Gate,
    /// Goes into every record; names no host.
    pub environment: &'a Environment,
}

/// Models every variant of `kernel` whose index is in `variants` at `shape` on the machine.
pub fn cells(
    context: &Context,
    kernel: &dyn Kernel,
    shape: &Shape,
    variants: &[usize],
    machine: &Loaded,
) -> Result<Vec<Record>, ShapeError> {
    cells_within(context, kernel, shape, variants, machine, None)
}

/// The same as part of work that walks through so many bytes: they decide whether weights are found in a cache.
///
/// # Errors
/// A shape that the kernel does not have.
pub fn cells_within(
    context: &Context,
    kernel: &dyn Kernel,
    shape: &Shape,
    variants: &[usize],
    machine: &Loaded,
    working_set_bytes: Option<f64>,
) -> Result<Vec<Record>, ShapeError> {
    let profile = &machine.profile;
    let params = Params::new(profile);
    let input = Input { flavor: Flavor::Blank, ..Input::typical(context.environment.seed) };
    let abouts = kernel.variants();
    let cost = kernel.cost(shape);
    let mut case = kernel.prepare(shape, &input)?;
    let bytes = working_set_bytes.unwrap_or_else(|| streamed_bytes(case.as_mut()) as f64);
    let warm = fits_cache(bytes, profile);
    let mut base = Base::default();
    let mut records = Vec::new();
    for (v, about) in abouts.iter().enumerate() {
        let wanted = variants.contains(&v);
        // Rung 0 is what every speedup is taken from, wanted or not.
        if !wanted && v != 0 {
            continue;
        }
        let (mut outcome, isa, threads) =
            outcome(context, kernel, case.as_mut(), v, about, profile, &params, warm, &cost);
        base.put_speedup(v, &mut outcome);
        if wanted {
            records.push(Record {
                schema: SCHEMA,
                tier: Tier::Modelled,
                kernel: kernel.name().into(),
                shape: shape.name.to_string(),
                dims: kernel.dims(shape),
                variant: about.name.into(),
                rung: v as u32,
                idea: about.idea.into(),
                after: about.after.map(Into::into),
                machine: machine_ref(machine, &cost, isa, threads),
                outcome,
                cost: CostRef { operations: cost.operations, bytes: cost.bytes },
                caps: Vec::new(),
                environment: context.environment.clone(),
            });
        }
    }
    Ok(records)
}

/// True where the weights survive in the machine's second cache level (or its last, if nearer) between runs: such cells
/// start warm, all others cold.
pub fn stays_cached(case: &mut dyn Case, profile: &Profile) -> bool {
    fits_cache(streamed_bytes(case) as f64, profile)
}

fn fits_cache(bytes: f64, profile: &Profile) -> bool {
    let level = profile.caches.get(1).or(profile.caches.first());
    level.is_some_and(|l| bytes <= l.kib.value * 1024.0)
}

/// Bytes of the operands that a run streams through once.
pub fn streamed_bytes(case: &mut dyn Case) -> usize {
    bytes_of(case, |r| r.streamed && r.presence == Presence::Own)
}

/// Bytes of what only some variants keep, see [`Presence::Expanded`].
pub fn expanded_bytes(case: &mut dyn Case) -> usize {
    bytes_of(case, |r| r.presence == Presence::Expanded)
}

/// MiB that a variant's operands take, `expanded` ones included or not; other orders of them not counted.
pub fn needed_mib(case: &mut dyn Case, expanded: bool) -> f64 {
    let taken = |r: &Region| match r.presence {
        Presence::Own => true,
        Presence::Instead => false,
        Presence::Expanded => expanded,
    };
    bytes_of(case, taken) as f64 / (1 << 20) as f64
}

fn bytes_of(case: &mut dyn Case, taken: impl Fn(&Region) -> bool) -> usize {
    case.regions().iter().filter(|r| taken(r)).map(|r| r.bytes).sum()
}

/// One variant of a prepared case on a machine: what came out, the instruction set and the threads.
#[allow(clippy::too_many_arguments, reason = "a struct would only rename them")]
pub fn outcome(
    context: &Context,
    kernel: &dyn Kernel,
    case: &mut dyn Case,
    variant: usize,
    about: &About,
    profile: &Profile,
    params: &Params,
    warm: bool,
    cost: &Cost,
) -> (Outcome, String, u32) {
    let threads = if about.threads { profile.machine.cores.value } else { 1 };
    let lanes = match lanes(about, profile) {
        Ok(lanes) => lanes,
        Err(NotAvailable(reason)) => return (Outcome::NotAvailable { reason }, isa_name(about, 1, profile), threads),
    };
    let isa = isa_name(about, lanes, profile);
    let needed = needed_mib(case, about.expanded);
    if needed > profile.machine.memory_mib.value {
        let reason = format!("needs {needed:.0} MiB, the machine has {:.0} MiB", profile.machine.memory_mib.value);
        return (Outcome::DoesNotFit { reason }, isa, threads);
    }
    let errors = match context.gate.check(kernel, variant, lanes, context.environment.seed) {
        Ok(errors) => errors,
        Err(reason) => return (Outcome::Wrong { reason }, isa, threads),
    };
    let outcome = match caught(|| model(case, variant, lanes, params, Mode::Sampled, warm)) {
        Err(reason) => Outcome::Void { reason },
        Ok(Ok(estimate)) => {
            let mut timing = timing(&estimate, kernel.name(), profile, lanes, warm, cost);
            timing.nmse = errors.nmse;
            timing.backward_error = errors.backward;
            Outcome::Timed(timing)
        }
        Ok(Err(NotAvailable(reason))) => Outcome::NotAvailable { reason },
    };
    (outcome, isa, threads)
}

fn timing(estimate: &Estimate, kernel: &str, profile: &Profile, lanes: usize, warm: bool, cost: &Cost) -> Timing {
    let band = band::on_cpu(profile.class, kernel);
    let compute_ns = cost.operations as f64 / peak_ops(profile, cost) * 1e9;
    let memory_ns = cost.bytes as f64 / profile.memory.bandwidth_gb_s.value;
    Timing {
        time_ns: estimate.time_ns,
        low_ns: estimate.time_ns / band,
        high_ns: estimate.time_ns * band,
        speedup: None,
        ratio_within: Some(band::of_cpu_speedup()),
        samples_ns: Vec::new(),
        warm,
        floor_ns: Some(if warm { compute_ns } else { compute_ns.max(memory_ns) }),
        bound: estimate.shares.first().map(|s| s.0),
        shares: estimate.shares.clone(),
        paced_share: None,
        counts: Some(Counts {
            operations: estimate.operations,
            memory_bytes: estimate.memory_bytes,
            lanes: lanes as u32,
        }),
        cycles: None,
        nmse: 0.0,
        backward_error: 0.0,
    }
}

/// Operations per second of this kind of work that all cores together can do at best.
pub fn peak_ops(profile: &Profile, cost: &Cost) -> f64 {
    match cost.work {
        Work::F32 | Work::F16 => profile.peak_f32_ops_per_s(),
        Work::Bf16 => profile.peak_bf16_ops_per_s(),
        Work::I8 => profile.peak_i8_ops_per_s(),
    }
}

fn isa_name(about: &About, lanes: usize, profile: &Profile) -> String {
    match (&profile.simd, about.width) {
        (_, Width::Arch(isa)) => isa.name().into(),
        (Some(simd), _) if lanes > 1 => simd.isa.clone(),
        _ => "scalar".into(),
    }
}

/// A machine as records name it, with this instruction set and so many threads.
pub fn machine_ref(machine: &Loaded, cost: &Cost, isa: String, threads: u32) -> MachineRef {
    let p = &machine.profile;
    MachineRef {
        id: p.id.clone(),
        name: p.name.clone(),
        class: p.class.as_str().into(),
        year: Some(p.year),
        profile_hash: Some(machine.hash.clone()),
        isa,
        threads,
        peak_ops_per_s: Some(peak_ops(p, cost)),
        peak_bytes_per_s: Some(p.memory.bandwidth_gb_s.value * 1e9),
    }
}
