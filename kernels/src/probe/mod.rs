//! Probes: micro-kernels whose time is a figure of the machine (a latency, a rate), not a result anyone wants. Written
//! once for every machine like the rungs, so that the harness measures a host with them and its timing model can be asked
//! the same question. The time over [`Probe::operations`] is the figure.

mod arithmetic;
mod memory;
#[cfg(target_arch = "x86_64")]
mod x86;

use half::f16;

use crate::input::Buffer;
use crate::machine::traced::{Trace, on_traced};
#[cfg(target_arch = "x86_64")]
use crate::machine::x86_amx::Product;
use crate::machine::{Isa, Machine, OnMachine, on_native};

/// How the operations of a probe depend on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chain {
    /// Each waits for the one before: the time of one is its latency.
    Dependent,
    /// [`wide`] independent chains: the time of one is its share of the units, as they cover latency × units.
    Independent,
}

/// An f32 operation on a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FloatOp {
    /// Addition.
    Add,
    /// Multiplication.
    Mul,
    /// Multiply-add: fused where the machine fuses it.
    MulAdd,
    /// Maximum.
    Max,
    /// Division.
    Div,
    /// A multiplication, then a square root of the product.
    MulSqrt,
    /// A multiplication, then the C library's `expf` of the product.
    MulExp,
}

/// A micro-kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Probe {
    /// An f32 operation.
    Float(FloatOp, Chain),
    /// i32 addition; natively on the scalar machine only. A dependent one takes one cycle everywhere: it is the clock.
    IntAdd(Chain),
    /// i32 multiplication; natively on the scalar machine only.
    IntMul(Chain),
    /// `madd_i8` as a register tile does it: one vector of weights against eight of activations that stay in registers.
    Madd,
    /// `madd_i8` as a row does it: weights and activations both loaded and widened for each.
    MaddLoaded,
    /// A running sum of f16 values, each loaded into every lane.
    SumHalves,
    /// A running sum of the C library's `expf` of loaded values: a call makes the sum pass through memory.
    SumExp,
    /// A running sum that lives in memory: each addition loads what the one before stored.
    SumInMemory,
    /// Stores to the first level, one after another.
    Stores,
    /// Four-product byte dot on registers alone. Native machines without the instruction answer false.
    Dot4(Chain),
    /// The widest byte dot of this processor on registers alone, in its own intrinsics; native only.
    WidestDot4,
    /// The 512-bit dot of bf16 pairs on registers alone, in this processor's own intrinsics; native only.
    PairsBf16(Chain),
    /// Products of a matrix unit's whole tiles of bytes, 16 × 16 sums of 64 products, on tiles alone; native only.
    TilesI8,
    /// The same of bf16, 16 × 16 sums of 32 products; native only.
    TilesBf16,
    /// Loads whose address is the value of the load before, through [`ProbeData::table`].
    Chase,
    /// Sixteen such chains at once: how many misses one core keeps in flight.
    ChaseMany,
    /// Sums [`ProbeData::stream`], read as eight sequential streams.
    ReadStream,
}

/// Independent chains of [`Chain::Independent`] on registers of so many lanes: latency × units and some to spare, as far
/// as the registers go. Scalar code and AVX2 have sixteen of them; NEON and AVX-512 have 32, and cores with four units.
pub const fn wide(lanes: usize) -> usize {
    match lanes {
        1 | 8 => WIDE_OF_16,
        _ => WIDE_OF_32,
    }
}

const WIDE_OF_16: usize = 12;
const WIDE_OF_32: usize = 16;
/// Chains of [`Probe::ChaseMany`].
pub const CHASES: usize = 16;
/// Times a chain's operation is repeated in one iteration, so that the loop around it costs nothing.
const UNROLL: usize = 8;
/// Vectors of activations in [`Probe::Madd`], sums of the other probes that load.
const TILE: usize = 8;
/// Stores of a step of [`Probe::Stores`], each to a place of its own.
const STORES: usize = 16;
/// Products of a step of [`Probe::TilesI8`]: as many as there are tiles of sums.
const TILES: usize = 4;
/// Values of [`Probe::SumHalves`], in the first level everywhere.
const HALVES: usize = 512;

/// Operands and results of a probe.
pub struct ProbeData {
    /// Iterations of the arithmetic probes, hops of the chases, passes of the stream.
    pub steps: usize,
    /// `table[i]` is the next index; a [`Probe::Chase`] starts at `at[0]`.
    pub table: Vec<i32>,
    /// Where each chase is.
    pub at: [i32; CHASES],
    /// What [`Probe::ReadStream`] reads, on a 64-byte boundary: a load that straddles lines costs two.
    pub stream: Buffer<f32>,
    floats: Vec<f32>,
    bytes: Vec<i8>,
    halves: Vec<f16>,
    out: Vec<f32>,
}

impl ProbeData {
    /// For the arithmetic probes.
    pub fn new(steps: usize) -> Self {
        Self {
            steps,
            table: Vec::new(),
            at: [0; CHASES],
            stream: Buffer::zeroed(0),
            // Values near 1 that differ in each lane and chain: no chain equals another, nothing goes denormal.
            floats: (0..16 * (WIDE_OF_32 + 3)).map(|i| 1.0 + i as f32 / 512.0).collect(),
            // Odd: no product of them is ever zero, and none is -128.
            bytes: (0..2048 + 64 * TILE).map(|i| (i % 127 * 2 + 1) as i8).collect(),
            halves: (0..HALVES).map(|i| f16::from_f32(1.0 + i as f32 / 512.0)).collect(),
            out: vec![0.0; 16 * STORES],
        }
    }

    /// For the chases: hops through a table.
    pub fn chase(steps: usize, table: Vec<i32>) -> Self {
        let n = table.len() / CHASES;
        let mut data = Self { table, ..Self::new(steps) };
        // Starts spread over the table, moved to a place that is on the cycle.
        data.at = std::array::from_fn(|c| data.table.get(c * n / LINE_WORDS * LINE_WORDS).copied().unwrap_or(0));
        data
    }

    /// For the stream: `steps` passes over `stream`.
    pub fn stream(steps: usize, stream: Buffer<f32>) -> Self {
        Self { stream, ..Self::new(steps) }
    }

    /// Something that depends on every operation of the last run.
    pub fn result(&self) -> f32 {
        self.out[..16].iter().sum()
    }

    #[inline(always)]
    fn keep<M: Machine>(&mut self, m: M, v: &M::F) {
        m.store(v, &mut self.out, 0);
    }
}

/// i32 words of a 64-byte line: the stride of a chase.
pub const LINE_WORDS: usize = 16;

/// A table for the chases over `bytes`: one random cycle through every line. `pick(n)` gives a number below `n`.
pub fn chase_table(bytes: usize, mut pick: impl FnMut(usize) -> usize) -> Vec<i32> {
    let lines = (bytes / 64).max(1);
    let mut order: Vec<usize> = (0..lines).collect();
    // Sattolo's shuffle: a single cycle, so that no chase is caught in a short one.
    for i in (1..lines).rev() {
        order.swap(i, pick(i));
    }
    let mut table = vec![0; lines * LINE_WORDS];
    for (line, next) in order.iter().enumerate() {
        table[line * LINE_WORDS] = (next * LINE_WORDS) as i32;
    }
    table
}

impl Probe {
    /// Operations that one run on registers of `lanes` lanes does: register operations of the arithmetic probes (one for a pair such as a multiply
    /// and a square root), loads of the chases, bytes of the stream.
    pub fn operations(self, lanes: usize, data: &ProbeData) -> f64 {
        let per_step = match self {
            Probe::Float(_, chain) | Probe::IntAdd(chain) | Probe::IntMul(chain) | Probe::Dot4(chain) => match chain {
                Chain::Dependent => UNROLL,
                Chain::Independent => UNROLL * wide(lanes),
            },
            Probe::PairsBf16(Chain::Dependent) => UNROLL,
            Probe::PairsBf16(Chain::Independent) => UNROLL * WIDE_OF_32,
            Probe::SumInMemory => 1,
            Probe::Stores => STORES,
            Probe::WidestDot4 => UNROLL * WIDE_OF_32,
            Probe::TilesI8 | Probe::TilesBf16 => TILES,
            Probe::Madd | Probe::MaddLoaded | Probe::SumHalves | Probe::SumExp => TILE,
            Probe::Chase => 1,
            Probe::ChaseMany => CHASES,
            Probe::ReadStream => memory::bytes_of_a_pass(data),
        };
        per_step as f64 * data.steps as f64
    }
}

struct Run<'d> {
    probe: Probe,
    data: &'d mut ProbeData,
}

impl OnMachine for Run<'_> {
    #[inline(always)]
    fn on<M: Machine>(self, m: M) {
        match m.lanes() {
            1 | 8 => self.chains::<M, WIDE_OF_16>(m),
            _ => self.chains::<M, WIDE_OF_32>(m),
        }
    }
}

impl Run<'_> {
    #[inline(always)]
    fn chains<M: Machine, const N: usize>(self, m: M) {
        let Run { probe, data } = self;
        match probe {
            Probe::Float(op, Chain::Dependent) => arithmetic::float::<M, 1>(m, op, data),
            Probe::Float(op, Chain::Independent) => arithmetic::float::<M, N>(m, op, data),
            Probe::IntAdd(Chain::Dependent) => arithmetic::int_add::<M, 1>(m, data),
            Probe::IntAdd(Chain::Independent) => arithmetic::int_add::<M, N>(m, data),
            Probe::IntMul(Chain::Dependent) => arithmetic::int_mul::<M, 1>(m, data),
            Probe::IntMul(Chain::Independent) => arithmetic::int_mul::<M, N>(m, data),
            Probe::Dot4(Chain::Dependent) => arithmetic::dot4::<M, 1>(m, data),
            Probe::Dot4(Chain::Independent) | Probe::WidestDot4 | Probe::TilesI8 => arithmetic::dot4::<M, N>(m, data),
            // Done as the products of floats that its products are.
            Probe::PairsBf16(_) | Probe::TilesBf16 => arithmetic::float::<M, N>(m, FloatOp::MulAdd, data),
            Probe::Madd => arithmetic::madd(m, data),
            Probe::MaddLoaded => arithmetic::madd_loaded(m, data),
            Probe::SumHalves => arithmetic::sum_halves(m, data),
            Probe::SumExp => arithmetic::sum_exp(m, data),
            Probe::SumInMemory => memory::sum_in_memory(m, data),
            Probe::Stores => memory::stores(m, data),
            Probe::Chase => memory::chase::<M::One, 1>(m.one(), data),
            Probe::ChaseMany => memory::chase::<M::One, CHASES>(m.one(), data),
            // As many sums as the registers hold beside what a compiler keeps there.
            Probe::ReadStream if m.lanes() == 16 => memory::read_stream::<M, 16>(m, data),
            Probe::ReadStream => memory::read_stream::<M, 8>(m, data),
        }
    }
}

/// Runs a probe on a native machine. Returns false, and runs nothing, where this processor lacks the machine or the
/// machine lacks the instruction.
pub fn native(isa: Isa, probe: Probe, data: &mut ProbeData) -> bool {
    match probe {
        // Done with two multiply-adds, the compiler would see that their products never change.
        Probe::Dot4(_) if !isa.has_dot4() => false,
        // It would add or multiply eight times at once too; only the scalar machine hides integers from it.
        Probe::IntAdd(_) | Probe::IntMul(_) if isa != Isa::Scalar => false,
        #[cfg(target_arch = "x86_64")]
        Probe::WidestDot4 => x86::dot4_512(data),
        #[cfg(target_arch = "x86_64")]
        Probe::PairsBf16(Chain::Dependent) => x86::pairs_bf16::<1>(data),
        #[cfg(target_arch = "x86_64")]
        Probe::PairsBf16(Chain::Independent) => x86::pairs_bf16::<WIDE_OF_32>(data),
        #[cfg(target_arch = "x86_64")]
        Probe::TilesI8 => x86::tiles(Product::Int8, data),
        #[cfg(target_arch = "x86_64")]
        Probe::TilesBf16 => x86::tiles(Product::Bf16, data),
        #[cfg(not(target_arch = "x86_64"))]
        Probe::WidestDot4 | Probe::PairsBf16(_) | Probe::TilesI8 | Probe::TilesBf16 => false,
        _ => on_native(isa, Run { probe, data }),
    }
}

/// Runs a probe on the traced machine. Returns false where no machine has so many lanes.
pub fn traced(trace: &dyn Trace, lanes: usize, probe: Probe, data: &mut ProbeData) -> bool {
    on_traced(trace, lanes, Run { probe, data })
}

#[cfg(test)]
mod tests;
