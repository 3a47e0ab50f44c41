//! `generate`: text by the inference core, on this host, under limits, and at the pace of machines nobody here owns.

use std::io::Read;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use kernels::core::{KvKind, Rungs};
use kernels::machine::Isa;
use kernels::model::config::Config;
use kernels::model::{Dtype, ModelFile, Types, published as known};

use super::measure::parse_caps;
use super::output::{plain_table, print};
use super::sink::Sink;
use super::{Common, Failure, command_line, emulated_steps};
use crate::capped::Caps;
use crate::environment::Host;
use crate::gate::Gate;
use crate::generate::modelled::{self, Step, part_ns};
use crate::generate::{self, GenerateError, Job, KernelTime, Run};
use crate::journal::Journal;
use crate::profile::Hardware;
use crate::record::{Bound, Environment, Outcome, Record};
use crate::report::units;
use crate::simt::gate::ShaderGate;
use crate::timed::cells::Context;
use crate::worker::{Warden, WorkerError, clean_up_on_interrupt};

/// Flags of `generate`.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// Model file (llama2.c, GGUF) [default: the built-in one]. Or the name of a published model, whose figures are modelled
    /// without a file: MODEL[:TYPE], as in llama-2-7b:q4_0.
    #[arg(long, value_name = "FILE", env = "RETROBENCH_MODEL")]
    model: Option<PathBuf>,
    /// What the text begins with; `-` takes it from standard input.
    #[arg(long, default_value = "", env = "RETROBENCH_PROMPT")]
    prompt: String,
    /// llama2.c's tokenizer file, for models that hold none.
    #[arg(long, value_name = "FILE", env = "RETROBENCH_TOKENIZER")]
    tokenizer: Option<PathBuf>,
    /// Tokens to generate.
    #[arg(long, default_value_t = 128, env = "RETROBENCH_STEPS")]
    steps: usize,
    /// 0 = always the likeliest token.
    #[arg(long, default_value_t = 0.0, env = "RETROBENCH_TEMPERATURE", value_parser = parse_temperature)]
    temperature: f32,
    /// Draw from the likeliest tokens that together have this probability.
    #[arg(long, default_value_t = 0.9, env = "RETROBENCH_TOP_P", value_parser = parse_share)]
    top_p: f32,
    /// naive, best, or KERNEL=VARIANT pairs after either, with commas.
    #[arg(long, default_value = "best", env = "RETROBENCH_RUNGS")]
    rungs: Rungs,
    /// What keys and values are stored as: f32, bf16, q8.
    #[arg(long, default_value = "f32", env = "RETROBENCH_KV", value_parser = parse_kv)]
    kv: KvKind,
    /// Tokens of the prompt that pass at once.
    #[arg(long, default_value = "512", env = "RETROBENCH_BATCH")]
    batch: NonZeroUsize,
    /// Reads weights where the file is mapped: no copies in the orders that the fastest rungs read, but other rungs. Done by
    /// itself where copies would not fit a memory limit.
    #[arg(long, env = "RETROBENCH_IN_PLACE", value_parser = super::switch)]
    in_place: bool,
    /// Machines to model or emulate a token on: profile ids, `all`, `class:...`, .toml files.
    #[arg(long, env = "RETROBENCH_HW")]
    hw: Option<String>,
    /// Limits on this host, as `measure --cap` has them: memory=256MiB,cores=1,bandwidth=2GB/s,...
    #[arg(long, value_name = "LIMITS", env = "RETROBENCH_CAP", value_parser = parse_caps)]
    cap: Option<Caps>,
    /// Plays the text at the pace of the first machine of --hw: of its naive way with --rungs naive, else of its fastest.
    #[arg(long, env = "RETROBENCH_PACE", value_parser = super::switch)]
    pace: bool,
    /// Prints the kernels of a token, here and on each machine.
    #[arg(long, env = "RETROBENCH_TRACE", value_parser = super::switch)]
    trace: bool,
    /// Appends records of the tokens of --hw to this file (- = standard output).
    #[arg(long, value_name = "FILE", env = "RETROBENCH_JOURNAL")]
    journal: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

fn parse_kv(text: &str) -> Result<KvKind, String> {
    let names = KvKind::ALL.map(KvKind::name).join(", ");
    KvKind::ALL.into_iter().find(|kv| kv.name() == text).ok_or_else(|| format!("known are {names}"))
}

fn parse_temperature(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|t: &f32| t.is_finite() && *t >= 0.0).ok_or_else(|| "a number from 0 to 3.4e38".into())
}

fn parse_share(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|p: &f32| (0.0..=1.0).contains(p)).ok_or_else(|| "a number from 0 to 1".into())
}

/// What is to run, or only to be modelled.
struct Subject {
    config: Config,
    types: Types,
    /// None of a published model.
    file: Option<Arc<ModelFile>>,
}

/// Generates, and models where machines are named.
pub fn run(args: &GenerateArgs) -> Result<(), Failure> {
    let subject = subject(args.model.as_deref())?;
    consistent(args, &subject)?;
    let mut sink = Sink::new(args.journal.as_deref().map(Journal::append_to))?;
    let machines = args.hw.as_deref().map(Hardware::select).transpose().map_err(Failure::input)?.unwrap_or_default();
    let prompt = prompt(&args.prompt)?;
    let tokens = tokens(args, &subject, &prompt)?;
    let steps = model(args, &subject, tokens, &machines)?;
    let emulated = emulated_steps::run(&args.common, &command_line(), &subject.config, tokens, &machines);
    let records = steps.iter().map(|step| &step.record).chain(emulated.iter().map(|step| &step.record));
    sink.take(records.clone().cloned().collect())?;
    if subject.file.is_some() {
        let pace = args.pace.then(|| pace_ns(args, records)).transpose()?;
        generate(args, prompt, pace)?;
    }
    show_steps(args, &steps);
    emulated_steps::show(&emulated, args.trace);
    Ok(())
}

/// Refuses wishes that contradict each other, and those that would be ignored.
fn consistent(args: &GenerateArgs, subject: &Subject) -> Result<(), Failure> {
    if args.hw.is_none() {
        if args.pace {
            return Err(Failure::input("--pace: at whose pace? Name a machine with --hw"));
        }
        if args.journal.is_some() {
            return Err(Failure::input("--journal keeps the records of tokens on machines: name some with --hw"));
        }
    }
    if args.pace && ![Rungs::naive(), Rungs::best()].contains(&args.rungs) {
        return Err(Failure::input("--pace: a machine's token is known with --rungs naive and best alone"));
    }
    if subject.file.is_some() {
        if args.hw.is_some() && args.kv != KvKind::default() {
            eprintln!("retrobench: tokens of --hw have keys and values in f32; --kv is of the text made here");
        }
        return Ok(());
    }
    let name = &subject.config.name;
    if args.hw.is_none() {
        return Err(Failure::input(format!(
            "--model {name} has a name and figures but no file, so there is no text: name machines with --hw, or a model file"
        )));
    }
    let ignored = [
        ("--cap", args.cap.is_some()),
        ("--tokenizer", args.tokenizer.is_some()),
        ("--pace", args.pace),
        ("--kv", args.kv != KvKind::default()),
        ("--in-place", args.in_place),
        ("--prompt", !args.prompt.is_empty()),
        ("--temperature", args.temperature != 0.0),
    ];
    match ignored.iter().find(|(_, given)| *given) {
        Some((flag, _)) => {
            Err(Failure::input(format!("{flag}: --model {name} has no file, so there is no text; leave it out")))
        }
        None => Ok(()),
    }
}

fn subject(model: Option<&Path>) -> Result<Subject, Failure> {
    let named = model.filter(|path| !path.exists()).and_then(|path| published(path.to_str()?));
    if let Some((config, dtype)) = named {
        return Ok(Subject { config, types: Types::uniform(dtype), file: None });
    }
    let given = model.filter(|path| !path.exists() && path.components().count() == 1);
    if let Some((name, dtype)) = given.and_then(|path| path.to_str()?.split_once(':'))
        && known::named(name).is_some()
    {
        let types = Dtype::MULTIPLIED.map(|t| t.to_string().to_lowercase()).join(", ");
        return Err(Failure::input(format!(
            "--model {name}:{dtype}: no type of weights is {dtype:?}; there are {types}"
        )));
    }
    if let Some(name) = given {
        let names: Vec<String> = known::all().into_iter().map(|config| config.name).collect();
        let (name, names) = (name.display(), names.join(", "));
        return Err(Failure::input(format!("--model {name}: no such file, nor a published model; those are {names}")));
    }
    let file = generate::open(model).map_err(Failure::input)?;
    let config = Config::from_file(&file).map_err(Failure::input)?;
    Ok(Subject { types: Types::of_file(&file, &config), config, file: Some(file) })
}

/// `MODEL[:TYPE]`, f32 without a type.
fn published(text: &str) -> Option<(Config, Dtype)> {
    let (name, dtype) = text.split_once(':').unwrap_or((text, "f32"));
    let dtype = Dtype::MULTIPLIED.into_iter().find(|t| t.to_string().eq_ignore_ascii_case(dtype))?;
    Some((known::named(name)?, dtype))
}

fn prompt(given: &str) -> Result<String, Failure> {
    if given != "-" {
        return Ok(given.into());
    }
    let mut text = String::new();
    let read = std::io::stdin().read_to_string(&mut text);
    read.map(|_| text).map_err(|e| Failure::input(format!("--prompt -: standard input is no text: {e}")))
}

fn generate(args: &GenerateArgs, prompt: String, pace_ns: Option<f64>) -> Result<(), Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut job = Job {
        model: args.model.clone(),
        tokenizer: args.tokenizer.clone(),
        prompt,
        steps: args.steps,
        temperature: args.temperature,
        top_p: args.top_p,
        seed: args.common.seed,
        rungs: args.rungs.to_string(),
        kv: args.kv.name().into(),
        threads: args.common.threads.map_or(cores, usize::from),
        batch: args.batch.get(),
        in_place: args.in_place,
        memory_bytes: None,
        isas: Isa::EVERY.map(|isa| isa.name().to_string()).to_vec(),
        bytes_per_s: None,
        traced: args.trace,
    };
    let (start, mut said) = (Instant::now(), 0u32);
    let mut say = |piece: &str| {
        // The pace of a machine is that of its tokens, whether they complete a piece of text or not.
        if let Some(ns) = pace_ns {
            said += 1;
            let due = Duration::from_nanos(ns as u64).saturating_mul(said);
            std::thread::sleep(due.saturating_sub(start.elapsed()));
        }
        print(piece).map_err(|failure| failure.message)
    };
    let (run, tier) = match &args.cap {
        None => {
            let run = generate::run(&job, &mut say).map_err(|e| match e {
                GenerateError::NoNumbers => Failure::wrong(e.to_string()),
                _ => Failure::input(e),
            })?;
            print("\n")?;
            (run, "native".to_string())
        }
        Some(caps) => {
            clean_up_on_interrupt();
            let warden = Warden {
                caps: caps.clone(),
                folder: std::env::temp_dir(),
                seconds: 0.0,
                threads: job.threads,
                isa: None,
                host_profile: None,
                environment: Environment::here(&command_line(), args.common.seed),
                host: Host::read(),
            };
            let generated = warden.generate(&mut job, &mut say).map_err(|e| match e {
                WorkerError::Unenforced(_) => Failure::unenforced(e),
                _ => Failure::input(e),
            })?;
            print("\n")?;
            for cap in &generated.caps {
                eprintln!("{} {}: {}; {}", cap.resource, cap.limit, cap.mechanism, cap.proof.join("; "));
            }
            if let Some(reason) = generated.unproven {
                return Err(Failure::unenforced(format!("cap not proven, so no time is shown: {reason}")));
            }
            (generated.run, format!("this host, capped to {caps}"))
        }
    };
    show_run(args, &job, &run, &tier);
    Ok(())
}

fn show_run(args: &GenerateArgs, job: &Job, run: &Run, tier: &str) {
    let per_s = |tokens: usize, ns: f64| units::plain(tokens as f64 / ns.max(1.0) * 1e9);
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    eprintln!(
        "{tier}: prompt of {} token{} in {} ({} tokens/s)",
        run.prompt_tokens,
        plural(run.prompt_tokens),
        units::time(run.prompt_ns),
        per_s(run.prompt_tokens, run.prompt_ns)
    );
    if run.uncopied_bytes > 0 {
        eprintln!(
            "weights are read in place: {} of copies in faster orders would not fit the memory limit beside the file",
            units::bytes(run.uncopied_bytes as f64)
        );
    }
    if let Some(rate) = run.tokens_per_s() {
        let total: f64 = run.token_ns.iter().sum();
        eprintln!(
            "{tier}: {} token{} in {}: {} tokens/s, {} rungs, cache in {}, {} thread{}",
            run.token_ns.len(),
            plural(run.token_ns.len()),
            units::time(total),
            units::plain(rate),
            args.rungs,
            args.kv.name(),
            job.threads,
            plural(job.threads)
        );
        if run.waited_ns > 0.0 {
            eprintln!("waited for the paced bandwidth: {}", units::percent(run.waited_ns / total));
        }
    }
    if run.prompt_waited_ns > 0.0 {
        let waited = units::percent(run.prompt_waited_ns / run.prompt_ns);
        eprintln!("waited for the paced bandwidth in the prompt: {waited}");
    }
    if args.trace && !run.kernels.is_empty() {
        eprintln!("{}", traced(&run.kernels, run.token_ns.len().max(1)));
    }
}

/// The kernels of one token, those that take longest first.
fn traced(kernels: &[KernelTime], tokens: usize) -> String {
    let total: f64 = kernels.iter().map(|k| k.ns).sum();
    let mut order: Vec<&KernelTime> = kernels.iter().collect();
    order.sort_by(|a, b| b.ns.total_cmp(&a.ns));
    let mut table = plain_table(&["kernel", "sizes", "rung", "on", "calls", "time a token", "share"]);
    for k in order {
        table.add_row([
            k.kernel.clone(),
            k.dims.clone(),
            k.variant.clone(),
            k.isa.clone(),
            units::plain(k.calls as f64 / tokens as f64),
            units::time(k.ns / tokens as f64),
            units::percent(k.ns / total),
        ]);
    }
    table.to_string()
}

/// One token on every machine, in the middle of the text to be generated.
fn model(args: &GenerateArgs, subject: &Subject, tokens: usize, machines: &Hardware) -> Result<Vec<Step>, Failure> {
    if machines.cpus.is_empty() && machines.gpus.is_empty() {
        return Ok(Vec::new());
    }
    let environment = Environment::build(&command_line(), args.common.seed);
    let (gate, shaders) = (Gate::default(), ShaderGate::default());
    let context = Context { gate: &gate, environment: &environment };
    modelled::steps(&context, &shaders, &subject.config, &subject.types, tokens, machines).map_err(Failure::input)
}

/// Tokens in the cache in the middle of the text to be generated, those of the prompt included.
fn tokens(args: &GenerateArgs, subject: &Subject, prompt: &str) -> Result<usize, Failure> {
    let of_prompt = match &subject.file {
        Some(file) if args.hw.is_some() => {
            let begun = generate::begin(file, &subject.config, args.tokenizer.as_deref(), prompt, args.steps);
            begun.map_err(Failure::input)?.1.len()
        }
        _ => 0,
    };
    Ok((of_prompt + args.steps / 2).clamp(1, subject.config.context.max(1)))
}

/// Time of a token of the first machine, ns: its naive way, or its fastest.
fn pace_ns<'a>(args: &GenerateArgs, steps: impl Iterator<Item = &'a Record>) -> Result<f64, Failure> {
    // Machines come by kind; the first as they were named is that of the first name.
    let first = args.hw.as_deref().and_then(|hw| hw.split(',').next()).unwrap_or_default();
    let machines = Hardware::select(first).map_err(Failure::input)?;
    let id = machines.ids().next().unwrap_or_default();
    let naive = args.rungs == Rungs::naive();
    let mut steps: Vec<&Record> = steps.filter(|r| r.machine.id == id && (r.rung == 0 || !naive)).collect();
    if naive {
        // Other weights and other stores are better ways.
        steps.truncate(1);
    }
    let times = steps.iter().filter_map(|r| match &r.outcome {
        Outcome::Timed(timing) => Some(timing.time_ns),
        _ => None,
    });
    times.min_by(f64::total_cmp).ok_or_else(|| {
        let why = steps.iter().find_map(|r| r.outcome.reason()).unwrap_or("no program there does this model");
        Failure::input(format!("--pace: no time of a token on {id}: {why}"))
    })
}

/// A line for each machine and way, and the kernels of the best way.
fn show_steps(args: &GenerateArgs, steps: &[Step]) {
    for step in steps {
        let r = &step.record;
        let head = format!("modelled, {} ({}), {}", r.machine.name, r.dims, r.variant);
        let Outcome::Timed(timing) = &r.outcome else {
            eprintln!("{head}: {}", r.outcome.reason().unwrap_or_default());
            continue;
        };
        let bound = timing.bound.map_or(String::new(), |bound| format!(", bound by {}", bound.name()));
        let worth =
            timing.speedup.filter(|_| r.rung > 0).map_or(String::new(), |s| format!(", {}", units::ratio(s.ratio)));
        let (low, high) = (1e9 / timing.high_ns, 1e9 / timing.low_ns);
        let rate = 1e9 / timing.time_ns;
        let (rate, low, high) = (units::plain(rate), units::plain(low), units::plain(high));
        eprintln!("{head}: {rate} tokens/s ({low} to {high}){worth}{bound}");
        if args.trace {
            eprintln!("{}", parts(step, timing.time_ns));
        }
    }
}

fn parts(step: &Step, total_ns: f64) -> String {
    let mut table = plain_table(&["kernel", "sizes", "rung", "calls", "time a token", "share", "bound by"]);
    for part in &step.parts {
        let bound = match &part.record.outcome {
            Outcome::Timed(timing) => timing.bound.map_or("", |bound| bound.name()),
            _ => "",
        };
        table.add_row([
            part.record.kernel.clone(),
            part.record.dims.clone(),
            part.record.variant.clone(),
            part.times.to_string(),
            units::time(part_ns(part)),
            units::percent(part_ns(part) / total_ns),
            bound.into(),
        ]);
    }
    if step.host_ns > 0.0 {
        let (time, share) = (units::time(step.host_ns), units::percent(step.host_ns / total_ns));
        table.add_row(["host", "", "", "1", &time, &share, Bound::Launch.name()]);
    }
    table.to_string()
}
