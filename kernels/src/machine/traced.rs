//! The traced machine: computes the same values as a native machine and reports every operation, load, store and loop to
//! an observer. The harness's timing model is one observer; [`Counter`] is another. An observer gives each value a
//! [`Ticket`] whose meaning is its own (the timing model keeps the cycle at which the value is ready).

use std::cell::Cell;

use half::{bf16, f16};

pub use super::counter::{Counter, Counts};
use super::isa::Call;
pub use super::observer::{Access, Op, Ticket, Trace};
use super::{Machine, OnMachine, Registers};
use crate::kernel::{Contract, Rung};

/// Live values of each register file.
#[derive(Debug, Default)]
pub struct Live {
    float: Cell<u32>,
    integer: Cell<u32>,
    simd: Cell<u32>,
}

/// Lanes of the widest machine.
const MOST_LANES: usize = 16;

/// Lanes of `T` with their ticket, the first of `N`; live until dropped.
pub struct Value<'t, T, const N: usize> {
    pub(super) lanes: [T; N],
    pub(super) ticket: Ticket,
    live: &'t Cell<u32>,
}

impl<T, const N: usize> Drop for Value<'_, T, N> {
    #[inline]
    fn drop(&mut self) {
        self.live.set(self.live.get() - 1);
    }
}

/// The traced machine: of one lane, or of as many as a run says, which have room among `N`. So a variant is compiled for it
/// twice and not once for each width.
#[derive(Clone, Copy)]
pub struct Traced<'t, const N: usize> {
    pub(super) trace: &'t dyn Trace,
    live: &'t Live,
    lanes: usize,
}

pub(super) type F<'t, const N: usize> = Value<'t, f32, N>;
pub(super) type I<'t, const N: usize> = Value<'t, i32, N>;
pub(super) type B<'t, const N: usize> = Value<'t, [i8; 4], N>;

impl<'t, const N: usize> Traced<'t, N> {
    /// SIMD registers hold floats and integers alike; scalar code has a file for each.
    #[inline]
    pub(super) fn float_file(self) -> &'t Cell<u32> {
        if N == 1 { &self.live.float } else { &self.live.simd }
    }

    #[inline]
    pub(super) fn integer_file(self) -> &'t Cell<u32> {
        if N == 1 { &self.live.integer } else { &self.live.simd }
    }

    /// A register, lane by lane.
    #[inline]
    pub(super) fn each<T: Copy + Default>(self, f: impl Fn(usize) -> T) -> [T; N] {
        let mut lanes = [T::default(); N];
        for (k, lane) in lanes[..self.lanes()].iter_mut().enumerate() {
            *lane = f(k);
        }
        lanes
    }

    /// The same from another one.
    #[inline]
    pub(super) fn map<T: Copy, U: Copy + Default>(self, from: &[T; N], f: impl Fn(T) -> U) -> [U; N] {
        self.each(|k| f(from[k]))
    }

    #[inline]
    fn zip(self, a: &F<'t, N>, b: &F<'t, N>, f: impl Fn(f32, f32) -> f32) -> [f32; N] {
        self.each(|k| f(a.lanes[k], b.lanes[k]))
    }

    #[inline]
    pub(super) fn value<T>(self, lanes: [T; N], ticket: Ticket, live: &'t Cell<u32>) -> Value<'t, T, N> {
        live.set(live.get() + 1);
        Value { lanes, ticket, live }
    }

    #[inline]
    pub(super) fn float(self, op: Op, inputs: &[Ticket], lanes: [f32; N]) -> F<'t, N> {
        let file = self.float_file();
        let ticket = self.trace.op(op, self.lanes(), inputs, file.get());
        self.value(lanes, ticket, file)
    }

    #[inline]
    pub(super) fn int(self, op: Op, inputs: &[Ticket], lanes: [i32; N]) -> I<'t, N> {
        let file = self.integer_file();
        let ticket = self.trace.op(op, self.lanes(), inputs, file.get());
        self.value(lanes, ticket, file)
    }

    #[inline]
    pub(super) fn read<T>(self, s: &[T], splat: bool, live: &Cell<u32>) -> Ticket {
        let access = Access {
            address: s.as_ptr() as usize,
            bytes: size_of_val(s),
            lanes: self.lanes(),
            splat,
            address_from: Ticket::default(),
        };
        self.trace.load(access, live.get())
    }

    #[inline]
    pub(super) fn write<T>(self, out: &[T], value: Ticket) {
        let access = Access {
            address: out.as_ptr() as usize,
            bytes: size_of_val(out),
            lanes: self.lanes(),
            splat: false,
            address_from: Ticket::default(),
        };
        self.trace.store(access, value);
    }

    /// `log2(lanes)` steps of shuffle and `op`, as every SIMD set reduces a register.
    pub(super) fn reduction(self, op: Op, mut ticket: Ticket, live: u32) -> Ticket {
        for _ in 0..self.lanes().ilog2() {
            let moved = self.trace.op(Op::Shuffle, self.lanes(), &[ticket], live);
            ticket = self.trace.op(op, self.lanes(), &[ticket, moved], live);
        }
        ticket
    }

    fn reduce(self, op: Op, v: &F<'t, N>, fold: impl Fn(f32, f32) -> f32) -> F<'t, 1> {
        let ticket = self.reduction(op, v.ticket, self.float_file().get());
        let mut total = v.lanes[0];
        for lane in &v.lanes[1..self.lanes()] {
            total = fold(total, *lane);
        }
        self.one().value([total], ticket, &self.live.float)
    }
}

impl<'t, const N: usize> Registers for Traced<'t, N> {
    type F = F<'t, N>;
    type I = I<'t, N>;
    type B = B<'t, N>;
    type Sixteen = Vec<F<'t, N>>;
    type One = Traced<'t, 1>;

    #[inline]
    fn lanes(self) -> usize {
        if N == 1 { 1 } else { self.lanes }
    }
}

impl<'t, const N: usize> Machine for Traced<'t, N> {
    #[inline]
    fn one(self) -> Traced<'t, 1> {
        Traced { trace: self.trace, live: self.live, lanes: 1 }
    }
    #[inline]
    fn load(self, s: &[f32], i: usize) -> F<'t, N> {
        let loaded = &s[i..i + self.lanes()];
        let ticket = self.read(loaded, false, self.float_file());
        self.value(self.each(|k| loaded[k]), ticket, self.float_file())
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
    // Halves of a register are zero-extended and shifted into the upper halves of the lanes.
    fn load_bf16(self, s: &[bf16], i: usize) -> F<'t, N> {
        let lanes = self.each(|k| s[i + k].to_f32());
        let loaded = self.read(&s[i..i + self.lanes()], false, self.float_file());
        let wide = self.trace.op(Op::Widen, self.lanes(), &[loaded], self.float_file().get());
        self.float(Op::IntAdd, &[wide], lanes)
    }
    fn load_f16(self, s: &[f16], i: usize) -> F<'t, N> {
        let lanes = self.each(|k| s[i + k].to_f32());
        let loaded = self.read(&s[i..i + self.lanes()], false, self.float_file());
        self.float(Op::F16Convert, &[loaded], lanes)
    }
    fn load_pairs(self, s: &[f32], i: usize) -> (F<'t, N>, F<'t, N>) {
        let (a, b) = (self.load(s, i), self.load(s, i + self.lanes()));
        let pick = |first: usize| self.each(|k| s[i + 2 * k + first]);
        if N == 1 {
            return (a, b);
        }
        let inputs = [a.ticket, b.ticket];
        (self.float(Op::Shuffle, &inputs, pick(0)), self.float(Op::Shuffle, &inputs, pick(1)))
    }
    #[inline]
    fn store(self, v: &F<'t, N>, s: &mut [f32], i: usize) {
        let out = &mut s[i..i + self.lanes()];
        out.copy_from_slice(&v.lanes[..out.len()]);
        self.write(out, v.ticket);
    }
    // Round to nearest even: the kept bit, a constant and it added, a shift; then narrow.
    fn store_bf16(self, v: &F<'t, N>, s: &mut [bf16], i: usize) {
        let live = self.float_file().get();
        let mut ticket = v.ticket;
        for op in [Op::IntAdd, Op::IntAdd, Op::IntAdd, Op::IntAdd, Op::Shuffle] {
            ticket = self.trace.op(op, self.lanes(), &[ticket], live);
        }
        let out = &mut s[i..i + self.lanes()];
        out.copy_from_slice(&self.map(&v.lanes, super::scalar::round_to_bf16)[..out.len()]);
        self.write(out, ticket);
    }
    fn store_f16(self, v: &F<'t, N>, s: &mut [f16], i: usize) {
        let narrow = self.trace.op(Op::F16Convert, self.lanes(), &[v.ticket], self.float_file().get());
        let out = &mut s[i..i + self.lanes()];
        out.copy_from_slice(&self.map(&v.lanes, f16::from_f32)[..out.len()]);
        self.write(out, narrow);
    }
    fn store_pairs(self, even: &F<'t, N>, odd: &F<'t, N>, s: &mut [f32], i: usize) {
        let place = |k: usize| if k.is_multiple_of(2) { even.lanes[k / 2] } else { odd.lanes[k / 2] };
        if N == 1 {
            self.store(even, s, i);
            return self.store(odd, s, i + 1);
        }
        let inputs = [even.ticket, odd.ticket];
        let low = self.float(Op::Shuffle, &inputs, std::array::from_fn(place));
        let high = self.float(Op::Shuffle, &inputs, self.each(|k| place(self.lanes() + k)));
        self.store(&low, s, i);
        self.store(&high, s, i + self.lanes());
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
    fn sixteen(self) -> Vec<F<'t, N>> {
        (0..16 / self.lanes()).map(|_| self.splat(0.0)).collect()
    }
    #[inline]
    fn zeros<const K: usize>(self) -> [F<'t, N>; K] {
        std::array::from_fn(|_| self.splat(0.0))
    }
    #[inline]
    fn add(self, a: &F<'t, N>, b: &F<'t, N>) -> F<'t, N> {
        self.float(Op::Add, &[a.ticket, b.ticket], self.zip(a, b, |a, b| a + b))
    }
    #[inline]
    fn sub(self, a: &F<'t, N>, b: &F<'t, N>) -> F<'t, N> {
        self.float(Op::Add, &[a.ticket, b.ticket], self.zip(a, b, |a, b| a - b))
    }
    #[inline]
    fn mul(self, a: &F<'t, N>, b: &F<'t, N>) -> F<'t, N> {
        self.float(Op::Mul, &[a.ticket, b.ticket], self.zip(a, b, |a, b| a * b))
    }
    #[inline]
    fn mul_add(self, a: &F<'t, N>, b: &F<'t, N>, c: &F<'t, N>) -> F<'t, N> {
        let lanes = self.each(|k| a.lanes[k] * b.lanes[k] + c.lanes[k]);
        self.float(Op::MulAdd, &[a.ticket, b.ticket, c.ticket], lanes)
    }
    #[inline]
    fn div(self, a: &F<'t, N>, b: &F<'t, N>) -> F<'t, N> {
        self.float(Op::Div, &[a.ticket, b.ticket], self.zip(a, b, |a, b| a / b))
    }
    #[inline]
    fn max(self, a: &F<'t, N>, b: &F<'t, N>) -> F<'t, N> {
        self.float(Op::Max, &[a.ticket, b.ticket], self.zip(a, b, |a, b| if a > b { a } else { b }))
    }
    #[inline]
    fn abs(self, a: &F<'t, N>) -> F<'t, N> {
        self.float(Op::IntAdd, &[a.ticket], self.map(&a.lanes, f32::abs))
    }
    #[inline]
    fn sqrt(self, a: &F<'t, N>) -> F<'t, N> {
        self.float(Op::Sqrt, &[a.ticket], self.map(&a.lanes, f32::sqrt))
    }
    fn pow2(self, n: &F<'t, N>) -> F<'t, N> {
        let live = self.float_file().get();
        let whole = self.trace.op(Op::Convert, self.lanes(), &[n.ticket], live);
        let biased = self.trace.op(Op::IntAdd, self.lanes(), &[whole], live);
        self.float(Op::IntAdd, &[biased], self.map(&n.lanes, super::scalar::pow2))
    }
    fn exp_libm(self, x: &F<'t, N>) -> F<'t, N> {
        let live = self.float_file().get();
        let mut ticket = x.ticket;
        for _ in 0..self.lanes() {
            let call = self.trace.op(Op::Exp, 1, &[x.ticket], live);
            ticket = ticket.later(call);
        }
        self.value(self.map(&x.lanes, f32::exp), ticket, self.float_file())
    }
    // Two calls a lane, each about as long as that of exp.
    fn sin_cos_libm(self, x: &F<'t, N>) -> (F<'t, N>, F<'t, N>) {
        let live = self.float_file().get();
        let calls = |f: fn(f32) -> f32| {
            let mut ticket = x.ticket;
            for _ in 0..self.lanes() {
                ticket = ticket.later(self.trace.op(Op::Exp, 1, &[x.ticket], live));
            }
            self.value(self.map(&x.lanes, f), ticket, self.float_file())
        };
        (calls(f32::sin), calls(f32::cos))
    }
    #[inline]
    fn reveal(self, v: &F<'t, N>) -> f32 {
        self.trace.op(Op::Max, 1, &[v.ticket], self.float_file().get());
        v.lanes[0]
    }
    fn sum(self, v: &F<'t, N>) -> F<'t, 1> {
        self.reduce(Op::Add, v, |a, b| a + b)
    }
    fn largest(self, v: &F<'t, N>) -> F<'t, 1> {
        self.reduce(Op::Max, v, |a, b| if a > b { a } else { b })
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

/// Runs `work` on the traced machine. Returns false where no machine has so many lanes.
pub(crate) fn on_traced(trace: &dyn Trace, lanes: usize, work: impl OnMachine) -> bool {
    if lanes != 1 {
        return on_traced_simd(trace, lanes, work);
    }
    work.on(one(trace, &Live::default()));
    true
}

/// [`on_traced`] of work that needs SIMD.
fn on_traced_simd(trace: &dyn Trace, lanes: usize, work: impl OnMachine) -> bool {
    let has = matches!(lanes, 2 | 4 | 8 | MOST_LANES);
    if has {
        work.on(Traced::<MOST_LANES> { trace, live: &Live::default(), lanes });
    }
    has
}

fn one<'t>(trace: &'t dyn Trace, live: &'t Live) -> Traced<'t, 1> {
    Traced { trace, live, lanes: 1 }
}

/// Runs rung `R` on the traced machine. Returns false where no machine has so many lanes.
pub(crate) fn run_traced<C: Contract, R: Rung<C>>(trace: &dyn Trace, lanes: usize, args: C::Args<'_>) -> bool {
    on_traced(trace, lanes, Call::<C, R>::new(args))
}

/// [`run_traced`] of a rung that is written for one lane.
pub(crate) fn run_traced_scalar<C: Contract, R: Rung<C>>(trace: &dyn Trace, lanes: usize, args: C::Args<'_>) -> bool {
    if lanes == 1 {
        R::run(one(trace, &Live::default()), args);
    }
    lanes == 1
}

/// [`run_traced`] of a rung that needs SIMD.
pub(crate) fn run_traced_simd<C: Contract, R: Rung<C>>(trace: &dyn Trace, lanes: usize, args: C::Args<'_>) -> bool {
    on_traced_simd(trace, lanes, Call::<C, R>::new(args))
}
