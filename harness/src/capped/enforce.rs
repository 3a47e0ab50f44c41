//! Which mechanism enforces each limit on this host, and applying those that act from outside a process.

use std::path::Path;

use super::cgroup::{Controller, Group, Places, Version, own_name};
use super::{Caps, Resource};

/// Shortest period of a processor quota, µs. The longer it is, the longer are the stalls; at 5 ms a share of 50 % was seen to
/// come out as 41 %, at 10 ms as 49.9 %.
const LEAST_PERIOD_US: f64 = 10_000.0;
/// Least quota that the kernel takes, µs.
const LEAST_QUOTA_US: f64 = 1_000.0;

/// Limits on their way to a worker: what enforces each, or why nothing can. Groups are removed when this is dropped.
#[derive(Debug)]
pub struct Enforcement {
    memory: Option<Group>,
    groups: Vec<Group>,
    how: Vec<(Resource, Result<String, String>)>,
}

impl Enforcement {
    /// Finds a mechanism for each limit; those that are control groups are made and set. `folder` is where files will be
    /// read from: a storage limit is one of its device.
    pub fn start(caps: &Caps, folder: &Path) -> Self {
        let (places, name) = (Places::here(), own_name());
        let mut this = Self { memory: None, groups: Vec::new(), how: Vec::new() };
        for resource in caps.resources() {
            let mechanism = match resource {
                Resource::Memory => this.memory(&places, &name, caps.memory_bytes.unwrap_or(u64::MAX)),
                Resource::Cores => cores(caps.cores.unwrap_or(1)),
                Resource::Bandwidth => Ok("deadline pacing of every call by the bytes it moves".into()),
                Resource::Storage => this.storage(&places, &name, caps.storage_bytes_per_s.unwrap_or(0.0), folder),
                Resource::Cpu => this.cpu(&places, &name, caps.cpu_share.unwrap_or(1.0)),
                Resource::Simd => match caps.simd.and_then(|simd| simd.lacking()) {
                    None => Ok("choice of variants and instruction sets".into()),
                    Some(reason) => Err(reason),
                },
            };
            this.how.push((resource, mechanism));
        }
        this
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

    /// Moves a process under the limits that are control groups.
    pub fn join(&self, pid: u32) -> Result<(), String> {
        self.memory.iter().chain(&self.groups).try_for_each(|group| group.join(pid))
    }

    /// Periods in which the processor quota ran out.
    pub fn throttled_periods(&self) -> Option<u64> {
        self.groups.iter().find_map(|group| group.counter("cpu.stat", "nr_throttled"))
    }

    fn memory(&mut self, places: &Places, name: &str, bytes: u64) -> Result<String, String> {
        let limited = places.make(Controller::Memory, name).and_then(|group| {
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
                Ok(file.into())
            }
            Err(reason) => {
                Ok(format!("budget of the process's own allocations, mapped files not counted (no cgroup: {reason})"))
            }
        }
    }

    fn cpu(&mut self, places: &Places, name: &str, share: f64) -> Result<String, String> {
        let period = LEAST_PERIOD_US.max(LEAST_QUOTA_US / share).round();
        let quota = (period * share).round();
        let group = places.make(Controller::Cpu, name)?;
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

    fn storage(&mut self, places: &Places, name: &str, bytes_per_s: f64, folder: &Path) -> Result<String, String> {
        let device = device(folder)?;
        let group = places.make(Controller::Io, name)?;
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
    fn more_cores_than_there_are_cannot_be_enforced() {
        let enforcement = Enforcement::start(&Caps { cores: Some(1024), ..Caps::default() }, Path::new("/"));
        assert_eq!(enforcement.refused().len(), 1);
        assert_eq!(enforcement.mechanism(Resource::Cores), None);
    }
}
