//! What the tests of the capped tier share: the program as a user starts it, its workers, and what it leaves behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

/// The program, without this environment's own settings.
pub fn retrobench(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_retrobench"));
    let own = std::env::vars().filter(|(key, _)| key.starts_with("RETROBENCH_"));
    own.for_each(|(key, _)| {
        command.env_remove(key);
    });
    command.args(arguments).current_dir(folder);
    command
}

/// Control groups of a process.
pub fn groups_of(pid: u32) -> Vec<PathBuf> {
    fn below(folder: &Path, prefix: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                if entry.file_name().to_string_lossy().starts_with(prefix) {
                    found.push(entry.path());
                }
                below(&entry.path(), prefix, found);
            }
        }
    }
    let mut found = Vec::new();
    below(Path::new("/sys/fs/cgroup"), &format!("retrobench-{pid}-"), &mut found);
    found
}

/// The workers of a process.
pub fn workers_of(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    children.split_whitespace().filter_map(|c| c.parse().ok()).collect()
}

/// Waits for it, at most half a minute.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..600 {
        if done() {
            return;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("waited half a minute for {what}");
}
