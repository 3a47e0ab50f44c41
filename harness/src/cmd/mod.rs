//! The command line: one file per verb. This is the only place that prints, reads the environment or decides an exit
//! code.

mod bands;
mod baseline;
mod builds;
mod calibrate;
mod capped;
mod cells;
mod cmp;
mod copies;
mod doctor;
mod document;
mod emulated_steps;
mod fp8_promotion;
mod generate;
#[cfg(feature = "gpu")]
mod gpu;
mod hw;
mod limits;
mod links;
mod list;
mod measure;
mod merge;
mod output;
mod published;
mod rank;
mod report;
mod run;
mod sink;
mod speculation;
mod streaming;
mod study;
mod sweep;
mod synth;
mod verdicts;
mod weights;
mod worker;
mod worth;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::shard::Shard;

/// What a newcomer may type.
const EXAMPLES: &str = "\
Examples:
  retrobench                                        the tour: measures, models, writes reports/out/index.html
  retrobench measure gemm_f32 --hw raspberry-pi-5   what every rung takes there (modelled)
  retrobench cmp 'gemv_f32/stories260k/attn-q/(naive|simd)$'
  retrobench sweep 'gemv_f32/.*attn-k/(simd|parallel)$' --hw ryzen-9-5950x --vary machine.cores=1..16
  retrobench hw diff h100 h20                       two machines, and the kernels whose fastest rung differs

Results go to standard output, progress to standard error. Every flag has a RETROBENCH_* variable.
Exit codes: 0 done, 1 wrong result or regression, 2 bad input, 3 a limit cannot be enforced here.";

/// Puts the hot kernels of an LLM inference core into a time machine: every rung of every optimization ladder, on this
/// host and on machines nobody here owns.
#[derive(Debug, Parser)]
#[command(name = "retrobench", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The tour (default): every ladder natively here and modelled on every machine, with a report.
    Run(run::RunArgs),
    /// What there is: kernels, variants, shapes, profiles.
    List(list::ListArgs),
    /// Hardware profiles: their figures, two side by side, whether a file is right.
    Hw(hw::HwArgs),
    /// Measures or models the cells a filter selects.
    Measure(Box<measure::MeasureArgs>),
    /// Joins the records of parts of a run (`--shard`).
    Merge(merge::MergeArgs),
    /// Says which of two takes less time, and how sure that is: variants, machines, builds, files of records.
    Cmp(Box<cmp::CmpArgs>),
    /// Orders variants or machines over the cells that all of them have.
    Rank(Box<rank::RankArgs>),
    /// Makes the report of records measured before.
    Report(report::ReportArgs),
    /// Text by the inference core: here, under limits, and modelled on other machines.
    Generate(Box<generate::GenerateArgs>),
    /// What optimization is worth, from records: speedups with bands, the floor, where gains come from, dividends, years.
    Worth(worth::WorthArgs),
    /// Measures this host and writes a profile of it.
    Calibrate(calibrate::CalibrateArgs),
    /// One or two figures of a machine over a range: which variant is fastest where, and where that changes.
    Sweep(sweep::SweepArgs),
    /// Studies of the instrument and beside the kernels: crossovers, published measurements, links, limits, verdicts, storage.
    Study(study::StudyArgs),
    /// Writes a model of a published shape with seeded weights, as a GGUF file.
    Synth(synth::SynthArgs),
    /// Fills the blocks of a text whose figures the tool computes.
    Document(document::DocumentArgs),
    /// Runs shaders on this host's GPUs, checks and times them.
    #[cfg(feature = "gpu")]
    Gpu(gpu::GpuArgs),
    /// Says what this host is, how noisy it is and which tiers it can do.
    Doctor(doctor::DoctorArgs),
    /// Runs cells under limits for `measure --cap`, and samples for `cmp`.
    #[command(hide = true)]
    Worker,
}

/// Flags of every verb that runs cells.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Seed of the inputs and of the order of the rounds.
    #[arg(long, default_value_t = 1, env = "RETROBENCH_SEED")]
    seed: u64,
    /// Threads of the threaded variants [default: all cores].
    #[arg(long, env = "RETROBENCH_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// No progress bar.
    #[arg(long, short, env = "RETROBENCH_QUIET", value_parser = switch)]
    quiet: bool,
}

/// The flag of verbs whose cells can be cut into parts.
#[derive(Clone, Debug, Args)]
pub struct Part {
    /// Only part i of n of the cells, balanced by cost; `merge` joins the parts.
    #[arg(long, value_name = "I/N", env = "RETROBENCH_SHARD")]
    shard: Option<Shard>,
}

/// A flag without a value, as its variable sets it.
pub fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "" | "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("its RETROBENCH_* variable is 1, true, yes or on, or 0, false, no, off or empty".into()),
    }
}

/// How a verb ends when it does not succeed.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// Exit 1: a result is wrong.
    pub fn wrong(message: impl Into<String>) -> Self {
        Self { code: 1, message: message.into() }
    }

    /// Exit 3: a limit cannot be enforced or proven here.
    pub fn unenforced(message: impl std::fmt::Display) -> Self {
        Self { code: 3, ..Self::input(message) }
    }

    /// Exit 2: bad input.
    pub fn input(message: impl std::fmt::Display) -> Self {
        // One line, whatever a library says.
        let message = message.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        Self { code: 2, message }
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.verb.unwrap_or_else(|| Verb::Run(run::RunArgs::from_environment())) {
        Verb::Run(args) => run::run(&args),
        Verb::List(args) => list::run(&args),
        Verb::Hw(args) => hw::run(&args),
        Verb::Measure(args) => measure::run(&args),
        Verb::Merge(args) => merge::run(&args),
        Verb::Cmp(args) => cmp::run(&args),
        Verb::Rank(args) => rank::run(&args),
        Verb::Report(args) => report::run(&args),
        Verb::Generate(args) => generate::run(&args),
        Verb::Worth(args) => worth::run(&args),
        Verb::Calibrate(args) => calibrate::run(&args),
        Verb::Sweep(args) => sweep::run(&args),
        Verb::Study(args) => study::run(&args),
        Verb::Synth(args) => synth::run(&args),
        Verb::Document(args) => document::run(&args),
        #[cfg(feature = "gpu")]
        Verb::Gpu(args) => gpu::run(&args),
        Verb::Doctor(args) => doctor::run(&args),
        Verb::Worker => worker::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("retrobench: {}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}

/// The command that reproduces what this process does. A part of a run is reproduced by the whole run: its records name that.
pub fn command_line() -> String {
    // A path need not be text; a record is.
    without_shard(std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()))
}

fn without_shard(arguments: impl Iterator<Item = String>) -> String {
    let mut words = vec!["retrobench".to_string()];
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        if argument == "--shard" {
            arguments.next();
        } else if !argument.starts_with("--shard=") {
            words.push(output::shell_quoted(&argument));
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_has_a_variable_and_switches_take_what_people_write() {
        use clap::CommandFactory;
        fn flags(command: &clap::Command, without: &mut Vec<String>) {
            for flag in command.get_arguments().filter(|a| a.get_long().is_some_and(|l| l != "help" && l != "version"))
            {
                let variable = flag.get_env().map(|v| v.to_string_lossy().into_owned()).unwrap_or_default();
                if !variable.starts_with("RETROBENCH_") {
                    without.push(format!("{} --{}", command.get_name(), flag.get_long().unwrap_or_default()));
                }
                if matches!(flag.get_action(), clap::ArgAction::SetTrue) {
                    let known = format!("{:?}", flag.get_value_parser());
                    assert!(!known.contains("bool"), "{variable}: {known} takes true and false alone");
                }
            }
            command.get_subcommands().for_each(|verb| flags(verb, without));
        }
        let mut without = Vec::new();
        flags(&Cli::command(), &mut without);
        assert!(without.is_empty(), "{without:?}");
        for (text, on) in [("1", true), ("Yes", true), ("", false), ("0", false), ("off", false)] {
            assert_eq!(switch(text), Ok(on), "{text:?}");
        }
        assert!(switch("ture").is_err());
    }

    #[test]
    fn a_part_names_the_command_of_the_whole() {
        for part in ["measure --shard 3/8 softmax -q", "measure softmax --shard=3/8 -q", "measure softmax -q"] {
            let arguments = part.split(' ').map(str::to_owned);
            assert_eq!(without_shard(arguments), "retrobench measure softmax -q");
        }
    }
}
