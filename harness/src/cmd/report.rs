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
    /// Folder to write the site (index.html and what it links to) and report.md to.
    #[arg(long, default_value = "reports/out", env = "RETROBENCH_OUT")]
    out: PathBuf,
    /// Title of the page.
    #[arg(long, default_value = TITLE, env = "RETROBENCH_TITLE")]
    title: String,
    /// Prints the report to standard output in this format instead.
    #[arg(long, short, value_enum, env = "RETROBENCH_OUTPUT")]
    output: Option<Format>,
    /// Also writes the charts as PNG, to the folder png of the site.
    #[arg(long, env = "RETROBENCH_PNG")]
    png: bool,
}

/// Title where none is given.
pub const TITLE: &str = "retrobench: what each optimization is worth";

/// Records of several files, and the lines that were skipped, which are said.
pub fn read(paths: &[PathBuf]) -> Result<(Vec<Record>, Vec<String>), Failure> {
    let (mut records, mut notes) = (Vec::new(), Vec::new());
    for path in paths {
        let (more, skipped) = journal::read(path).map_err(Failure::input)?;
        records.extend(more);
        notes.extend(skipped);
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
    let (records, notes) = read(&args.records)?;
    // The page names the command that made the records, not the one that rendered them.
    let command = records[0].environment.command.clone();
    let report = Report { title: &args.title, command: &command, records: &records, notes: &notes };
    if args.png {
        for (name, picture) in report::charts(&records).map_err(Failure::input)? {
            let bytes = picture.png().map_err(Failure::input)?;
            write_file(&args.out.join("png").join(format!("{name}.png")), &bytes)?;
        }
    }
    match args.output {
        Some(format) => print(&rendered(format, &report)?),
        None => write(&args.out, &args.title, &command, &records, &notes),
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
