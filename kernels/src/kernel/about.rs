//! What a person and the harness know of a variant without running it, and which machines it can use.

use std::ops::RangeInclusive;

use crate::machine::Isa;

/// What a variant asks of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Written for one lane: runs on the scalar unit everywhere.
    Scalar,
    /// Runs on whatever lanes there are, one included.
    Any,
    /// Needs f32 SIMD.
    SimdF32,
    /// Needs the pairwise i16 multiply-add of an integer SIMD unit.
    SimdMadd,
    /// Needs an integer SIMD unit that looks bytes up in a table of sixteen (pshufb, vperm, tbl).
    SimdShuffle,
    /// Needs the four-products-per-lane i8 dot.
    Dot4,
    /// Written in one instruction set's intrinsics: native only.
    Arch(Isa),
}

/// What a person and the harness know of a variant.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Its file's stem.
    pub name: &'static str,
    /// The one idea and what it saves; the first line of its file says the same.
    pub idea: &'static str,
    /// The variant it improves on; absent for rung 0.
    pub after: Option<&'static str>,
    /// What it asks of a machine.
    pub width: Width,
    /// Widest register it can use.
    pub max_lanes: usize,
    /// Independent partial sums per output and lane (sets its rounding-error bound).
    pub accumulators: usize,
    /// True where it uses every core.
    pub threads: bool,
    /// True where it is for products with few rows of activations alone.
    pub few_rows: bool,
    /// True where it rounds the inputs, given in f32, to bf16: what processors that multiply bf16 ask for. Its output is
    /// held to the reference over the rounded inputs, and its error is told against the exact one.
    pub rounds_to_bf16: bool,
    /// True where it reads what is [`crate::operand::Operand::Expanded`]: whoever runs it keeps that, and makes it beside.
    pub expanded: bool,
}

impl About {
    /// Of a variant with one partial sum, on one core.
    pub(super) const fn new(name: &'static str, idea: &'static str, width: Width) -> Self {
        Self {
            name,
            idea,
            after: None,
            width,
            max_lanes: 16,
            accumulators: 1,
            threads: false,
            few_rows: false,
            rounds_to_bf16: false,
            expanded: false,
        }
    }

    /// True where it can use the native machine. Rungs in intrinsics may ask for extensions beside.
    pub fn suits(&self, isa: Isa) -> bool {
        let has_all = match self.width {
            Width::Scalar => isa == Isa::Scalar,
            Width::Arch(only) => isa == only,
            // The matrix unit runs what is written for it alone.
            _ if isa == Isa::Amx => false,
            Width::Any => true,
            Width::SimdF32 | Width::SimdMadd => isa.lanes() > 1,
            Width::SimdShuffle => isa.has_byte_shuffle(),
            Width::Dot4 => isa.has_dot4(),
        };
        has_all && isa.lanes() <= self.max_lanes
    }

    /// Lanes that it can be traced with, in powers of two; none where it is written in intrinsics.
    pub fn traced_lanes(&self) -> RangeInclusive<usize> {
        match self.width {
            Width::Scalar => 1..=1,
            Width::Any => 1..=self.max_lanes,
            Width::SimdF32 | Width::SimdMadd | Width::Dot4 => 2..=self.max_lanes,
            // A table of sixteen bytes.
            Width::SimdShuffle => 4..=self.max_lanes,
            Width::Arch(_) => RangeInclusive::new(1, 0),
        }
    }
}
