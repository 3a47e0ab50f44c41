//! The command line: one file per verb. This is the only place that prints, reads the environment or decides an exit
//! code.

mod calibrate;
mod capped;
mod doctor;
#[cfg(feature = "gpu")]
mod gpu;
mod hw;
mod limits;
mod links;
mod list;
mod measure;
mod output;
mod published;
mod report;
mod run;
mod streaming;
mod study;
mod worker;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Puts the hot kernels of an LLM inference core into a time machine: every rung of every optimization ladder, on this
/// host and on machines nobody here owns.
#[derive(Debug, Parser)]
#[command(name = "retrobench", version, max_term_width = 100)]
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
    /// Hardware profiles.
    Hw(hw::HwArgs),
    /// Measures or models the cells a filter selects.
    Measure(Box<measure::MeasureArgs>),
    /// Makes the report of records measured before.
    Report(report::ReportArgs),
    /// Measures this host and writes a profile of it.
    Calibrate(calibrate::CalibrateArgs),
    /// Studies beside the kernels: accuracy, crossovers, weights read from storage.
    Study(study::StudyArgs),
    /// Runs shaders on this host's GPUs, checks and times them.
    #[cfg(feature = "gpu")]
    Gpu(gpu::GpuArgs),
    /// Says what this host is, how noisy it is and which tiers it can do.
    Doctor(doctor::DoctorArgs),
    /// Runs cells under limits for `measure --cap`.
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
    #[arg(long, short, env = "RETROBENCH_QUIET")]
    quiet: bool,
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
        Verb::Report(args) => report::run(&args),
        Verb::Calibrate(args) => calibrate::run(&args),
        Verb::Study(args) => study::run(&args),
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

/// The command that reproduces what this process does.
pub fn command_line() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).map(|a| output::shell_quoted(&a)).collect();
    ["retrobench".to_string()].into_iter().chain(arguments).collect::<Vec<_>>().join(" ")
}
