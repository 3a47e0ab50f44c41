//! The compact form that a shader is lowered to: a line of instructions over scalar registers, one of them standing for a
//! whole warp. Vectors are taken apart, functions are inlined, and control flow is masks and jumps.

use super::fault::Files;

/// What an instruction costs a unit of; prices come from a machine's profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Copies between registers, and what only steers masks: compilers leave none of it.
    Free,
    /// f32 add, multiply, multiply-add, compare, minimum.
    Fp32,
    /// Integer add, logic, compare, select.
    Int,
    /// Shift, and bits taken out.
    Shift,
    /// 32-bit integer multiply and multiply-add.
    IntMul,
    /// Four i8 products and their sum.
    Dot4,
    /// A product of small matrices on a matrix unit.
    Matrix,
    /// Reciprocal, root, exponential, logarithm.
    Sfu,
    /// Between number formats.
    Convert,
    /// Branch.
    Control,
    /// Load or store of a buffer.
    Global,
    /// Load or store of workgroup memory.
    Shared,
    /// Read-modify-write.
    Atomic,
    /// Values between the lanes of a warp.
    Shuffle,
    /// Workgroup barrier.
    Barrier,
}

impl Class {
    /// All, in order.
    pub const ALL: [Class; 15] = [
        Class::Free,
        Class::Fp32,
        Class::Int,
        Class::Shift,
        Class::IntMul,
        Class::Dot4,
        Class::Matrix,
        Class::Sfu,
        Class::Convert,
        Class::Control,
        Class::Global,
        Class::Shared,
        Class::Atomic,
        Class::Shuffle,
        Class::Barrier,
    ];
}

/// What an instruction does. Booleans are 0 or all ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named after what they do; the prefix says on which numbers")]
pub enum Op {
    Mov,
    FAdd,
    FSub,
    FMul,
    FDiv,
    FMod,
    FFma,
    FMin,
    FMax,
    FNeg,
    FAbs,
    FFloor,
    FCeil,
    FRound,
    FTrunc,
    FSqrt,
    FRsqrt,
    FExp,
    FExp2,
    FLog,
    FLog2,
    FEq,
    FNe,
    FLt,
    FLe,
    IAdd,
    ISub,
    IMul,
    /// `s0 * s1 + s2`.
    IMad,
    UDiv,
    SDiv,
    UMod,
    SMod,
    And,
    Or,
    Xor,
    Not,
    Shl,
    Shr,
    Sar,
    INeg,
    IAbs,
    IEq,
    INe,
    ULt,
    ULe,
    SLt,
    SLe,
    UMin,
    UMax,
    SMin,
    SMax,
    /// `s0 ? s1 : s2`.
    Select,
    FToI,
    FToU,
    IToF,
    UToF,
    /// f16 in the low half to f32.
    HalfToF,
    /// Two f32 to packed f16.
    FToHalves,
    /// Bits `s1..s1 + s2` of `s0`, zero- or sign-extended.
    ExtractU,
    ExtractS,
    CountOnes,
    LeadingZeros,
    TrailingZeros,
    Dot4I8,
    Dot4U8,
    /// `d[..n] = buffer[a + imm..]`.
    LoadGlobal,
    StoreGlobal,
    LoadShared,
    StoreShared,
    /// `d = local[s0 + imm]`, `buf` being the first of `imm2` registers.
    LoadLocal,
    StoreLocal,
    /// `d = old value`, then `old op s1`; `imm2` says which operation.
    AtomicGlobal,
    AtomicShared,
    /// Values of a buffer of this stride beyond `imm`.
    ArrayLength,
    SubAdd,
    SubMul,
    SubMin,
    SubMax,
    SubSMin,
    SubSMax,
    SubUMin,
    SubUMax,
    SubIAdd,
    SubAll,
    SubAny,
    /// The value of lane `s1`, which is the same for all.
    SubBroadcast,
    SubFirst,
    SubShuffle,
    SubDown,
    SubUp,
    SubXor,
    SubBallot,
    /// A small matrix that a warp holds together, which is a register of its own kind: `imm2` is its side.
    MatrixZero,
    MatrixMov,
    /// `d = memory[a + imm..]` by lines that are `s0 * n` bytes apart; `imm2` as [`Square::packed`]. The memory is
    /// that of the workgroup, or buffer `buf` where the class is global.
    MatrixLoad,
    /// The same, of `s1`.
    MatrixStore,
    /// `d = s0 s1 + s2`.
    MatrixMulAdd,
    Barrier,
    /// Enters a branch; jumps to `imm` where no lane does.
    If,
    /// The other side; jumps to `imm` where no lane takes it.
    Else,
    EndIf,
    /// Enters a loop or a scope that can be left; pushes a frame.
    Loop,
    /// Lanes that fail `s0` leave the loop.
    BreakUnless,
    /// Lanes that meet `s0` leave the loop.
    BreakIf,
    /// Lanes that continued come back.
    Continuing,
    /// Jumps to `imm` while a lane is left, else leaves the frame.
    Again,
    /// Ends a scope.
    EndScope,
    /// Lanes leave for the end of the frame at depth `imm`.
    Leave,
    /// Lanes wait for the `Continuing` of the frame at depth `imm`.
    Continue,
    End,
}

impl Op {
    /// True for copies of a register.
    pub fn copies(self) -> bool {
        matches!(self, Op::Mov | Op::MatrixMov)
    }

    /// True for what steers masks: a value may not be moved past it.
    pub fn steers(self) -> bool {
        use Op::*;
        matches!(
            self,
            If | Else | EndIf | Loop | BreakUnless | BreakIf | Continuing | Again | EndScope | Leave | Continue | End
        )
    }

    /// True where it does something beside writing registers.
    pub fn has_effect(self) -> bool {
        use Op::*;
        self.steers()
            || matches!(
                self,
                StoreGlobal | StoreShared | StoreLocal | AtomicGlobal | AtomicShared | MatrixStore | Barrier
            )
    }
}

/// A small matrix as it lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Square {
    /// Rows and columns.
    pub side: u32,
    /// f16 rather than f32.
    pub half: bool,
    /// Lines of memory are its rows, not its columns.
    pub by_rows: bool,
}

impl Square {
    /// As a number of an instruction.
    pub fn packed(self) -> u32 {
        self.side | u32::from(self.half) << 8 | u32::from(self.by_rows) << 9
    }

    /// What [`Square::packed`] made.
    pub fn unpacked(n: u32) -> Self {
        Self { side: n & 0xff, half: n >> 8 & 1 == 1, by_rows: n >> 9 & 1 == 1 }
    }

    /// Bytes of an element.
    pub fn bytes(self) -> u32 {
        if self.half { 2 } else { 4 }
    }

    /// Registers that each of 32 lanes holds of it.
    pub fn registers(self) -> u32 {
        (self.side * self.side * self.bytes() / 128).max(1)
    }

    /// Pieces of sixteen bytes, of which a lane moves one.
    pub fn pieces(self) -> u32 {
        self.side * self.side * self.bytes() / 16
    }
}

/// No register.
pub const NONE: u32 = u32::MAX;

/// One instruction.
#[derive(Clone, Copy, Debug)]
pub struct Inst {
    /// What it does.
    pub op: Op,
    /// What it costs.
    pub class: Class,
    /// Values it loads or stores.
    pub n: u8,
    /// Registers written.
    pub d: [u32; 4],
    /// Registers read; the values of a store.
    pub s: [u32; 4],
    /// Register of an address, bytes.
    pub a: u32,
    /// Offset, jump target or depth.
    pub imm: u32,
    /// A second one.
    pub imm2: u32,
    /// Buffer, by its place in the shader's bindings.
    pub buf: u32,
    /// Line of the source.
    pub line: u32,
    /// What a compiler leaves of it.
    pub share: f32,
    /// What one leaves that unrolls no loop, on machines that move a word of workgroup memory at a time.
    pub rolled: f32,
    /// True in a loop that a compiler unrolls: its loads overlap with those of the next rounds.
    pub unrolled: bool,
}

/// Rounds of a loop that a compiler puts into one.
pub const UNROLL: f32 = 4.0;

impl Inst {
    /// One that writes `d` from `s`.
    pub fn new(op: Op, class: Class, d: u32, s: &[u32], line: u32) -> Self {
        let mut sources = [NONE; 4];
        sources[..s.len()].copy_from_slice(s);
        Self {
            op,
            class,
            n: 1,
            d: [d, NONE, NONE, NONE],
            s: sources,
            a: NONE,
            imm: 0,
            imm2: 0,
            buf: 0,
            line,
            share: 1.0,
            rolled: 1.0,
            unrolled: false,
        }
    }

    /// Registers it reads.
    pub fn reads(&self) -> impl Iterator<Item = u32> + '_ {
        self.s.iter().copied().chain([self.a]).filter(|r| *r != NONE)
    }

    /// Registers it writes.
    pub fn writes(&self) -> impl Iterator<Item = u32> + '_ {
        self.d.iter().copied().filter(|r| *r != NONE)
    }
}

/// Where a register's value at the start comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Given {
    /// Of the source.
    Literal(u32),
    /// Byte offset in the uniform of this binding.
    Uniform(u32, u32),
    /// Component of a builtin.
    LocalId(u8),
    /// Flat index in the workgroup.
    LocalIndex,
    /// Component.
    GlobalId(u8),
    /// Component.
    WorkgroupId(u8),
    /// Component.
    Workgroups(u8),
    /// Lanes of a warp.
    SubgroupSize,
    /// Lane.
    SubgroupLane,
    /// Warp in the workgroup.
    SubgroupId,
    /// Warps of the workgroup.
    Subgroups,
}

impl Given {
    /// True where every lane of every launch of a pass has the same value: instructions take such values as constants.
    pub fn is_constant(self) -> bool {
        matches!(self, Given::Literal(_) | Given::Uniform(..) | Given::Workgroups(_) | Given::SubgroupSize)
    }
}

/// What a storage buffer or uniform of the shader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// `@binding` in group 0.
    pub binding: u32,
    /// True for a uniform.
    pub uniform: bool,
    /// True where the shader may store to it.
    pub writable: bool,
}

/// One entry point, lowered.
#[derive(Clone, Debug)]
pub struct Code {
    /// What the shader is made of, for messages.
    pub files: Files,
    /// Entry point.
    pub entry: String,
    /// Threads of a workgroup.
    pub workgroup: [u32; 3],
    /// Instructions.
    pub insts: Vec<Inst>,
    /// Physical registers and what they hold at the start.
    pub given: Vec<(u32, Given)>,
    /// Physical registers of a warp, constants included.
    pub registers: u32,
    /// Small matrices of a warp, numbered from there on.
    pub matrices: u32,
    /// Most values alive at once that are no constants: what a thread's registers must hold.
    pub live: u32,
    /// Bytes of workgroup memory.
    pub shared_bytes: u32,
    /// Buffers, in the order that instructions name them.
    pub slots: Vec<Slot>,
    /// True where it uses operations between the lanes of a warp.
    pub subgroups: bool,
}
