//! Control groups, version 1 and 2, as far as the limits need them. A group is named
//! `retrobench-<pid>-<start time>-<n>` after the process that made it, so that a later start can tell those of dead
//! processes and remove them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What a group limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controller {
    /// `memory`.
    Memory,
    /// `cpu`.
    Cpu,
    /// `io` of version 2, `blkio` of version 1.
    Io,
}

impl Controller {
    fn name(self, version: Version) -> &'static str {
        match (self, version) {
            (Self::Memory, _) => "memory",
            (Self::Cpu, _) => "cpu",
            (Self::Io, Version::V1) => "blkio",
            (Self::Io, Version::V2) => "io",
        }
    }
}

/// The two interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// One hierarchy for each controller.
    V1,
    /// One hierarchy.
    V2,
}

/// Where the system keeps its groups and which one this process is in.
pub struct Places {
    /// `/proc/self/mounts`.
    pub mounts: String,
    /// `/proc/self/cgroup`.
    pub own: String,
}

/// Beginning of every group's name.
const PREFIX: &str = "retrobench-";
/// A killed process leaves its group within this time.
const TRIES: u32 = 100;
/// Between tries.
const PAUSE: Duration = Duration::from_millis(20);
/// Deepest folder that is searched for left-over groups.
const DEPTH: u32 = 8;

impl Places {
    /// Of this process.
    pub fn here() -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self { mounts: text("/proc/self/mounts"), own: text("/proc/self/cgroup") }
    }

    /// Mount points of a version's hierarchies that have this controller (version 2: all of them).
    fn mounted(&self, controller: Controller, version: Version) -> impl Iterator<Item = PathBuf> {
        self.mounts.lines().filter_map(move |line| {
            let fields: Vec<&str> = line.split(' ').collect();
            let (point, kind, options) = (fields.get(1)?, fields.get(2)?, fields.get(3)?);
            let fits = match version {
                Version::V1 => *kind == "cgroup" && options.split(',').any(|o| o == controller.name(version)),
                Version::V2 => *kind == "cgroup2",
            };
            fits.then(|| PathBuf::from(point.replace("\\040", " ")))
        })
    }

    /// This process's own group below such a mount point: `/a/b`.
    fn own(&self, controller: Controller, version: Version) -> &str {
        let mine = |line: &&str| {
            let controllers = line.split(':').nth(1).unwrap_or_default();
            match version {
                Version::V1 => controllers.split(',').any(|c| c == controller.name(version)),
                Version::V2 => line.starts_with("0::"),
            }
        };
        self.own.lines().find(mine).and_then(|line| line.splitn(3, ':').nth(2)).unwrap_or("/")
    }

    /// Makes a group for a controller, or says why none can be made. The errors of all ways, one after the other.
    pub fn make(&self, controller: Controller, name: &str) -> Result<Group, String> {
        let mut reasons = Vec::new();
        for version in [Version::V2, Version::V1] {
            for mount in self.mounted(controller, version) {
                let own = match self.own(controller, version).trim_start_matches('/') {
                    "" => mount.clone(),
                    below => mount.join(below),
                };
                // Version 1: below the own group, so that limits from outside go on to hold. Version 2: beside it, as a
                // group with processes of its own may not give controllers to others.
                let beside = own.parent().filter(|_| own != mount).unwrap_or(&mount).to_path_buf();
                let mut folders = vec![if version == Version::V1 { own } else { beside }, mount];
                folders.dedup();
                for parent in folders.iter().filter(|folder| folder.is_dir()) {
                    match Group::make_in(parent, controller, version, name) {
                        Ok(group) => return Ok(group),
                        Err(reason) if reasons.contains(&reason) => {}
                        Err(reason) => reasons.push(reason),
                    }
                }
            }
        }
        if reasons.is_empty() {
            return Err(format!("no cgroup hierarchy has the {} controller", controller.name(Version::V1)));
        }
        Err(reasons.join("; "))
    }

    /// Removes groups that dead processes left; returns how many.
    pub fn sweep(&self) -> usize {
        self.remove_all(&|pid, start| start_time(pid) != Some(start))
    }

    /// Removes this process's groups.
    pub fn remove_own(&self) -> usize {
        self.remove_all(&|pid, _| pid == std::process::id())
    }

    fn remove_all(&self, unwanted: &dyn Fn(u32, u64) -> bool) -> usize {
        let mut points: Vec<PathBuf> = Vec::new();
        for controller in [Controller::Memory, Controller::Cpu, Controller::Io] {
            points.extend(self.mounted(controller, Version::V1).chain(self.mounted(controller, Version::V2)));
        }
        points.sort();
        points.dedup();
        points.iter().map(|point| remove_below(point, DEPTH, unwanted)).sum()
    }
}

fn remove_below(folder: &Path, depth: u32, unwanted: &dyn Fn(u32, u64) -> bool) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let mut removed = 0;
    for entry in entries.flatten().filter(|e| e.file_type().is_ok_and(|t| t.is_dir())) {
        match entry.file_name().to_str().and_then(owner) {
            Some((pid, start)) if unwanted(pid, start) => removed += usize::from(remove(&entry.path())),
            Some(_) => {}
            None if depth > 0 => removed += remove_below(&entry.path(), depth - 1, unwanted),
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

/// A new name for a group of this process.
pub fn own_name() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let pid = std::process::id();
    format!("{PREFIX}{pid}-{}-{}", start_time(pid).unwrap_or(0), MADE.fetch_add(1, Ordering::Relaxed))
}

/// Removes a group, waiting for the processes in it to end.
fn remove(path: &Path) -> bool {
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

/// A group of this process, removed when it is dropped.
#[derive(Debug)]
pub struct Group {
    path: PathBuf,
    version: Version,
}

impl Group {
    fn make_in(parent: &Path, controller: Controller, version: Version, name: &str) -> Result<Self, String> {
        let shown = parent.display();
        if version == Version::V2 {
            let controller = controller.name(version);
            let has = |file: &str| {
                let list = fs::read_to_string(parent.join(file)).unwrap_or_default();
                list.split_whitespace().any(|c| c == controller)
            };
            if !has("cgroup.controllers") {
                return Err(format!("{shown} has no {controller} controller"));
            }
            if !has("cgroup.subtree_control") {
                let file = parent.join("cgroup.subtree_control");
                fs::write(&file, format!("+{controller}")).map_err(|e| format!("{}: {e}", file.display()))?;
            }
        }
        let path = parent.join(name);
        match fs::create_dir(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(format!("{shown}: no group can be made: {e}"))
            }
            _ => Ok(Self { path, version }),
        }
    }

    /// The interface it speaks.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one of its files.
    pub fn set(&self, file: &str, value: &str) -> Result<(), String> {
        let path = self.path.join(file);
        fs::write(&path, value).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// Writes one of its files where the system has it.
    pub fn set_if_there(&self, file: &str, value: &str) -> Result<(), String> {
        if self.path.join(file).exists() { self.set(file, value) } else { Ok(()) }
    }

    /// A number in one of its files.
    pub fn number(&self, file: &str) -> Option<u64> {
        fs::read_to_string(self.path.join(file)).ok()?.trim().parse().ok()
    }

    /// The number after a word in one of its files: `oom_kill 3`.
    pub fn counter(&self, file: &str, word: &str) -> Option<u64> {
        let text = fs::read_to_string(self.path.join(file)).ok()?;
        text.lines().find_map(|line| line.split_once(' ').filter(|(w, _)| *w == word)?.1.trim().parse().ok())
    }

    /// Moves a process into it. Threads it starts and memory it takes from now on are limited.
    pub fn join(&self, pid: u32) -> Result<(), String> {
        self.set("cgroup.procs", &pid.to_string())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "4:memory:/box/a\n5:cpu,cpuacct:/\n0::/user.slice/me.scope\n";

    /// A folder that looks like hierarchies of both versions.
    fn places(root: &Path) -> Places {
        let point = |name: &str| root.join(name).display().to_string();
        let mounts = format!(
            "tmpfs / tmpfs rw 0 0\ncgroup {} cgroup rw,memory 0 0\ncgroup {} cgroup rw,cpu,cpuacct 0 0\n\
             cgroup2 {} cgroup2 rw 0 0\n",
            point("memory"),
            point("cpu"),
            point("unified")
        );
        for folder in ["memory/box/a", "cpu", "unified/user.slice/me.scope"] {
            fs::create_dir_all(root.join(folder)).expect("room");
        }
        Places { mounts, own: OWN.into() }
    }

    #[test]
    fn version_1_groups_lie_below_the_own_group() {
        let root = tempfile::tempdir().expect("a folder");
        let places = places(root.path());
        let memory = places.make(Controller::Memory, "retrobench-1-2").expect("made");
        assert_eq!(memory.path(), root.path().join("memory/box/a/retrobench-1-2"));
        assert_eq!(memory.version(), Version::V1);
        let cpu = places.make(Controller::Cpu, "retrobench-1-2").expect("made");
        assert_eq!(cpu.path(), root.path().join("cpu/retrobench-1-2"));
        let path = memory.path().to_path_buf();
        drop(memory);
        assert!(!path.exists());
        let none = places.make(Controller::Io, "retrobench-1-2").expect_err("not there");
        assert!(none.contains("io controller") || none.contains("blkio"), "{none}");
    }

    #[test]
    fn version_2_groups_lie_beside_the_own_group_and_get_its_controllers() {
        let root = tempfile::tempdir().expect("a folder");
        let places = places(root.path());
        let slice = root.path().join("unified/user.slice");
        fs::write(slice.join("cgroup.controllers"), "cpu memory pids\n").expect("room");
        fs::write(slice.join("cgroup.subtree_control"), "pids\n").expect("room");
        let group = places.make(Controller::Memory, "retrobench-1-2").expect("made");
        assert_eq!((group.version(), group.path()), (Version::V2, slice.join("retrobench-1-2").as_path()));
        assert_eq!(fs::read_to_string(slice.join("cgroup.subtree_control")).expect("there"), "+memory");
    }

    #[test]
    fn groups_of_the_dead_are_swept_and_those_of_the_living_stay() {
        let root = tempfile::tempdir().expect("a folder");
        let places = places(root.path());
        let memory = root.path().join("memory/box");
        let dead = memory.join("a/retrobench-4194303-1");
        let reused = memory.join(format!("retrobench-{}-1", std::process::id()));
        let own = memory.join(own_name());
        let other = memory.join("retrobench-notes");
        for folder in [&dead, &reused, &own, &other] {
            fs::create_dir(folder).expect("room");
        }
        let swept = places.sweep();
        if cfg!(target_os = "linux") {
            assert_eq!(swept, 2);
            assert!(!dead.exists() && !reused.exists() && own.exists() && other.exists());
        }
    }

    #[test]
    fn counters_are_found_by_their_word() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("g");
        fs::create_dir(&path).expect("room");
        fs::write(path.join("memory.events"), "low 0\noom_kill 3\n").expect("room");
        let group = Group { path: path.clone(), version: Version::V2 };
        assert_eq!(group.counter("memory.events", "oom_kill"), Some(3));
        assert_eq!(group.number("memory.peak"), None);
        fs::remove_file(path.join("memory.events")).expect("there");
    }
}
