//! Which mechanism enforces each limit on this host, and applying those that act from outside a process.

use std::path::Path;

use super::cgroup::{Controller, Group, Places, Version};
use super::owned::own_name;
use super::{Caps, Resource, resctrl};

/// Shortest period of a processor quota, µs. The longer it is, the longer are the stalls; at 5 ms a share of 50 % was seen to
/// come out as 41 %, at 10 ms as 49.9 %.
const LEAST_PERIOD_US: f64 = 10_000.0;
/// Least quota that the kernel takes, µs.
const LEAST_QUOTA_US: f64 = 1_000.0;

/// Paced by the clock.
const PACED: &str = "deadline pacing of every call by the bytes it moves";

/// Limits on their way to a worker: what enforces each, or why nothing can. Groups are removed when this is dropped.
#[derive(Debug)]
pub struct Enforcement {
    memory: Option<Group>,
    groups: Vec<Group>,
    bandwidth: Option<resctrl::Group>,
    how: Vec<(Resource, Result<String, String>)>,
    // Last: this process steps back into its own group when those below it are gone.
    places: Places,
}

impl Enforcement {
    /// Finds a mechanism for each limit; those that are control groups are made and set. `folder` is where files will be
    /// read from: a storage limit is one of its device.
    pub fn start(caps: &Caps, folder: &Path) -> Self {
        Self::start_in(Places::here(), caps, folder)
    }

    fn start_in(mut places: Places, caps: &Caps, folder: &Path) -> Self {
        let name = own_name();
        let device = caps.storage_bytes_per_s.map(|_| device(folder));
        let wanted = [
            (Controller::Memory, caps.memory_bytes.is_some()),
            (Controller::Cpu, caps.cpu_share.is_some()),
            (Controller::Io, matches!(device, Some(Ok(_)))),
        ];
        let wanted: Vec<Controller> =
            wanted.into_iter().filter(|(_, is)| *is).map(|(controller, _)| controller).collect();
        let groups = places.make(&wanted, &name);
        let of = |wanted: Controller| {
            let made = groups.iter().find(|(controller, _)| *controller == wanted).map(|(_, group)| group.clone());
            made.unwrap_or_else(|| Err("no group was asked for".into()))
        };
        let mut this = Self { memory: None, groups: Vec::new(), bandwidth: None, how: Vec::new(), places };
        for resource in caps.resources() {
            let mechanism = match resource {
                Resource::Memory => Ok(this.memory(of(Controller::Memory), caps.memory_bytes.unwrap_or(u64::MAX))),
                Resource::Cores => cores(caps.cores.unwrap_or(1)),
                Resource::Bandwidth => Ok(this.bandwidth(caps)),
                Resource::Storage => {
                    device.clone().unwrap_or_else(|| Err("no rate was asked for".into())).and_then(|device| {
                        this.storage(of(Controller::Io)?, caps.storage_bytes_per_s.unwrap_or(0.0), &device)
                    })
                }
                Resource::Cpu => of(Controller::Cpu).and_then(|g| this.cpu(g, caps.cpu_share.unwrap_or(1.0))),
                Resource::Simd => match caps.simd.and_then(|simd| simd.lacking()) {
                    None => Ok("choice of variants and instruction sets; the C library chooses for itself".into()),
                    Some(reason) => Err(reason),
                },
            };
            this.how.push((resource, mechanism));
        }
        this
    }

    /// Removes what dead processes left.
    pub fn sweep() -> usize {
        let places = Places::here();
        places.sweep() + resctrl::sweep(&places.mounts)
    }

    /// Removes what this process made.
    pub fn remove_own() {
        let places = Places::here();
        resctrl::remove_own(&places.mounts);
        places.remove_own();
    }

    /// Each limited resource with what enforces it, or why nothing can.
    pub fn how(&self) -> &[(Resource, Result<String, String>)] {
        &self.how
    }

    /// What enforces a resource.
    pub fn mechanism(&self, resource: Resource) -> Option<&str> {
        self.how.iter().find(|(r, _)| *r == resource)?.1.as_deref().ok()
    }

    /// Limits that nothing can enforce here, with reasons.
    pub fn refused(&self) -> Vec<(Resource, &str)> {
        self.how.iter().filter_map(|(r, how)| Some((*r, how.as_ref().err()?.as_str()))).collect()
    }

    /// The control group that limits memory; none where the worker's own budget does.
    pub fn memory_group(&self) -> Option<&Group> {
        self.memory.as_ref()
    }

    /// True where the processor keeps the bandwidth.
    pub fn bandwidth_by_hardware(&self) -> bool {
        self.bandwidth.is_some()
    }

    /// Settings of the processor that may keep to a bandwidth, loosest first; none where it is paced.
    pub fn bandwidth_settings(&self, bytes_per_s: f64) -> Vec<u64> {
        self.bandwidth.as_ref().map_or(Vec::new(), |group| group.settings(bytes_per_s))
    }

    /// Takes one of them.
    pub fn set_bandwidth(&mut self, setting: u64) -> Result<(), String> {
        let Some(group) = &mut self.bandwidth else { return Ok(()) };
        group.set(setting)?;
        let mechanism = group.mechanism();
        self.note_bandwidth(mechanism);
        Ok(())
    }

    /// Leaves bandwidth to pacing, with the reason.
    pub fn pace_instead(&mut self, reason: &str) {
        self.bandwidth = None;
        self.note_bandwidth(format!("{PACED} ({reason})"));
    }

    fn note_bandwidth(&mut self, mechanism: String) {
        self.how
            .iter_mut()
            .filter(|(r, _)| *r == Resource::Bandwidth)
            .for_each(|(_, how)| *how = Ok(mechanism.clone()));
    }

    /// Moves a process under the limits that are control groups.
    pub fn join(&self, pid: u32) -> Result<(), String> {
        self.memory.iter().chain(&self.groups).try_for_each(|group| group.join(pid))?;
        self.bandwidth.as_ref().map_or(Ok(()), |group| group.join(pid))
    }

    /// Periods in which the processor quota ran out.
    pub fn throttled_periods(&self) -> Option<u64> {
        self.groups.iter().find_map(|group| group.counter("cpu.stat", "nr_throttled"))
    }

    /// The processor's own means has to be tried on more memory than its caches hold, which a cap may not leave.
    fn bandwidth(&mut self, caps: &Caps) -> String {
        if caps.memory_bytes.is_none()
            && let Ok(group) = resctrl::Group::make(&self.places.mounts)
        {
            let mechanism = group.mechanism();
            self.bandwidth = Some(group);
            return mechanism;
        }
        PACED.into()
    }

    fn memory(&mut self, group: Result<Group, String>, bytes: u64) -> String {
        let limited = group.and_then(|group| {
            let file = match group.version() {
                Version::V1 => {
                    group.set("memory.limit_in_bytes", &bytes.to_string())?;
                    group.set_if_there("memory.memsw.limit_in_bytes", &bytes.to_string())?;
                    group.set_if_there("memory.swappiness", "0")?;
                    "cgroup v1 memory.limit_in_bytes"
                }
                Version::V2 => {
                    group.set("memory.max", &bytes.to_string())?;
                    group.set_if_there("memory.swap.max", "0")?;
                    "cgroup v2 memory.max"
                }
            };
            Ok((group, file))
        });
        match limited {
            Ok((group, file)) => {
                self.memory = Some(group);
                file.into()
            }
            Err(reason) => {
                format!("budget of the process's own allocations, mapped files not counted (no cgroup: {reason})")
            }
        }
    }

    fn cpu(&mut self, group: Group, share: f64) -> Result<String, String> {
        let period = LEAST_PERIOD_US.max(LEAST_QUOTA_US / share).round();
        let quota = (period * share).round();
        let mechanism = match group.version() {
            Version::V1 => {
                group.set("cpu.cfs_period_us", &period.to_string())?;
                group.set("cpu.cfs_quota_us", &quota.to_string())?;
                "cgroup v1 cpu.cfs_quota_us"
            }
            Version::V2 => {
                group.set("cpu.max", &format!("{quota} {period}"))?;
                "cgroup v2 cpu.max"
            }
        };
        self.groups.push(group);
        Ok(format!("{mechanism}, {quota} of {period} µs"))
    }

    fn storage(&mut self, group: Group, bytes_per_s: f64, device: &str) -> Result<String, String> {
        let rate = bytes_per_s.round();
        let mechanism = match group.version() {
            Version::V1 => {
                group.set("blkio.throttle.read_bps_device", &format!("{device} {rate}"))?;
                "cgroup v1 blkio.throttle.read_bps_device"
            }
            Version::V2 => {
                group.set("io.max", &format!("{device} rbps={rate}"))?;
                "cgroup v2 io.max"
            }
        };
        self.groups.push(group);
        Ok(format!("{mechanism} of device {device}, reads"))
    }
}

/// Affinity is the worker's own act; here only whether there are so many processors.
fn cores(wanted: u32) -> Result<String, String> {
    if !cfg!(target_os = "linux") {
        return Err(format!("{} binds no process to processors", std::env::consts::OS));
    }
    let here = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    if wanted > here {
        return Err(format!("{wanted} cores are asked for, this process may use {here}"));
    }
    Ok("affinity of the process, and as many threads".into())
}

/// `major:minor` of the disk that holds a folder.
#[cfg(target_os = "linux")]
fn device(folder: &Path) -> Result<String, String> {
    use std::os::unix::fs::MetadataExt;
    let shown = folder.display();
    let dev = std::fs::metadata(folder).map_err(|e| format!("{shown}: {e}"))?.dev();
    let (major, minor) = (rustix::fs::major(dev), rustix::fs::minor(dev));
    let sys = format!("/sys/dev/block/{major}:{minor}");
    if major == 0 || !Path::new(&sys).exists() {
        return Err(format!("{shown} is on no block device: set TMPDIR to a folder on a disk"));
    }
    // Limits are those of whole disks: a partition's folder lies in its disk's.
    if Path::new(&sys).join("partition").exists() {
        let disk = std::fs::read_to_string(format!("{sys}/../dev")).map_err(|e| format!("{sys}/../dev: {e}"))?;
        return Ok(disk.trim().into());
    }
    Ok(format!("{major}:{minor}"))
}

#[cfg(not(target_os = "linux"))]
fn device(_folder: &Path) -> Result<String, String> {
    Err(format!("{} limits no storage rate", std::env::consts::OS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_a_mechanism_or_a_reason() {
        let caps = Caps::parse("memory=64MiB,cores=1,bandwidth=1GB/s,storage=50MB/s,cpu=50%,simd=scalar");
        let enforcement = Enforcement::start(&caps.expect("right"), &std::env::temp_dir());
        assert_eq!(enforcement.how().len(), Resource::ALL.len());
        for (resource, how) in enforcement.how() {
            assert!(how.as_ref().map_or_else(|e| !e.is_empty(), |m| !m.is_empty()), "{resource:?}");
        }
        assert!(enforcement.mechanism(Resource::Memory).is_some(), "the budget works everywhere");
        let path = enforcement.memory_group().map(|g| g.path().to_path_buf());
        drop(enforcement);
        assert!(path.is_none_or(|p| !p.exists()));
    }

    #[test]
    fn version_2_limits_are_written_to_one_group_in_the_words_of_that_version() {
        let root = tempfile::tempdir().expect("a folder");
        let read = |path: &Path, file: &str| std::fs::read_to_string(path.join(file)).expect("there");
        std::fs::write(root.path().join("cgroup.controllers"), "cpu io memory\n").expect("room");
        std::fs::write(root.path().join("cgroup.subtree_control"), "cpu io memory\n").expect("room");
        let mounts = format!("cgroup2 {} cgroup2 rw 0 0\n", root.path().display());
        let places = Places::new(mounts, "0::/\n".into(), None);
        let caps = Caps::parse("memory=64MiB,cpu=50%").expect("right");
        let enforcement = Enforcement::start_in(places, &caps, Path::new("/"));
        assert!(enforcement.refused().is_empty(), "{:?}", enforcement.how());
        let group = enforcement.memory_group().expect("made").path().to_path_buf();
        assert_eq!((read(&group, "memory.max"), read(&group, "cpu.max")), ("67108864".into(), "5000 10000".into()));
        enforcement.join(4711).expect("written");
        assert_eq!(read(&group, "cgroup.procs"), "4711");
        std::fs::read_dir(&group)
            .expect("there")
            .flatten()
            .for_each(|f| std::fs::remove_file(f.path()).expect("a file"));
        drop(enforcement);
        assert!(!group.exists());
    }

    #[test]
    fn the_processors_means_is_taken_where_it_is_there_and_its_proof_has_room() {
        let root = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(root.path().join("info/MB")).expect("room");
        for (file, text) in
            [("info/MB/min_bandwidth", "10"), ("info/MB/bandwidth_gran", "10"), ("schemata", "MB:0=100\n")]
        {
            std::fs::write(root.path().join(file), text).expect("room");
        }
        let mounts = format!("resctrl {} resctrl rw 0 0\n", root.path().display());
        let start = |caps: &str| {
            let caps = Caps::parse(caps).expect("right");
            Enforcement::start_in(Places::new(mounts.clone(), String::new(), None), &caps, Path::new("/"))
        };
        let mut enforcement = start("bandwidth=2GB/s");
        assert_eq!(enforcement.bandwidth_settings(2e9).len(), 10);
        enforcement.set_bandwidth(30).expect("written");
        assert!(enforcement.mechanism(Resource::Bandwidth).is_some_and(|m| m.contains("resctrl MB, 30%")));
        for group in std::fs::read_dir(root.path()).expect("there").flatten().filter(|e| e.path().is_dir()) {
            let _ = std::fs::remove_file(group.path().join("schemata"));
        }
        enforcement.pace_instead("its least lets through 3 GB/s");
        assert!(!enforcement.bandwidth_by_hardware());
        assert!(
            enforcement.mechanism(Resource::Bandwidth).is_some_and(|m| m.contains("pacing") && m.contains("3 GB/s"))
        );
        assert!(!start("bandwidth=2GB/s,memory=64MiB").bandwidth_by_hardware());
    }

    #[test]
    fn more_cores_than_there_are_cannot_be_enforced() {
        let enforcement = Enforcement::start(&Caps { cores: Some(1024), ..Caps::default() }, Path::new("/"));
        assert_eq!(enforcement.refused().len(), 1);
        assert_eq!(enforcement.mechanism(Resource::Cores), None);
    }
}
