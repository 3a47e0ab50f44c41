//! The capped tier's limits: this host with a resource taken away. `text` reads them, `enforce` finds a mechanism for each
//! on this host and applies it, `cgroup`, `resctrl` and `budget` are mechanisms (`owned` names what they make), `probe` proves
//! that a limit bit. A limit
//! that cannot be enforced or proven is said, never left out.

pub mod budget;
pub mod cgroup;
pub mod enforce;
mod owned;
pub mod probe;
mod resctrl;
mod text;

use std::fmt;

use kernels::machine::Isa;
use serde::{Deserialize, Serialize};

pub use self::text::CapError;

/// Something that can be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// Bytes of memory.
    Memory,
    /// Processors.
    Cores,
    /// Memory bandwidth.
    Bandwidth,
    /// Rate of reading files.
    Storage,
    /// Share of processor time.
    Cpu,
    /// Instruction sets.
    Simd,
}

impl Resource {
    /// All, in the order they are shown.
    pub const ALL: [Resource; 6] = [Self::Memory, Self::Cores, Self::Bandwidth, Self::Storage, Self::Cpu, Self::Simd];

    /// As `--cap` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cores => "cores",
            Self::Bandwidth => "bandwidth",
            Self::Storage => "storage",
            Self::Cpu => "cpu",
            Self::Simd => "simd",
        }
    }
}

/// Limits of a run. What is absent is not limited.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Caps {
    /// Memory, bytes.
    pub memory_bytes: Option<u64>,
    /// Processors.
    pub cores: Option<u32>,
    /// Memory bandwidth, bytes/s.
    pub bandwidth_bytes_per_s: Option<f64>,
    /// Rate of reading from storage, bytes/s.
    pub storage_bytes_per_s: Option<f64>,
    /// Processor time per second, s: 0.5 is half of one processor.
    pub cpu_share: Option<f64>,
    /// Widest SIMD.
    pub simd: Option<Simd>,
}

/// Widest SIMD that variants may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Simd {
    /// Variants of one lane.
    Scalar,
    /// The portable machine, in a build for plain x86-64.
    Sse2,
    /// AVX2 with FMA.
    Avx2,
    /// AVX2 with the byte dot product.
    Avx2Vnni,
    /// AVX-512, without the matrix unit.
    Avx512,
    /// AVX-512 and the matrix unit.
    Amx,
    /// NEON.
    Neon,
    /// NEON with sdot.
    NeonDot,
}

impl Simd {
    const ALL: [Simd; 8] =
        [Self::Scalar, Self::Sse2, Self::Avx2, Self::Avx2Vnni, Self::Avx512, Self::Amx, Self::Neon, Self::NeonDot];

    /// As `--cap simd=` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sse2 => "sse2",
            other => other.widest().name(),
        }
    }

    fn widest(self) -> Isa {
        match self {
            Self::Scalar => Isa::Scalar,
            Self::Sse2 => Isa::Portable,
            Self::Avx2 => Isa::Avx2,
            Self::Avx2Vnni => Isa::Avx2Vnni,
            Self::Avx512 => Isa::Avx512,
            Self::Amx => Isa::Amx,
            Self::Neon => Isa::Neon,
            Self::NeonDot => Isa::NeonDot,
        }
    }

    /// Machines that variants may use: this one and what is narrower on the same processors.
    pub fn allowed(self) -> Vec<Isa> {
        let x86 = [Isa::Scalar, Isa::Portable, Isa::Avx2, Isa::Avx2Vnni, Isa::Avx512, Isa::Amx];
        let arm = [Isa::Scalar, Isa::Portable, Isa::Neon, Isa::NeonDot];
        let upto = |family: &[Isa]| {
            let last = family.iter().position(|isa| *isa == self.widest());
            last.map(|last| family[..=last].to_vec())
        };
        upto(&x86).or_else(|| upto(&arm)).unwrap_or_default()
    }

    /// Why choosing variants cannot keep this build to it, if it cannot.
    fn lacking(self) -> Option<String> {
        let arch = std::env::consts::ARCH;
        let at_home = match self {
            Self::Scalar => true,
            Self::Neon | Self::NeonDot => cfg!(target_arch = "aarch64"),
            _ => cfg!(target_arch = "x86_64"),
        };
        if !at_home {
            return Some(format!("{} is no instruction set of {arch}", self.name()));
        }
        if !self.widest().available() {
            return Some(format!("this processor has no {}", self.name()));
        }
        let below_build = matches!(self, Self::Scalar | Self::Sse2) && cfg!(target_feature = "avx");
        below_build.then(|| "this build uses AVX everywhere: build for plain x86-64".into())
    }
}

/// A number with the largest unit that keeps it short.
fn scaled(value: f64, units: &[(&str, f64)]) -> String {
    let (unit, size) = units.iter().rev().find(|(_, size)| value >= *size).unwrap_or(&units[0]);
    let text = format!("{:.3}", value / size);
    format!("{} {unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Bytes for people, in binary units.
pub fn bytes_text(bytes: u64) -> String {
    scaled(bytes as f64, &[("KiB", 1024.0), ("MiB", f64::from(1 << 20)), ("GiB", f64::from(1 << 30))])
}

/// A rate for people, in decimal units.
pub fn rate_text(bytes_per_s: f64) -> String {
    scaled(bytes_per_s, &[("kB/s", 1e3), ("MB/s", 1e6), ("GB/s", 1e9)])
}

impl Caps {
    /// The limit of a resource for people, where it has one: `256 MiB`.
    pub fn limit(&self, resource: Resource) -> Option<String> {
        match resource {
            Resource::Memory => self.memory_bytes.map(bytes_text),
            Resource::Cores => self.cores.map(|n| if n == 1 { "1 core".into() } else { format!("{n} cores") }),
            Resource::Bandwidth => self.bandwidth_bytes_per_s.map(|rate| format!("{} of memory", rate_text(rate))),
            Resource::Storage => self.storage_bytes_per_s.map(|rate| format!("{} of storage", rate_text(rate))),
            Resource::Cpu => self.cpu_share.map(|share| format!("{} % of a processor", 100.0 * share)),
            Resource::Simd => self.simd.map(|simd| simd.name().into()),
        }
    }

    /// The resources that are limited, in the order they are shown.
    pub fn resources(&self) -> Vec<Resource> {
        Resource::ALL.into_iter().filter(|r| self.limit(*r).is_some()).collect()
    }

    /// An id of letters, digits and `-` that tells these limits from others.
    pub fn id(&self) -> String {
        let plain = |text: String| {
            let words: String =
                text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { ' ' }).collect();
            words.split_whitespace().collect::<Vec<_>>().join("-").to_lowercase()
        };
        let limits: Vec<String> = self.resources().into_iter().filter_map(|r| self.limit(r)).map(plain).collect();
        format!("this-host-{}", limits.join("-"))
    }
}

/// `256 MiB, 1 core`.
impl fmt::Display for Caps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits: Vec<String> = self.resources().into_iter().filter_map(|r| self.limit(r)).collect();
        f.pad(&limits.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_read_well_and_their_ids_are_plain() {
        let caps = Caps {
            memory_bytes: Some(256 << 20),
            cores: Some(1),
            bandwidth_bytes_per_s: Some(2.5e9),
            cpu_share: Some(0.5),
            simd: Some(Simd::Sse2),
            ..Caps::default()
        };
        assert_eq!(caps.to_string(), "256 MiB, 1 core, 2.5 GB/s of memory, 50 % of a processor, sse2");
        assert_eq!(caps.id(), "this-host-256-mib-1-core-2.5-gb-s-of-memory-50-of-a-processor-sse2");
        assert!(Caps::default().resources().is_empty());
    }

    #[test]
    fn a_simd_cap_leaves_what_is_narrower() {
        assert_eq!(Simd::Sse2.allowed(), [Isa::Scalar, Isa::Portable]);
        assert_eq!(Simd::Neon.allowed(), [Isa::Scalar, Isa::Portable, Isa::Neon]);
        assert_eq!(Simd::Avx512.allowed().len(), 5);
        assert!(!Simd::Avx512.allowed().contains(&Isa::Amx) && Simd::Amx.allowed().contains(&Isa::Amx));
        for simd in Simd::ALL {
            assert!(simd.allowed().contains(&simd.widest()));
        }
    }
}
