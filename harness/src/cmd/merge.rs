//! `merge`: the parts of a run (`--shard`) as one file of records.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use super::output::write_file;
use crate::journal::{self, JournalError};
use crate::merge::merge;

/// Flags of `merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Files of records (JSON lines), in the order of their parts.
    #[arg(required = true)]
    records: Vec<PathBuf>,
    /// File to write, whole or not at all (- = standard output).
    #[arg(long, default_value = "-", env = "RETROBENCH_OUT")]
    out: PathBuf,
}

/// Reads, joins, writes.
pub fn run(args: &MergeArgs) -> Result<(), Failure> {
    let mut files = Vec::new();
    for path in &args.records {
        let (records, skipped) = match journal::read(path) {
            // A part that had nothing to do: there were more parts than work.
            Err(e @ JournalError::Empty { .. }) => {
                eprintln!("retrobench: {e}");
                continue;
            }
            read => read.map_err(Failure::input)?,
        };
        // A line that cannot be read is a result that would be missing.
        if let Some(first) = skipped.first() {
            return Err(Failure::input(format!("{first}; run that part again")));
        }
        files.push((path.display().to_string(), records));
    }
    if files.is_empty() {
        return Err(Failure::input("no records in the files given"));
    }
    let merged = merge(&files).map_err(Failure::input)?;
    let text: String = merged.records.iter().map(journal::line).collect();
    write_file(&args.out, text.as_bytes())?;
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let (files, records) = (count(files.len(), "file"), count(merged.records.len(), "record"));
    eprintln!("merge: {files}, {records}, {} of them twice", merged.duplicates);
    Ok(())
}
