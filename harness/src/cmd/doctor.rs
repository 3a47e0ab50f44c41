//! `doctor`: what this host is, how noisy it is, which tiers it can do.

use std::time::Duration;

use clap::Args;

use super::Failure;
use super::measure::parse_seconds;
use super::output::print;
use crate::doctor;

/// Flags of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Seconds of timing one variant against itself.
    #[arg(long, default_value_t = 2.0, env = "RETROBENCH_SECONDS", value_parser = parse_seconds)]
    seconds: f64,
}

/// Examines and prints.
pub fn run(args: &DoctorArgs) -> Result<(), Failure> {
    print(&doctor::examine(Duration::from_secs_f64(args.seconds)).text())
}
