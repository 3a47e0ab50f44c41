//! Memory bandwidth limited by the processor (resctrl, "MBA"), where the system has it mounted and offers `MB`. What a setting
//! means depends on the maker: a percentage of an unknown whole (Intel), eighths of a GB/s (AMD), or MB/s where the system
//! keeps it itself (`mba_MBps`). So a setting is never believed: it is tried with a probe. See
//! Documentation/filesystems/resctrl.rst of Linux.

use std::fs;
use std::path::PathBuf;

use super::owned::{own_name, remove, remove_below};

/// What the numbers of a setting are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// Percent of what an unlimited core gets, from the least on in steps.
    Percent { least: u64, step: u64 },
    /// 1e6 bytes/s.
    Megabytes,
    /// Eighths of 1e9 bytes/s.
    EighthsOfGigabyte,
}

/// Largest percentage; a system whose unlimited setting is larger counts something else.
const WHOLE: u64 = 100;

/// A group of processes whose bandwidth the processor limits, removed when it is dropped.
#[derive(Debug)]
pub struct Group {
    path: PathBuf,
    unit: Unit,
    /// Memory controllers, each of which has a setting.
    domains: Vec<String>,
    /// What it is set to.
    setting: u64,
}

/// Where the system has it mounted, with the options.
fn mount(mounts: &str) -> Option<(PathBuf, &str)> {
    mounts.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        let (point, kind, options) = (fields.get(1)?, fields.get(2)?, fields.get(3)?);
        (*kind == "resctrl").then(|| (PathBuf::from(point.replace("\\040", " ")), *options))
    })
}

/// Removes groups that dead processes left; returns how many.
pub fn sweep(mounts: &str) -> usize {
    mount(mounts)
        .map_or(0, |(root, _)| remove_below(&root, 0, "", &|pid, start| super::owned::start_time(pid) != Some(start)))
}

/// Removes this process's groups.
pub fn remove_own(mounts: &str) -> usize {
    mount(mounts).map_or(0, |(root, _)| remove_below(&root, 0, "", &|pid, _| pid == std::process::id()))
}

impl Group {
    /// Makes a group, not yet limited, or says why none can be made. `mounts` is the text of `/proc/self/mounts`.
    pub fn make(mounts: &str) -> Result<Self, String> {
        let (root, options) = mount(mounts).ok_or("resctrl is not mounted")?;
        let shown = root.display();
        let number = |file: &str| fs::read_to_string(root.join("info/MB").join(file)).ok()?.trim().parse::<u64>().ok();
        let (Some(least), Some(step)) = (number("min_bandwidth"), number("bandwidth_gran")) else {
            return Err(format!("{shown}: this processor limits no memory bandwidth (no MB)"));
        };
        let schemata = fs::read_to_string(root.join("schemata")).map_err(|e| format!("{shown}/schemata: {e}"))?;
        let line = schemata.lines().find_map(|line| line.trim().strip_prefix("MB:"));
        let settings: Vec<(&str, u64)> = line
            .unwrap_or_default()
            .split(';')
            .filter_map(|setting| setting.split_once('=').and_then(|(d, v)| Some((d.trim(), v.trim().parse().ok()?))))
            .collect();
        let Some(most) = settings.iter().map(|(_, value)| *value).max() else {
            return Err(format!("{shown}/schemata: no setting of MB"));
        };
        let unit = match most {
            _ if options.split(',').any(|option| option == "mba_MBps") => Unit::Megabytes,
            most if most > WHOLE => Unit::EighthsOfGigabyte,
            _ => Unit::Percent { least: least.max(1), step: step.max(1) },
        };
        let domains = settings.iter().map(|(domain, _)| domain.to_string()).collect();
        let path = root.join(own_name());
        fs::create_dir(&path).map_err(|e| format!("{shown}: no group can be made: {e}"))?;
        Ok(Self { path, unit, domains, setting: most })
    }

    /// Settings that may keep to a rate, loosest first: one where the unit is a rate, every step where it is a percentage.
    pub fn settings(&self, bytes_per_s: f64) -> Vec<u64> {
        match self.unit {
            // All memory controllers together shall not pass more.
            Unit::Megabytes => vec![((bytes_per_s / 1e6 / self.domains.len() as f64) as u64).max(1)],
            Unit::EighthsOfGigabyte => vec![((bytes_per_s / 1.25e8 / self.domains.len() as f64) as u64).max(1)],
            Unit::Percent { least, step } => {
                (least..=WHOLE).step_by(step as usize).collect::<Vec<_>>().into_iter().rev().collect()
            }
        }
    }

    /// Sets every memory controller's limit.
    pub fn set(&mut self, setting: u64) -> Result<(), String> {
        let all: Vec<String> = self.domains.iter().map(|domain| format!("{domain}={setting}")).collect();
        let path = self.path.join("schemata");
        fs::write(&path, format!("MB:{}\n", all.join(";"))).map_err(|e| format!("{}: {e}", path.display()))?;
        self.setting = setting;
        Ok(())
    }

    /// Moves a process into it; threads it starts from now on are in it too.
    pub fn join(&self, pid: u32) -> Result<(), String> {
        let path = self.path.join("tasks");
        fs::write(&path, pid.to_string()).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// What limits, for people.
    pub fn mechanism(&self) -> String {
        let unit = match self.unit {
            Unit::Percent { .. } => "%",
            Unit::Megabytes => " MB/s",
            Unit::EighthsOfGigabyte => " eighths of a GB/s",
        };
        format!("resctrl MB, {}{unit} on each of {} controllers", self.setting, self.domains.len())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// A folder that looks like the system's, with these options of the mount and this line of settings.
    fn tree(root: &Path, options: &str, line: &str) -> String {
        fs::create_dir_all(root.join("info/MB")).expect("room");
        fs::write(root.join("info/MB/min_bandwidth"), "10\n").expect("room");
        fs::write(root.join("info/MB/bandwidth_gran"), "30\n").expect("room");
        fs::write(root.join("schemata"), format!("    L3:0=fff;1=fff\n    {line}\n")).expect("room");
        format!("proc /proc proc rw 0 0\nresctrl {} resctrl {options} 0 0\n", root.display())
    }

    fn made(options: &str, line: &str) -> (tempfile::TempDir, Group) {
        let root = tempfile::tempdir().expect("a folder");
        let group = Group::make(&tree(root.path(), options, line)).expect("made");
        (root, group)
    }

    #[test]
    fn percentages_are_all_tried_from_the_loosest_on() {
        let (_root, mut group) = made("rw", "MB:0=100;1=100");
        assert_eq!(group.settings(2e9), [100, 70, 40, 10]);
        group.set(40).expect("written");
        group.join(4711).expect("written");
        let read = |file: &str| fs::read_to_string(group.path.join(file)).expect("there");
        assert_eq!((read("schemata").as_str(), read("tasks").as_str()), ("MB:0=40;1=40\n", "4711"));
        assert_eq!(group.mechanism(), "resctrl MB, 40% on each of 2 controllers");
        fs::remove_file(group.path.join("schemata")).expect("there");
        fs::remove_file(group.path.join("tasks")).expect("there");
        let path = group.path.clone();
        drop(group);
        assert!(!path.exists());
    }

    #[test]
    fn rates_are_shared_out_to_the_controllers() {
        let (_root, amd) = made("rw", "MB:0=2048;1=2048");
        assert_eq!(amd.settings(2e9), [8]);
        assert_eq!(amd.settings(1e6), [1]);
        let (_root, megabytes) = made("rw,mba_MBps", "MB:0=4294967295");
        assert_eq!(megabytes.settings(2e9), [2000]);
    }

    #[test]
    fn what_is_missing_is_said() {
        let root = tempfile::tempdir().expect("a folder");
        assert!(Group::make("proc /proc proc rw 0 0\n").expect_err("no mount").contains("not mounted"));
        let mounts = tree(root.path(), "rw", "L2:0=ff");
        assert!(Group::make(&mounts).expect_err("no MB").contains("no setting of MB"));
        fs::remove_file(root.path().join("info/MB/min_bandwidth")).expect("there");
        assert!(Group::make(&mounts).expect_err("no MB").contains("no MB"));
    }

    #[test]
    fn groups_of_the_dead_are_swept() {
        let root = tempfile::tempdir().expect("a folder");
        let mounts = tree(root.path(), "rw", "MB:0=100");
        let (dead, own) = (root.path().join("retrobench-4194303-1-0"), root.path().join(own_name()));
        [&dead, &own].into_iter().for_each(|folder| fs::create_dir(folder).expect("room"));
        if cfg!(target_os = "linux") {
            assert_eq!(sweep(&mounts), 1);
            assert!(!dead.exists() && own.exists());
            assert_eq!(remove_own(&mounts), 1);
        }
    }
}
