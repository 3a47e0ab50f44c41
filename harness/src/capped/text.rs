//! Limits as people write them: `--cap memory=256MiB,cores=1`, a name of `profiles/cap`, or a file like those.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::{Caps, Simd};
use crate::profile::{Hardware, Profile, find};

/// `(path shown, text)` of every `profiles/cap/*.toml`, listed by `build.rs`.
const TEXTS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/caps.rs"));

/// Least memory that a worker can start in, bytes.
const LEAST_MEMORY: f64 = 16.0 * 1024.0 * 1024.0;

/// A limit that cannot be understood.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum CapError {
    /// Neither `resource=limit` nor a name.
    #[error(
        "cap '{0}': no such limit; use memory=256MiB, cores=1, bandwidth=2GB/s, storage=100MB/s, cpu=50%, simd=sse2, a \
         name ({names}), a processor of `retrobench list profiles` or a .toml file", names = names().join(", ")
    )]
    Unknown(String),
    /// A value that does not fit the resource.
    #[error("cap '{item}': {reason}")]
    Value {
        /// As given.
        item: String,
        /// What would fit.
        reason: String,
    },
    /// A file that cannot be read or is wrong.
    #[error("{path}: {reason}; profiles/FORMAT.md describes files of limits")]
    File {
        /// File.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

/// Names of the built-in sets of limits.
fn names() -> Vec<String> {
    let stem = |path: &str| Path::new(path).file_stem().map(|s| s.to_string_lossy().into_owned());
    TEXTS.iter().filter_map(|(path, _)| stem(path)).collect()
}

/// A file of limits. Every unit is in its key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    schema: u32,
    id: String,
    #[serde(rename = "name")]
    _name: String,
    memory_mib: Option<f64>,
    cores: Option<u32>,
    bandwidth_gb_s: Option<f64>,
    storage_mb_s: Option<f64>,
    cpu_pct: Option<f64>,
    simd: Option<Simd>,
}

impl Caps {
    /// Reads `--cap`: limits, names and files with commas between them; a later one replaces an earlier one of the same
    /// resource.
    ///
    /// # Errors
    /// [`CapError`], one line that says which part is wrong and what would be right.
    pub fn parse(text: &str) -> Result<Self, CapError> {
        let mut caps = Self::default();
        for item in text.split(',').map(str::trim) {
            match item.split_once('=') {
                Some((key, value)) => caps.set(item, key.trim(), value.trim())?,
                None => caps.add(Self::named(item)?),
            }
        }
        Ok(caps)
    }

    fn named(name: &str) -> Result<Self, CapError> {
        if name.contains(['/', '\\']) || name.ends_with(".toml") {
            let fail = |e: std::io::Error| CapError::File { path: one_line(name), reason: e.to_string() };
            return Self::from_toml(name, &fs::read_to_string(name).map_err(fail)?);
        }
        let same = |path: &str| Path::new(path).file_stem().is_some_and(|stem| stem == name);
        match TEXTS.iter().find(|(path, _)| same(path)) {
            Some((path, text)) => Self::from_toml(path, text),
            None => match find(name) {
                Ok(machine) => Self::of_machine(&machine.profile),
                Err(_) if Hardware::select(name).is_ok_and(|found| !found.is_empty()) => Err(CapError::Value {
                    item: one_line(name),
                    reason: "this host can be limited like one processor, which this is not".into(),
                }),
                Err(_) => Err(CapError::Unknown(one_line(name))),
            },
        }
    }

    /// The memory, cores and sustained bandwidth of a machine. That makes this host no such machine, so nothing bears its
    /// name.
    fn of_machine(machine: &Profile) -> Result<Self, CapError> {
        let cores = machine.machine.cores.value;
        let mut caps = Self::default();
        for (key, value) in [
            ("memory", format!("{}MiB", machine.machine.memory_mib.value)),
            ("cores", cores.to_string()),
            ("bandwidth", format!("{}MB/s", machine.sustained_bytes_per_s(cores) / 1e6)),
        ] {
            caps.set(&format!("{} ({key}={value})", machine.id), key, &value)?;
        }
        Ok(caps)
    }

    /// Reads a file of limits; `path` is what messages call it.
    ///
    /// # Errors
    /// [`CapError::File`], one line.
    pub fn from_toml(path: &str, text: &str) -> Result<Self, CapError> {
        let fail = |reason: String| CapError::File { path: one_line(path), reason };
        let wire: Wire = toml::from_str(text).map_err(|e| fail(one_line(e.message())))?;
        if wire.schema != 1 {
            return Err(fail(format!("schema {} is not 1", wire.schema)));
        }
        if Path::new(path).file_stem().is_none_or(|stem| *stem != *wire.id) {
            return Err(fail(format!("'{}' is not the file's name without .toml", one_line(&wire.id))));
        }
        let mut caps = Self { simd: wire.simd, ..Self::default() };
        let figures = [
            ("memory", wire.memory_mib.map(|v| format!("{v}MiB"))),
            ("cores", wire.cores.map(|v| v.to_string())),
            ("bandwidth", wire.bandwidth_gb_s.map(|v| format!("{v}GB/s"))),
            ("storage", wire.storage_mb_s.map(|v| format!("{v}MB/s"))),
            ("cpu", wire.cpu_pct.map(|v| format!("{v}%"))),
        ];
        for (key, value) in figures {
            let Some(value) = value else { continue };
            caps.set(&format!("{key}={value}"), key, &value).map_err(|e| fail(e.to_string()))?;
        }
        if caps.resources().is_empty() { Err(fail("it limits nothing".into())) } else { Ok(caps) }
    }

    fn add(&mut self, other: Self) {
        self.memory_bytes = other.memory_bytes.or(self.memory_bytes);
        self.cores = other.cores.or(self.cores);
        self.bandwidth_bytes_per_s = other.bandwidth_bytes_per_s.or(self.bandwidth_bytes_per_s);
        self.storage_bytes_per_s = other.storage_bytes_per_s.or(self.storage_bytes_per_s);
        self.cpu_share = other.cpu_share.or(self.cpu_share);
        self.simd = other.simd.or(self.simd);
    }

    fn set(&mut self, item: &str, key: &str, value: &str) -> Result<(), CapError> {
        let fail = |reason: &str| CapError::Value { item: one_line(item), reason: reason.into() };
        let within = |value: Option<f64>, low: f64, high: f64, reason: &str| {
            value.filter(|v| (low..=high).contains(v)).ok_or_else(|| fail(reason))
        };
        match key {
            "memory" => {
                let reason = "a size from 16MiB to 1024GiB is wanted, such as 256MiB";
                self.memory_bytes = Some(within(size(value), LEAST_MEMORY, 1024f64.powi(4), reason)? as u64);
            }
            "cores" => {
                let n = value.parse().ok().filter(|n| (1..=1024).contains(n));
                self.cores = Some(n.ok_or_else(|| fail("a whole number from 1 to 1024 is wanted"))?);
            }
            "bandwidth" => {
                let reason = "a rate from 1MB/s to 10000GB/s is wanted, such as 2GB/s";
                self.bandwidth_bytes_per_s = Some(within(rate(value), 1e6, 1e13, reason)?);
            }
            "storage" => {
                let reason = "a rate from 100kB/s to 1000GB/s is wanted, such as 100MB/s";
                self.storage_bytes_per_s = Some(within(rate(value), 1e5, 1e12, reason)?);
            }
            "cpu" => {
                let reason = "a share of one processor from 1% to 102400% is wanted, such as 50%";
                let percent = value.strip_suffix('%').and_then(|v| v.trim().parse().ok());
                self.cpu_share = Some(within(percent, 1.0, 102_400.0, reason)? / 100.0);
            }
            "simd" => {
                let known = || format!("known are {}", Simd::ALL.map(Simd::name).join(", "));
                let simd = Simd::ALL.into_iter().find(|s| s.name() == value);
                self.simd = Some(simd.ok_or_else(|| fail(&known()))?);
            }
            _ => return Err(CapError::Unknown(one_line(item))),
        }
        Ok(())
    }
}

/// Bytes of `256MiB`, `1.5 GiB`, `100MB`, `512k`.
fn size(text: &str) -> Option<f64> {
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let number: f64 = text[..at].trim().parse().ok()?;
    let unit = match text[at..].to_ascii_lowercase().as_str() {
        "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "k" | "kib" => 1024.0,
        "m" | "mib" => 1024f64.powi(2),
        "g" | "gib" => 1024f64.powi(3),
        _ => return None,
    };
    Some((number * unit).round()).filter(|bytes| bytes.is_finite())
}

fn rate(text: &str) -> Option<f64> {
    size(text.strip_suffix("/s")?)
}

/// Messages are one line each, whatever was typed.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_read_with_its_unit() {
        let text = "memory=256MiB, cores=1,bandwidth=2GB/s,storage=100MB/s,cpu=50%,simd=sse2";
        let caps = Caps::parse(text).expect("all are right");
        assert_eq!(
            caps,
            Caps {
                memory_bytes: Some(256 << 20),
                cores: Some(1),
                bandwidth_bytes_per_s: Some(2e9),
                storage_bytes_per_s: Some(1e8),
                cpu_share: Some(0.5),
                simd: Some(Simd::Sse2),
            }
        );
        assert_eq!(Caps::parse("memory=1.5GiB").expect("a fraction").memory_bytes, Some(3 << 29));
        assert_eq!(Caps::parse("memory=100MB").expect("decimal").memory_bytes, Some(100_000_000));
    }

    #[test]
    fn what_is_wrong_is_one_line_that_says_what_would_be_right() {
        for (text, words) in [
            ("memory=256", "256MiB"),
            ("memory=1MiB", "from 16MiB"),
            ("memory=-3GiB", "from 16MiB"),
            ("memory=1e400GiB", "from 16MiB"),
            ("cores=0", "whole number"),
            ("cores=1.5", "whole number"),
            ("bandwidth=2GB", "2GB/s"),
            ("bandwidth=NaNGB/s", "2GB/s"),
            ("storage=fast", "100MB/s"),
            ("cpu=50", "50%"),
            ("simd=mmx", "sse2"),
            ("speed=3", "no such limit"),
            ("no-such-name", "one-core"),
            ("h100", "one processor, which this is not"),
            ("", "no such limit"),
            ("a\nb.toml", "FORMAT.md"),
        ] {
            let error = Caps::parse(text).expect_err(text).to_string();
            assert!(error.contains(words) && !error.contains('\n'), "{text}: {error}");
        }
    }

    #[test]
    fn built_in_names_are_right_and_later_limits_replace_them() {
        assert!(!names().is_empty());
        for name in names() {
            Caps::parse(&name).unwrap_or_else(|e| panic!("{e}"));
        }
        let caps = Caps::parse("one-core,cores=2").expect("a name and a limit");
        assert_eq!(caps.cores, Some(2));
        let caps = Caps::parse("raspberry-pi-4").expect("a machine");
        assert_eq!((caps.cores, caps.simd), (Some(4), None));
        assert!(caps.memory_bytes.is_some() && caps.bandwidth_bytes_per_s.is_some_and(|rate| rate > 1e9));
        assert!(!caps.id().contains("raspberry"));
    }

    #[test]
    fn files_say_what_is_wrong() {
        let good = "schema = 1\nid = \"x\"\nname = \"X\"\ncores = 1\n";
        assert_eq!(Caps::from_toml("x.toml", good).expect("right").cores, Some(1));
        for (text, words) in [
            (good.replace("cores", "coers"), "coers"),
            (good.replace("cores = 1", ""), "limits nothing"),
            (good.replace("cores = 1", "cores = 0"), "whole number"),
            (good.replace("cores = 1", "simd = \"mmx\""), "mmx"),
            (good.replace("\"x\"", "\"y\""), "file's name"),
            (good.replace("schema = 1", "schema = 2"), "schema 2"),
        ] {
            let error = Caps::from_toml("x.toml", &text).expect_err(words).to_string();
            assert!(error.contains(words) && error.contains("x.toml") && !error.contains('\n'), "{error}");
        }
    }
}
