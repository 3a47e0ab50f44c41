//! `report`: the site of records measured before, or the same as text or as pictures.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Failure;
use super::output::{Format, print, rendered, write_file};
use crate::journal;
use crate::record::Record;
use crate::report::{self, Report};

/// Flags of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Files of records (JSON lines); several are read one after the other.
    #[arg(required = true)]
    records: Vec<PathBuf>,
    /// Folder to write the site (index.html and what it links to) and report.md to [default: reports/out].
    #[arg(long, env = "RETROBENCH_OUT")]
    out: Option<PathBuf>,
    /// Title of the page.
    #[arg(long, default_value = TITLE, env = "RETROBENCH_TITLE")]
    title: String,
    /// Prints the report to standard output in this format instead.
    #[arg(long, short, value_enum, env = "RETROBENCH_OUTPUT")]
    output: Option<Format>,
    /// Also writes the charts as PNG, to the folder png of the site.
    #[arg(long, env = "RETROBENCH_PNG", value_parser = super::switch)]
    png: bool,
}

/// Title where none is given.
pub const TITLE: &str = "retrobench: what each optimization is worth";

/// Lines of a file that are named when they cannot be read; the rest is counted.
const SKIPPED_SHOWN: usize = 5;

/// Records of several files, and the lines that were skipped, which are said.
pub fn read(paths: &[PathBuf]) -> Result<(Vec<Record>, Vec<String>), Failure> {
    let (mut records, mut notes) = (Vec::new(), Vec::new());
    for path in paths {
        let (more, skipped) = journal::read(path).map_err(Failure::input)?;
        records.extend(more);
        let beyond = skipped.len().saturating_sub(SKIPPED_SHOWN);
        notes.extend(skipped.into_iter().take(SKIPPED_SHOWN));
        if beyond > 0 {
            let lines = if beyond == 1 { "line" } else { "lines" };
            notes.push(format!("{}: {beyond} more {lines} that cannot be read", path.display()));
        }
    }
    for note in &notes {
        eprintln!("retrobench: skipped {note}");
    }
    if records.is_empty() {
        return Err(Failure::input("no readable record in the files given"));
    }
    Ok((records, notes))
}

/// Reads the records and writes the pages.
pub fn run(args: &ReportArgs) -> Result<(), Failure> {
    if args.output.is_some() && args.out.is_some() && !args.png {
        return Err(Failure::input("-o prints the report, --out is the folder of its site: leave one of them out"));
    }
    let (records, notes) = read(&args.records)?;
    let out = args.out.as_deref().unwrap_or(Path::new("reports/out"));
    // The page names the command that made the records, not the one that rendered them.
    let command = records[0].environment.command.clone();
    let report = Report { title: &args.title, command: &command, records: &records, notes: &notes };
    if args.png {
        for (name, picture) in report::charts(&records).map_err(Failure::input)? {
            let bytes = picture.png().map_err(Failure::input)?;
            write_file(&out.join("png").join(format!("{name}.png")), &bytes)?;
        }
    }
    match args.output {
        Some(format) => print(&rendered(format, &report)?),
        None => write(out, &args.title, &command, &records, &notes),
    }
}

/// Writes the site and report.md.
pub fn write(out: &Path, title: &str, command: &str, records: &[Record], notes: &[String]) -> Result<(), Failure> {
    let report = Report { title, command, records, notes };
    for (path, bytes) in report::site(&report).map_err(Failure::input)? {
        write_file(&out.join(path), &bytes)?;
    }
    write_file(&out.join("report.md"), report::markdown(&report).as_bytes())?;
    eprintln!("report: {}", out.join("index.html").display());
    Ok(())
}
