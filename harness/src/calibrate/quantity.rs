//! The figures of a machine that probes measure: their names, their rates, and which ceilings they are.

use kernels::machine::Isa;
use kernels::probe::{Chain, FloatOp, Probe};

use crate::profile::Operands;

/// A figure of a machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantity {
    /// Time of one operation of an arithmetic probe.
    Op(Isa, Probe),
    /// Time of one hop of a chase through so many bytes.
    Latency(usize),
    /// Time of one hop while a core keeps many in flight.
    LatencyShared(usize),
    /// Time of one byte of a read through so many bytes.
    Byte(usize),
    /// What a parallel loop adds to the work in it.
    ForkJoin,
    /// First touch of a page of new memory.
    MinorFault,
    /// First touch of a page of a file that no cache holds.
    MajorFault,
    /// Time of one byte of a file read past the page cache.
    StorageByte,
}

impl Quantity {
    /// One cycle of the core.
    pub const CLOCK: Self = Self::Op(Isa::Scalar, Probe::IntAdd(Chain::Dependent));

    /// One byte by scalar loads from the first level.
    pub const SCALAR_BYTE: Self = Self::Op(Isa::Scalar, Probe::ReadStream);

    /// For people.
    pub fn name(self) -> String {
        let chain = |c| if c == Chain::Dependent { "dependent" } else { "independent" };
        match self {
            Self::Op(isa, Probe::Float(op, c)) => {
                let op = match op {
                    FloatOp::Add => "add",
                    FloatOp::Mul => "multiply",
                    FloatOp::MulAdd => "multiply-add",
                    FloatOp::Max => "maximum",
                    FloatOp::Div => "divide",
                    FloatOp::MulSqrt => "multiply + square root",
                    FloatOp::MulExp => "multiply + expf",
                };
                format!("{} f32 {op}, {}", isa.name(), chain(c))
            }
            Self::Op(isa, Probe::IntAdd(c)) => format!("{} i32 add, {}", isa.name(), chain(c)),
            Self::Op(isa, Probe::IntMul(c)) => format!("{} i32 multiply, {}", isa.name(), chain(c)),
            Self::Op(isa, Probe::Dot4(c)) => format!("{} i8 four-product dot, {}", isa.name(), chain(c)),
            Self::Op(_, Probe::WidestDot4) => "512-bit i8 four-product dot".into(),
            Self::Op(_, Probe::PairsBf16(c)) => format!("512-bit bf16 dot of pairs, {}", chain(c)),
            Self::Op(_, Probe::TilesI8) => "amx i8 product of tiles".into(),
            Self::Op(_, Probe::TilesBf16) => "amx bf16 product of tiles".into(),
            Self::Op(isa, Probe::Madd) => format!("{} i8 pairwise multiply-add", isa.name()),
            Self::Op(isa, Probe::MaddLoaded) => format!("{} i8 pairwise multiply-add, both loaded", isa.name()),
            Self::Op(isa, Probe::SumHalves) => format!("{} f16 load and convert + add", isa.name()),
            Self::Op(isa, Probe::SumExp) => format!("{} running sum of expf", isa.name()),
            Self::Op(isa, Probe::SumInMemory) => format!("{} f32 add to a value in memory", isa.name()),
            Self::Op(isa, Probe::Stores) => format!("{} stores", isa.name()),
            Self::Op(isa, Probe::ReadStream) => format!("{} byte read from the first level", isa.name()),
            Self::Op(isa, other) => format!("{} {other:?}", isa.name()),
            Self::Latency(bytes) => format!("load latency, {}", size(bytes)),
            Self::LatencyShared(bytes) => format!("16 loads in flight, {}", size(bytes)),
            Self::Byte(bytes) => format!("read bandwidth, {}", size(bytes)),
            Self::ForkJoin => "parallel loop".into(),
            Self::MinorFault => "first touch of a new page".into(),
            Self::MajorFault => "first touch of an uncached page of a file".into(),
            Self::StorageByte => "byte of a file read past the page cache".into(),
        }
    }

    /// A time of one operation as a rate, where a rate is what people compare.
    pub fn rate(self, ns: f64) -> String {
        match self {
            Self::Byte(_) => format!("{:.1} GB/s", 1.0 / ns),
            Self::StorageByte => format!("{:.0} MB/s", 1e3 / ns),
            Self::Op(..) => self.operations().map_or(String::new(), |ops| format!("{:.1} Gop/s", ops / ns)),
            _ => String::new(),
        }
    }

    /// Arithmetic operations of one such operation, a multiply-add as two, where they make a peak.
    pub fn operations(self) -> Option<f64> {
        self.peak().map(|(_, _, operations)| operations)
    }

    /// Where it makes a peak: the instruction set, the operands, and the arithmetic operations of one such operation.
    pub fn peak(self) -> Option<(Isa, Operands, f64)> {
        let lanes = |isa: Isa, each: f64| each * isa.lanes() as f64;
        match self {
            Self::Op(isa, Probe::Float(FloatOp::MulAdd, Chain::Independent)) => {
                Some((isa, Operands::F32, lanes(isa, 2.0)))
            }
            Self::Op(isa, Probe::Madd) => Some((isa, Operands::I8, lanes(isa, 4.0))),
            Self::Op(isa, Probe::Dot4(Chain::Independent)) => Some((isa, Operands::I8, lanes(isa, 8.0))),
            Self::Op(_, Probe::WidestDot4) => Some((Isa::Avx512, Operands::I8, 128.0)),
            Self::Op(_, Probe::PairsBf16(Chain::Independent)) => Some((Isa::Avx512, Operands::Bf16, 64.0)),
            // 16 × 16 sums of 64 products of bytes, or of 32 of bf16.
            Self::Op(_, Probe::TilesI8) => Some((Isa::Amx, Operands::I8, 32_768.0)),
            Self::Op(_, Probe::TilesBf16) => Some((Isa::Amx, Operands::Bf16, 16_384.0)),
            _ => None,
        }
    }
}

fn size(bytes: usize) -> String {
    if bytes < 1 << 20 { format!("{} KiB", bytes >> 10) } else { format!("{:.1} MiB", bytes as f64 / 1048576.0) }
}
