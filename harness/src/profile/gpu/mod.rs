//! Profiles of GPUs: one graphics processor as data, the wire format of `profiles/gpu/*.toml`. The rules are those of every
//! profile (a unit in each key, a source for each figure, unknown keys refused); the keys are what a SIMT timing model and a
//! model of several GPUs need. `check` refuses processors that cannot be.
//!
//! "SM" stands for a vendor's streaming multiprocessor, compute unit or GPU core; "warp" for its warp, wavefront or SIMD
//! group; "workgroup" for what runs on one SM and shares its memory. Cycles are those of `machine.clock_mhz`.

mod check;
mod peaks;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::parse::{parse_checked, section_lines};
use super::{Figure, ProfileError, Source};

/// A GPU. See `profiles/FORMAT.md` for what each key means.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct GpuProfile {
    /// Version of the format: 1.
    pub schema: u32,
    /// What `--hw` takes; equals the file's stem.
    pub id: String,
    /// Full name for people.
    pub name: String,
    /// Kind of machine, which tells a file from those of processors: `gpu`. It is the class too.
    pub kind: GpuKind,
    /// Design that the processor belongs to; constants that are fitted are fitted per generation.
    pub generation: Generation,
    /// Year of introduction.
    pub year: u16,
    /// Whole-processor figures.
    pub machine: GpuMachineFigures,
    /// One SM.
    pub sm: SmFigures,
    /// Matrix units, absent where there are none.
    pub matrix: Option<MatrixFigures>,
    /// Cache in each SM that serves loads of storage buffers; absent where those go past it.
    pub l1: Option<GpuCacheFigures>,
    /// Cache that all SMs share and that serves storage buffers; absent where there is none.
    pub l2: Option<GpuCacheFigures>,
    /// Device memory, and how lanes' addresses become transactions.
    pub memory: GpuMemoryFigures,
    /// Link to other GPUs of a node, absent where only the host's bus leads there.
    pub link: Option<LinkFigures>,
    /// Network that a node of such GPUs is sold with, absent on parts that no one puts into such nodes.
    pub network: Option<NetworkFigures>,
    /// Every source that a figure names.
    pub sources: BTreeMap<String, Source>,
}

/// What `kind` says in the file of a GPU.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum GpuKind {
    /// `--hw class:gpu` selects it.
    Gpu,
}

/// A family of designs whose SMs work alike.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub enum Generation {
    /// NVIDIA compute capability 1.x (G80, GT200).
    Tesla,
    /// NVIDIA compute capability 2.x.
    Fermi,
    /// NVIDIA compute capability 3.x.
    Kepler,
    /// NVIDIA compute capability 5.x.
    Maxwell,
    /// NVIDIA compute capability 6.x.
    Pascal,
    /// NVIDIA compute capability 7.x.
    Turing,
    /// NVIDIA compute capability 8.0 and 8.6.
    Ampere,
    /// NVIDIA compute capability 9.0.
    Hopper,
    /// AMD Graphics Core Next: wavefronts of 64 on SIMD units of 16.
    Gcn,
    /// AMD RDNA: wavefronts of 32.
    Rdna,
    /// GPU cores of Apple silicon.
    Apple,
}

impl Generation {
    /// All, in order.
    pub const ALL: [Generation; 11] = [
        Self::Tesla,
        Self::Fermi,
        Self::Kepler,
        Self::Maxwell,
        Self::Pascal,
        Self::Turing,
        Self::Ampere,
        Self::Hopper,
        Self::Gcn,
        Self::Rdna,
        Self::Apple,
    ];

    /// As files spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tesla => "tesla",
            Self::Fermi => "fermi",
            Self::Kepler => "kepler",
            Self::Maxwell => "maxwell",
            Self::Pascal => "pascal",
            Self::Turing => "turing",
            Self::Ampere => "ampere",
            Self::Hopper => "hopper",
            Self::Gcn => "gcn",
            Self::Rdna => "rdna",
            Self::Apple => "apple",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|generation| generation.name() == name)
    }
}

/// Whole-processor figures.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct GpuMachineFigures {
    /// Clock of the SMs that a long kernel runs at, MHz (the shader clock where there are two).
    pub clock_mhz: Figure<f64>,
    /// SMs in use.
    pub sms: Figure<u32>,
    /// From one kernel's end to the start of the next of the same stream, ns, with both already queued.
    pub launch_ns: Figure<f64>,
    /// Work of the host for each token that no kernel hides (sampling, building and submitting the graph), ns.
    pub host_token_ns: Figure<f64>,
    /// Price at introduction, US dollars.
    pub launch_price_usd: Option<Figure<f64>>,
}

/// One SM: what it holds, what it issues, how long that takes. Lanes per cycle are results per cycle of the whole SM.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct SmFigures {
    /// Lanes of a warp.
    pub warp_lanes: Figure<u32>,
    /// Threads resident at once.
    pub max_threads: Figure<u32>,
    /// Workgroups resident at once.
    pub max_workgroups: Figure<u32>,
    /// Threads of one workgroup at most.
    pub max_workgroup_threads: Figure<u32>,
    /// 32-bit registers, shared among the resident threads.
    pub registers: Figure<u32>,
    /// 32-bit registers that one thread can use; more are spilled to memory.
    pub max_thread_registers: Figure<u32>,
    /// Shared (workgroup) memory for all resident workgroups, KiB.
    pub shared_kib: Figure<f64>,
    /// Shared memory of one workgroup at most, KiB.
    pub max_workgroup_shared_kib: Figure<f64>,
    /// Banks of shared memory; two lanes on different words of one bank take turns.
    pub shared_banks: Figure<u32>,
    /// Bytes that one bank serves per cycle.
    pub shared_bank_bytes: Figure<u32>,
    /// Lanes whose bank conflicts are judged together (a half-warp of 16 on the oldest).
    pub shared_group_lanes: Figure<u32>,
    /// Warp instructions issued per cycle, all schedulers together.
    pub issue_per_cycle: Figure<f64>,
    /// f32 multiply-add, lanes per cycle.
    pub f32_lanes_per_cycle: Figure<f64>,
    /// f16 multiply-add, lanes per cycle (pairs count as two); absent where f16 is only a storage format.
    pub f16_lanes_per_cycle: Option<Figure<f64>>,
    /// f64 multiply-add, lanes per cycle; absent where there is none.
    pub f64_lanes_per_cycle: Option<Figure<f64>>,
    /// 32-bit integer add, compare, logic, lanes per cycle.
    pub int_lanes_per_cycle: Figure<f64>,
    /// 32-bit shift, lanes per cycle.
    pub shift_lanes_per_cycle: Figure<f64>,
    /// 32-bit integer multiply, lanes per cycle, with the instructions it takes counted.
    pub int_mul_lanes_per_cycle: Figure<f64>,
    /// Conversions between integers and floats, lanes per cycle.
    pub convert_lanes_per_cycle: Figure<f64>,
    /// Reciprocal, square root, exponential and the like, lanes per cycle.
    pub special_lanes_per_cycle: Figure<f64>,
    /// Dot product of four i8 with a 32-bit sum, lanes per cycle; absent where there is no such instruction.
    pub dot4_i8_lanes_per_cycle: Option<Figure<f64>>,
    /// Exchange between lanes of a warp, lanes per cycle; absent = no subgroup operations.
    pub shuffle_lanes_per_cycle: Option<Figure<f64>>,
    /// Addresses of loads and stores that start per cycle.
    pub load_store_lanes_per_cycle: Figure<f64>,
    /// Dependent arithmetic: from issue to use, cycles.
    pub alu_latency_cycles: Figure<f64>,
    /// Dependent special function, cycles.
    pub special_latency_cycles: Figure<f64>,
    /// Load from shared memory without conflicts, cycles.
    pub shared_latency_cycles: Figure<f64>,
    /// A barrier whose threads all arrive at once, cycles.
    pub barrier_cycles: Figure<f64>,
}

/// Peaks of the matrix units, dense, f32 or i32 sums, 1e12 operations/s (a multiply and an add count as two).
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct MatrixFigures {
    /// f16 operands.
    pub f16_tflops: Figure<f64>,
    /// bf16 operands; absent where the units do not take them.
    pub bf16_tflops: Option<Figure<f64>>,
    /// FP8 operands; absent where the units do not take them.
    pub fp8_tflops: Option<Figure<f64>>,
    /// int8 operands; absent where the units do not take them.
    pub int8_tops: Option<Figure<f64>>,
}

/// A cache: of one SM (`[l1]`) or of the whole GPU (`[l2]`).
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct GpuCacheFigures {
    /// Capacity that loads can use, KiB.
    pub kib: Figure<f64>,
    /// Of `[l1]`: the array that it and shared memory are cut from, KiB; what resident workgroups hold of it caches nothing.
    /// Absent where shared memory is apart.
    pub array_kib: Option<Figure<f64>>,
    /// What a tag covers, bytes.
    pub line_bytes: Figure<u32>,
    /// What a miss fetches at least, bytes: a sector of the line, or all of it.
    pub sector_bytes: Figure<u32>,
    /// Load-to-use latency of a hit, cycles.
    pub latency_cycles: Figure<f64>,
    /// Rate, bytes per cycle: `[l1]` to its SM, `[l2]` to all SMs together.
    pub bytes_per_cycle: Figure<f64>,
}

/// How the addresses of a warp's lanes become transactions.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Coalescing {
    /// Compute capability 1.0 and 1.1: lane k of the group must touch word k of one aligned segment of 16 words; then
    /// the group is one transaction, else each active lane is one of its own.
    InOrderSegment,
    /// Compute capability 1.2 and 1.3: the fewest aligned segments of 128 bytes that hold the group's addresses, each
    /// halved (to 64, then 32) while only one half is touched.
    ShrinkingSegments,
    /// Since: the distinct aligned blocks of `transaction_bytes` that the group touches.
    DistinctBlocks,
}

/// Device memory.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct GpuMemoryFigures {
    /// Capacity, MiB; larger working sets "do not fit".
    pub memory_mib: Figure<f64>,
    /// Rule by which addresses become transactions.
    pub coalescing: Figure<Coalescing>,
    /// Lanes whose addresses are put together.
    pub coalescing_lanes: Figure<u32>,
    /// Smallest transaction, bytes.
    pub transaction_bytes: Figure<u32>,
    /// Load-to-use latency of a miss in every cache, cycles.
    pub latency_cycles: Figure<f64>,
    /// Peak of the memory bus, GB/s (1e9 bytes).
    pub bandwidth_gb_s: Figure<f64>,
    /// What a copy or a long read was seen to reach, GB/s.
    pub sustained_gb_s: Figure<f64>,
}

/// Link to the other GPUs of a node.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct LinkFigures {
    /// Name for people: `NVLink 4`, `PCIe 3.0 x16`.
    pub kind: String,
    /// Of one GPU, both directions together as vendors state it, GB/s (1e9 bytes).
    pub both_ways_gb_s: Figure<f64>,
    /// What one direction was seen to reach, percent of half of that.
    pub efficiency_pct: Figure<f64>,
    /// One message to a neighbour, ns.
    pub latency_ns: Figure<f64>,
}

/// Network between nodes, per GPU.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct NetworkFigures {
    /// Name for people: `InfiniBand 400 Gb/s`.
    pub kind: String,
    /// One direction, GB/s (1e9 bytes).
    pub one_way_gb_s: Figure<f64>,
    /// What was seen of it, percent.
    pub efficiency_pct: Figure<f64>,
    /// One message to another node, ns.
    pub latency_ns: Figure<f64>,
}

impl GpuProfile {
    /// Reads and checks a profile's text; `path_shown` is what messages call it.
    ///
    /// # Errors
    /// As [`super::Profile::parse`].
    pub fn parse(path_shown: &str, text: &str) -> Result<Self, ProfileError> {
        parse_checked(path_shown, text, Self::check)
    }

    /// The profile as TOML that [`GpuProfile::parse`] reads back to the same value.
    pub fn to_toml(&self) -> String {
        section_lines(
            &self.as_table(),
            &["schema", "id", "name", "kind", "generation", "year"],
            &["machine", "sm", "matrix", "l1", "l2", "memory", "link", "network", "sources"],
        )
    }

    pub(super) fn as_table(&self) -> toml::Table {
        toml::Table::try_from(self).expect("a profile is strings, numbers and tables of them")
    }

    /// Clock period, ns.
    pub fn cycle_ns(&self) -> f64 {
        1e3 / self.machine.clock_mhz.value
    }

    /// What L1 has left of its array beside so many KiB of shared memory, KiB; none without an L1.
    pub fn l1_kib_beside(&self, shared_kib: f64) -> Option<f64> {
        let l1 = self.l1.as_ref()?;
        let left = l1.array_kib.as_ref().map_or(l1.kib.value, |array| array.value - shared_kib);
        Some(l1.kib.value.min(left).max(0.0))
    }

    /// Warps that an SM holds.
    pub fn max_warps(&self) -> u32 {
        self.sm.max_threads.value / self.sm.warp_lanes.value
    }
}
