//! Control groups, version 1 and 2, as far as the limits need them.
//!
//! A group of version 2 that has processes of its own may give no controllers to groups below it. So where its own group is
//! this process's to use (delegated, as by `systemd-run --user --scope -p Delegate=yes`), it steps aside into a leaf for as
//! long as it limits others, and back afterwards. See Documentation/admin-guide/cgroup-v2.rst of Linux, "No Internal
//! Process Constraint", and CGROUP_DELEGATION of systemd.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::owned::{remove, remove_below, start_time};

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
#[derive(Debug)]
pub struct Places {
    /// `/proc/self/mounts`.
    pub mounts: String,
    /// `/proc/self/cgroup`.
    pub own: String,
    /// `$XDG_RUNTIME_DIR`, where the user's systemd is found.
    pub runtime: Option<PathBuf>,
    /// Where this process went so that its own group could give controllers.
    aside: Option<Aside>,
}

/// Deepest folder that is searched for left-over groups.
const DEPTH: u32 = 8;

impl Places {
    /// Of this process.
    pub fn here() -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        Self::new(text("/proc/self/mounts"), text("/proc/self/cgroup"), runtime)
    }

    /// Of a process with these mounts, groups and folder of run-time files.
    pub fn new(mounts: String, own: String, runtime: Option<PathBuf>) -> Self {
        Self { mounts, own, runtime, aside: None }
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

    /// Makes groups for controllers, or says why none can be made. A process is in one group of version 2, so there is one
    /// of those for all that it can limit; what is left has groups of version 1. The errors of all ways, one after the other.
    pub fn make(&mut self, wanted: &[Controller], name: &str) -> Vec<(Controller, Result<Group, String>)> {
        let mut reasons = vec![Vec::new(); wanted.len()];
        let unified = self.unified(wanted, name, &mut reasons);
        let mut made = Vec::new();
        for (controller, mut reasons) in wanted.iter().zip(reasons) {
            let group = match &unified {
                Some((group, given)) if given.contains(controller) => Ok(group.clone()),
                _ => self.classic(*controller, name, &mut reasons).ok_or_else(|| self.why(*controller, reasons)),
            };
            made.push((*controller, group));
        }
        made
    }

    /// A group of version 2, and the controllers of those wanted that it has: all, or as many as any place gives.
    fn unified(
        &mut self,
        wanted: &[Controller],
        name: &str,
        reasons: &mut [Vec<String>],
    ) -> Option<(Group, Vec<Controller>)> {
        let mut best: Option<(Group, Vec<Controller>)> = None;
        let mounts: Vec<PathBuf> = wanted.first().map_or(Vec::new(), |c| self.mounted(*c, Version::V2).collect());
        for mount in mounts {
            let own = self.own_folder(&mount, Controller::Memory, Version::V2);
            // Below the own group, so that limits from outside go on to hold; or beside it, where others are in it too.
            let beside = own.parent().filter(|_| own != mount).map(Path::to_path_buf);
            let mut folders: Vec<PathBuf> = [Some(own.clone()), beside, Some(mount)].into_iter().flatten().collect();
            folders.dedup();
            for parent in folders.iter().filter(|folder| folder.is_dir()) {
                let had = best.as_ref().map_or(0, |(_, given)| given.len());
                if had == wanted.len() {
                    return best;
                }
                let mut given = Vec::new();
                for (controller, reasons) in wanted.iter().zip(&mut *reasons) {
                    match self.enable(parent, *parent == own, controller.name(Version::V2), name) {
                        Ok(()) => given.push(*controller),
                        Err(reason) => note(reasons, reason),
                    }
                }
                if given.len() <= had {
                    continue;
                }
                let group = match make_in(parent, Version::V2, name) {
                    Ok(group) => group,
                    Err(reason) => {
                        let of_given = wanted.iter().zip(&mut *reasons).filter(|(c, _)| given.contains(c));
                        of_given.for_each(|(_, reasons)| note(reasons, reason.clone()));
                        self.aside.take_if(|aside| aside.own == *parent);
                        continue;
                    }
                };
                best = Some((group, given));
                // Only its own group is worth waiting in a leaf for.
                self.aside.take_if(|aside| aside.own != *parent);
            }
        }
        best
    }

    /// A group of version 1, below the own one.
    fn classic(&self, controller: Controller, name: &str, reasons: &mut Vec<String>) -> Option<Group> {
        for mount in self.mounted(controller, Version::V1) {
            let mut folders = vec![self.own_folder(&mount, controller, Version::V1), mount];
            folders.dedup();
            for parent in folders.iter().filter(|folder| folder.is_dir()) {
                match make_in(parent, Version::V1, name) {
                    Ok(group) => return Some(group),
                    Err(reason) => note(reasons, reason),
                }
            }
        }
        None
    }

    fn why(&self, controller: Controller, mut reasons: Vec<String>) -> String {
        if reasons.is_empty() {
            return format!("no cgroup hierarchy has the {} controller", controller.name(Version::V1));
        }
        reasons.extend(self.way_in(controller));
        reasons.join("; ")
    }

    /// The own group's folder below a mount point: that from which this process stepped aside, if it did.
    fn own_folder(&self, mount: &Path, controller: Controller, version: Version) -> PathBuf {
        let folder = match self.own(controller, version).trim_start_matches('/') {
            "" => mount.to_path_buf(),
            below => mount.join(below),
        };
        match (&self.aside, folder.parent()) {
            (Some(aside), _) if version == Version::V2 => aside.own.clone(),
            (None, Some(own)) if folder.to_string_lossy().ends_with(ASIDE) => own.to_path_buf(),
            _ => folder,
        }
    }

    /// Has a group of version 2 give a controller to the groups below it.
    fn enable(&mut self, parent: &Path, own: bool, controller: &str, name: &str) -> Result<(), String> {
        let shown = parent.display();
        let words = |file: &str| fs::read_to_string(parent.join(file)).unwrap_or_default();
        let has = |file: &str| words(file).split_whitespace().any(|c| c == controller);
        if !has("cgroup.controllers") {
            return Err(format!("{shown} has no {controller} controller"));
        }
        if has("cgroup.subtree_control") {
            return Ok(());
        }
        // The root of all groups is the only one without a type, and may have processes and give controllers.
        let (procs, pid) = (words("cgroup.procs"), std::process::id().to_string());
        let stepped = own && self.aside.is_none() && !procs.trim().is_empty() && parent.join("cgroup.type").exists();
        if stepped {
            if procs.split_whitespace().any(|other| other != pid) {
                return Err(format!("{shown}: other processes are in this group, so it can limit none below it"));
            }
            self.aside = Some(Aside::step(parent, &format!("{name}{ASIDE}"))?);
        }
        let file = parent.join("cgroup.subtree_control");
        if let Err(e) = fs::write(&file, format!("+{controller}")) {
            if stepped {
                self.aside = None;
            }
            return Err(format!("{}: {e}", file.display()));
        }
        match &mut self.aside {
            Some(aside) if own => aside.enabled.push(controller.into()),
            _ => {}
        }
        Ok(())
    }

    /// How a user whose own group is not theirs to use gets one that is, where a systemd of theirs runs.
    fn way_in(&self, controller: Controller) -> Option<String> {
        let runtime = self.runtime.as_ref().filter(|runtime| runtime.join("systemd").is_dir())?;
        let has = |folder: &Path, wanted: &dyn Fn(&str) -> bool| {
            fs::read_to_string(folder.join("cgroup.controllers")).ok().map(|list| list.split_whitespace().any(wanted))
        };
        let mount = self.mounted(controller, Version::V2).find(|mount| has(mount, &|_| true) == Some(true))?;
        let (user, name) = (runtime.file_name()?.to_string_lossy(), controller.name(Version::V2));
        let of_user = mount.join(format!("user.slice/user-{user}.slice/user@{user}.service"));
        Some(match has(&of_user, &|c| c == name) {
            Some(false) => format!(
                "the systemd of this user has no {name} controller to give: root can add \
                 `[Service] Delegate=cpu io memory pids` to user@.service"
            ),
            _ => "start it as `systemd-run --user --scope -p Delegate=yes retrobench ...`".into(),
        })
    }

    /// Removes groups that dead processes left; returns how many.
    pub fn sweep(&self) -> usize {
        self.remove_all(&|pid, start| start_time(pid) != Some(start))
    }

    /// Removes this process's groups, and takes it back to where it was.
    pub fn remove_own(&self) -> usize {
        let mine = self.remove_all(&|pid, _| pid == std::process::id());
        let own = self.own(Controller::Memory, Version::V2);
        for mount in self.mounted(Controller::Memory, Version::V2).filter(|_| own.ends_with(ASIDE)) {
            let leaf = mount.join(own.trim_start_matches('/'));
            step_back(leaf.parent().unwrap_or(&mount), &leaf, &["memory", "cpu", "io"].map(String::from));
        }
        mine
    }

    fn remove_all(&self, unwanted: &dyn Fn(u32, u64) -> bool) -> usize {
        // The leaf that this process is in goes last, when it is left.
        let leaf = self.own(Controller::Memory, Version::V2).rsplit('/').next().unwrap_or_default();
        let mut points: Vec<PathBuf> = Vec::new();
        for controller in [Controller::Memory, Controller::Cpu, Controller::Io] {
            points.extend(self.mounted(controller, Version::V1).chain(self.mounted(controller, Version::V2)));
        }
        points.sort();
        points.dedup();
        points.iter().map(|point| remove_below(point, DEPTH, leaf, unwanted)).sum()
    }
}

/// Says a reason once.
fn note(reasons: &mut Vec<String>, reason: String) {
    if !reasons.contains(&reason) {
        reasons.push(reason);
    }
}

fn make_in(parent: &Path, version: Version, name: &str) -> Result<Group, String> {
    let path = parent.join(name);
    match fs::create_dir(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(format!("{}: no group can be made: {e}", parent.display()))
        }
        _ => Ok(Group { folder: Arc::new(Folder(path)), version }),
    }
}

/// A group of this process, removed when the last who holds it drops it.
#[derive(Clone, Debug)]
pub struct Group {
    folder: Arc<Folder>,
    version: Version,
}

#[derive(Debug)]
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

impl Group {
    /// The interface it speaks.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.folder.0
    }

    /// Writes one of its files.
    pub fn set(&self, file: &str, value: &str) -> Result<(), String> {
        let path = self.path().join(file);
        fs::write(&path, value).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// Writes one of its files where the system has it.
    pub fn set_if_there(&self, file: &str, value: &str) -> Result<(), String> {
        if self.path().join(file).exists() { self.set(file, value) } else { Ok(()) }
    }

    /// A number in one of its files.
    pub fn number(&self, file: &str) -> Option<u64> {
        fs::read_to_string(self.path().join(file)).ok()?.trim().parse().ok()
    }

    /// The number after a word in one of its files: `oom_kill 3`.
    pub fn counter(&self, file: &str, word: &str) -> Option<u64> {
        let text = fs::read_to_string(self.path().join(file)).ok()?;
        text.lines().find_map(|line| line.split_once(' ').filter(|(w, _)| *w == word)?.1.trim().parse().ok())
    }

    /// Moves a process into it. Threads it starts and memory it takes from now on are limited.
    pub fn join(&self, pid: u32) -> Result<(), String> {
        self.set("cgroup.procs", &pid.to_string())
    }
}

/// End of the name of the leaf that this process waits in.
const ASIDE: &str = "-aside";

/// This process in a leaf below its group, so that the group has no processes of its own. It goes back when this is dropped.
#[derive(Debug)]
struct Aside {
    own: PathBuf,
    leaf: PathBuf,
    /// Controllers that the group gives now and did not before.
    enabled: Vec<String>,
}

impl Aside {
    fn step(own: &Path, name: &str) -> Result<Self, String> {
        let leaf = own.join(name);
        fs::create_dir(&leaf).map_err(|e| format!("{}: no group can be made: {e}", own.display()))?;
        let this = Self { own: own.to_path_buf(), leaf, enabled: Vec::new() };
        let procs = this.leaf.join("cgroup.procs");
        fs::write(&procs, std::process::id().to_string()).map_err(|e| format!("{}: {e}", procs.display()))?;
        Ok(this)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        step_back(&self.own, &self.leaf, &self.enabled);
    }
}

/// A group that gives controllers takes no processes: first it stops giving them.
fn step_back(own: &Path, leaf: &Path, enabled: &[String]) {
    for controller in enabled {
        let _ = fs::write(own.join("cgroup.subtree_control"), format!("-{controller}"));
    }
    let _ = fs::write(own.join("cgroup.procs"), std::process::id().to_string());
    remove(leaf);
}

#[cfg(test)]
mod tests;
