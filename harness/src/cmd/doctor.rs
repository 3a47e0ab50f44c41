//! `doctor`: what this host is, how noisy it is, which tiers it can do.

use std::time::Duration;

use clap::Args;

use super::Failure;
use super::measure::parse_seconds;
use super::output::{Format, listing_text, print};
use crate::doctor;
use crate::report::listing::Listing;

/// Flags of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Seconds of timing one variant against itself.
    #[arg(long, default_value_t = 2.0, env = "RETROBENCH_SECONDS", value_parser = parse_seconds)]
    seconds: f64,
    /// Format of standard output.
    #[arg(long, short, value_enum, default_value_t = Format::Table, env = "RETROBENCH_OUTPUT")]
    output: Format,
}

/// Examines and prints.
pub fn run(args: &DoctorArgs) -> Result<(), Failure> {
    let report = doctor::examine(Duration::from_secs_f64(args.seconds));
    if args.output == Format::Table {
        return print(&report.text());
    }
    let rows = report.facts().into_iter().map(|(what, found)| vec![what.trim().into(), found]).collect();
    print(&listing_text(args.output, &[Listing::of_words("What this host is:".into(), &["what", "found"], rows)])?)
}
