//! Machines whose own machine code is emulated: `profiles/emulated/*.toml`. What the emulator must not invent is here;
//! what a processor's instructions take is part of its emulator and of its sources there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::catalog::{Sheet, one_line};
use super::check::{Check, check_figures_and_sources, check_head, ensure};
use super::parse::{parse_checked, section_lines};
use super::{Class, Figure, ProfileError, Source};

/// What figures may be, by their keys.
const RANGES: &[(&str, f64, f64)] = &[
    ("clock_hz", 1e5, 1e8),
    ("memory_kib", 1.0, 1e6),
    ("store_kib", 1.0, 1e6),
    ("bytes_per_s", 1.0, 1e10),
    ("error_pct", 0.01, 100.0),
    ("load_cycles", 1.0, 1000.0),
    ("other_load_cycles", 1.0, 1000.0),
    ("hidden_load_cycles", 0.0, 1000.0),
];

/// Which emulator a profile is for.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Console {
    /// Commodore 64: 6510, bad lines, RAM expansion unit.
    #[serde(rename = "commodore-64")]
    Commodore64,
    /// ZX Spectrum 48K: Z80, contended memory.
    #[serde(rename = "zx-spectrum-48k")]
    ZxSpectrum48k,
    /// PlayStation: R3000A, GTE, scratchpad.
    Playstation,
}

impl Console {
    /// Main memory, KiB.
    fn most_memory_kib(self) -> f64 {
        match self {
            Self::Commodore64 => 64.0,
            Self::ZxSpectrum48k => 48.0,
            Self::Playstation => 2048.0,
        }
    }
}

/// A machine. See `profiles/FORMAT.md` for what each key means.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Emulated {
    /// Version of the format: 1.
    pub schema: u32,
    /// `emulated`.
    pub kind: String,
    /// What `--hw` takes; equals the file's stem.
    pub id: String,
    /// Full name for people.
    pub name: String,
    /// Family.
    pub class: Class,
    /// Year of introduction.
    pub year: u16,
    /// Its emulator.
    pub console: Console,
    /// The processor, for people.
    pub processor: String,
    /// Whole-machine figures.
    pub machine: MachineFigures,
    /// Figures of memory that differ between sources or machines.
    #[serde(default)]
    pub memory: MemoryFigures,
    /// What programs stream from, the one that the emulator's store stands for first.
    #[serde(rename = "stream")]
    pub streams: Vec<Stream>,
    /// Every source that a figure names.
    pub sources: BTreeMap<String, Source>,
}

/// Whole-machine figures.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct MachineFigures {
    /// Clock of the processor, Hz.
    pub clock_hz: Figure<f64>,
    /// Memory that programs have, KiB.
    pub memory_kib: Figure<f64>,
    /// Expected error of cycle counts, percent.
    pub error_pct: Figure<f64>,
}

/// Figures of memory that differ between sources or machines; each is there where the emulator asks for it.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct MemoryFigures {
    /// Cycles of a load from main memory, back to back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_cycles: Option<Figure<f64>>,
    /// The same by another source: the other end of the band of times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_load_cycles: Option<Figure<f64>>,
    /// Cycles of a load that independent instructions behind it hide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_load_cycles: Option<Figure<f64>>,
}

/// Where weights stream from.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// `reu`, `tape`, `disk`, `cd`.
    pub name: String,
    /// What it holds, KiB.
    pub store_kib: Figure<f64>,
    /// Its rate, bytes/s.
    pub bytes_per_s: Figure<f64>,
}

impl Emulated {
    fn check(&self) -> Check {
        check_head(self.schema, &self.id, &self.name, self.year)?;
        ensure(self.kind == "emulated", "kind", || format!("{:?} is not \"emulated\"", self.kind))?;
        ensure(!self.processor.trim().is_empty(), "processor", || "is empty".into())?;
        ensure(!self.streams.is_empty(), "stream", || "is missing: what weights stream from".into())?;
        let most = self.console.most_memory_kib();
        ensure(self.machine.memory_kib.value <= most, "machine.memory_kib", || {
            format!("{} is more than the {most} that the console has", self.machine.memory_kib.value)
        })?;
        for (i, stream) in self.streams.iter().enumerate() {
            let key = format!("stream[{i}].name");
            ensure(!stream.name.trim().is_empty(), &key, || "is empty".into())?;
            let new = self.streams[..i].iter().all(|other| other.name != stream.name);
            ensure(new, &key, || format!("'{}' is another stream's name too", one_line(&stream.name)))?;
        }
        let whole = self.streams.iter().all(|s| s.store_kib.value.fract() == 0.0);
        ensure(whole, "stream.store_kib", || "is no whole number of KiB".into())?;
        check_figures_and_sources(&self.as_table(), &self.sources, RANGES)
    }

    fn as_table(&self) -> toml::Table {
        toml::Table::try_from(self).expect("a profile is strings, numbers and tables of them")
    }

    /// The machine at both ends of what is known of its memory; none where nothing is left open.
    pub fn edges(&self) -> Vec<Self> {
        let (Some(load), Some(other)) = (&self.memory.load_cycles, &self.memory.other_load_cycles) else {
            return Vec::new();
        };
        let at = |load: &Figure<f64>| {
            let memory = MemoryFigures { load_cycles: Some(load.clone()), ..MemoryFigures::default() };
            Self { memory, ..self.clone() }
        };
        vec![at(load), at(other)]
    }

    /// The machine with another of its streams for a store, by that one's name.
    pub fn streaming_from(&self, name: &str) -> Option<Self> {
        let at = self.streams.iter().position(|stream| stream.name == name)?;
        let mut other = self.clone();
        other.streams.swap(0, at);
        Some(other)
    }

    /// The stream that the emulator's store stands for.
    pub fn store(&self) -> &Stream {
        &self.streams[0]
    }
}

impl Sheet for Emulated {
    const BUILT_IN: &'static [(&'static str, &'static str)] = include!(concat!(env!("OUT_DIR"), "/emulated.rs"));
    const KIND: Option<&'static str> = Some("emulated");

    fn parse(path_shown: &str, text: &str) -> Result<Self, ProfileError> {
        parse_checked(path_shown, text, Self::check)
    }
    fn id(&self) -> &str {
        &self.id
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn to_toml(&self) -> String {
        let heads = ["schema", "kind", "id", "name", "class", "year", "console", "processor"];
        section_lines(&self.as_table(), &heads, &["machine", "memory", "stream", "sources"])
    }
    fn class(&self) -> &str {
        self.class.as_str()
    }
    fn year(&self) -> u16 {
        self.year
    }
}
