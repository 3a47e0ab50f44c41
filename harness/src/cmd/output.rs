//! Where results go: standard output, exported files, and the small things every verb prints with.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Failure;
use crate::journal;
use crate::record::{Outcome, Record};
use crate::report::listing::{Datum, Listing};
use crate::report::{self, Report};

/// Formats of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table for people.
    Table,
    /// Markdown.
    Md,
    /// Comma-separated values.
    Csv,
    /// One JSON array.
    Json,
    /// JSON lines, the format of records.
    Jsonl,
}

/// Flags of every verb that ends in records.
#[derive(Clone, Debug, Args)]
pub struct OutputArgs {
    /// Format of standard output.
    #[arg(long, short, value_enum, default_value_t = Format::Table, env = "RETROBENCH_OUTPUT")]
    output: Format,
    /// Also writes Markdown to a file (- = standard output).
    #[arg(long, value_name = "FILE", env = "RETROBENCH_EXPORT_MARKDOWN")]
    export_markdown: Option<PathBuf>,
    /// Also writes a JSON array to a file (- = standard output).
    #[arg(long, value_name = "FILE", env = "RETROBENCH_EXPORT_JSON")]
    export_json: Option<PathBuf>,
    /// Also writes CSV to a file (- = standard output).
    #[arg(long, value_name = "FILE", env = "RETROBENCH_EXPORT_CSV")]
    export_csv: Option<PathBuf>,
}

impl OutputArgs {
    /// Prints and exports the records.
    pub fn write(&self, records: &[Record], command: &str) -> Result<(), Failure> {
        self.write_as(|format| rendered(format, &Report { title: "retrobench", command, records, notes: &[] }))
    }

    /// Prints and exports what `render` makes in each format.
    pub fn write_as(&self, render: impl Fn(Format) -> Result<String, Failure>) -> Result<(), Failure> {
        let exports =
            [(&self.export_markdown, Format::Md), (&self.export_json, Format::Json), (&self.export_csv, Format::Csv)];
        let write = |path: &Path, format| {
            let text = render(format)?;
            if path.as_os_str() == "-" { print(&text) } else { write_file(path, text.as_bytes()) }
        };
        let mut done = vec![write(Path::new("-"), self.output)];
        done.extend(exports.into_iter().filter_map(|(path, format)| Some(write(path.as_deref()?, format))));
        // One place that cannot be written to does not cost the others their results.
        done.into_iter().collect()
    }
}

/// A report in one of the formats.
pub fn rendered(format: Format, report: &Report) -> Result<String, Failure> {
    let records = report.records;
    Ok(match format {
        Format::Table => report::summary_table(records),
        Format::Md => report::markdown(report),
        Format::Csv => report::csv(records),
        Format::Json => serde_json::to_string_pretty(records).map_err(Failure::input)? + "\n",
        Format::Jsonl => records.iter().map(journal::line).collect(),
    })
}

/// Tables of results that are no records.
pub fn listing_text(format: Format, listings: &[Listing]) -> Result<String, Failure> {
    let joined = |each: fn(&Listing) -> String| listings.iter().map(each).collect::<Vec<_>>().join("\n");
    Ok(match format {
        Format::Table => joined(|listing| {
            let heads = listing.shown_heads();
            let mut table = plain_table(&heads.iter().map(String::as_str).collect::<Vec<_>>());
            table.add_rows(listing.rows.iter().map(|row| row.iter().map(Datum::shown).collect::<Vec<_>>()));
            format!("{}\n\n{table}\n", listing.about)
        }),
        Format::Md => joined(Listing::markdown),
        Format::Csv => joined(Listing::csv),
        Format::Json => {
            let all: Vec<_> = listings.iter().map(Listing::json).collect();
            let value = if let [one] = &all[..] { one.clone() } else { all.into() };
            serde_json::to_string_pretty(&value).map_err(Failure::input)? + "\n"
        }
        Format::Jsonl => {
            let rows = listings.iter().flat_map(|l| l.json().as_array().cloned().unwrap_or_default());
            rows.map(|row| format!("{row}\n")).collect()
        }
    })
}

/// Writes a file whole or not at all: a full disk leaves no half of it.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let fail = |e: std::io::Error| Failure::input(format!("{}: cannot write: {e}", path.display()));
    // What a link names is written, and a device or a pipe is written to, never replaced.
    let path = &std::fs::canonicalize(path).unwrap_or(path.to_path_buf());
    if std::fs::metadata(path).is_ok_and(|m| !m.is_file() && !m.is_dir()) {
        let mut device = std::fs::OpenOptions::new().write(true).open(path).map_err(fail)?;
        return device.write_all(bytes).map_err(fail);
    }
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(fail)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
    file.write_all(bytes).map_err(fail)?;
    let file = file.persist(path).map_err(|e| fail(e.error))?;
    // A temporary file is private; a report is for everyone the umask allows.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(fail)?;
    }
    drop(file);
    Ok(())
}

/// Standard output. A reader that has gone away (`| head`) is no error.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Failure::input(format!("standard output: {e}"))),
        _ => Ok(()),
    }
}

/// A borderless table that fits the terminal.
pub fn plain_table(header: &[&str]) -> Table {
    let mut t = Table::new();
    t.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(header);
    t
}

/// A progress bar on standard error, or none.
pub fn progress(total: usize, quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(total as u64), target);
    if let Ok(style) = ProgressStyle::with_template("{elapsed:>4} [{wide_bar}] {pos}/{len} cells  {msg:40!}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

/// Exit 1 when a variant's output was wrong.
pub fn verdict(records: &[Record]) -> Result<(), Failure> {
    let wrong: Vec<String> = records
        .iter()
        .filter_map(|r| match &r.outcome {
            Outcome::Wrong { reason } => Some(format!("{}/{}/{}: {reason}", r.kernel, r.shape, r.variant)),
            _ => None,
        })
        .collect();
    match wrong.first() {
        None => Ok(()),
        Some(first) => {
            Err(Failure::wrong(format!("{} wrong result(s), their times are withheld; {first}", wrong.len())))
        }
    }
}

/// An argument as a shell needs it.
pub fn shell_quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,%+@".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.into()
    } else {
        format!("'{}'", argument.replace('\'', "'\\''"))
    }
}
