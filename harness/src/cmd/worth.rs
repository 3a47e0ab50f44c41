//! `worth`: what optimization is worth, from records measured before.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::output::{Format, listing_text, print, write_file};
use super::{Failure, report};
use crate::report::group::Book;
use crate::report::worth::{METRICS, Metric};

/// Flags of `worth`.
#[derive(Debug, Args)]
pub struct WorthArgs {
    /// Files of records (JSON lines); several are read one after the other.
    #[arg(required = true)]
    records: Vec<PathBuf>,
    /// Which figures [default: all].
    #[arg(long, env = "RETROBENCH_ONLY", value_delimiter = ',', value_parser = PossibleValuesParser::new(METRICS.iter().map(|m| m.name)))]
    only: Vec<String>,
    /// Format of standard output.
    #[arg(long, short, value_enum, default_value_t = Format::Table, env = "RETROBENCH_OUTPUT")]
    output: Format,
    /// Also draws each figure: folder for an SVG of each.
    #[arg(long, value_name = "FOLDER", env = "RETROBENCH_CHARTS")]
    charts: Option<PathBuf>,
}

/// Reads, prints, draws.
pub fn run(args: &WorthArgs) -> Result<(), Failure> {
    let (records, _) = report::read(&args.records)?;
    let book = Book::new(&records);
    let wanted = |m: &&Metric| args.only.is_empty() || args.only.iter().any(|name| name == m.name);
    let listings: Vec<_> = METRICS.iter().filter(wanted).map(|m| (m.listing)(&book)).collect();
    print(&listing_text(args.output, &listings)?)?;
    let Some(folder) = &args.charts else { return Ok(()) };
    for metric in METRICS.iter().filter(wanted) {
        match (metric.chart)(&book).map_err(Failure::input)? {
            Some(picture) => write_file(&folder.join(format!("{}.svg", metric.name)), picture.file().as_bytes())?,
            None => eprintln!("retrobench: {}: these records hold nothing to draw", metric.name),
        }
    }
    Ok(())
}
