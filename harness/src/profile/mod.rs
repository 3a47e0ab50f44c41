//! Hardware profiles: one machine as data. This is the wire format of `profiles/**/*.toml`, described for authors in
//! `profiles/FORMAT.md`. Every figure has its unit in its key and names a source; unknown keys are refused.
//!
//! Here are the types; `parse` reads and writes a file, `check` refuses machines that cannot be, `catalog` holds the
//! profiles built into the binary and resolves `--hw`, `peaks` computes what a machine could do at best, `host` is what a
//! measured machine has beside. `gpu` holds graphics processors, whose figures are others under the same rules.

pub mod band;
mod catalog;
mod check;
mod emulated;
pub mod gpu;
mod host;
mod parse;
mod peaks;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use catalog::{Hardware, Loaded, Sheet, embedded, find};
pub use check::is_id;
pub use emulated::{Console, Emulated, MemoryFigures as EmulatedMemory, Stream};
pub use gpu::GpuProfile;
pub use host::{LevelFigures, MeasuredPeak, Operands, PagingFigures, PeakFigures, Residual};

/// One figure of a profile with the key of the source it was taken from.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Figure<T> {
    /// The figure; its unit is in its key.
    pub value: T,
    /// Key into the profile's `[sources]`.
    pub source: String,
}

/// Latency and interval of one operation, in cycles: `[latency, interval]`. The interval is how long one unit stays
/// busy with it (1 = fully pipelined); the number of units is in `[core]`.
pub type OpCycles = Figure<[f64; 2]>;

/// Where a figure comes from.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The citation: title, author or address, table.
    pub cite: String,
    /// How far the figure can be trusted.
    pub status: SourceStatus,
}

/// How far a source has been checked.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum SourceStatus {
    /// Read in the named source.
    Read,
    /// Measured by this project.
    Measured,
    /// Computed from other figures; `cite` says how.
    Derived,
    /// General knowledge, not checked: a starting value, never a published fact.
    Unverified,
}

/// What family of machines a profile belongs to; `--hw class:retro` selects on it.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Machines of the 1980s to the early 2000s.
    Retro,
    /// Desktop and server processors.
    Cpu,
    /// Single-board computers.
    Sbc,
    /// Apple silicon.
    Apple,
    /// A machine measured by `retrobench calibrate`.
    Host,
}

/// A machine. See `profiles/FORMAT.md` for what each key means.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Version of the format: 1.
    pub schema: u32,
    /// What `--hw` takes; equals the file's stem.
    pub id: String,
    /// Full name for people.
    pub name: String,
    /// Family.
    pub class: Class,
    /// Year of introduction.
    pub year: u16,
    /// Whole-machine figures.
    pub machine: MachineFigures,
    /// Front end, window and units of one core.
    pub core: CoreFigures,
    /// Integer unit.
    pub integer: IntegerFigures,
    /// Scalar f32 unit.
    pub scalar: ScalarFigures,
    /// SIMD unit, absent on machines without one.
    pub simd: Option<SimdFigures>,
    /// Caches from the core outwards.
    #[serde(rename = "cache")]
    pub caches: Vec<CacheFigures>,
    /// Memory and what a core may have in flight to it.
    pub memory: MemoryFigures,
    /// Best rates by instruction set, where this machine was measured.
    #[serde(rename = "peak", default, skip_serializing_if = "Vec::is_empty")]
    pub peaks: Vec<PeakFigures>,
    /// Levels of memory with one core and with all at work, where this machine was measured.
    #[serde(rename = "level", default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<LevelFigures>,
    /// Storage and page faults, where this machine was measured.
    pub paging: Option<PagingFigures>,
    /// How well each measurement was known, by what was measured and on how many threads.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub residuals: BTreeMap<String, Residual>,
    /// Every source that a figure names.
    pub sources: BTreeMap<String, Source>,
}

/// Whole-machine figures.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct MachineFigures {
    /// Core clock that the kernels see, MHz.
    pub clock_mhz: Figure<f64>,
    /// Cores that a threaded rung may use.
    pub cores: Figure<u32>,
    /// Memory that a process may use, MiB; larger working sets "do not fit".
    pub memory_mib: Figure<f64>,
    /// Cost of starting and joining one parallel loop, ns (0 on one core).
    pub fork_join_ns: Figure<f64>,
}

/// Front end, window and units of one core.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct CoreFigures {
    /// Operations issued per cycle.
    pub issue_width: Figure<u32>,
    /// Operations in flight between issue and retirement; 0 = in-order issue.
    pub window_ops: Figure<u32>,
    /// Floating-point/SIMD arithmetic units.
    pub fp_units: Figure<u32>,
    /// Integer units.
    pub int_units: Figure<u32>,
    /// Loads started per cycle.
    pub load_units: Figure<u32>,
    /// Stores started per cycle.
    pub store_units: Figure<u32>,
    /// Cycles from the value of a store to a load of the same place; absent where it is the first level's latency.
    pub store_forward_cycles: Option<Figure<f64>>,
    /// Integer operations that one counted-loop iteration costs (index, compare and branch).
    pub loop_ops: Figure<u32>,
    /// Cycles lost when a branch is mispredicted.
    pub mispredict_cycles: Figure<f64>,
    /// Longest loop whose exit is still predicted.
    pub predicted_trips: Figure<u32>,
}

/// Integer unit.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct IntegerFigures {
    /// Architectural registers a loop can use.
    pub registers: Figure<u32>,
    /// Add, shift, logic.
    pub add_cycles: OpCycles,
    /// 32-bit multiply.
    pub mul_cycles: OpCycles,
}

/// Scalar f32 unit.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ScalarFigures {
    /// Architectural f32 registers.
    pub registers: Figure<u32>,
    /// Add and subtract.
    pub add_cycles: OpCycles,
    /// Multiply.
    pub mul_cycles: OpCycles,
    /// Fused multiply-add as compilers emit it for plain `a * b + c`; absent where they do not.
    pub fma_cycles: Option<OpCycles>,
    /// Divide.
    pub div_cycles: OpCycles,
    /// Square root.
    pub sqrt_cycles: OpCycles,
    /// Maximum or compare-and-select.
    pub max_cycles: OpCycles,
    /// Integer to float or back.
    pub convert_cycles: OpCycles,
    /// One call of the C library's `expf`. It occupies the whole core, so the interval is not divided by the units.
    pub exp_cycles: OpCycles,
}

/// SIMD unit.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct SimdFigures {
    /// Name of the instruction set, for people: `sse`, `altivec`, `neon`, ...
    pub isa: String,
    /// f32 lanes of a register; 0 where the set has no f32 arithmetic (MMX).
    pub f32_lanes: Figure<u32>,
    /// i32 lanes of an integer register; 0 where the set has no integer arithmetic.
    pub i32_lanes: Figure<u32>,
    /// Architectural registers.
    pub registers: Figure<u32>,
    /// f32 add and subtract. Absent (with all f32 operations) when `f32_lanes` is 0.
    pub add_cycles: Option<OpCycles>,
    /// f32 multiply.
    pub mul_cycles: Option<OpCycles>,
    /// f32 fused multiply-add; absent where it takes a multiply and an add.
    pub fma_cycles: Option<OpCycles>,
    /// f32 divide of a whole register.
    pub div_cycles: Option<OpCycles>,
    /// f32 maximum.
    pub max_cycles: Option<OpCycles>,
    /// f32 to i32 or back.
    pub convert_cycles: Option<OpCycles>,
    /// Shuffle or permute, also one step of a horizontal sum.
    pub shuffle_cycles: OpCycles,
    /// Each byte of a register from a table of sixteen in another (pshufb, vperm, tbl); absent where there is none.
    pub byte_shuffle_cycles: Option<OpCycles>,
    /// Integer add, shift, logic.
    pub int_add_cycles: OpCycles,
    /// Sign-extend half a register of i8 to i16.
    pub widen_cycles: Option<OpCycles>,
    /// Multiply pairs of i16 and add neighbours into i32 (pmaddwd kind).
    pub madd_i16_cycles: Option<OpCycles>,
    /// Four i8 products added into each i32 lane (vpdpbusd, sdot); absent where there is none.
    pub dot4_i8_cycles: Option<OpCycles>,
    /// Extra integer operations before each byte dot product (moving signs on unsigned × signed machines).
    pub dot4_prepare_ops: Option<Figure<u32>>,
    /// Two products of bf16 added into each f32 lane (vdpbf16ps, bfdot); absent where there is none.
    pub bf16_pairs_cycles: Option<OpCycles>,
    /// Extra shuffle after loading one value into every lane; absent where the load does it.
    pub splat_load_cycles: Option<OpCycles>,
    /// f16 to f32 of a register; absent where it is done with integer operations.
    pub f16_convert_cycles: Option<OpCycles>,
}

/// One cache level.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct CacheFigures {
    /// Name for people: `L1`, `L2`, `L3`, `SLC`.
    pub name: String,
    /// Capacity, KiB.
    pub kib: Figure<f64>,
    /// Associativity.
    pub ways: Figure<u32>,
    /// Line, bytes.
    pub line_bytes: Figure<u32>,
    /// Load-to-use latency of a hit, cycles.
    pub latency_cycles: Figure<f64>,
    /// Rate at which this level fills the level above (for the first level: at which it feeds the core), bytes per cycle.
    pub bytes_per_cycle: Figure<f64>,
    /// Cores that share one such cache.
    pub shared_by: Figure<u32>,
    /// True where every store goes on to the next level (write-through).
    pub write_through: Figure<bool>,
}

/// Memory, and what a core may have in flight to it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct MemoryFigures {
    /// Load-to-use latency of a miss in every cache, ns.
    pub latency_ns: Figure<f64>,
    /// Peak of the bus that all cores share, GB/s (1e9 bytes).
    pub bandwidth_gb_s: Figure<f64>,
    /// What all cores together were seen to read, GB/s, where a measurement says that the bus does not reach its peak
    /// (a narrow on-chip path, refresh, a shared front-side bus). One core is limited by its outstanding lines instead.
    pub sustained_gb_s: Option<Figure<f64>>,
    /// How far the median of repeated measurements lay from the best, percent of the median, where this profile was
    /// measured: what the guard allows a time to beat the bandwidth by.
    pub bandwidth_spread_pct: Option<Figure<f64>>,
    /// Demand misses one core may have outstanding.
    pub misses_outstanding: Figure<u32>,
    /// Sequential streams the prefetcher follows; 0 = no prefetcher.
    pub prefetch_streams: Figure<u32>,
    /// How many lines ahead of the demand it runs.
    pub prefetch_lines: Figure<u32>,
    /// Prefetches that one core may have in flight to memory.
    pub prefetch_outstanding: Figure<u32>,
    /// True where a stream goes on into the next page (prefetch by virtual address, or a next-page prefetcher); absent
    /// where it stops at the page's end and trains anew.
    pub prefetch_crosses_pages: Option<Figure<bool>>,
}

/// Why a profile was refused. Each message says which file, what and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file could not be read.
    #[error("profile {path}: cannot read it: {reason}; check the path")]
    Unreadable {
        /// File as given.
        path: String,
        /// The operating system's words.
        reason: String,
    },
    /// The TOML is malformed, a field is missing or unknown.
    #[error("profile {path}: {reason}; see profiles/FORMAT.md")]
    Malformed {
        /// File as given.
        path: String,
        /// First line of the parser's message.
        reason: String,
    },
    /// A figure is out of its range or names no source.
    #[error("profile {path}: {key}: {reason}; see profiles/FORMAT.md")]
    Figure {
        /// File as given.
        path: String,
        /// Key path of the figure.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// `--hw` names two different machines with one id.
    #[error("two different profiles have the id '{id}': give one another id, which is also its file's name")]
    Twice {
        /// The id.
        id: String,
    },
    /// `--hw` names no embedded profile and no file.
    #[error("no profile '{id}': `retrobench list profiles` lists them, or give the path of a .toml file")]
    Unknown {
        /// The name as given.
        id: String,
    },
}

impl Profile {
    /// What all cores together can draw from memory, GB/s: the measured limit where there is one, else the bus's peak.
    pub fn shared_bandwidth_gb_s(&self) -> f64 {
        self.memory.sustained_gb_s.as_ref().unwrap_or(&self.memory.bandwidth_gb_s).value
    }

    /// Clock period, ns.
    pub fn cycle_ns(&self) -> f64 {
        1e3 / self.machine.clock_mhz.value
    }
}
