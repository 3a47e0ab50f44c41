//! Capped runs that are killed outright, parent or worker, at random moments, one after the other on one journal: no record is
//! lost that was done, the next start removes what the killed one left, and a torn line is skipped and said.
//!
//! Six kills by default; `CAPPED_KILLS=50 cargo test --test capped_kills -- --nocapture` does more and shows the figures.
#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::{groups_of, retrobench, until, workers_of};
use harness::journal;
use harness::record::{Outcome, Record};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Several kernels and shapes, each with a worker of its own.
const CELLS: &str = "gemv_(f32|q8)/stories260k/";
/// The least that removes what dead runs left.
const NEXT: [&str; 7] =
    ["measure", "gemv_f32/stories260k/attn-q/naive$", "--cap", "cores=1", "--seconds", "0.01", "-q"];

fn start(folder: &Path) -> Child {
    let arguments =
        ["measure", CELLS, "--cap", "memory=128MiB,cores=1", "--seconds", "0.1", "-q", "--journal", "records.jsonl"];
    let mut command = retrobench(&arguments, folder);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
}

fn kill(pid: u32) {
    Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status().expect("kill is there");
}

/// The records of a journal so far, and the lines that are none. The end of a line that is being written is not there yet.
fn read(path: &Path) -> (Vec<Record>, Vec<String>) {
    let text = std::fs::read(path).unwrap_or_default();
    let whole = text.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    if whole == 0 {
        return Default::default();
    }
    let copy = tempfile::NamedTempFile::new().expect("room");
    std::fs::write(copy.path(), &text[..whole]).expect("room");
    journal::read(copy.path()).expect("lines that can be read, or skipped and said")
}

/// Files that are open without a name would be gone with their process; named ones would stay.
fn files_in(folder: &Path) -> BTreeSet<PathBuf> {
    std::fs::read_dir(folder).expect("there").flatten().map(|e| e.path()).collect()
}

#[test]
fn kills_at_random_moments_lose_nothing_that_was_done_and_leave_nothing_behind() {
    let wanted: u32 = std::env::var("CAPPED_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("records.jsonl");
    let (began, mut whole) = (Instant::now(), start(folder.path()));
    whole.wait().expect("it ends");
    let lasts_ms = began.elapsed().as_millis() as u64;
    let (mut done, torn) = read(&path);
    let cells = done.len();
    assert!(cells > 4 && torn.is_empty(), "{cells} records, {torn:?}");
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let (mut parents, mut workers, mut groups, mut voided) = (0, 0, 0, 0);
    while parents + workers < wanted {
        let first = read(&path).0.len();
        let mut parent = start(folder.path());
        sleep(Duration::from_millis(rng.next_u64() % lasts_ms));
        // What stands in the journal now was done.
        let before = read(&path).0;
        assert!(before.starts_with(&done), "what earlier runs had done is still there");
        done = before;
        let children = workers_of(parent.id());
        groups += groups_of(parent.id()).len();
        match children.first().filter(|_| rng.next_u32() % 2 == 0) {
            Some(worker) => {
                kill(*worker);
                parent.wait().expect("it goes on to its end");
                let after = read(&path).0;
                assert_eq!(after.len() - first, cells, "every cell has its record, whatever became of the worker");
                voided += after[done.len()..].iter().filter(|r| matches!(r.outcome, Outcome::Void { .. })).count();
                workers += 1;
            }
            None if parent.try_wait().expect("its state").is_none() => {
                kill(parent.id());
                parent.wait().expect("killed");
                until("the workers to follow", || {
                    children.iter().all(|worker| !Path::new(&format!("/proc/{worker}/exe")).exists())
                });
                parents += 1;
            }
            // It was done before its moment came: that was no kill.
            None => continue,
        }
        let next = retrobench(&NEXT, folder.path()).output().expect("the program starts");
        assert!(next.status.success(), "{}", String::from_utf8_lossy(&next.stderr));
        assert_eq!(groups_of(parent.id()), Vec::<PathBuf>::new(), "the next start removes its groups");
    }
    // The journal can be gone on with.
    start(folder.path()).wait().expect("it ends");
    let (records, torn) = journal::read(&path).expect("records");
    assert!(records.starts_with(&done), "a record that was done is lost");
    assert!(records.len() >= done.len() + cells, "the last run's records are all there");
    assert!(torn.len() <= parents as usize && torn.iter().all(|line| line.contains("records.jsonl:")), "{torn:?}");
    assert_eq!(files_in(folder.path()), BTreeSet::from([path]));
    eprintln!(
        "{} kills ({parents} of parents, {workers} of workers) within {lasts_ms} ms of the start: {} records done before \
         them, 0 lost; {voided} cells void by a worker's end; {groups} control groups were there when it happened, 0 after \
         the next start; {} torn lines skipped and said",
        parents + workers,
        done.len(),
        torn.len()
    );
}
