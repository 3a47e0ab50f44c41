//! Records: one cell's result, one JSON line. This is the only wire format of results; `report` reads nothing else.
//! Times are raw nanoseconds, never rounded text; derived figures (GFLOP/s, speedup) are computed by whoever shows them.

use serde::{Deserialize, Serialize};

/// Version of the format.
pub const SCHEMA: u32 = 1;

/// How a number came to be. Tiers are never averaged together.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// This host, free.
    Native,
    /// This host, limits enforced and proven.
    Capped,
    /// The timing model.
    Modelled,
    /// Instruction-level emulator.
    Emulated,
    /// Someone's measurement, cited.
    Published,
}

impl Tier {
    /// The tier's name as it is written everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Native => "native",
            Tier::Capped => "capped",
            Tier::Modelled => "modelled",
            Tier::Emulated => "emulated",
            Tier::Published => "published",
        }
    }
}

/// One cell: kernel × shape × variant × machine, with how the result came to be.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Version of the format: [`SCHEMA`].
    pub schema: u32,
    /// How the number came to be.
    pub tier: Tier,
    /// Kernel, e.g. `gemv_f32`.
    pub kernel: String,
    /// Shape, e.g. `r1-distill-qwen-1.5b/ffn-down`.
    pub shape: String,
    /// The shape's sizes for people, e.g. `1536×8960`.
    pub dims: String,
    /// Variant, e.g. `multi_row`.
    pub variant: String,
    /// Place on the ladder, 0 = naive.
    pub rung: u32,
    /// The one idea of the variant.
    pub idea: String,
    /// The variant it improves on; absent for rung 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Machine it ran on or was modelled for.
    pub machine: MachineRef,
    /// What came out.
    pub outcome: Outcome,
    /// Work of the cell, by contract.
    pub cost: CostRef,
    /// Limits that were in force, each with its mechanism and proof (capped only).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<CapRef>,
    /// Reproduction: what made this record.
    pub environment: Environment,
}

/// A limit that was in force while a cell ran.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct CapRef {
    /// What was limited: `memory`, `cores`, `bandwidth`, `storage`, `cpu`, `simd`.
    pub resource: String,
    /// To what, with its unit: `256 MiB`.
    pub limit: String,
    /// What enforced it, e.g. `cgroup v1 memory.limit_in_bytes`.
    pub mechanism: String,
    /// What the probes before and after the run, and counters over it, showed.
    pub proof: Vec<String>,
}

/// The machine of a record.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct MachineRef {
    /// Profile id, or `this-host`.
    pub id: String,
    /// Full name.
    pub name: String,
    /// Class of the profile (`retro`, `cpu`, `sbc`, `apple`, `host`).
    pub class: String,
    /// Year of introduction; absent for this host.
    pub year: Option<u16>,
    /// Hash of the profile's text; absent for this host without a profile.
    pub profile_hash: Option<String>,
    /// Instruction set the cell used: `scalar`, `portable`, `avx2`, `avx512`, `sse`, `altivec`, `neon`, ...
    pub isa: String,
    /// Threads (native) or cores (modelled) the variant used.
    pub threads: u32,
    /// Peak arithmetic rate for this cell's kind of work on all cores with the best instructions, operations/s.
    /// Absent where it is unknown.
    pub peak_ops_per_s: Option<f64>,
    /// Peak memory bandwidth, bytes/s. Absent where it is unknown.
    pub peak_bytes_per_s: Option<f64>,
}

/// What came out of a cell. Everything but `Timed` is a result with its reason, never a missing row.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "kebab-case", tag = "status", deny_unknown_fields)]
#[allow(
    clippy::large_enum_variant,
    reason = "nearly every record is timed: a box would be one more allocation of each"
)]
pub enum Outcome {
    /// Correct and timed.
    Timed(Timing),
    /// The output failed against the f64 reference: the time is withheld.
    Wrong {
        /// Which output, by how much, against which tolerance.
        reason: String,
    },
    /// The machine lacks an instruction the variant needs.
    NotAvailable {
        /// What is lacking.
        reason: String,
    },
    /// The working set exceeds the machine's memory.
    DoesNotFit {
        /// Needed and available.
        reason: String,
    },
    /// Faster than physics allows: refused with the numbers.
    Refused {
        /// Time, floor and what that says.
        reason: String,
    },
    /// A limit was not proven, or the cell could not run.
    Void {
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// Why there is no time; none where there is one.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Outcome::Timed(_) => None,
            Outcome::Wrong { reason }
            | Outcome::NotAvailable { reason }
            | Outcome::DoesNotFit { reason }
            | Outcome::Refused { reason }
            | Outcome::Void { reason } => Some(reason),
        }
    }

    /// What kind of result it is, in full words.
    pub fn status(&self) -> &'static str {
        match self {
            Outcome::Timed(_) => "timed",
            Outcome::Wrong { .. } => "wrong result",
            Outcome::NotAvailable { .. } => "not available",
            Outcome::DoesNotFit { .. } => "does not fit",
            Outcome::Refused { .. } => "refused",
            Outcome::Void { .. } => "void",
        }
    }
}

/// Times of a correct cell.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// Time of one run, ns: the median of the samples (native) or the model's figure.
    pub time_ns: f64,
    /// Band round `time_ns`: 95 % interval (native) or the model's error band (modelled).
    pub low_ns: f64,
    /// Upper end of the band.
    pub high_ns: f64,
    /// Speedup over rung 0 of the same kernel, shape, machine and tier; absent where rung 0 has no time.
    pub speedup: Option<Speedup>,
    /// How far ratios of two such times on one machine were seen to be off, either way: errors that both share drop out. Absent
    /// where nothing was there to compare with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio_within: Option<f64>,
    /// Every sample in the order taken, ns (native only).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples_ns: Vec<f64>,
    /// True where the weights stayed in the last-level cache between runs.
    pub warm: bool,
    /// The least time physics allows on this machine, ns; absent where the peaks are unknown.
    pub floor_ns: Option<f64>,
    /// The resource that limits the cell. Natively the calibrated ceiling that is busy for half of the time or more; absent where
    /// nothing tells.
    pub bound: Option<Bound>,
    /// Share of the time attributed to each resource, largest first (modelled only).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<(Bound, f64)>,
    /// Share of the time spent waiting for the capped memory bandwidth (capped only): near 0, the cap did not bind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paced_share: Option<f64>,
    /// What the model counted (modelled processors only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// Exact counts (emulated only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles: Option<Cycles>,
    /// NMSE against the f64 reference.
    pub nmse: f64,
    /// Largest backward error against the f64 reference.
    pub backward_error: f64,
}

/// What a modelled core did in one run of a variant, counted; of a threaded variant one core's share.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Machine operations: instructions but for those that a register wider than the machine's takes more of.
    pub operations: f64,
    /// Bytes over the memory bus.
    pub memory_bytes: f64,
    /// Lanes of a register of the source.
    pub lanes: u32,
}

/// What an emulated processor did in one run, counted.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Cycles {
    /// Cycles of its clock, waiting included.
    pub cycles: u64,
    /// Instructions.
    pub instructions: u64,
    /// Bytes moved from or to the machine's store.
    pub streamed_bytes: u64,
    /// Bytes of the program and its tables.
    pub program_bytes: u64,
}

/// Speedup over naive: with its 95 % interval where it was measured, with the band that the bands of both times leave where it
/// was modelled or emulated. Of rung 0 itself it has no width.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Speedup {
    /// Ratio naive / this.
    pub ratio: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Speedup {
    /// What `this` gains on `base`, both modelled or emulated on one machine. Each time may lie anywhere in its own band, as if
    /// their errors were independent; where it is known how far such ratios are off, that is the band if it is narrower
    /// (METHODOLOGY.md, Bands).
    pub fn over(base: &Timing, this: &Timing) -> Self {
        let ratio = base.time_ns / this.time_ns;
        let within = match (base.ratio_within, this.ratio_within) {
            (Some(base), Some(this)) => base.max(this),
            _ => f64::INFINITY,
        };
        let (low, high) = (base.low_ns / this.high_ns, base.high_ns / this.low_ns);
        Self { ratio, low: low.max(ratio / within), high: high.min(ratio * within) }
    }

    /// True where the band leaves no doubt that it is a gain.
    pub fn clear(&self) -> bool {
        self.low > 1.0
    }

    /// True where the band leaves no doubt which of the two is faster.
    pub fn told_apart(&self) -> bool {
        self.clear() || self.high < 1.0
    }
}

/// Rung 0 of a ladder as it was modelled or emulated: the speedups of its rungs are taken from it.
#[derive(Clone, Debug, Default)]
pub struct Base {
    /// Absent where rung 0 has no time.
    naive: Option<Timing>,
}

impl Base {
    /// Puts the speedup of the ladder's next rung into its outcome; rung 0 comes first.
    pub fn put_speedup(&mut self, rung: usize, outcome: &mut Outcome) {
        let Outcome::Timed(t) = outcome else { return };
        if rung == 0 {
            self.naive = Some(t.clone());
        }
        t.speedup = self.naive.as_ref().map(|naive| match rung {
            0 => Speedup { ratio: 1.0, low: 1.0, high: 1.0 },
            _ => Speedup::over(naive, t),
        });
    }
}

/// The resource that limits a cell.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// Instruction issue (front end, loop overhead).
    Issue,
    /// Arithmetic units busy.
    Compute,
    /// Waiting for the result of an earlier operation.
    Latency,
    /// First-level cache: ports or load latency.
    L1,
    /// Second-level cache.
    L2,
    /// Third-level cache.
    L3,
    /// Memory bandwidth: the bus is busy.
    MemoryBandwidth,
    /// Memory latency: too few misses in flight to fill the bus.
    MemoryLatency,
    /// Registers spilled to the stack.
    Spill,
    /// Starting and joining threads; of a GPU, starting kernels.
    Launch,
    /// The picture takes the bus from the processor.
    Contention,
    /// Bytes come from storage.
    Storage,
    /// Memory of a workgroup on its SM: turns of the banks.
    SharedMemory,
    /// Processors without work: fewer workgroups than there are SMs, or a last round of few.
    Idle,
}

impl Bound {
    /// Name for people.
    pub fn name(self) -> &'static str {
        match self {
            Bound::Issue => "issue",
            Bound::Compute => "compute",
            Bound::Latency => "latency",
            Bound::L1 => "L1 cache",
            Bound::L2 => "L2 cache",
            Bound::L3 => "L3 cache",
            Bound::MemoryBandwidth => "memory bandwidth",
            Bound::MemoryLatency => "memory latency",
            Bound::Spill => "register spills",
            Bound::Launch => "launch",
            Bound::Contention => "video contention",
            Bound::Storage => "storage",
            Bound::SharedMemory => "shared memory",
            Bound::Idle => "idle processors",
        }
    }
}

/// Work of a cell, by the kernel's contract.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct CostRef {
    /// Arithmetic operations (a multiply-add counts two).
    pub operations: u64,
    /// Least bytes that must move between memory and core.
    pub bytes: u64,
}

/// What made a record, enough to make it again.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Commit of the build, with `+` when the tree was dirty; `unknown` outside a checkout.
    pub commit: String,
    /// Compiler.
    pub rustc: String,
    /// Target features the build assumed (decides what the portable machine is).
    pub build_features: String,
    /// Processor of this host; `-` in modelled records, which no host influences.
    pub cpu: String,
    /// Hypervisor, governor and the like, as far as this host tells; `-` in modelled records.
    pub host: String,
    /// Seed of the inputs.
    pub seed: u64,
    /// Command that reproduces the record.
    pub command: String,
}
