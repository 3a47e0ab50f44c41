//! The capped tier as a user meets it: limits that are proven, refused with a reason, and gone afterwards. What needs root
//! or control groups says so and passes where there are none.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use common::{groups_of, retrobench, until, workers_of};
use harness::journal;
use harness::record::{Outcome, Record, Tier};

/// A cell that takes little time.
const CELL: &str = "gemv_f32/stories260k/attn-q/(naive|unrolled)$";
/// One whose weights are out of every small cache.
const LARGE: &str = "gemv_f32/r1-distill-qwen-1.5b/ffn-down/(naive|unrolled)$";

fn run(arguments: &[&str]) -> Output {
    retrobench(arguments, &std::env::temp_dir()).output().expect("the program starts")
}

/// Records of capped cells, whatever the exit code.
fn measure(filter: &str, cap: &str) -> Vec<Record> {
    let output = run(&["measure", filter, "--cap", cap, "--seconds", "0.05", "-q", "-o", "jsonl"]);
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let records: Vec<Record> = lines.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
    assert!(!records.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    records
}

/// Exit code and one line with all of `words`.
fn refuses(arguments: &[&str], code: i32, words: &[&str]) {
    let output = run(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
    assert!(error.starts_with("retrobench: ") && error.lines().count() == 1, "{arguments:?}: {error}");
    words.iter().for_each(|word| assert!(error.contains(word), "{arguments:?}: no {word:?} in {error}"));
}

/// True where this host limits memory by control groups.
fn has_groups() -> bool {
    let doctor = run(&["doctor", "--seconds", "0.05"]);
    let there = String::from_utf8_lossy(&doctor.stdout).lines().any(|l| l.trim().starts_with("memory      cgroup"));
    if !there {
        eprintln!("skipped: no control group can be made here (no root, no delegation)");
    }
    there
}

fn signal(pid: u32, name: &str) {
    Command::new("kill").args([name, &pid.to_string()]).status().expect("kill is there");
}

/// A long capped run that writes a journal.
fn start(folder: &Path) -> Child {
    let arguments =
        ["measure", LARGE, "--cap", "memory=128MiB,cores=1", "--seconds", "20", "-q", "--journal", "records.jsonl"];
    let mut command = retrobench(&arguments, folder);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
}

#[test]
fn bad_limits_are_one_line() {
    for (cap, words) in [
        ("memory=lots", ["memory=lots", "256MiB"]),
        ("nothing", ["nothing", "one-core"]),
        ("absent.toml", ["absent.toml", "FORMAT.md"]),
    ] {
        let output = run(&["measure", CELL, "--cap", cap]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        words.iter().for_each(|word| assert!(error.contains(word), "no {word:?} in {error}"));
    }
    refuses(&["measure", CELL, "--tier", "capped"], 2, &["capped to what", "--cap"]);
}

#[test]
fn what_cannot_be_enforced_is_exit_3_and_never_left_out() {
    refuses(&["measure", CELL, "--cap", "cores=1024", "-q"], 3, &["cores", "1024", "doctor"]);
    let records = measure(CELL, "cores=1024,bandwidth=1GB/s");
    for record in records {
        assert!(matches!(&record.outcome, Outcome::Void { reason } if reason.contains("cores")), "{record:?}");
    }
}

#[test]
fn limits_without_privileges_are_proven_in_every_record() {
    let caps = if cfg!(target_os = "linux") { "cores=1,bandwidth=1GB/s,simd=scalar" } else { "bandwidth=1GB/s" };
    let records = measure("gemv_f32/r1-distill-qwen-1.5b/ffn-down/(naive|simd)$", caps);
    for record in &records {
        assert_eq!(record.tier, Tier::Capped);
        assert!(record.machine.name.starts_with("this host, capped to "), "{}", record.machine.name);
    }
    let Outcome::Timed(naive) = &records[0].outcome else { panic!("{:?}", records[0]) };
    assert!(naive.paced_share.is_some_and(|share| (0.0..1.0).contains(&share)));
    assert_eq!(records[0].caps.len(), caps.split(',').count());
    for cap in &records[0].caps {
        let says = |when: &str| cap.proof.iter().any(|p| p.starts_with(when));
        assert!(!cap.mechanism.is_empty() && says("before: ") && says("after: "), "{cap:?}");
    }
    if cfg!(target_os = "linux") {
        assert!(matches!(&records[1].outcome, Outcome::NotAvailable { reason } if reason.contains("SIMD cap")));
    }
}

#[test]
fn a_capped_time_below_the_floor_is_refused_with_the_numbers() {
    // No host is as slow as this one, so every time here is "impossible" there.
    let text = include_str!("../../profiles/retro/i486dx2-66.toml").replace("class = \"retro\"", "class = \"host\"");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let slow = folder.path().join("i486dx2-66.toml");
    std::fs::write(&slow, text).expect("written");
    let slow = slow.to_str().expect("UTF-8");
    let cap = if cfg!(target_os = "linux") { "cores=1" } else { "bandwidth=1GB/s" };
    let output =
        run(&["measure", CELL, "--cap", cap, "--host-profile", slow, "--seconds", "0.05", "-q", "-o", "jsonl"]);
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let records: Vec<Record> = lines.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
    assert_eq!(records.len(), 2, "{}", String::from_utf8_lossy(&output.stderr));
    for record in records {
        let numbers = |reason: &str| reason.contains(" ns, upper end") && reason.contains("operations/s");
        assert!(matches!(&record.outcome, Outcome::Refused { reason } if numbers(reason)), "{record:?}");
        assert!(!record.caps.is_empty());
    }
}

#[test]
fn memory_is_limited_and_what_does_not_fit_is_a_result() {
    let records = measure(CELL, "memory=128MiB");
    let memory = &records[0].caps[0];
    assert!(matches!(records[0].outcome, Outcome::Timed(_)), "{records:?}");
    let word = if has_groups() { "ended at the limit" } else { "was refused" };
    assert_eq!(memory.proof.iter().filter(|p| p.contains(word)).count(), 2, "{memory:?}");
    let large = measure("gemv_f32/r1-distill-llama-8b/ffn-down/naive$", "memory=128MiB");
    assert!(matches!(&large[0].outcome, Outcome::DoesNotFit { reason } if reason.contains("needs")), "{large:?}");
    assert!(matches!(&large[0].outcome, Outcome::DoesNotFit { reason } if reason.contains("--weights")), "{large:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_killed_run_leaves_nothing_that_the_next_start_does_not_remove() {
    let groups = has_groups();
    let folder = tempfile::tempdir().expect("a folder");
    for kill_after_ms in [30, 120, 400, 900] {
        let mut parent = start(folder.path());
        sleep(Duration::from_millis(kill_after_ms));
        let workers = workers_of(parent.id());
        parent.kill().expect("it runs for seconds");
        parent.wait().expect("killed");
        until("the workers to follow", || workers.iter().all(|w| !Path::new(&format!("/proc/{w}/exe")).exists()));
        measure(CELL, "memory=128MiB");
        assert_eq!(groups_of(parent.id()), Vec::<PathBuf>::new(), "control groups: {groups}");
    }
    let records = folder.path().join("records.jsonl");
    if records.exists() && fs::metadata(&records).is_ok_and(|m| m.len() > 0) {
        journal::read(&records).expect("lines that can be read, or skipped and said");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_killed_worker_voids_its_cells_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut parent = start(folder.path());
    // The second child measures where the first only filled the memory; a worker that has threads is measuring.
    let threads = |pid: &u32| fs::read_dir(format!("/proc/{pid}/task")).map_or(0, |tasks| tasks.count());
    let mut worker = None;
    until("a worker", || {
        worker = workers_of(parent.id()).into_iter().find(|pid| threads(pid) > 1);
        worker.is_some()
    });
    sleep(Duration::from_millis(300));
    signal(workers_of(parent.id()).first().copied().or(worker).expect("it measures for seconds"), "-KILL");
    parent.wait().expect("it goes on to its end");
    let (records, skipped) = journal::read(&folder.path().join("records.jsonl")).expect("records");
    assert!(skipped.is_empty() && records.len() == 2, "{records:?}");
    for record in records {
        assert!(matches!(&record.outcome, Outcome::Void { reason } if reason.contains("signal: 9")), "{record:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_interrupted_run_lifts_its_limits_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["-INT", "-TERM"] {
        let mut parent = start(folder.path());
        until("a worker", || !workers_of(parent.id()).is_empty());
        signal(parent.id(), name);
        let status = parent.wait().expect("it ends");
        assert_eq!(status.code(), Some(130), "{name}");
        assert_eq!(groups_of(parent.id()), Vec::<PathBuf>::new());
    }
}
