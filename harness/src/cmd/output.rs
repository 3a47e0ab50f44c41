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
use crate::worker::on_interrupt;

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
    /// Refuses files that could not be written in the end: better now than after the measuring.
    pub fn ready(&self) -> Result<(), Failure> {
        let files = [&self.export_markdown, &self.export_json, &self.export_csv];
        files.into_iter().flatten().try_for_each(|path| ready(path))
    }

    /// Prints and exports the records.
    pub fn write(&self, records: &[Record], command: &str) -> Result<(), Failure> {
        self.write_as(|format| rendered(format, &Report { title: "retrobench", command, records, notes: &[] }))
    }

    /// Prints and exports what `render` makes in each format.
    pub fn write_as(&self, render: impl Fn(Format) -> Result<String, Failure>) -> Result<(), Failure> {
        let exports =
            [(&self.export_markdown, Format::Md), (&self.export_json, Format::Json), (&self.export_csv, Format::Csv)];
        let write = |path: &Path, format| write_file(path, render(format)?.as_bytes());
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

/// Where a path leads.
enum Goal {
    /// `-`.
    Standard,
    /// A device or a pipe: it is written to, never replaced.
    Device(PathBuf),
    /// A file, behind links where there are some, and its folder.
    File(PathBuf, PathBuf),
}

impl Goal {
    fn of(path: &Path) -> std::io::Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self::Standard);
        }
        let path = std::fs::canonicalize(path).unwrap_or(path.to_path_buf());
        match std::fs::metadata(&path) {
            Ok(m) if m.is_dir() => return Err(std::io::Error::other("it is a folder, not a file")),
            Ok(m) if !m.is_file() => return Ok(Self::Device(path)),
            _ => {}
        }
        let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if let Some(file) = folder.ancestors().find(|f| f.exists()).filter(|f| !f.is_dir()) {
            return Err(std::io::Error::other(format!("{} is a file, not a folder", file.display())));
        }
        let folder = folder.to_path_buf();
        Ok(Self::File(path, folder))
    }
}

fn cannot(path: &Path) -> impl Fn(std::io::Error) -> Failure {
    move |e| Failure::input(format!("{}: cannot write: {e}", path.display()))
}

/// Refuses a file that could not be written; makes its folder.
pub fn ready(path: &Path) -> Result<(), Failure> {
    let fail = cannot(path);
    let Goal::File(_, folder) = Goal::of(path).map_err(&fail)? else { return Ok(()) };
    std::fs::create_dir_all(&folder).and_then(|()| tempfile::tempfile_in(&folder)).map(drop).map_err(fail)
}

/// Writes a file whole or not at all: a full disk leaves no half of it. `-` is standard output.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_whole(path, 0, |out| out.write_all(bytes))
}

/// The same of what `write` writes, some bytes; none where the disk has not so much room.
pub fn write_whole(
    path: &Path,
    needs: u64,
    write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let fail = cannot(path);
    let (path, folder) = match Goal::of(path).map_err(&fail)? {
        Goal::File(path, folder) => (path, folder),
        Goal::Device(path) => {
            let mut device = std::fs::OpenOptions::new().write(true).open(path).map_err(&fail)?;
            return write(&mut device).map_err(fail);
        }
        Goal::Standard => {
            let mut out = std::io::stdout().lock();
            return match write(&mut out).and_then(|()| out.flush()) {
                // A reader that has gone away (`| head`) is no error.
                Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Failure::input(format!("standard output: {e}"))),
                _ => Ok(()),
            };
        }
    };
    std::fs::create_dir_all(&folder).map_err(&fail)?;
    room(&folder, needs).map_err(&fail)?;
    let mut named = tempfile::Builder::new();
    // A temporary file is private; a report is for everyone the umask allows.
    #[cfg(unix)]
    named.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = named.tempfile_in(&folder).map_err(&fail)?;
    let unfinished = file.path().to_path_buf();
    let token = on_interrupt(move || drop(std::fs::remove_file(unfinished)));
    let written = write(file.as_file_mut());
    if let Ok(there) = std::fs::metadata(&path) {
        // What is replaced stays as open as it was.
        file.as_file().set_permissions(there.permissions()).map_err(&fail)?;
    }
    let done = written.and_then(|()| file.persist(path).map(drop).map_err(|e| e.error));
    drop(token);
    done.map_err(fail)
}

/// What is left free on a disk.
const SPARE_BYTES: u64 = 64 << 20;

/// An error where a folder's disk has no room for so many bytes; what needs little just tries.
fn room(folder: &Path, needs: u64) -> std::io::Result<()> {
    let disk = rustix::fs::statvfs(folder)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if needs == 0 || free >= needs.saturating_add(SPARE_BYTES) {
        return Ok(());
    }
    let gb = |bytes: u64| bytes as f64 / 1e9;
    Err(std::io::Error::other(format!("it would take {:.2} GB, and {:.2} GB are free there", gb(needs), gb(free))))
}

/// Standard output. A reader that has gone away (`| head`) is no error.
pub fn print(text: &str) -> Result<(), Failure> {
    write_file(Path::new("-"), text.as_bytes())
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
            let results = if wrong.len() == 1 { "wrong result, its time is" } else { "wrong results, their times are" };
            Err(Failure::wrong(format!("{} {results} withheld; {first}", wrong.len())))
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
