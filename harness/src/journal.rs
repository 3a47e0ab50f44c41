//! Records on disk: JSON lines, one written whole and flushed as soon as its cell is done, so that whatever stops a run
//! loses nothing that was reported. A line torn by a crash is skipped on reading, and said.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::record::{Outcome, Record, SCHEMA};

/// Why a journal cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file takes no more.
    #[error("{path}: cannot write records: {reason}; records written so far are kept")]
    Write {
        /// File.
        path: String,
        /// The operating system's words.
        reason: String,
    },
    /// The file or its folder cannot be made or opened.
    #[error("{path}: cannot keep records there: {reason}; name another place")]
    Open {
        /// File.
        path: String,
        /// The operating system's words.
        reason: String,
    },
    /// The file cannot be read.
    #[error("{path}: cannot read records: {reason}; check the path")]
    Read {
        /// File.
        path: String,
        /// The operating system's words.
        reason: String,
    },
    /// The file holds no record.
    #[error("{path}: no records in it; `retrobench run` or `retrobench measure -o jsonl` makes some")]
    Empty {
        /// File.
        path: String,
    },
}

/// A file of records being written.
#[derive(Debug)]
pub struct Journal {
    /// Standard output where there is none.
    file: Option<File>,
    path: PathBuf,
}

impl Journal {
    /// Goes on at the end of a file, or starts it, making its folder. Where a run was stopped in the middle of a line, a new
    /// one is begun: the next record must not be lost with what was torn. `-` is standard output.
    pub fn append_to(path: &Path) -> Result<Self, JournalError> {
        if path.as_os_str() == "-" {
            return Ok(Self { file: None, path: path.to_path_buf() });
        }
        let open = |reason: String| JournalError::Open { path: path.display().to_string(), reason };
        let fail = |e: std::io::Error| open(e.to_string());
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            if folder.exists() && !folder.is_dir() {
                return Err(open(format!("{} is a file, not a folder", folder.display())));
            }
            fs::create_dir_all(folder).map_err(fail)?;
        }
        let mut file = OpenOptions::new().append(true).create(true).open(path).map_err(fail)?;
        if is_torn(path).map_err(fail)? {
            file.write_all(b"\n").map_err(fail)?;
        }
        Ok(Self { file: Some(file), path: path.to_path_buf() })
    }

    /// Starts a file. One that is there already is kept beside it, as `NAME.previous.jsonl`, unless it is empty: a run that was
    /// stopped before its first record must not cost those of the run before.
    pub fn start(path: &Path) -> Result<Self, JournalError> {
        if fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() > 0) {
            let previous = path.with_extension("previous.jsonl");
            let fail =
                |e: std::io::Error| JournalError::Open { path: previous.display().to_string(), reason: e.to_string() };
            fs::rename(path, &previous).map_err(fail)?;
        }
        Self::append_to(path)
    }

    /// Appends one record as one line, in one write.
    pub fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let line = line(record);
        let written = match &mut self.file {
            Some(file) => file.write_all(line.as_bytes()),
            None => std::io::stdout().lock().write_all(line.as_bytes()),
        };
        let fail =
            |e: std::io::Error| JournalError::Write { path: self.path.display().to_string(), reason: e.to_string() };
        written.map_err(fail)
    }
}

/// True where the last byte of a file is not the end of a line.
fn is_torn(path: &Path) -> std::io::Result<bool> {
    // A pipe has no end to look at.
    if fs::metadata(path).is_ok_and(|m| !m.is_file() || m.len() == 0) {
        return Ok(false);
    }
    let mut file = File::open(path)?;
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// A record as its line, newline included.
pub fn line(record: &Record) -> String {
    let mut json = serde_json::to_string(record).unwrap_or_else(|e| format!("{{\"unwritable\":\"{e}\"}}"));
    json.push('\n');
    json
}

/// Why a record's time is none.
fn impossible(record: &Record) -> Option<String> {
    let Outcome::Timed(t) = &record.outcome else { return None };
    let no_time = |ns: f64| !(ns.is_finite() && ns >= 0.0);
    let all = [("time_ns", t.time_ns, no_time(t.time_ns) || t.time_ns == 0.0)];
    let bands = [("low_ns", t.low_ns), ("high_ns", t.high_ns)].map(|(key, ns)| (key, ns, no_time(ns)));
    let (key, ns, _) = all.into_iter().chain(bands).find(|(.., wrong)| *wrong)?;
    Some(format!("{key} is {ns}, no time"))
}

/// Reads a file of records; the second list says which lines were skipped and why.
pub fn read(path: &Path) -> Result<(Vec<Record>, Vec<String>), JournalError> {
    let shown = path.display().to_string();
    let fail = |e: std::io::Error| JournalError::Read { path: shown.clone(), reason: e.to_string() };
    let mut reader = BufReader::new(File::open(path).map_err(fail)?);
    let (mut records, mut skipped) = (Vec::new(), Vec::new());
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        if reader.read_until(b'\n', &mut bytes).map_err(fail)? == 0 {
            break;
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match serde_json::from_slice::<Record>(&bytes) {
            Ok(record) if record.schema == SCHEMA => match impossible(&record) {
                None => records.push(record),
                Some(why) => skipped.push(format!("{shown}:{number}: {why}")),
            },
            Ok(record) => {
                skipped.push(format!("{shown}:{number}: schema {}, this build reads {SCHEMA}", record.schema))
            }
            Err(e) => skipped.push(format!("{shown}:{number}: not a record ({e})")),
        }
    }
    if records.is_empty() && skipped.is_empty() {
        return Err(JournalError::Empty { path: shown });
    }
    Ok((records, skipped))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::record::*;

    /// A record to write, read and render in tests.
    pub(crate) fn sample() -> Record {
        Record {
            schema: SCHEMA,
            tier: Tier::Modelled,
            kernel: "gemv_f32".into(),
            shape: "test/shape".into(),
            dims: "3×4".into(),
            variant: "naive".into(),
            rung: 0,
            idea: "one sum".into(),
            after: None,
            machine: MachineRef {
                id: "toy".into(),
                name: "Toy".into(),
                class: "retro".into(),
                year: Some(1990),
                profile_hash: None,
                isa: "scalar".into(),
                threads: 1,
                peak_ops_per_s: Some(1e9),
                peak_bytes_per_s: None,
            },
            outcome: Outcome::NotAvailable { reason: "no SIMD".into() },
            cost: CostRef { operations: 24, bytes: 76 },
            caps: Vec::new(),
            environment: Environment {
                commit: "c".into(),
                rustc: "r".into(),
                build_features: String::new(),
                cpu: "-".into(),
                host: "-".into(),
                seed: 1,
                command: "retrobench".into(),
            },
        }
    }

    /// [`sample`] with a time.
    pub(crate) fn timed(tier: Tier, machine: &str, variant: &str, time_ns: f64) -> Record {
        let mut record = Record { tier, variant: variant.into(), ..sample() };
        record.machine.id = machine.into();
        record.outcome = Outcome::Timed(Timing {
            time_ns,
            low_ns: time_ns,
            high_ns: time_ns,
            speedup: None,
            ratio_within: None,
            samples_ns: Vec::new(),
            warm: true,
            floor_ns: None,
            bound: None,
            shares: Vec::new(),
            paced_share: None,
            counts: None,
            cycles: None,
            nmse: 0.0,
            backward_error: 0.0,
        });
        record
    }

    #[test]
    fn what_is_written_is_read_and_torn_lines_are_said() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("deep/records.jsonl");
        let mut journal = Journal::start(&path).expect("created");
        journal.append(&sample()).expect("written");
        journal.append(&sample()).expect("written");
        let mut text = fs::read_to_string(&path).expect("there");
        text.truncate(text.len() - 20);
        fs::write(&path, text).expect("written");
        let (records, skipped) = read(&path).expect("read");
        assert_eq!(records, [sample()]);
        assert!(skipped.len() == 1 && skipped[0].contains(":2:"), "{skipped:?}");
        // What goes on after the torn line is not lost with it, and needs no more than the one new line.
        for more in 1..=2 {
            Journal::append_to(&path).expect("opened").append(&sample()).expect("written");
            let (records, skipped) = read(&path).expect("read");
            assert_eq!((records.len(), skipped.len()), (1 + more, 1), "{skipped:?}");
        }
    }

    #[test]
    fn a_line_torn_anywhere_costs_no_other_record() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("records.jsonl");
        let whole = line(&sample());
        for torn in (0..whole.len()).filter(|at| whole.is_char_boundary(*at)) {
            fs::write(&path, format!("{whole}{}", &whole[..torn])).expect("written");
            Journal::append_to(&path).expect("opened").append(&sample()).expect("written");
            let (records, skipped) = read(&path).expect("read");
            // All but the end of the line is a record.
            let lost = usize::from(torn > 0 && torn < whole.len() - 1);
            assert_eq!((records.len(), skipped.len()), (3 - usize::from(torn < whole.len() - 1), lost), "{torn}");
        }
    }

    #[test]
    fn a_run_stopped_before_its_first_record_costs_none_of_the_last() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("records.jsonl");
        Journal::start(&path).expect("created").append(&sample()).expect("written");
        for _ in 0..3 {
            Journal::start(&path).expect("started");
        }
        let previous = read(&path.with_extension("previous.jsonl")).expect("kept");
        assert_eq!(previous.0, [sample()]);
        let below_a_file = Journal::append_to(&path.join("more.jsonl")).expect_err("no folder").to_string();
        assert!(below_a_file.contains("is a file, not a folder"), "{below_a_file}");
    }

    #[test]
    fn a_time_that_is_none_is_no_record() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("records.jsonl");
        let lines = [-1.0, 0.0, 10.0].map(|ns| line(&timed(Tier::Native, "this-host", "naive", ns)));
        fs::write(&path, lines.concat()).expect("written");
        let (records, skipped) = read(&path).expect("read");
        assert_eq!((records.len(), skipped.len()), (1, 2), "{skipped:?}");
        assert!(skipped[0].contains(":1: time_ns is -1, no time"), "{skipped:?}");
    }

    #[test]
    fn numbers_are_read_back_to_the_last_bit() {
        for ns in [1_107_474.747_474_747_5, 0.1 + 0.2, 1.0 / 3.0, 5e-324, f64::MAX] {
            let written = line(&timed(Tier::Modelled, "toy", "naive", ns));
            let read: Record = serde_json::from_str(&written).expect("a record");
            assert_eq!(line(&read), written);
        }
    }

    #[test]
    fn unreadable_and_empty_files_are_clear_errors() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let missing = read(&folder.path().join("none.jsonl")).expect_err("missing").to_string();
        assert!(missing.contains("none.jsonl") && !missing.contains('\n'));
        let empty = folder.path().join("empty.jsonl");
        fs::write(&empty, "\n").expect("written");
        assert!(matches!(read(&empty), Err(JournalError::Empty { .. })));
        fs::write(&empty, [0xff, 0xfe, b'\n']).expect("written");
        assert_eq!(read(&empty).expect("read").1.len(), 1);
    }
}
