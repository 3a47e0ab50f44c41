//! What an observer of a traced run is told: operations, accesses, loops; and the ticket it gives each value.

/// What an observer knows of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticket {
    /// When the value is ready, in the observer's unit.
    pub ready: u64,
    /// Which operation made it, counted from the start.
    pub born: u64,
    /// Why it was not ready earlier, in the observer's code.
    pub cause: u8,
}

impl Ticket {
    /// Of two tickets, the one that is ready later.
    #[inline]
    pub fn later(self, other: Ticket) -> Ticket {
        if other.ready > self.ready { other } else { self }
    }
}

/// Operations on registers. Loads and stores are reported apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// f32 add or subtract.
    Add,
    /// f32 multiply.
    Mul,
    /// f32 multiply-add.
    MulAdd,
    /// f32 divide.
    Div,
    /// f32 square root.
    Sqrt,
    /// f32 maximum.
    Max,
    /// f32 to i32 or back.
    Convert,
    /// One `expf` of the C library.
    Exp,
    /// Shuffle between lanes.
    Shuffle,
    /// Integer add, shift, logic.
    IntAdd,
    /// 32-bit integer multiply.
    IntMul,
    /// Sign-extend i8 to i16 or i16 to i32.
    Widen,
    /// Pairwise i16 multiply-add into i32.
    MaddI16,
    /// Four products of signed bytes added to each i32.
    Dot4I8,
    /// The same where one side is known to be positive.
    Dot4U8,
    /// Each byte from a table of sixteen.
    ByteShuffle,
    /// f16 to f32.
    F16Convert,
}

/// One access to memory.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// Address on this host; an observer maps it to (buffer, offset).
    pub address: usize,
    /// Length, bytes.
    pub bytes: usize,
    /// Lanes of the register.
    pub lanes: usize,
    /// True when one value goes to every lane.
    pub splat: bool,
    /// The value the address was computed from; the default ticket for loop counters.
    pub address_from: Ticket,
}

/// The observer of a traced run.
pub trait Trace {
    /// An operation on registers of `lanes` lanes while `live` values of its kind are live.
    fn op(&self, op: Op, lanes: usize, inputs: &[Ticket], live: u32) -> Ticket;
    /// A load.
    fn load(&self, access: Access, live: u32) -> Ticket;
    /// A store of a value.
    fn store(&self, access: Access, value: Ticket);
    /// One iteration of a counted loop.
    fn iteration(&self);
    /// A counted loop ended after `trips` iterations.
    fn loop_exit(&self, trips: usize);
    /// `n` tasks begin; see [`Machine::tasks`]. Parallel tasks are independent.
    fn begin_tasks(&self, n: usize, period: usize, parallel: bool);
    /// The next task of the innermost `begin_tasks` to run, or none when it is over.
    fn next_task(&self) -> Option<usize>;
}
