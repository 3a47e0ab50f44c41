//! The vocabulary: what a kernel, a variant, a shape and a case are, and how a folder's typed contract becomes something
//! the harness can loop over without knowing argument types.

mod about;
mod choose;
mod entry;

use std::borrow::Cow;

use crate::compare::Verdict;
use crate::foreign::{MachineCode, Shader};
use crate::input::Input;
use crate::machine::traced::{Trace, run_traced, run_traced_scalar, run_traced_simd};
use crate::machine::{Isa, Machine, run_any, run_floats, run_scalar, run_simd};
use crate::operand::{Operand, Region};
use crate::weights::Source;

pub use about::{About, Width};
pub use choose::{machine_among, machine_for};
pub use entry::Entry;

/// Named sizes taken from a real model. GEMM letters: `C[m,n] = A[m,k] B[k,n]`; a GEMV has `m = 1`; row-wise kernels
/// have `m` rows of `n` values and `k = 1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// `model/operation`, e.g. `r1-distill-qwen-1.5b/ffn-down`.
    pub name: Cow<'static, str>,
    /// Rows of activations.
    pub m: usize,
    /// Outputs per row.
    pub n: usize,
    /// Inner size.
    pub k: usize,
    /// Parts that the operation falls into: heads of keys and values, experts, groups of experts,
    /// sequences. 1 elsewhere.
    pub parts: usize,
    /// Of the parts those that each row of activations meets, where it meets some: experts that a token is routed to.
    /// 0 elsewhere, and where the kernel has a rule of its own.
    pub chosen: usize,
    /// True for the shapes of the tour; the others are run by name.
    pub tour: bool,
    /// The same of the tour on GPUs: what keeps a processor busy for long enough can leave most of a GPU idle.
    pub gpu_tour: bool,
}

impl Shape {
    /// A shape of the tour.
    pub const fn tour(name: &'static str, m: usize, n: usize, k: usize) -> Self {
        Self { name: Cow::Borrowed(name), m, n, k, parts: 1, chosen: 0, tour: true, gpu_tour: true }
    }

    /// A shape that is run when asked for.
    pub const fn new(name: &'static str, m: usize, n: usize, k: usize) -> Self {
        Self { name: Cow::Borrowed(name), m, n, k, parts: 1, chosen: 0, tour: false, gpu_tour: false }
    }

    /// A shape that GPUs run in the tour, and others when asked for.
    pub const fn gpu_tour(name: &'static str, m: usize, n: usize, k: usize) -> Self {
        let mut shape = Self::new(name, m, n, k);
        shape.gpu_tour = true;
        shape
    }

    /// The same in so many parts.
    pub const fn parts(mut self, parts: usize) -> Self {
        self.parts = parts;
        self
    }

    /// The same where each row of activations meets so many of the parts.
    pub const fn chosen(mut self, chosen: usize) -> Self {
        self.chosen = chosen;
        self
    }
}

/// What arithmetic a kernel's operations are; decides which peak its floor is computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// f32 multiply-adds.
    F32,
    /// Products of bf16 summed in f32.
    Bf16,
    /// Products of f16 summed in f32. Processors make them f32 first; matrix units of GPUs take them as they are.
    F16,
    /// i8 products summed in i32.
    I8,
}

impl Work {
    /// Of its operands, for people.
    pub const fn name(self) -> &'static str {
        match self {
            Work::F32 => "f32",
            Work::Bf16 => "bf16",
            Work::F16 => "f16",
            Work::I8 => "i8",
        }
    }
}

/// Work of one run, by contract.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Arithmetic operations; a multiply-add counts two.
    pub operations: u64,
    /// Least bytes that must move: every operand once.
    pub bytes: u64,
    /// Kind of the operations.
    pub work: Work,
}

/// Largest error a variant may show, against the f64 reference over the exact stored operands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// `sum((y - ref)^2) / sum(ref^2)`.
    pub nmse: f64,
    /// `max |y - ref| / magnitude`, the magnitude being the sum of absolute terms of that output.
    pub backward: f64,
}

type NativeFn<C> = for<'a> fn(Isa, <C as Contract>::Args<'a>) -> bool;
type TracedFn<C> = for<'a, 't> fn(&'t dyn Trace, usize, <C as Contract>::Args<'a>) -> bool;

/// One rung of a ladder.
pub struct Variant<C: Contract> {
    /// Its description.
    pub about: About,
    native: NativeFn<C>,
    traced: Option<TracedFn<C>>,
}

/// The body of a variant that is written once for every machine.
pub trait Rung<C: Contract>: 'static {
    /// Runs it. Implementations are `#[inline(always)]` so that each machine's features apply.
    fn run<M: Machine>(m: M, args: C::Args<'_>);
}

impl<C: Contract> Variant<C> {
    /// A variant generic over machines. It is compiled for those that its width lets it run on, and no others: that is
    /// most of what building this crate takes.
    pub const fn new<R: Rung<C>>(name: &'static str, width: Width, idea: &'static str) -> Self {
        let (native, traced): (NativeFn<C>, TracedFn<C>) = match width {
            Width::Scalar => (run_scalar::<C, R>, run_traced_scalar::<C, R>),
            Width::SimdF32 => (run_floats::<C, R>, run_traced_simd::<C, R>),
            Width::SimdMadd | Width::SimdShuffle | Width::Dot4 => (run_simd::<C, R>, run_traced_simd::<C, R>),
            Width::Any | Width::Arch(_) => (run_any::<C, R>, run_traced::<C, R>),
        };
        let about = About::new(name, idea, width);
        Self { about, native, traced: if cfg!(feature = "traced") { Some(traced) } else { None } }
    }

    /// A variant in one instruction set's intrinsics; `native` returns false where the processor lacks it.
    pub const fn arch(name: &'static str, isa: Isa, idea: &'static str, native: NativeFn<C>) -> Self {
        Self { about: About::new(name, idea, Width::Arch(isa)), native, traced: None }
    }

    /// Runs it on a native machine; false where it cannot use that machine, or this processor lacks it.
    pub fn run_native(&self, isa: Isa, args: C::Args<'_>) -> bool {
        self.about.suits(isa) && (self.native)(isa, args)
    }

    /// Runs it on the traced machine with `lanes` lanes; false where it is written in intrinsics, cannot use so many lanes,
    /// or no machine has them.
    pub fn run_traced(&self, trace: &dyn Trace, lanes: usize, args: C::Args<'_>) -> bool {
        self.about.traced_lanes().contains(&lanes) && self.traced.is_some_and(|traced| traced(trace, lanes, args))
    }

    /// Names the predecessor.
    pub const fn after(mut self, name: &'static str) -> Self {
        self.about.after = Some(name);
        self
    }

    /// Partial sums per output and lane.
    pub const fn accumulators(mut self, n: usize) -> Self {
        self.about.accumulators = n;
        self
    }

    /// Widest register the variant can use.
    pub const fn max_lanes(mut self, n: usize) -> Self {
        self.about.max_lanes = n;
        self
    }

    /// Marks it as one for few rows of activations.
    pub const fn few_rows(mut self) -> Self {
        self.about.few_rows = true;
        self
    }

    /// Marks it as rounding its inputs from f32 to bf16.
    pub const fn rounds_to_bf16(mut self) -> Self {
        self.about.rounds_to_bf16 = true;
        self
    }

    /// Marks it as reading expanded operands.
    pub const fn expanded(mut self) -> Self {
        self.about.expanded = true;
        self
    }

    /// Marks it as using every core.
    pub const fn threads(mut self) -> Self {
        self.about.threads = true;
        self
    }
}

/// The f64 truth about one output row.
pub struct RowReference {
    /// Exact values.
    pub values: Vec<f64>,
    /// Sum of the absolute terms behind each value: what rounding errors are proportional to.
    pub magnitudes: Vec<f64>,
}

/// A shape or a weight that does not fit the kernel.
#[derive(Debug, thiserror::Error)]
#[error("{kernel}: shape {shape}: {reason}")]
pub struct ShapeError {
    /// Kernel.
    pub kernel: &'static str,
    /// Shape name and sizes.
    pub shape: String,
    /// What does not fit and what would.
    pub reason: String,
}

/// One kernel's typed contract; implemented in the kernel's folder.
pub trait Contract: Sized + Send + Sync + 'static {
    /// Name in records and filters.
    const NAME: &'static str;
    /// The folder of its rungs, where several kernels share one ladder.
    const FOLDER: &'static str = Self::NAME;
    /// What it computes, with shapes, in one line.
    const ABOUT: &'static str;
    /// Every variant, rung 0 first: the only place that lists and orders them.
    const LADDER: &'static [Variant<Self>];
    /// Its rungs in machine code of other processors, rung 0 of each processor first.
    const MACHINE_CODE: &'static [MachineCode] = &[];
    /// Names of the operands, in the order of [`Contract::operands`]: what programs in machine code call them. Needed
    /// where there are such rungs.
    const OPERAND_NAMES: &'static [&'static str] = &[];
    /// Its rungs for GPUs, rung 0 first.
    const SHADERS: &'static [Shader] = &[];
    /// Operations that rung 0 does for each declared one, where it does more than the contract asks: a weight that is
    /// multiplied by its scale before it is used, say.
    const RUNG_0_OPERATIONS: f64 = 1.0;
    /// Owned operands of one shape.
    type Data: Send;
    /// What a variant receives.
    type Args<'a>;

    /// Real shapes, in-cache and out-of-cache.
    fn shapes() -> Vec<Shape>;
    /// The shape that a model's tensor makes as this kernel's weights; none where it cannot be.
    fn shape_of(_source: &Source) -> Option<Shape> {
        None
    }
    /// Small and ragged shapes for the correctness gate.
    fn test_shapes() -> Vec<Shape>;
    /// A shape of the kernel's kind near these sizes, for property tests.
    fn shape_near(m: usize, n: usize, k: usize) -> Shape {
        Shape::new("near", m, n, k)
    }
    /// Sizes for people.
    fn dims(shape: &Shape) -> String;
    /// Work of one run.
    fn cost(shape: &Shape) -> Cost;
    /// [`Contract::RUNG_0_OPERATIONS`] where it depends on the shape.
    fn rung_0_operations(_shape: &Shape) -> f64 {
        Self::RUNG_0_OPERATIONS
    }
    /// Largest error of a variant that keeps `partial_sums` sums per output.
    fn tolerance(shape: &Shape, partial_sums: usize) -> Tolerance;
    /// The same of a rung for GPUs or in machine code, where those may round what variants need not.
    fn foreign_tolerance(shape: &Shape, partial_sums: usize) -> Tolerance {
        Self::tolerance(shape, partial_sums)
    }
    /// Allocates and fills the operands.
    fn prepare(shape: &Shape, input: &Input) -> Result<Self::Data, ShapeError>;
    /// The operands as a variant sees them.
    fn args(data: &mut Self::Data) -> Self::Args<'_>;
    /// Every operand by its role, in a fixed order: the traced machine lays them out in it.
    fn operands(data: &mut Self::Data) -> Vec<Operand<'_>>;
    /// Number of output rows.
    fn rows(shape: &Shape) -> usize;
    /// The f64 reference of one output row.
    fn reference(data: &Self::Data, row: usize) -> RowReference;
    /// The reference over what a rung reads, where that was made of the operands before and rounded by more than the
    /// tolerance: its output is held to this one, and its error is told against [`Contract::reference`].
    fn reference_as_cached(_about: &About) -> Option<fn(&Self::Data, usize) -> RowReference> {
        None
    }
    /// One output row as the variant left it.
    fn output(data: &Self::Data, row: usize) -> Vec<f32>;
}

/// Why a variant did not run.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("not available: {0}")]
pub struct NotAvailable(pub String);

/// A kernel as the harness sees it.
pub trait Kernel: Send + Sync {
    /// Name in records and filters.
    fn name(&self) -> &'static str;
    /// The folder of its rungs.
    fn folder(&self) -> &'static str;
    /// What it computes.
    fn about(&self) -> &'static str;
    /// The ladder, rung 0 first.
    fn variants(&self) -> Vec<About>;
    /// Its rungs in machine code of other processors, rung 0 of each processor first.
    fn machine_code(&self) -> &'static [MachineCode];
    /// Names of the operands, in the order in which a case gives them; empty where no rung asks for them.
    fn operand_names(&self) -> &'static [&'static str];
    /// Its rungs for GPUs, rung 0 first.
    fn shaders(&self) -> &'static [Shader];
    /// Real shapes.
    fn shapes(&self) -> Vec<Shape>;
    /// The shape that a model's tensor makes as this kernel's weights; none where it cannot be.
    fn shape_of(&self, source: &Source) -> Option<Shape>;
    /// Ragged shapes of the gate.
    fn test_shapes(&self) -> Vec<Shape>;
    /// A shape of the kernel's kind near these sizes, for property tests.
    fn shape_near(&self, m: usize, n: usize, k: usize) -> Shape;
    /// Operations that rung 0 does for each declared one.
    fn rung_0_operations(&self, shape: &Shape) -> f64;
    /// Sizes for people.
    fn dims(&self, shape: &Shape) -> String;
    /// Work of one run.
    fn cost(&self, shape: &Shape) -> Cost;
    /// Operands ready to run.
    fn prepare(&self, shape: &Shape, input: &Input) -> Result<Box<dyn Case>, ShapeError>;
}

/// One kernel at one shape with its operands.
pub trait Case: Send {
    /// Runs a variant on a native machine.
    fn run(&mut self, variant: usize, isa: Isa) -> Result<(), NotAvailable>;
    /// Runs a variant on the traced machine with `lanes` lanes.
    fn trace(&mut self, variant: usize, trace: &dyn Trace, lanes: usize) -> Result<(), NotAvailable>;
    /// The operands, in the contract's order: for machines with a memory of their own.
    fn operands(&mut self) -> Vec<Operand<'_>>;
    /// What the last run left, row after row: two runs can be compared bit by bit.
    fn output(&self) -> Vec<f32>;
    /// Compares what the last run left with the f64 reference.
    fn verify(&mut self, variant: usize, lanes: usize) -> Verdict;
    /// The same for a run of a rung for GPUs or in machine code, which kept so many partial sums per output. `functions` is
    /// the backward error that its functions may have where they are no more exact than their language asks; 0 elsewhere.
    fn verify_foreign(&mut self, partial_sums: usize, functions: f64) -> Verdict;
    /// Fills the outputs with NaN.
    fn poison(&mut self);
    /// Moves to the next copy of the weights.
    fn rotate(&mut self);
    /// Bytes of weights that rotation walks through.
    fn rotation_bytes(&mut self) -> usize;
    /// Buffers for the traced machine.
    fn regions(&mut self) -> Vec<Region>;
}
