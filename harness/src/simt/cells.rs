//! Modelled cells of GPUs: one kernel × shape on every machine, every shader, as records. A shader is interpreted once for
//! all machines with warps as wide.

use std::collections::BTreeMap;

use kernels::input::{Flavor, Input};
use kernels::kernel::{Cost, Kernel, Shape, ShapeError, Work};
use kernels::operand::{Operand, Presence};

use super::gate::ShaderGate;
use super::price::{Lacks, price};
use super::rules::Rules;
use super::sample::{Counted, count};
use crate::caught::caught;
use crate::profile::{GpuProfile, Loaded, band};
use crate::record::{Base, Bound, CostRef, Environment, MachineRef, Outcome, Record, SCHEMA, Tier, Timing};

/// What all cells of a run share.
pub struct Context<'a> {
    /// Verdicts of the correctness gate, and lowered shaders.
    pub gate: &'a ShaderGate,
    /// Goes into every record; names no host.
    pub environment: &'a Environment,
}

/// How far a thread's registers may lie from the estimate: compilers differ.
const REGISTER_BAND: f64 = 0.25;

/// Models every shader of `kernel` whose index is in `shaders` at `shape` on the machines; records come machine by machine.
///
/// # Errors
/// A shape that the kernel does not have.
pub fn cells(
    context: &Context,
    kernel: &dyn Kernel,
    shape: &Shape,
    shaders: &[usize],
    machines: &[Loaded<GpuProfile>],
) -> Result<Vec<Record>, ShapeError> {
    cells_within(context, kernel, shape, shaders, machines, None)
}

/// The same as part of work that walks through so many bytes: they decide whether operands are found in L2.
///
/// # Errors
/// A shape that the kernel does not have.
pub fn cells_within(
    context: &Context,
    kernel: &dyn Kernel,
    shape: &Shape,
    shaders: &[usize],
    machines: &[Loaded<GpuProfile>],
    working_set_bytes: Option<f64>,
) -> Result<Vec<Record>, ShapeError> {
    // Rung 0 is what every speedup is taken from, wanted or not.
    let all = kernel.shaders();
    let wanted: Vec<usize> = (0..all.len()).filter(|i| *i == 0 || shaders.contains(i)).collect();
    let mut counts = Counts::new(context, kernel, shape, &wanted, machines.iter().map(|m| &m.profile))?;
    counts.working_set = working_set_bytes;
    let cost = counts.cost;
    let mut records = Vec::new();
    for machine in machines {
        let mut base = Base::default();
        for &shader in &wanted {
            let mut outcome = counts.outcome(context, kernel, shader, &machine.profile);
            base.put_speedup(shader, &mut outcome);
            if shaders.contains(&shader) {
                records.push(Record {
                    schema: SCHEMA,
                    tier: Tier::Modelled,
                    kernel: kernel.name().into(),
                    shape: shape.name.to_string(),
                    dims: kernel.dims(shape),
                    variant: all[shader].name.into(),
                    rung: shader as u32,
                    idea: all[shader].idea.into(),
                    after: all[shader].after.map(Into::into),
                    machine: machine_ref(machine, &cost),
                    outcome,
                    cost: CostRef { operations: cost.operations, bytes: cost.bytes },
                    caps: Vec::new(),
                    environment: context.environment.clone(),
                });
            }
        }
    }
    Ok(records)
}

/// Shaders of a kernel at a shape, interpreted for the rules of some machines: what is to be priced.
pub struct Counts {
    counted: BTreeMap<(u32, usize), Result<Vec<Counted>, String>>,
    /// Bytes that the operands take, those apart that are expanded.
    needed: [f64; 2],
    /// Bytes that are walked through before the operands come again, where they are part of more.
    working_set: Option<f64>,
    /// Work of the kernel.
    pub cost: Cost,
}

impl Counts {
    /// Interprets each of the `shaders` once for every width of warps.
    ///
    /// # Errors
    /// A shape that the kernel does not have.
    pub fn new<'g>(
        context: &Context,
        kernel: &dyn Kernel,
        shape: &Shape,
        shaders: &[usize],
        gpus: impl Iterator<Item = &'g GpuProfile>,
    ) -> Result<Self, ShapeError> {
        let input = Input { flavor: Flavor::Blank, ..Input::typical(context.environment.seed) };
        let mut case = kernel.prepare(shape, &input)?;
        let needed = [false, true].map(|expanded| operand_bytes(&case.operands(), expanded));
        let mut rules: BTreeMap<u32, Vec<Rules>> = BTreeMap::new();
        for gpu in gpus {
            let of = rules.entry(gpu.sm.warp_lanes.value).or_default();
            let rule = Rules::of(gpu);
            if !of.contains(&rule) {
                of.push(rule);
            }
        }
        let mut counted = BTreeMap::new();
        for (lanes, rules) in &rules {
            for shader in shaders {
                let counts = context.gate.program(kernel, *shader).and_then(|p| count(&p, shape, case.as_mut(), rules));
                counted.insert((*lanes, *shader), counts.map_err(|e| e.to_string()));
            }
        }
        Ok(Self { counted, needed, working_set: None, cost: kernel.cost(shape) })
    }

    /// True where the machine's rules were interpreted.
    pub fn covers(&self, gpu: &GpuProfile) -> bool {
        let rules = Rules::of(gpu);
        let of_rules = |pass: &Counted| pass.traffic.iter().any(|t| t.rules == rules);
        let there = |counted: &Result<Vec<Counted>, String>| counted.as_ref().map_or(true, |p| p.iter().all(of_rules));
        let mut of_width = self.counted.iter().filter(|((lanes, _), _)| *lanes == rules.lanes).peekable();
        of_width.peek().is_some() && of_width.all(|(_, counted)| there(counted))
    }

    /// What one of the shaders takes on a machine whose rules were interpreted, its results unchecked; ns.
    ///
    /// # Errors
    /// Why it does not run there.
    pub fn time_ns(&self, kernel: &dyn Kernel, shader: usize, gpu: &GpuProfile) -> Result<f64, String> {
        let counted =
            self.counted.get(&(gpu.sm.warp_lanes.value, shader)).ok_or("not interpreted for warps as wide")?;
        let warm = stays_cached(self.needed[usize::from(kernel.shaders()[shader].expanded)], gpu);
        Ok(priced(gpu, counted.as_ref().map_err(Clone::clone)?, warm).map_err(|Lacks(reason)| reason)?.ns)
    }

    /// One of the shaders on a machine whose rules were interpreted.
    pub fn outcome(&self, context: &Context, kernel: &dyn Kernel, shader: usize, gpu: &GpuProfile) -> Outcome {
        match self.counted.get(&(gpu.sm.warp_lanes.value, shader)) {
            Some(counted) => {
                let needed = self.needed[usize::from(kernel.shaders()[shader].expanded)];
                let working_set = self.working_set.unwrap_or(needed);
                outcome(context, kernel, shader, counted, gpu, (needed, working_set), &self.cost)
            }
            None => Outcome::Void { reason: "not interpreted for warps as wide".into() },
        }
    }
}

/// True where operands of so many bytes survive in L2 between runs: such cells start warm, all others cold.
pub fn stays_cached(bytes: f64, gpu: &GpuProfile) -> bool {
    gpu.l2.as_ref().is_some_and(|l2| bytes <= l2.kib.value * 1024.0)
}

/// Bytes that a shader's operands take, `expanded` ones included or not; of what lies there in two orders a run reads one,
/// and the first counts.
pub fn operand_bytes(operands: &[Operand<'_>], expanded: bool) -> f64 {
    let taken = operands.iter().filter(|o| match o.presence() {
        Presence::Own => true,
        Presence::Instead => false,
        Presence::Expanded => expanded,
    });
    taken.map(|o| o.bytes().len() as f64).sum()
}

fn outcome(
    context: &Context,
    kernel: &dyn Kernel,
    shader: usize,
    counted: &Result<Vec<Counted>, String>,
    gpu: &GpuProfile,
    (needed, working_set): (f64, f64),
    cost: &Cost,
) -> Outcome {
    let has = gpu.memory.memory_mib.value;
    if needed > has * 1024.0 * 1024.0 {
        let reason = format!("needs {:.0} MiB, the GPU has {has:.0} MiB", needed / 1024.0 / 1024.0);
        return Outcome::DoesNotFit { reason };
    }
    if gpu.matrix.is_none() && context.gate.program(kernel, shader).is_ok_and(|p| p.matrices()) {
        return Outcome::NotAvailable { reason: format!("the {} has no matrix units", gpu.name) };
    }
    let warm = stays_cached(working_set, gpu);
    let counted = match counted {
        Ok(counted) => counted,
        Err(reason) => return Outcome::Void { reason: reason.clone() },
    };
    let priced = match caught(|| priced(gpu, counted, warm)) {
        Ok(Ok(priced)) => priced,
        Ok(Err(Lacks(reason))) => return Outcome::NotAvailable { reason },
        Err(reason) => return Outcome::Void { reason },
    };
    let lanes = gpu.sm.warp_lanes.value as usize;
    let errors = match context.gate.check(kernel, shader, lanes, context.environment.seed) {
        Ok(errors) => errors,
        Err(reason) => return Outcome::Wrong { reason },
    };
    let band = band::on_gpu(kernel.name());
    let compute_ns = cost.operations as f64 / peak_ops(gpu, cost) * 1e9;
    let memory_ns = cost.bytes as f64 / gpu.memory.bandwidth_gb_s.value;
    Outcome::Timed(Timing {
        time_ns: priced.ns,
        low_ns: priced.low_ns / band,
        high_ns: priced.high_ns * band,
        speedup: None,
        ratio_within: Some(band::of_gpu_speedup()),
        samples_ns: Vec::new(),
        warm,
        floor_ns: Some(if warm { compute_ns } else { compute_ns.max(memory_ns) }),
        bound: priced.shares.first().map(|s| s.0),
        shares: priced.shares,
        cycles: None,
        paced_share: None,
        counts: None,
        nmse: errors.nmse,
        backward_error: errors.backward,
    })
}

/// What all passes of a shader take.
#[derive(Clone, Debug, PartialEq)]
pub struct Priced {
    /// ns.
    pub ns: f64,
    /// With the registers at the better end of their band.
    pub low_ns: f64,
    /// At the worse end.
    pub high_ns: f64,
    /// Share of the time by what is waited for, largest first.
    pub shares: Vec<(Bound, f64)>,
}

/// All passes, with registers as estimated and at both ends of their band.
///
/// # Errors
/// What the machine lacks.
pub fn priced(gpu: &GpuProfile, counted: &[Counted], warm: bool) -> Result<Priced, Lacks> {
    let total = |registers: f64| -> Result<(f64, Vec<(Bound, f64)>), Lacks> {
        let mut parts: BTreeMap<Bound, f64> = BTreeMap::new();
        let mut ns = 0.0;
        for pass in counted {
            let time = price(gpu, pass, registers, warm)?;
            ns += time.ns;
            time.parts.into_iter().for_each(|(bound, part)| *parts.entry(bound).or_insert(0.0) += part);
        }
        let mut shares: Vec<_> = parts.into_iter().map(|(b, part)| (b, part / ns.max(1e-9))).collect();
        shares.retain(|(_, share)| *share > 0.0);
        shares.sort_by(|a, b| b.1.total_cmp(&a.1));
        Ok((ns, shares))
    };
    let (ns, shares) = total(1.0)?;
    let ends = [total(1.0 - REGISTER_BAND)?.0, total(1.0 + REGISTER_BAND)?.0];
    Ok(Priced { ns, low_ns: ends[0].min(ends[1]).min(ns), high_ns: ends[0].max(ends[1]).max(ns), shares })
}

/// Operations per second of this kind of work at best.
pub fn peak_ops(gpu: &GpuProfile, cost: &Cost) -> f64 {
    match cost.work {
        Work::F32 => gpu.peak_f32_ops_per_s(),
        Work::Bf16 | Work::F16 => gpu.peak_f16_ops_per_s(),
        Work::I8 => gpu.peak_i8_ops_per_s(),
    }
}

/// A GPU as records name it.
pub fn machine_ref(machine: &Loaded<GpuProfile>, cost: &Cost) -> MachineRef {
    let gpu = &machine.profile;
    MachineRef {
        id: gpu.id.clone(),
        name: gpu.name.clone(),
        class: "gpu".into(),
        year: Some(gpu.year),
        profile_hash: Some(machine.hash.clone()),
        isa: "wgsl".into(),
        threads: gpu.machine.sms.value,
        peak_ops_per_s: Some(peak_ops(gpu, cost)),
        peak_bytes_per_s: Some(gpu.memory.bandwidth_gb_s.value * 1e9),
    }
}
