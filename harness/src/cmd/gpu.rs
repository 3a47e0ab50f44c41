//! `gpu`: shaders on this host's GPUs, natively; built with the feature `gpu`.

use clap::Args;
use kernels::input::{Flavor, Input};
use kernels::kernel::Kernel;

use super::output::{self, OutputArgs};
use super::{Common, Failure, command_line};
use crate::adapter::{self, Gpu, GpuError, Prepared};
use crate::gate::Errors;
use crate::plan::{Group, Plan};
use crate::record::{CostRef, Environment, MachineRef, Outcome, Record, SCHEMA, Speedup, Tier, Timing};
use crate::simt::gate::ShaderGate;
use crate::stats::{median_interval, ratio_interval};

/// Flags of `gpu`.
#[derive(Debug, Args)]
pub struct GpuArgs {
    /// Regular expression on kernel/shape/shader [default: the shapes of the tour].
    #[arg(env = "RETROBENCH_FILTER")]
    filter: Option<String>,
    /// Only GPUs whose name holds this.
    #[arg(long, value_name = "NAME", env = "RETROBENCH_ADAPTER")]
    adapter: Option<String>,
    /// Rounds; in each, every shader of a shape runs once.
    #[arg(long, default_value_t = 20, env = "RETROBENCH_ROUNDS", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs them and prints their records.
pub fn run(args: &GpuArgs) -> Result<(), Failure> {
    let plan = Plan::select(args.filter.as_deref()).map_err(Failure::input)?;
    let (found, refused) = adapter::all();
    let wanted = |gpu: &Gpu| args.adapter.as_ref().is_none_or(|name| gpu.name().contains(name.as_str()));
    let gpus: Vec<Gpu> = found.into_iter().filter(wanted).collect();
    if gpus.is_empty() {
        let why: String = refused.iter().map(|e| format!("; {e}")).collect();
        return Err(Failure::unenforced(format!(
            "no such GPU is found here{why}; a driver for Vulkan, Metal or D3D12 has to be installed"
        )));
    }
    let command = command_line();
    let environment = Environment::here(&command, args.common.seed);
    let bar = output::progress(plan.shader_cells() * gpus.len(), args.common.quiet);
    let gate = ShaderGate::default();
    let mut records = Vec::new();
    for gpu in &gpus {
        for group in plan.groups.iter().filter(|g| !g.shaders.is_empty()) {
            bar.set_message(format!("{}/{}", group.kernel.name(), group.shape.name));
            records.extend(cells(gpu, &gate, group, args.rounds.into(), &environment)?);
            bar.inc(group.shaders.len() as u64);
        }
    }
    bar.finish_and_clear();
    args.output.write(&records, &command)?;
    output::verdict(&records)
}

/// One rung at one shape.
struct Cell {
    shader: usize,
    ready: Result<(Prepared, Errors), Box<Outcome>>,
    samples_ns: Vec<f64>,
}

fn cells(
    gpu: &Gpu,
    gate: &ShaderGate,
    group: &Group,
    rounds: usize,
    environment: &Environment,
) -> Result<Vec<Record>, Failure> {
    let Group { kernel, shape, .. } = group;
    let mut case = kernel.prepare(shape, &Input::typical(environment.seed)).map_err(Failure::input)?;
    let mut cells = Vec::new();
    // Rung 0 is what every speedup is taken from, wanted or not.
    for shader in (0..kernel.shaders().len()).filter(|s| *s == 0 || group.shaders.contains(s)) {
        let ready = checked(gpu, gate, *kernel, shader, environment.seed).and_then(|errors| {
            let program = gate.program(*kernel, shader).map_err(void)?;
            Ok((gpu.prepare(&program, shape, case.as_mut()).map_err(outcome)?, errors))
        });
        cells.push(Cell { shader, ready, samples_ns: Vec::new() });
    }
    // The first round warms up.
    for round in 0..=rounds {
        for cell in &mut cells {
            let Ok((prepared, _)) = &cell.ready else { continue };
            match gpu.run(prepared) {
                Ok(ns) if round > 0 => cell.samples_ns.push(ns),
                Ok(_) => {}
                Err(e) => cell.ready = Err(outcome(e)),
            }
        }
    }
    let naive = cells.first().map(|c| c.samples_ns.clone()).unwrap_or_default();
    let wanted = cells.into_iter().filter(|c| group.shaders.contains(&c.shader));
    Ok(wanted.map(|cell| record(gpu, group, cell, &naive, environment)).collect())
}

/// The kernel's test shapes, run on the GPU and compared with the f64 reference.
fn checked(
    gpu: &Gpu,
    gate: &ShaderGate,
    kernel: &dyn Kernel,
    shader: usize,
    seed: u64,
) -> Result<Errors, Box<Outcome>> {
    let program = gate.program(kernel, shader).map_err(void)?;
    let mut worst = Errors { nmse: 0.0, backward: 0.0 };
    for flavor in [Flavor::Typical, Flavor::Adversarial] {
        for shape in kernel.test_shapes() {
            let input = Input { flavor, ..Input::typical(seed) };
            let mut case = kernel.prepare(&shape, &input).map_err(void)?;
            case.poison();
            let prepared = gpu.prepare(&program, &shape, case.as_mut()).map_err(outcome)?;
            gpu.run(&prepared).map_err(outcome)?;
            gpu.read_back(&prepared, case.as_mut()).map_err(outcome)?;
            let verdict = case.verify_foreign(program.partial_sums());
            if let Some(failure) = verdict.failure {
                let reason = format!("test shape {}, {flavor:?} input: {failure}", kernel.dims(&shape));
                return Err(Box::new(Outcome::Wrong { reason }));
            }
            worst.nmse = worst.nmse.max(verdict.nmse);
            worst.backward = worst.backward.max(verdict.backward);
        }
    }
    Ok(worst)
}

fn void(e: impl std::fmt::Display) -> Box<Outcome> {
    Box::new(Outcome::Void { reason: e.to_string() })
}

fn outcome(e: GpuError) -> Box<Outcome> {
    match e {
        GpuError::Lacks { .. } => Box::new(Outcome::NotAvailable { reason: e.to_string() }),
        GpuError::Refused { .. } => void(e),
    }
}

fn record(gpu: &Gpu, group: &Group, cell: Cell, naive: &[f64], environment: &Environment) -> Record {
    let Group { kernel, shape, .. } = group;
    let cost = kernel.cost(shape);
    let about = &kernel.shaders()[cell.shader];
    Record {
        schema: SCHEMA,
        tier: Tier::Native,
        kernel: kernel.name().into(),
        shape: shape.name.to_string(),
        dims: kernel.dims(shape),
        variant: about.name.into(),
        rung: cell.shader as u32,
        idea: about.idea.into(),
        after: about.after.map(Into::into),
        machine: MachineRef {
            id: "this-gpu".into(),
            name: gpu.name(),
            class: "gpu".into(),
            year: None,
            profile_hash: None,
            isa: "wgsl".into(),
            threads: 1,
            peak_ops_per_s: None,
            peak_bytes_per_s: None,
        },
        outcome: timed(cell, naive),
        cost: CostRef { operations: cost.operations, bytes: cost.bytes },
        caps: Vec::new(),
        environment: environment.clone(),
    }
}

fn timed(cell: Cell, naive: &[f64]) -> Outcome {
    let errors = match cell.ready {
        Ok((_, errors)) => errors,
        Err(outcome) => return *outcome,
    };
    let interval = match median_interval(&cell.samples_ns) {
        Ok(interval) => interval,
        Err(e) => return Outcome::Void { reason: e.to_string() },
    };
    let ratio = ratio_interval(naive, &cell.samples_ns).ok();
    Outcome::Timed(Timing {
        time_ns: interval.value,
        low_ns: interval.low,
        high_ns: interval.high,
        speedup: ratio.map(|r| Speedup { ratio: r.value, low: r.low, high: r.high }),
        ratio_within: None,
        samples_ns: cell.samples_ns,
        // The same operands each round: whatever cache holds them keeps them.
        warm: true,
        floor_ns: None,
        bound: None,
        shares: Vec::new(),
        paced_share: None,
        cycles: None,
        counts: None,
        nmse: errors.nmse,
        backward_error: errors.backward,
    })
}
