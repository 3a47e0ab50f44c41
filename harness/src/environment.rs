//! What this host and this build are, as far as they tell. A fact that cannot be read is absent, never guessed.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::record::Environment;

/// One cache level of the first core.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Cache {
    /// 1, 2, 3, ...
    pub level: u32,
    /// Capacity, bytes.
    pub bytes: usize,
    /// Associativity.
    pub ways: u32,
    /// Line, bytes.
    pub line_bytes: u32,
    /// Cores that share it.
    pub shared_by: u32,
}

/// This host.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Host {
    /// Processor, e.g. `AMD Ryzen 9 5950X 16-Core Processor`.
    pub cpu: String,
    /// Vendor, family and model numbers as the processor reports them, e.g. `GenuineIntel 6 106`.
    pub cpu_id: Option<String>,
    /// Processors that this process may use.
    pub cores: u32,
    /// Data and unified caches from the core outwards; empty where the system does not tell.
    pub caches: Vec<Cache>,
    /// Memory, bytes.
    pub memory_bytes: Option<u64>,
    /// True where the processor has matrix tiles (AMX).
    pub matrix_unit: bool,
    /// True under a hypervisor.
    pub hypervisor: bool,
    /// True inside a container.
    pub container: bool,
    /// Frequency governor; absent where the system sets no frequency (most virtual machines).
    pub governor: Option<String>,
}

/// Capacity taken for a second-level cache that the system does not tell.
const ASSUMED_L2_BYTES: usize = 2 << 20;
/// Capacity taken for a last-level cache that the system does not tell.
const ASSUMED_LLC_BYTES: usize = 32 << 20;

impl Host {
    /// Reads the facts.
    pub fn read() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            cpu: cpu_name(&cpuinfo),
            cpu_id: cpu_id(&cpuinfo),
            cores: std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
            caches: caches(Path::new("/sys/devices/system/cpu/cpu0/cache")),
            memory_bytes: memory_bytes("MemTotal").or_else(|| sysctl("hw.memsize")?.parse().ok()),
            matrix_unit: has_flag(&cpuinfo, "amx_int8"),
            hypervisor: has_flag(&cpuinfo, "hypervisor") || sysctl("kern.hv_vmm_present").is_some_and(|v| v == "1"),
            container: Path::new("/.dockerenv").exists() || Path::new("/run/.containerenv").exists(),
            governor: trimmed("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        }
    }

    /// Capacity of the second-level cache, bytes; 2 MiB where the system does not tell.
    pub fn l2_bytes(&self) -> usize {
        self.caches.iter().find(|c| c.level == 2).map_or(ASSUMED_L2_BYTES, |c| c.bytes)
    }

    /// Capacity of the last cache, bytes; 32 MiB where the system does not tell.
    pub fn llc_bytes(&self) -> usize {
        self.caches.last().map_or(ASSUMED_LLC_BYTES, |c| c.bytes)
    }

    /// One line: virtualization, container, governor.
    pub fn setting(&self) -> String {
        let machine = if self.hypervisor { "virtual machine" } else { "bare metal" };
        let container = if self.container { ", container" } else { "" };
        format!("{machine}{container}, governor {}", self.governor.as_deref().unwrap_or("unknown"))
    }
}

/// Memory that this process can still get, bytes: what the system has, or what its control group leaves. Absent where the
/// system does not tell.
pub fn available_bytes() -> Option<u64> {
    let number = |path: &str| trimmed(path)?.parse::<u64>().ok();
    let group = |limit: &str, used: &str| Some(number(limit)?.saturating_sub(number(used)?));
    let v2 = group("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current");
    let v1 = || group("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes");
    let system = memory_bytes("MemAvailable")?;
    Some(v2.or_else(v1).map_or(system, |group| group.min(system)))
}

impl Environment {
    /// This build on this host.
    pub fn here(command: &str, seed: u64) -> Self {
        let host = Host::read();
        Self { cpu: host.cpu.clone(), host: host.setting(), ..Self::build(command, seed) }
    }

    /// This build on no host: for tiers that no host influences.
    pub fn build(command: &str, seed: u64) -> Self {
        Self {
            commit: option_env!("RETROBENCH_COMMIT").unwrap_or("unknown").into(),
            rustc: option_env!("RETROBENCH_RUSTC").unwrap_or("unknown").into(),
            build_features: build_features(),
            cpu: "-".into(),
            host: "-".into(),
            seed,
            command: command.into(),
        }
    }
}

/// Target features that decide what the portable machine is, narrowest first.
fn build_features() -> String {
    let all = [
        ("sse2", cfg!(target_feature = "sse2")),
        ("sse4.1", cfg!(target_feature = "sse4.1")),
        ("avx", cfg!(target_feature = "avx")),
        ("avx2", cfg!(target_feature = "avx2")),
        ("fma", cfg!(target_feature = "fma")),
        ("avx512f", cfg!(target_feature = "avx512f")),
        ("neon", cfg!(target_feature = "neon")),
        ("dotprod", cfg!(target_feature = "dotprod")),
    ];
    let on: Vec<&str> = all.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
    if on.is_empty() { "none".into() } else { on.join(",") }
}

fn cpu_name(cpuinfo: &str) -> String {
    field(cpuinfo, "model name")
        .map(str::to_owned)
        .or_else(|| sysctl("machdep.cpu.brand_string"))
        .or_else(|| trimmed("/proc/device-tree/model").map(|s| s.trim_end_matches('\0').to_owned()))
        .unwrap_or_else(|| format!("unknown {} processor", std::env::consts::ARCH))
}

/// x86 says vendor, family and model; Arm says implementer and part.
fn cpu_id(cpuinfo: &str) -> Option<String> {
    let x86 = ["vendor_id", "cpu family", "model"];
    let arm = ["CPU implementer", "CPU part"];
    let joined = |keys: &[&str]| {
        let values: Option<Vec<&str>> = keys.iter().map(|key| field(cpuinfo, key)).collect();
        values.map(|v| v.join(" "))
    };
    joined(&x86).or_else(|| joined(&arm))
}

fn has_flag(cpuinfo: &str, flag: &str) -> bool {
    field(cpuinfo, "flags").is_some_and(|flags| flags.split(' ').any(|f| f == flag))
}

/// The first `key : value` of a text such as `/proc/cpuinfo`.
fn field<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.lines().filter_map(|line| line.split_once(':')).find(|(k, _)| k.trim() == key).map(|(_, v)| v.trim())
}

fn memory_bytes(key: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let kib: u64 = field(&text, key)?.strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

fn caches(folder: &Path) -> Vec<Cache> {
    let mut found: Vec<Cache> = (0..8).filter_map(|i| cache(&folder.join(format!("index{i}")))).collect();
    found.sort_by_key(|c| c.level);
    found
}

fn cache(folder: &Path) -> Option<Cache> {
    let read = |name: &str| trimmed(folder.join(name));
    let number = |name: &str| read(name)?.parse().ok();
    if read("type")? == "Instruction" {
        return None;
    }
    let kib: usize = read("size")?.strip_suffix('K')?.parse().ok()?;
    Some(Cache {
        level: number("level")?,
        bytes: kib * 1024,
        ways: number("ways_of_associativity")?,
        line_bytes: number("coherency_line_size")?,
        shared_by: listed(&read("shared_cpu_list")?),
    })
}

/// How many processors a list such as `0-3,8` names.
fn listed(list: &str) -> u32 {
    let one = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(last.trim().parse::<u32>().ok()?.checked_sub(first.trim().parse().ok()?)? + 1)
    };
    list.split(',').filter_map(one).sum::<u32>().max(1)
}

fn trimmed(path: impl AsRef<Path>) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|t| !t.is_empty())
}

/// A value of `sysctl`, on systems that have it.
fn sysctl(key: &str) -> Option<String> {
    if !cfg!(target_os = "macos") {
        return None;
    }
    let output = Command::new("sysctl").args(["-n", key]).output().ok().filter(|o| o.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_lists_are_counted() {
        assert_eq!([listed("0"), listed("0-3"), listed("0-3,8,10-11"), listed("")], [1, 4, 7, 1]);
    }

    #[test]
    fn fields_are_found_by_their_whole_key() {
        let text = "model\t\t: 106\nmodel name\t: Some CPU @ 2 GHz\nvendor_id : V\ncpu family : 6\n";
        assert_eq!(field(text, "model"), Some("106"));
        assert_eq!(cpu_name(text), "Some CPU @ 2 GHz");
        assert_eq!(cpu_id(text).as_deref(), Some("V 6 106"));
        assert_eq!(cpu_id("CPU implementer : 0x41\nCPU part : 0xd0b\n").as_deref(), Some("0x41 0xd0b"));
    }

    #[test]
    fn caches_are_read_and_instructions_left_out() {
        let root = tempfile::tempdir().unwrap();
        for (index, kind, level, size) in
            [(0, "Data", 1, "48K"), (1, "Instruction", 1, "32K"), (2, "Unified", 2, "2048K")]
        {
            let folder = root.path().join(format!("index{index}"));
            fs::create_dir(&folder).unwrap();
            for (name, text) in [
                ("type", kind),
                ("size", size),
                ("level", &level.to_string()),
                ("ways_of_associativity", "12"),
                ("coherency_line_size", "64"),
                ("shared_cpu_list", "0-1"),
            ] {
                fs::write(folder.join(name), format!("{text}\n")).unwrap();
            }
        }
        let found = caches(root.path());
        assert_eq!(found.iter().map(|c| (c.level, c.bytes)).collect::<Vec<_>>(), [(1, 48 << 10), (2, 2 << 20)]);
        assert_eq!(found[0].shared_by, 2);
        assert!(caches(&root.path().join("none")).is_empty());
    }

    #[test]
    fn every_field_of_an_environment_says_something() {
        let here = Environment::here("retrobench run", 3);
        for text in [&here.commit, &here.rustc, &here.build_features, &here.cpu, &here.host] {
            assert!(!text.is_empty());
        }
        assert_eq!((here.seed, here.command.as_str()), (3, "retrobench run"));
        assert_eq!(Environment::build("x", 1).cpu, "-");
    }
}
