//! Machines whose own machine code is emulated: `profiles/emulated/*.toml`. What the emulator must not invent is here;
//! what a processor's instructions take is part of its emulator and of its sources there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::catalog::Sheet;
use super::check::{Check, ensure, figures_and_sources, heading};
use super::parse::{from_toml, refused, to_toml};
use super::{Class, Figure, ProfileError, Source};

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
        heading(self.schema, &self.id, &self.name, self.year)?;
        ensure(self.kind == "emulated", "kind", || format!("{:?} is not \"emulated\"", self.kind))?;
        ensure(!self.processor.trim().is_empty(), "processor", || "is empty".into())?;
        ensure(!self.streams.is_empty(), "stream", || "is missing: what weights stream from".into())?;
        let whole = self.streams.iter().all(|s| s.store_kib.value.fract() == 0.0);
        ensure(whole, "stream.store_kib", || "is no whole number of KiB".into())?;
        figures_and_sources(&self.as_table(), &self.sources)
    }

    fn as_table(&self) -> toml::Table {
        toml::Table::try_from(self).expect("a profile is strings, numbers and tables of them")
    }

    /// The profile as TOML that parses to the same value.
    pub fn to_toml(&self) -> String {
        let heading = ["schema", "kind", "id", "name", "class", "year", "console", "processor"];
        to_toml(&self.as_table(), &heading, &["machine", "memory", "stream", "sources"])
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
        let profile: Self = from_toml(path_shown, text)?;
        profile.check().map_err(|found| refused(path_shown, found))?;
        Ok(profile)
    }
    fn id(&self) -> &str {
        &self.id
    }
    fn class(&self) -> &str {
        self.class.as_str()
    }
    fn year(&self) -> u16 {
        self.year
    }
}
