//! `gpu`: shaders on this host's GPUs, natively, and how far the model of such a GPU is from it; built with the feature `gpu`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use kernels::input::{Flavor, Input};
use kernels::kernel::Kernel;

use super::measure::on_gpus;
use super::output::{self, OutputArgs};
use super::sink::Sink;
use super::{Common, Failure, command_line, switch};
use crate::adapter::{self, Compiled, Gpu, GpuError, Options, Prepared};
use crate::gate::Errors;
use crate::journal::Journal;
use crate::plan::{Group, Plan};
use crate::profile::Hardware;
use crate::record::{CostRef, Environment, MachineRef, Outcome, Record, SCHEMA, Speedup, Tier, Timing};
use crate::simt::cells::Context;
use crate::simt::gate::ShaderGate;
use crate::simt::program::Program;
use crate::stats::{median_interval, ratio_interval};
use crate::validate;

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
    /// Profile of the GPU that is here: every cell is modelled on it too, and how far that is off is said last.
    #[arg(long, env = "RETROBENCH_HW")]
    hw: Option<String>,
    /// Asks wgpu for matrix units, which are experimental there: its bugs, or the driver's, may show.
    #[arg(long, env = "RETROBENCH_EXPERIMENTAL", value_parser = switch)]
    experimental: bool,
    /// Leaves out the bounds checks and loop counters that wgpu compiles into shaders: what CUDA compiles has neither.
    #[arg(long, env = "RETROBENCH_UNCHECKED", value_parser = switch)]
    unchecked: bool,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    output: OutputArgs,
    /// Appends each record to this file as soon as it is measured (- = standard output).
    #[arg(long, value_name = "FILE", env = "RETROBENCH_JOURNAL")]
    journal: Option<PathBuf>,
}

/// Runs of a sample take about so long, ns: the clocks of GPUs tick in up to a microsecond.
const SAMPLE_NS: f64 = 1e6;
/// But a sample is at most so many.
const MOST_RUNS: f64 = 100.0;

/// Runs them and prints their records.
pub fn run(args: &GpuArgs) -> Result<(), Failure> {
    let plan = Plan::select(args.filter.as_deref()).map_err(Failure::input)?;
    let twin = args.hw.as_deref().map(twin).transpose()?;
    args.output.ready()?;
    let options = Options { experimental: args.experimental, unchecked: args.unchecked };
    let (found, refused) = adapter::all(options);
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
    let mut sink = Sink::new(args.journal.as_deref().map(Journal::append_to))?;
    for gpu in &gpus {
        for group in plan.groups.iter().filter(|g| !g.shaders.is_empty()) {
            bar.set_message(format!("{}/{}", group.kernel.name(), group.shape.name));
            sink.take(cells(gpu, &gate, group, args.rounds.into(), &environment)?)?;
            bar.inc(group.shaders.len() as u64);
        }
    }
    if let Some(twin) = &twin {
        let environment = Environment::build(&command, args.common.seed);
        on_gpus(&plan, &twin.gpus, &Context { gate: &gate, environment: &environment }, &bar, &mut sink)?;
    }
    bar.finish_and_clear();
    args.output.write(&sink.records, &command)?;
    if let Some(found) = twin.iter().flat_map(Hardware::ids).find_map(|id| validate::compare(&sink.records, id)) {
        eprint!("{}", found.table());
    }
    output::verdict(&sink.records)
}

/// The one GPU that a profile describes.
fn twin(hw: &str) -> Result<Hardware, Failure> {
    let found = Hardware::select(hw).map_err(Failure::input)?;
    match (found.gpus.len(), found.len()) {
        (1, 1) => Ok(found),
        _ => Err(Failure::input(format!(
            "--hw {hw}: here it names the profile of one GPU, the one that is in this host"
        ))),
    }
}

/// One rung at one shape.
struct Cell {
    shader: usize,
    ready: Result<(Prepared, Errors), Box<Outcome>>,
    /// Runs of a sample.
    runs: usize,
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
        let ready = gate.program(*kernel, shader).map_err(void).and_then(|program| {
            let compiled = gpu.compile(&program).map_err(outcome)?;
            let errors = checked(gpu, &compiled, &program, *kernel, environment.seed)?;
            Ok((gpu.prepare(&compiled, shape, case.as_mut()).map_err(outcome)?, errors))
        });
        cells.push(Cell { shader, ready, runs: 1, samples_ns: Vec::new() });
    }
    // The first round warms up.
    for round in 0..=rounds {
        for cell in &mut cells {
            let Ok((prepared, _)) = &cell.ready else { continue };
            // A run before brings into the caches what they hold of its operands, as in the model.
            match gpu.run(prepared, 1).and_then(|_| gpu.run(prepared, cell.runs)) {
                Ok(ns) if round > 0 => cell.samples_ns.push(ns),
                Ok(ns) => cell.runs = (SAMPLE_NS / ns.max(1.0)).ceil().clamp(1.0, MOST_RUNS) as usize,
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
    compiled: &Compiled,
    program: &Arc<Program>,
    kernel: &dyn Kernel,
    seed: u64,
) -> Result<Errors, Box<Outcome>> {
    let mut worst = Errors { nmse: 0.0, backward: 0.0 };
    for flavor in [Flavor::Typical, Flavor::AdversarialNormal] {
        for shape in kernel.test_shapes() {
            let input = Input { flavor, ..Input::typical(seed) };
            let mut case = kernel.prepare(&shape, &input).map_err(void)?;
            case.poison();
            let prepared = gpu.prepare(compiled, &shape, case.as_mut()).map_err(outcome)?;
            gpu.run(&prepared, 1).map_err(outcome)?;
            gpu.read_back(&prepared, case.as_mut()).map_err(outcome)?;
            let verdict = case.verify_foreign(program.partial_sums(), program.function_error());
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
            isa: gpu.dialect().into(),
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
