//! `run`: the tour. Every ladder natively on this host and modelled on every machine, records, tables and the page.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, FromArgMatches};
use kernels::model::config::Config;
use kernels::model::{Dtype, Types};

use super::calibrate::YEAR;
use super::measure::{Gates, elsewhere, natively, nothing, on_machines, options, parse_seconds};
use super::output::{self, print, write_file};
use super::sink::Sink;
use super::{Common, Failure, Part, command_line, report};
use crate::environment::Host;
use crate::generate::native::Rounds;
use crate::journal::Journal;
use crate::native::{self, Bay};
use crate::plan::Plan;
use crate::profile::{Hardware, Loaded, Profile};
use crate::record::{Environment, Record};
use crate::shard::{Here, Share, Stage};
use crate::timed::cells::Context;
use crate::{calibrate, generate, validate};

/// Flags of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Folder for records.jsonl (an earlier one is kept as records.previous.jsonl), index.html and report.md.
    #[arg(long, default_value = "reports/out", env = "RETROBENCH_OUT")]
    out: PathBuf,
    /// Machines to model or emulate.
    #[arg(long, default_value = "all", env = "RETROBENCH_HW")]
    hw: String,
    /// Regular expression on kernel/shape/variant [default: the shapes of the tour].
    #[arg(env = "RETROBENCH_FILTER")]
    filter: Option<String>,
    /// Only the modelled and the emulated tier.
    #[arg(long, env = "RETROBENCH_MODELLED_ONLY", value_parser = super::switch)]
    modelled_only: bool,
    /// Seconds of native measuring, shared by the kernels and shapes.
    #[arg(long, default_value_t = 15.0, env = "RETROBENCH_SECONDS", value_parser = parse_seconds)]
    seconds: f64,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    part: Part,
}

impl RunArgs {
    /// What `run` without flags takes: defaults and `RETROBENCH_*` variables.
    pub fn from_environment() -> Self {
        let command = Self::augment_args(clap::Command::new("run"));
        let matches = command.get_matches_from(["run"]);
        Self::from_arg_matches(&matches).unwrap_or_else(|e| e.exit())
    }
}

/// Tokens in the cache when a whole model's token is timed.
const TOKENS: usize = 64;
/// A model that others have measured on a machine that has a profile.
const PUBLISHED: &str = "stories260k";

/// Id of this host's own profile.
const HOST: &str = "this-host";

/// Measures, models, writes.
pub fn run(args: &RunArgs) -> Result<(), Failure> {
    let plan = Plan::select(args.filter.as_deref()).map_err(Failure::input)?;
    let machines = Hardware::select(&args.hw).map_err(Failure::input)?;
    let command = command_line();
    let mut sink = Sink::new(Some(Journal::start(&args.out.join("records.jsonl"))))?;
    // Rungs in machine code and shaders alone leave nothing to measure here, and so nothing to calibrate for.
    let native = !args.modelled_only && plan.native_groups() > 0;
    let budget_s = native_share_s(args.seconds, &plan);
    let here = Here { native_s: native.then_some(budget_s), capped_s: None };
    let share = Share::of(args.part.shard, &plan, here, &machines);
    // The model of this host runs the native cells once more.
    let native_plan = plan.only(|g| share.has(Stage::Native, g));
    let bar = output::progress(share.cells() + native_plan.cells(), args.common.quiet);
    let mut this_host = None;
    if native {
        bar.set_message("ceilings of this host");
        let host = Host::read();
        let (_, profile) = calibrate::calibrate(HOST, &host, YEAR).map_err(Failure::input)?;
        let text = profile.to_toml();
        write_file(&args.out.join("this-host.toml"), text.as_bytes())?;
        let calibrated = Loaded { hash: Profile::hash(&text), profile };
        let options = native::Options { time_budget: Duration::from_secs_f64(budget_s), ..options(&args.common) };
        let environment = Environment::here(&command, args.common.seed);
        let bay = Bay::new(host, options, environment, Some(calibrated.clone())).map_err(Failure::input)?;
        natively(&native_plan, &bay, &[], &bar, &mut sink)?;
        this_host = Some(calibrated);
    }
    let nowhere = Environment::build(&command, args.common.seed);
    let gates = Gates::default();
    elsewhere(&plan, &machines, &share, &gates, &nowhere, &bar, &mut sink)?;
    if args.filter.is_none() && args.part.shard.is_none() {
        bar.set_message("whole models");
        sink.take(whole_models(args, &machines, &gates, &command)?)?;
    }
    if sink.records.is_empty() && args.part.shard.is_none() {
        return Err(nothing(&plan, &args.hw));
    }
    // The model on this host's own profile only checks the model: its records are no result.
    let mut notes = Vec::new();
    if let Some(host) = this_host {
        let mut check = Sink::new(None)?;
        check.take(sink.records.clone())?;
        let context = Context { gate: &gates.variants, environment: &nowhere };
        on_machines(&native_plan, &[host], &|_, _| true, &context, &bar, &mut check)?;
        notes.extend(validate::compare(&check.records, HOST).map(|v| v.sentence()));
    }
    bar.finish_and_clear();
    print(&crate::report::summary_table(&sink.records))?;
    notes.iter().try_for_each(|n| print(&format!("{n}\n")))?;
    report::write(&args.out, report::TITLE, &command, &sink.records, &notes)?;
    output::verdict(&sink.records)
}

/// Seconds of native measuring for each kernel and shape that has any: groups of shaders alone take no share.
fn native_share_s(seconds: f64, plan: &Plan) -> f64 {
    seconds / plan.native_groups().max(1) as f64
}

/// One token of whole models: the built-in one here, that and the smallest published one on every modelled machine, beside
/// what others measured of it.
fn whole_models(args: &RunArgs, machines: &Hardware, gates: &Gates, command: &str) -> Result<Vec<Record>, Failure> {
    let file = generate::open(None).map_err(Failure::input)?;
    let built_in = Config::from_file(&file).map_err(Failure::input)?;
    let mut records = Vec::new();
    if !args.modelled_only {
        let threads = args.common.threads.map_or_else(|| Host::read().cores as usize, usize::from);
        let rounds = Rounds { tokens: 2 * TOKENS, budget: Duration::from_secs(2), threads };
        let here = Environment::here(command, args.common.seed);
        records.extend(generate::native::records(None, rounds, &here).map_err(Failure::input)?);
    }
    let nowhere = Environment::build(command, args.common.seed);
    let context = Context { gate: &gates.variants, environment: &nowhere };
    let known = kernels::model::published::named(PUBLISHED);
    let types = Types::uniform(Dtype::F32);
    for config in [Some(built_in), known].into_iter().flatten() {
        let steps = generate::modelled::steps(&context, &gates.shaders, &config, &types, TOKENS, machines);
        records.extend(steps.map_err(Failure::input)?.into_iter().map(|step| step.record));
        let published = generate::published::records(&config, &types, TOKENS, machines, &nowhere);
        records.extend(published.map_err(Failure::input)?);
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_runs_here_shares_the_time() {
        let share = |filter: &str| native_share_s(20.0, &Plan::select(Some(filter)).expect("matches"));
        let (steps, shaders) = ("decode_step_fixed", "gemv_f32/stories260k/.*/warp_per_row$");
        for alone in [steps, shaders] {
            assert_eq!(share(alone), 20.0, "{alone}");
        }
        assert!(Plan::select(Some(shaders)).expect("matches").groups.iter().any(|g| !g.shaders.is_empty()));
        let one = "gemv_f32/stories260k/attn-q/naive$";
        assert_eq!(share(one), share(&format!("{one}|{shaders}")));
        let two = Plan::select(Some("gemv_f32/stories260k/(attn-q|ffn-up)/naive$")).expect("matches");
        assert_eq!(native_share_s(20.0, &two), 10.0);
    }
}
