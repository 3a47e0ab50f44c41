//! `measure`: the cells a filter selects, natively, under limits, modelled, or several of these.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use kernels::kernel::ShapeError;
use kernels::machine::Isa;
use kernels::model::WeightsSelector;
use kernels::weights::Source;
use rayon::prelude::*;

use super::output::{self, OutputArgs};
use super::sink::Sink;
use super::{Common, Failure, Part, capped, command_line, weights};
use crate::capped::{CapError, Caps};
use crate::emulated;
use crate::environment::Host;
use crate::gate::Gate;
use crate::journal::Journal;
use crate::native::{self, Bay};
use crate::plan::{Group, Plan};
use crate::profile::{Class, Emulated, GpuProfile, Hardware, Loaded, Profile};
use crate::record::{Environment, Record};
use crate::shard::{Here, Share, Stage};
use crate::simt;
use crate::simt::gate::ShaderGate;
use crate::timed::cells::{self, Context};
use crate::validate;
use crate::worker::Warden;

/// Flags of `measure`.
#[derive(Debug, Args)]
pub struct MeasureArgs {
    /// Regular expression on kernel/shape/variant [default: the shapes of the tour].
    #[arg(env = "RETROBENCH_FILTER")]
    filter: Option<String>,
    /// How the numbers come to be: native (this host), capped (under --cap), modelled (processors and GPUs), emulated (machine
    /// code) [default: those that --hw and --cap select, else native].
    #[arg(long, value_enum, value_delimiter = ',', env = "RETROBENCH_TIER")]
    tier: Vec<TierArg>,
    /// Machines to model or emulate: profile ids, `all`, `class:...`, .toml files. Naming one selects its tier.
    #[arg(long, env = "RETROBENCH_HW")]
    hw: Option<String>,
    /// Limits on this host, enforced and proven: memory=256MiB,cores=1,bandwidth=2GB/s,storage=100MB/s,cpu=50%,simd=sse2, a
    /// name of profiles/cap, a machine (its memory, cores and bandwidth) or a .toml file. Naming some selects the capped tier.
    #[arg(long, value_name = "LIMITS", env = "RETROBENCH_CAP", value_parser = parse_caps)]
    cap: Option<Caps>,
    /// Weights of a real model, FILE or FILE:TENSOR (llama2.c v0, GGUF), instead of seeded ones.
    #[arg(long, value_name = "FILE[:TENSOR]", env = "RETROBENCH_WEIGHTS")]
    weights: Option<WeightsSelector>,
    /// Native instruction set of the portable variants [default: the widest here].
    #[arg(long, env = "RETROBENCH_ISA", value_parser = parse_isa)]
    isa: Option<Isa>,
    /// Seconds of measuring for each kernel and shape.
    #[arg(long, default_value_t = 5.0, env = "RETROBENCH_SECONDS", value_parser = parse_seconds)]
    seconds: f64,
    /// Profile of this host, from `calibrate`: gives native records their floor and the physics guard.
    #[arg(long, value_name = "FILE", env = "RETROBENCH_HOST_PROFILE")]
    host_profile: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    part: Part,
    #[command(flatten)]
    output: OutputArgs,
    /// Appends each record to this file as soon as it is measured (- = standard output).
    #[arg(long, value_name = "FILE", env = "RETROBENCH_JOURNAL")]
    journal: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TierArg {
    Native,
    Capped,
    Modelled,
    Emulated,
}

/// Limits as `--cap` names them.
pub fn parse_caps(text: &str) -> Result<Caps, CapError> {
    Caps::parse(text)
}

/// A native instruction set that is there.
pub fn parse_isa(name: &str) -> Result<Isa, String> {
    let known = || Isa::ALL.map(Isa::name).join(", ");
    let isa = Isa::ALL.into_iter().find(|i| i.name() == name).ok_or_else(|| format!("known are {}", known()))?;
    if isa.available() { Ok(isa) } else { Err(format!("this processor has no {name}")) }
}

/// A number of seconds that a measurement can take.
pub fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(s) if s > 0.0 && s <= 86_400.0 => Ok(s),
        _ => Err("a number of seconds above 0 and up to 86400".into()),
    }
}

/// Runs the cells and prints their records.
pub fn run(args: &MeasureArgs) -> Result<(), Failure> {
    let sources = args.weights.as_ref().map(weights::open).transpose()?.unwrap_or_default();
    let plan = weights::plan(args.filter.as_deref(), &sources)?;
    consistent(args)?;
    // Naming machines or limits selects their tiers; native then has to be asked for.
    let named = args.hw.is_some() || args.cap.is_some();
    let native = args.tier.contains(&TierArg::Native) || args.tier.is_empty() && !named;
    if !native && args.cap.is_none() {
        let here = [("--isa", args.isa.is_some()), ("--host-profile", args.host_profile.is_some())];
        if let Some((flag, _)) = here.iter().find(|(_, given)| *given) {
            return Err(Failure::input(format!(
                "{flag} is for measuring here: add --tier native,modelled, or leave it out"
            )));
        }
    }
    let calibrated = args.host_profile.as_deref().map(host_profile).transpose()?;
    args.output.ready()?;
    let machines = machines(args)?;
    let command = command_line();
    let mut sink = Sink::new(args.journal.as_deref().map(Journal::append_to))?;
    let (output, again) = (args.output.clone(), command.clone());
    sink.when_interrupted(move |records| {
        let cells = if records.len() == 1 { "cell" } else { "cells" };
        eprintln!("retrobench: interrupted; {} {cells} measured until then", records.len());
        // This process ends: there is nobody left to tell of an error but the reader.
        if let Err(failure) = output.write(records, &again) {
            eprintln!("retrobench: {}", failure.message);
        }
    });
    let here = native.then_some(calibrated);
    let measured = cells_of(args, &plan, &sources, here, &machines, &command, &mut sink);
    sink.settled();
    // A part of a run may have nothing to do.
    if measured.is_ok() && sink.records.is_empty() && args.part.shard.is_none() {
        return Err(nothing(&plan, if native { "this host" } else { args.hw.as_deref().unwrap_or("all") }));
    }
    // Whatever stopped it, what was measured until then is not lost.
    if measured.is_ok() || !sink.records.is_empty() {
        args.output.write(&sink.records, &command)?;
    }
    measured?;
    capped::verdict(&sink.records)?;
    for host in machines.cpus.iter().filter(|m| native && m.profile.class == Class::Host) {
        if let Some(validation) = validate::compare(&sink.records, &host.profile.id) {
            eprint!("{}", validation.table());
        }
    }
    output::verdict(&sink.records)
}

/// Refuses tiers that contradict what is named beside them.
fn consistent(args: &MeasureArgs) -> Result<(), Failure> {
    let lacks = |tier| !args.tier.is_empty() && !args.tier.contains(&tier);
    if args.tier.contains(&TierArg::Capped) && args.cap.is_none() {
        return Err(Failure::input("--tier capped: capped to what? Name limits, such as --cap memory=256MiB,cores=1"));
    }
    if args.hw.is_some() && lacks(TierArg::Modelled) && lacks(TierArg::Emulated) {
        return Err(Failure::input(
            "--hw models or emulates machines and --tier leaves that out: add modelled or emulated to it, or drop one",
        ));
    }
    if args.cap.is_some() && lacks(TierArg::Capped) {
        return Err(Failure::input("--cap limits this host and --tier leaves that out: add capped to it, or drop one"));
    }
    Ok(())
}

/// The machines that are asked for, of the tiers that are.
fn machines(args: &MeasureArgs) -> Result<Hardware, Failure> {
    let named = |tier| args.tier.contains(&tier);
    let [modelled, emulated] = [TierArg::Modelled, TierArg::Emulated].map(|t| args.tier.is_empty() || named(t));
    let asked = args.hw.is_some() || named(TierArg::Modelled) || named(TierArg::Emulated);
    if !asked {
        return Ok(Hardware::default());
    }
    let hw = args.hw.as_deref().unwrap_or("all");
    let mut machines = Hardware::select(hw).map_err(Failure::input)?;
    if !modelled {
        (machines.cpus, machines.gpus) = Default::default();
    }
    if !emulated {
        machines.emulated.clear();
    }
    if machines.is_empty() {
        let tier = if modelled { "emulated" } else { "modelled" };
        return Err(Failure::input(format!(
            "--hw {hw} is {tier} and --tier leaves that out: add {tier} to it, or drop --tier"
        )));
    }
    Ok(machines)
}

/// The profile of a host that `calibrate` measured.
fn host_profile(path: &Path) -> Result<Loaded, Failure> {
    let loaded = Loaded::<Profile>::load(path).map_err(Failure::input)?;
    let class = loaded.profile.class;
    if class == Class::Host {
        return Ok(loaded);
    }
    Err(Failure::input(format!(
        "--host-profile {}: it is of class {}, not of a host that `retrobench calibrate` measured; --hw models it",
        path.display(),
        class.as_str()
    )))
}

/// Why a filter gave no record `on` some machines: where what it selects runs.
pub fn nothing(plan: &Plan, on: &str) -> Failure {
    let has = |machine: &Loaded<Emulated>| {
        let code = plan.code.iter().flat_map(|g| g.kernel.machine_code().iter().filter(|c| g.names.contains(&c.name)));
        !plan.steps.is_empty() || code.into_iter().any(|c| c.processor == emulated::processor(&machine.profile))
    };
    let machines = Hardware::built_in().unwrap_or_default().emulated;
    let ids: Vec<&str> = machines.iter().filter(|m| has(m)).map(|m| m.profile.id.as_str()).collect();
    let kinds = [
        (plan.cells(), "variants (here without --hw, or --hw raspberry-pi-5 and other processors)".to_string()),
        (plan.shader_cells(), "shaders (--hw h100 and other GPUs)".to_string()),
        (plan.code_cells(), format!("machine code (--hw {})", ids.join(","))),
    ];
    let there: Vec<String> = kinds.into_iter().filter(|(cells, _)| *cells > 0).map(|(_, kind)| kind).collect();
    Failure::input(format!("nothing of what is selected runs on {on}: it is {}", there.join(" and ")))
}

/// Measures and models every cell into the sink; natively where `here` is, with what is known of this host.
fn cells_of(
    args: &MeasureArgs,
    plan: &Plan,
    sources: &[Source],
    here: Option<Option<Loaded>>,
    machines: &Hardware,
    command: &str,
    sink: &mut Sink,
) -> Result<(), Failure> {
    let seconds = |there: bool| there.then_some(args.seconds);
    let stages = Here { native_s: seconds(here.is_some()), capped_s: seconds(args.cap.is_some()) };
    let share = Share::of(args.part.shard, plan, stages, machines);
    let bar = output::progress(share.cells(), args.common.quiet);
    if let Some(calibrated) = here {
        let options = native::Options {
            time_budget: Duration::from_secs_f64(args.seconds),
            isa: args.isa,
            ..options(&args.common)
        };
        let environment = Environment::here(command, args.common.seed);
        let bay = Bay::new(Host::read(), options, environment, calibrated).map_err(Failure::input)?;
        natively(&plan.only(|g| share.has(Stage::Native, g)), &bay, sources, &bar, sink)?;
    }
    if let Some(caps) = &args.cap {
        let plan = plan.only(|g| share.has(Stage::Capped, g));
        capped::under_caps(&plan, &warden_of(args, caps, sources, command), sources, &bar, sink)?;
    }
    let nowhere = Environment::build(command, args.common.seed);
    elsewhere(plan, machines, &share, &Gates::default(), &nowhere, &bar, sink)?;
    bar.finish_and_clear();
    Ok(())
}

fn warden_of(args: &MeasureArgs, caps: &Caps, sources: &[Source], command: &str) -> Warden {
    let warden = warden(caps, args.seconds, args.isa, &args.common, command);
    // A storage limit is one of the device that the weights come from.
    let weights = sources.first().and_then(|s| s.tensor().file().path().canonicalize().ok());
    let folder = weights.and_then(|file| Some(file.parent()?.to_path_buf())).unwrap_or(warden.folder);
    Warden { folder, host_profile: args.host_profile.clone(), ..warden }
}

/// Who keeps limits while the samples of a kernel and shape take so many seconds, by the flags that every verb shares.
pub fn warden(caps: &Caps, seconds: f64, isa: Option<Isa>, common: &Common, command: &str) -> Warden {
    Warden {
        caps: caps.clone(),
        folder: std::env::temp_dir(),
        seconds,
        threads: common.threads.unwrap_or(0).into(),
        isa,
        host_profile: None,
        environment: Environment::here(command, common.seed),
        host: Host::read(),
    }
}

/// Native options that every verb shares.
pub fn options(common: &Common) -> native::Options {
    let mut options = native::Options { seed: common.seed, ..native::Options::default() };
    if let Some(threads) = common.threads {
        options.threads = threads.into();
    }
    options
}

/// The native cells of a plan, one kernel and shape after the other.
pub fn natively(plan: &Plan, bay: &Bay, sources: &[Source], bar: &ProgressBar, sink: &mut Sink) -> Result<(), Failure> {
    for group in plan.groups.iter().filter(|g| !g.variants.is_empty()) {
        bar.set_message(format!("native {}/{}", group.kernel.name(), group.shape.name));
        let source = sources.iter().find(|s| group.kernel.shape_of(s).as_ref() == Some(&group.shape));
        let records = bay.measure(group.kernel, &group.shape, &group.variants, source).map_err(Failure::input)?;
        sink.take(records)?;
        bar.inc(group.variants.len() as u64);
    }
    Ok(())
}

/// What rungs were checked for so far. A run that models some machines after others checks each rung once.
#[derive(Default)]
pub struct Gates {
    /// Of variants.
    pub variants: Gate,
    /// Of shaders.
    pub shaders: ShaderGate,
}

/// The modelled and emulated cells of a plan that a share has.
pub fn elsewhere(
    plan: &Plan,
    machines: &Hardware,
    share: &Share,
    gates: &Gates,
    environment: &Environment,
    bar: &ProgressBar,
    sink: &mut Sink,
) -> Result<(), Failure> {
    let context = Context { gate: &gates.variants, environment };
    on_machines(plan, &machines.cpus, &|m, g| share.has(Stage::Cpu(m), g), &context, bar, sink)?;
    let context = simt::cells::Context { gate: &gates.shaders, environment };
    on_gpus(&plan.only(|g| share.has(Stage::Gpus, g)), &machines.gpus, &context, bar, sink)?;
    on_consoles(plan, &machines.emulated, share, environment, bar, sink)
}

/// The modelled cells of a plan on every machine, of those groups `(machine, group)` that are `mine`; the cells of a machine
/// run on all cores and come out in order.
pub fn on_machines(
    plan: &Plan,
    machines: &[Loaded],
    mine: &(dyn Fn(usize, usize) -> bool + Sync),
    context: &Context,
    bar: &ProgressBar,
    sink: &mut Sink,
) -> Result<(), Failure> {
    for (m, machine) in machines.iter().enumerate() {
        bar.set_message(format!("modelled {}", machine.profile.id));
        let one = |(i, g): (usize, &Group)| {
            if g.variants.is_empty() || !mine(m, i) {
                return Ok(Vec::new());
            }
            let records = cells::cells(context, g.kernel, &g.shape, &g.variants, machine);
            bar.inc(g.variants.len() as u64);
            records
        };
        let all: Result<Vec<_>, _> = plan.groups.par_iter().enumerate().map(one).collect();
        for records in all.map_err(Failure::input)? {
            sink.take(records)?;
        }
    }
    Ok(())
}

/// The emulated cells of a plan on every machine: all run on all cores, and come out in order when all are done.
fn on_consoles(
    plan: &Plan,
    machines: &[Loaded<Emulated>],
    share: &Share,
    environment: &Environment,
    bar: &ProgressBar,
    sink: &mut Sink,
) -> Result<(), Failure> {
    bar.set_message("emulated");
    // Kernels, then decode steps: a share counts them so.
    let unit = |(m, i): (usize, usize)| -> Result<Vec<Record>, ShapeError> {
        let machine = &machines[m];
        let records = match plan.code.get(i) {
            Some(g) => {
                let wanted = |name: &str| g.names.contains(&name);
                emulated::cells::cells(environment, g.kernel, &g.shape, wanted, machine)?
            }
            None => emulated::decode::cells(environment, &plan.steps[i - plan.code.len()], machine),
        };
        bar.inc(records.len() as u64);
        Ok(records)
    };
    let units = plan.code.len() + plan.steps.len();
    let all = (0..machines.len()).flat_map(|m| (0..units).map(move |i| (m, i)));
    let mine: Vec<_> = all.filter(|&(m, i)| share.has(Stage::Emulated(m), i)).collect();
    // A decode step takes as long as all kernels together: each is a task of its own.
    let records: Result<Vec<Vec<Record>>, ShapeError> = mine.into_par_iter().with_max_len(1).map(unit).collect();
    records.map_err(Failure::input)?.into_iter().try_for_each(|records| sink.take(records))
}

/// The cells of a plan's shaders on every GPU. Kernels and shapes run on all cores, each interpreted once for all GPUs with
/// warps as wide; records come out in the order of the plan.
pub fn on_gpus(
    plan: &Plan,
    gpus: &[Loaded<GpuProfile>],
    context: &simt::cells::Context,
    bar: &ProgressBar,
    sink: &mut Sink,
) -> Result<(), Failure> {
    if gpus.is_empty() {
        return Ok(());
    }
    bar.set_message("modelled GPUs");
    let one = |g: &Group| {
        let records = simt::cells::cells(context, g.kernel, &g.shape, &g.shaders, gpus);
        bar.inc((g.shaders.len() * gpus.len()) as u64);
        records
    };
    let all: Result<Vec<_>, _> = plan.groups.par_iter().filter(|g| !g.shaders.is_empty()).map(one).collect();
    all.map_err(Failure::input)?.into_iter().try_for_each(|records| sink.take(records))
}
