//! The traced machine: computes the same values as a native machine and reports every operation, load, store and loop to
//! an observer. The harness's timing model is one observer; [`Counter`] is another. An observer gives each value a
//! [`Ticket`] whose meaning is its own (the timing model keeps the cycle at which the value is ready).

use std::cell::Cell;

use half::f16;

pub use super::counter::{Counter, Counts};
use super::isa::Call;
use super::{Machine, OnMachine};
use crate::kernel::{Contract, Rung};

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
    /// Four i8 products added to each i32.
    Dot4I8,
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

/// Live values of each register file.
#[derive(Debug, Default)]
pub struct Live {
    float: Cell<u32>,
    integer: Cell<u32>,
    simd: Cell<u32>,
}

/// `N` lanes of `T` with its ticket; live until dropped.
pub struct Value<'t, T, const N: usize> {
    lanes: [T; N],
    ticket: Ticket,
    live: &'t Cell<u32>,
}

impl<T, const N: usize> Drop for Value<'_, T, N> {
    #[inline]
    fn drop(&mut self) {
        self.live.set(self.live.get() - 1);
    }
}

/// The traced machine with `N` lanes.
#[derive(Clone, Copy)]
pub struct Traced<'t, const N: usize> {
    trace: &'t dyn Trace,
    live: &'t Live,
}

type F<'t, const N: usize> = Value<'t, f32, N>;
type I<'t, const N: usize> = Value<'t, i32, N>;

impl<'t, const N: usize> Traced<'t, N> {
    /// SIMD registers hold floats and integers alike; scalar code has a file for each.
    #[inline]
    fn float_file(self) -> &'t Cell<u32> {
        if N == 1 { &self.live.float } else { &self.live.simd }
    }

    #[inline]
    fn integer_file(self) -> &'t Cell<u32> {
        if N == 1 { &self.live.integer } else { &self.live.simd }
    }

    #[inline]
    fn value<T>(self, lanes: [T; N], ticket: Ticket, live: &'t Cell<u32>) -> Value<'t, T, N> {
        live.set(live.get() + 1);
        Value { lanes, ticket, live }
    }

    #[inline]
    fn float(self, op: Op, inputs: &[Ticket], lanes: [f32; N]) -> F<'t, N> {
        let file = self.float_file();
        let ticket = self.trace.op(op, N, inputs, file.get());
        self.value(lanes, ticket, file)
    }

    #[inline]
    fn int(self, op: Op, inputs: &[Ticket], lanes: [i32; N]) -> I<'t, N> {
        let file = self.integer_file();
        let ticket = self.trace.op(op, N, inputs, file.get());
        self.value(lanes, ticket, file)
    }

    #[inline]
    fn read<T>(self, s: &[T], splat: bool, live: &Cell<u32>) -> Ticket {
        let access = Access {
            address: s.as_ptr() as usize,
            bytes: size_of_val(s),
            lanes: N,
            splat,
            address_from: Ticket::default(),
        };
        self.trace.load(access, live.get())
    }

    /// `log2(N)` steps of shuffle and `op`, as every SIMD set reduces a register.
    fn reduce(self, op: Op, v: &F<'t, N>, fold: impl Fn(f32, f32) -> f32) -> F<'t, 1> {
        let mut ticket = v.ticket;
        let mut width = N;
        while width > 1 {
            let file = self.float_file();
            let moved = self.trace.op(Op::Shuffle, N, &[ticket], file.get());
            ticket = self.trace.op(op, N, &[ticket, moved], file.get());
            width /= 2;
        }
        let mut total = v.lanes[0];
        for lane in &v.lanes[1..] {
            total = fold(total, *lane);
        }
        self.one().value([total], ticket, &self.live.float)
    }
}

/// Lane by lane.
#[inline]
fn zip<const N: usize>(a: &F<'_, N>, b: &F<'_, N>, f: impl Fn(f32, f32) -> f32) -> [f32; N] {
    std::array::from_fn(|k| f(a.lanes[k], b.lanes[k]))
}

impl<'t, const N: usize> Machine for Traced<'t, N> {
    const LANES: usize = N;
    type F = F<'t, N>;
    type I = I<'t, N>;
    type One = Traced<'t, 1>;

    #[inline]
    fn one(self) -> Traced<'t, 1> {
        Traced { trace: self.trace, live: self.live }
    }
    #[inline]
    fn load(self, s: &[f32], i: usize) -> F<'t, N> {
        let lanes: [f32; N] = s[i..i + N].try_into().expect("the slice is N long");
        let ticket = self.read(&s[i..i + N], false, self.float_file());
        self.value(lanes, ticket, self.float_file())
    }
    #[inline]
    fn load_splat(self, s: &[f32], i: usize) -> F<'t, N> {
        let ticket = self.read(&s[i..i + 1], true, self.float_file());
        self.value([s[i]; N], ticket, self.float_file())
    }
    #[inline]
    fn load_f16_splat(self, h: &f16) -> F<'t, N> {
        let loaded = self.read(std::slice::from_ref(h), true, self.float_file());
        self.float(Op::F16Convert, &[loaded], [h.to_f32(); N])
    }
    #[inline]
    fn store(self, v: &F<'t, N>, s: &mut [f32], i: usize) {
        let out = &mut s[i..i + N];
        out.copy_from_slice(&v.lanes);
        let access = Access {
            address: out.as_ptr() as usize,
            bytes: 4 * N,
            lanes: N,
            splat: false,
            address_from: Ticket::default(),
        };
        self.trace.store(access, v.ticket);
    }
    // A constant is hoisted out of every loop: it is ready at the start and costs a register, not an operation.
    #[inline]
    fn splat(self, x: f32) -> F<'t, N> {
        self.value([x; N], Ticket::default(), self.float_file())
    }
    #[inline]
    fn broadcast(self, v: &F<'t, 1>) -> F<'t, N> {
        if N == 1 {
            return self.value([v.lanes[0]; N], v.ticket, self.float_file());
        }
        self.float(Op::Shuffle, &[v.ticket], [v.lanes[0]; N])
    }
    #[inline]
    fn tile<const R: usize, const C: usize>(self) -> [[F<'t, N>; C]; R] {
        std::array::from_fn(|_| std::array::from_fn(|_| self.splat(0.0)))
    }
    #[inline]
    fn zeros<const K: usize>(self) -> [F<'t, N>; K] {
        std::array::from_fn(|_| self.splat(0.0))
    }
    #[inline]
    fn add(self, a: &F<'t, N>, b: &F<'t, N>) -> F<'t, N> {
        self.float(Op::Add, &[a.ticket, b.ticket], zip(a, b, |a, b| a + b))
    }
    #[inline]
    fn sub(self, a: &F<'t, N>, b: &F<'t, N>) -> F<'t, N> {
        self.float(Op::Add, &[a.ticket, b.ticket], zip(a, b, |a, b| a - b))
    }
    #[inline]
    fn mul(self, a: &F<'t, N>, b: &F<'t, N>) -> F<'t, N> {
        self.float(Op::Mul, &[a.ticket, b.ticket], zip(a, b, |a, b| a * b))
    }
    #[inline]
    fn mul_add(self, a: &F<'t, N>, b: &F<'t, N>, c: &F<'t, N>) -> F<'t, N> {
        let lanes = std::array::from_fn(|k| a.lanes[k] * b.lanes[k] + c.lanes[k]);
        self.float(Op::MulAdd, &[a.ticket, b.ticket, c.ticket], lanes)
    }
    #[inline]
    fn div(self, a: &F<'t, N>, b: &F<'t, N>) -> F<'t, N> {
        self.float(Op::Div, &[a.ticket, b.ticket], zip(a, b, |a, b| a / b))
    }
    #[inline]
    fn max(self, a: &F<'t, N>, b: &F<'t, N>) -> F<'t, N> {
        self.float(Op::Max, &[a.ticket, b.ticket], zip(a, b, |a, b| if a > b { a } else { b }))
    }
    #[inline]
    fn sqrt(self, a: &F<'t, N>) -> F<'t, N> {
        self.float(Op::Sqrt, &[a.ticket], a.lanes.map(f32::sqrt))
    }
    fn pow2(self, n: &F<'t, N>) -> F<'t, N> {
        let live = self.float_file().get();
        let whole = self.trace.op(Op::Convert, N, &[n.ticket], live);
        let biased = self.trace.op(Op::IntAdd, N, &[whole], live);
        self.float(Op::IntAdd, &[biased], n.lanes.map(super::scalar::pow2))
    }
    fn exp_libm(self, x: &F<'t, N>) -> F<'t, N> {
        let live = self.float_file().get();
        let mut ticket = x.ticket;
        for _ in 0..N {
            let call = self.trace.op(Op::Exp, 1, &[x.ticket], live);
            ticket = ticket.later(call);
        }
        self.value(x.lanes.map(f32::exp), ticket, self.float_file())
    }
    fn sum(self, v: &F<'t, N>) -> F<'t, 1> {
        self.reduce(Op::Add, v, |a, b| a + b)
    }
    fn largest(self, v: &F<'t, N>) -> F<'t, 1> {
        self.reduce(Op::Max, v, |a, b| if a > b { a } else { b })
    }
    #[inline]
    fn zero_i(self) -> I<'t, N> {
        self.value([0; N], Ticket::default(), self.integer_file())
    }
    fn load_i8(self, s: &[i8], i: usize) -> I<'t, N> {
        let lanes: [i32; N] = std::array::from_fn(|k| i32::from(s[i + k]));
        let ticket = self.read(&s[i..i + N], false, self.integer_file());
        if N == 1 {
            return self.value(lanes, ticket, self.integer_file());
        }
        let half = self.trace.op(Op::Widen, N, &[ticket], self.integer_file().get());
        self.int(Op::Widen, &[half], lanes)
    }
    #[inline]
    fn add_i(self, a: &I<'t, N>, b: &I<'t, N>) -> I<'t, N> {
        let lanes = std::array::from_fn(|k| a.lanes[k].wrapping_add(b.lanes[k]));
        self.int(Op::IntAdd, &[a.ticket, b.ticket], lanes)
    }
    #[inline]
    fn mul_i(self, a: &I<'t, N>, b: &I<'t, N>) -> I<'t, N> {
        let lanes = std::array::from_fn(|k| a.lanes[k].wrapping_mul(b.lanes[k]));
        self.int(Op::IntMul, &[a.ticket, b.ticket], lanes)
    }
    // One load a lane: no profile has a gather worth the name.
    fn lookup(self, table: &[i32], index: &I<'t, N>) -> I<'t, N> {
        let file = self.integer_file();
        let mut ticket = index.ticket;
        for i in index.lanes {
            let address = &raw const table[i as usize] as usize;
            let access = Access { address, bytes: 4, lanes: 1, splat: false, address_from: index.ticket };
            let loaded = self.trace.load(access, file.get());
            ticket = ticket.later(loaded);
        }
        self.value(index.lanes.map(|i| table[i as usize]), ticket, file)
    }
    #[inline]
    fn to_f32(self, v: &I<'t, N>) -> F<'t, N> {
        self.float(Op::Convert, &[v.ticket], v.lanes.map(|x| x as f32))
    }
    fn madd_i8(self, acc: &I<'t, N>, w: &[i8], i: usize, x: &[i8], j: usize) -> I<'t, N> {
        if N == 1 {
            let first = self.mul_i(&self.load_i8(w, i), &self.load_i8(x, j));
            let second = self.mul_i(&self.load_i8(w, i + 1), &self.load_i8(x, j + 1));
            return self.add_i(&self.add_i(acc, &first), &second);
        }
        let live = self.integer_file();
        let (w, x) = (&w[i..i + 2 * N], &x[j..j + 2 * N]);
        let (w_loaded, x_loaded) = (self.read(w, false, live), self.read(x, false, live));
        let w_wide = self.trace.op(Op::Widen, N, &[w_loaded], live.get());
        let x_wide = self.trace.op(Op::Widen, N, &[x_loaded], live.get());
        let products = self.trace.op(Op::MaddI16, N, &[w_wide, x_wide], live.get());
        self.int(Op::IntAdd, &[acc.ticket, products], dot::<N, 2>(acc, w, x))
    }
    fn dot4_i8(self, acc: &I<'t, N>, w: &[i8], i: usize, x: &[i8], j: usize) -> I<'t, N> {
        let live = self.integer_file();
        let (w, x) = (&w[i..i + 4 * N], &x[j..j + 4 * N]);
        let (w_loaded, x_loaded) = (self.read(w, false, live), self.read(x, false, live));
        self.int(Op::Dot4I8, &[acc.ticket, w_loaded, x_loaded], dot::<N, 4>(acc, w, x))
    }

    #[inline]
    fn iteration(self) {
        self.trace.iteration();
    }
    #[inline]
    fn loop_exit(self, trips: usize) {
        self.trace.loop_exit(trips);
    }

    fn tasks(self, n: usize, period: usize, mut task: impl FnMut(usize)) {
        self.trace.begin_tasks(n, period, false);
        while let Some(i) = self.trace.next_task() {
            task(i);
        }
    }

    fn par_chunks(self, out: &mut [f32], chunk: usize, task: impl Fn(Self, usize, &mut [f32]) + Sync) {
        let chunk = chunk.max(1);
        self.trace.begin_tasks(out.len().div_ceil(chunk), 1, true);
        while let Some(i) = self.trace.next_task() {
            let end = out.len().min((i + 1) * chunk);
            task(self, i, &mut out[i * chunk..end]);
        }
    }

    fn par_chunks_with(
        self,
        out: &mut [f32],
        chunk: usize,
        scratch: &mut [f32],
        per_task: usize,
        task: impl Fn(Self, usize, &mut [f32], &mut [f32]) + Sync,
    ) {
        let (chunk, per_task) = (chunk.max(1), per_task.max(1));
        self.trace.begin_tasks(out.len().div_ceil(chunk), 1, true);
        while let Some(i) = self.trace.next_task() {
            let end = out.len().min((i + 1) * chunk);
            let own = scratch.len().min((i + 1) * per_task);
            task(self, i, &mut out[i * chunk..end], &mut scratch[i * per_task..own]);
        }
    }
}

/// `acc` plus `P` neighbouring products in each lane.
fn dot<const N: usize, const P: usize>(acc: &I<'_, N>, w: &[i8], x: &[i8]) -> [i32; N] {
    std::array::from_fn(|k| {
        let products = (P * k..P * (k + 1)).map(|b| i32::from(w[b]) * i32::from(x[b]));
        acc.lanes[k].wrapping_add(products.sum())
    })
}

/// Runs `work` on the traced machine. Returns false where no machine has so many lanes.
pub(crate) fn on_traced(trace: &dyn Trace, lanes: usize, work: impl OnMachine) -> bool {
    let live = &Live::default();
    match lanes {
        1 => work.on(Traced::<1> { trace, live }),
        2 => work.on(Traced::<2> { trace, live }),
        4 => work.on(Traced::<4> { trace, live }),
        8 => work.on(Traced::<8> { trace, live }),
        16 => work.on(Traced::<16> { trace, live }),
        _ => return false,
    }
    true
}

/// Runs rung `R` on the traced machine. Returns false where no machine has so many lanes.
pub(crate) fn run_traced<C: Contract, R: Rung<C>>(trace: &dyn Trace, lanes: usize, args: C::Args<'_>) -> bool {
    on_traced(trace, lanes, Call::<C, R>::new(args))
}
