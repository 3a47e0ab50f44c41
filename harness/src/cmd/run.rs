//! `run`: the tour. Every ladder natively on this host and modelled on every machine, records, tables and the page.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, FromArgMatches};

use super::calibrate::YEAR;
use super::measure::{Sink, natively, on_consoles, on_gpus, on_machines, options, parse_seconds};
use super::output::{self, print, write_file};
use super::{Common, Failure, command_line, report};
use crate::environment::Host;
use crate::journal::Journal;
use crate::native::{self, Bay};
use crate::plan::Plan;
use crate::profile::{Hardware, Loaded, Profile};
use crate::record::Environment;
use crate::{calibrate, validate};

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
    #[arg(long, env = "RETROBENCH_MODELLED_ONLY")]
    modelled_only: bool,
    /// Seconds of native measuring, shared by the kernels and shapes.
    #[arg(long, default_value_t = 45.0, env = "RETROBENCH_SECONDS", value_parser = parse_seconds)]
    seconds: f64,
    #[command(flatten)]
    common: Common,
}

impl RunArgs {
    /// What `run` without flags takes: defaults and `RETROBENCH_*` variables.
    pub fn from_environment() -> Self {
        let command = Self::augment_args(clap::Command::new("run"));
        let matches = command.get_matches_from(["run"]);
        Self::from_arg_matches(&matches).unwrap_or_else(|e| e.exit())
    }
}

/// Id of this host's own profile.
const HOST: &str = "this-host";

/// Measures, models, writes.
pub fn run(args: &RunArgs) -> Result<(), Failure> {
    let plan = Plan::select(args.filter.as_deref()).map_err(Failure::input)?;
    let machines = Hardware::select(&args.hw).map_err(Failure::input)?;
    let command = command_line();
    let mut sink = Sink::new(Some(Journal::start(&args.out.join("records.jsonl"))))?;
    let native = !args.modelled_only;
    let cells = plan.cells() * (machines.cpus.len() + 2 * usize::from(native));
    let elsewhere = plan.shader_cells() * machines.gpus.len() + plan.code_cells() * machines.emulated.len();
    let bar = output::progress(cells + elsewhere, args.common.quiet);
    let mut this_host = None;
    if native {
        bar.set_message("ceilings of this host");
        let host = Host::read();
        let (_, profile) = calibrate::calibrate(HOST, &host, YEAR).map_err(Failure::input)?;
        let text = profile.to_toml();
        write_file(&args.out.join("this-host.toml"), text.as_bytes())?;
        let calibrated = Loaded { hash: Profile::hash(&text), profile };
        let share = Duration::from_secs_f64(args.seconds / plan.groups.len().max(1) as f64);
        let options = native::Options { time_budget: share, ..options(&args.common) };
        let environment = Environment::here(&command, args.common.seed);
        let bay = Bay::new(host, options, environment, Some(calibrated.clone())).map_err(Failure::input)?;
        natively(&plan, &bay, &[], &bar, &mut sink)?;
        this_host = Some(calibrated);
    }
    let nowhere = Environment::build(&command, args.common.seed);
    on_machines(&plan, &machines.cpus, &nowhere, &bar, &mut sink)?;
    on_gpus(&plan, &machines.gpus, &nowhere, &bar, &mut sink)?;
    on_consoles(&plan, &machines.emulated, &nowhere, &bar, &mut sink)?;
    // The model on this host's own profile only checks the model: its records are no result.
    let mut notes = Vec::new();
    if let Some(host) = this_host {
        let mut check = Sink::new(None)?;
        check.take(sink.records.clone())?;
        on_machines(&plan, &[host], &nowhere, &bar, &mut check)?;
        notes.extend(validate::compare(&check.records, HOST).map(|v| v.sentence()));
    }
    bar.finish_and_clear();
    print(&crate::report::summary_table(&sink.records))?;
    notes.iter().try_for_each(|n| print(&format!("{n}\n")))?;
    report::write(&args.out, report::TITLE, &command, &sink.records, &notes)?;
    output::verdict(&sink.records)
}
