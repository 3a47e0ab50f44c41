//! Folders of the system's control files that bear their maker's name, `retrobench-<pid>-<start time>-<n>`: a later start
//! tells those of dead processes by it, and removes them.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Beginning of every such name.
const PREFIX: &str = "retrobench-";
/// A killed process leaves its group within this time.
const TRIES: u32 = 100;
/// Between tries.
const PAUSE: Duration = Duration::from_millis(20);

/// Removes folders of processes that are `unwanted`, by process and its start, but the one of the name
/// `kept`; returns how many.
pub fn remove_below(folder: &Path, depth: u32, kept: &str, unwanted: &dyn Fn(u32, u64) -> bool) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let mut removed = 0;
    for entry in entries.flatten().filter(|e| e.file_type().is_ok_and(|t| t.is_dir())) {
        match entry.file_name().to_str().filter(|name| *name != kept).and_then(owner) {
            Some((pid, start)) if unwanted(pid, start) => removed += usize::from(remove(&entry.path())),
            Some(_) => {}
            None if depth > 0 => removed += remove_below(&entry.path(), depth - 1, kept, unwanted),
            None => {}
        }
    }
    removed
}

/// The process that a group's name says made it.
fn owner(name: &str) -> Option<(u32, u64)> {
    let mut parts = name.strip_prefix(PREFIX)?.split('-');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// When a process started, in the system's ticks since it booted; none where there is no such process.
pub fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, in parentheses, may hold anything; the 22nd is the start.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    // What has died and was not waited for owns nothing any more.
    fields.first().filter(|state| !matches!(**state, "Z" | "X"))?;
    fields.get(19)?.parse().ok()
}

/// A new name for a folder of this process.
pub fn own_name() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let pid = std::process::id();
    format!("{PREFIX}{pid}-{}-{}", start_time(pid).unwrap_or(0), MADE.fetch_add(1, Ordering::Relaxed))
}

/// Removes a folder, waiting for the processes in it to end.
pub fn remove(path: &Path) -> bool {
    for _ in 0..TRIES {
        match fs::remove_dir(path) {
            Ok(()) => return true,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return false,
            Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => return false,
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
    false
}
