//! Machines: what a kernel variant is written for. A variant is generic over [`Machine`]; the native machines are
//! zero-sized and inline to plain instructions, [`traced::Traced`] computes the same values and reports every operation
//! to an observer (the harness's timing model, or a test's counter). Nothing here knows a clock or a profile.

mod counter;
mod integers;
mod isa;
mod observer;
mod portable;
mod portable_integers;
mod scalar;
mod scalar_integers;
#[cfg(test)]
mod tests;
pub mod traced;
mod traced_integers;

#[cfg(target_arch = "aarch64")]
mod arm;
#[cfg(target_arch = "aarch64")]
mod arm_integers;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86_amx;
#[cfg(target_arch = "x86_64")]
mod x86_avx2;
#[cfg(target_arch = "x86_64")]
mod x86_avx2_integers;
#[cfg(target_arch = "x86_64")]
mod x86_avx512;
#[cfg(target_arch = "x86_64")]
mod x86_avx512_integers;

#[cfg(target_arch = "aarch64")]
pub use arm::Neon;
pub use integers::Integers;
pub use isa::Isa;
pub(crate) use isa::{OnMachine, on_native, run_any, run_floats, run_scalar, run_simd};
pub use portable::Portable;
pub use scalar::Scalar;
#[cfg(target_arch = "x86_64")]
pub use x86_avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use x86_avx512::Avx512;

use half::{bf16, f16};

/// The matrix unit for as long as a test keeps this: the processor's own, or one whose instructions are trapped. None where
/// there can be neither; then [`Isa::Amx`] is not available.
#[cfg(test)]
pub(crate) fn matrix_unit() -> Option<impl Sized> {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    let unit = x86_amx::trap::Session::begin();
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    let unit = None::<()>;
    unit
}

/// The registers of a machine: `lanes` f32 or i32 values, or four bytes for each.
pub trait Registers: Copy {
    /// A register of f32.
    type F;
    /// A register of i32, or of twice as many i16.
    type I;
    /// A register of bytes, four for each lane.
    type B;
    /// As many registers as hold sixteen f32.
    type Sixteen: AsRef<[Self::F]> + AsMut<[Self::F]>;
    /// The same machine's scalar unit; tails and reductions run on it.
    type One: Machine<One = Self::One>;

    /// Lanes of a register: a constant of the native machines, what the profile says on the traced one.
    fn lanes(self) -> usize;
}

/// A float of the scalar unit.
pub type OneF<M> = <<M as Registers>::One as Registers>::F;

/// A machine. Arithmetic takes references because the traced machine counts live values: a value is live from the
/// operation that made it until it is dropped.
///
/// Slices are indexed in elements. A load or store that leaves its slice panics: variants are safe code.
pub trait Machine: Integers {
    /// The scalar unit.
    fn one(self) -> Self::One;

    /// `lanes` consecutive values from `s[i..]`.
    fn load(self, s: &[f32], i: usize) -> Self::F;
    /// `s[i]` in every lane.
    fn load_splat(self, s: &[f32], i: usize) -> Self::F;
    /// An f16 scale as f32 in every lane.
    fn load_f16_splat(self, h: &f16) -> Self::F;
    /// `lanes` bf16 from `s[i..]` as f32.
    fn load_bf16(self, s: &[bf16], i: usize) -> Self::F;
    /// `lanes` f16 from `s[i..]` as f32.
    fn load_f16(self, s: &[f16], i: usize) -> Self::F;
    /// `2 * lanes` values from `s[i..]`: those at even places, those at odd ones.
    fn load_pairs(self, s: &[f32], i: usize) -> (Self::F, Self::F);
    /// Stores to `s[i..i + lanes]`.
    fn store(self, v: &Self::F, s: &mut [f32], i: usize);
    /// Stores as bf16, rounded to nearest, halves to even. No NaN.
    fn store_bf16(self, v: &Self::F, s: &mut [bf16], i: usize);
    /// Stores as f16, rounded to nearest, halves to even.
    fn store_f16(self, v: &Self::F, s: &mut [f16], i: usize);
    /// Stores `2 * lanes` values to `s[i..]`, `even` and `odd` by turns.
    fn store_pairs(self, even: &Self::F, odd: &Self::F, s: &mut [f32], i: usize);

    /// A constant in every lane.
    fn splat(self, x: f32) -> Self::F;
    /// A scalar in every lane.
    fn broadcast(self, v: &OneF<Self>) -> Self::F;
    /// `R` rows of `C` zeroed registers: the accumulators of a tile.
    fn tile<const R: usize, const C: usize>(self) -> [[Self::F; C]; R];
    /// Sixteen zeros.
    fn sixteen(self) -> Self::Sixteen;
    /// `N` zeroed registers.
    fn zeros<const N: usize>(self) -> [Self::F; N];

    /// `a + b`.
    fn add(self, a: &Self::F, b: &Self::F) -> Self::F;
    /// `a - b`.
    fn sub(self, a: &Self::F, b: &Self::F) -> Self::F;
    /// `a * b`.
    fn mul(self, a: &Self::F, b: &Self::F) -> Self::F;
    /// `a * b + c`, fused where the machine fuses it.
    fn mul_add(self, a: &Self::F, b: &Self::F, c: &Self::F) -> Self::F;
    /// `a / b`.
    fn div(self, a: &Self::F, b: &Self::F) -> Self::F;
    /// The larger of each lane.
    fn max(self, a: &Self::F, b: &Self::F) -> Self::F;
    /// `|a|`.
    fn abs(self, a: &Self::F) -> Self::F;
    /// Square root.
    fn sqrt(self, a: &Self::F) -> Self::F;
    /// `2^n` for integral `n` in `-126..=127`, and 0 for -127: convert, add the bias, shift into the exponent field.
    fn pow2(self, n: &Self::F) -> Self::F;
    /// `e^x` by the C library, one lane at a time.
    fn exp_libm(self, x: &Self::F) -> Self::F;
    /// Sine and cosine by the C library, one lane at a time.
    fn sin_cos_libm(self, x: &Self::F) -> (Self::F, Self::F);
    /// The first lane's value, for a decision that the program takes on it.
    fn reveal(self, v: &Self::F) -> f32;
    /// Sum of the lanes.
    fn sum(self, v: &Self::F) -> OneF<Self>;
    /// Maximum of the lanes.
    fn largest(self, v: &Self::F) -> OneF<Self>;

    /// Tells the traced machine that one iteration of a counted loop ran.
    #[inline(always)]
    fn iteration(self) {}
    /// Tells the traced machine that a counted loop ended after `trips` iterations.
    #[inline(always)]
    fn loop_exit(self, _trips: usize) {}

    /// The counted loop `start, start + step, ...` over whole steps that fit below `end`, which is the length of a slice.
    #[inline(always)]
    fn steps(self, start: usize, end: usize, step: usize) -> Steps<Self> {
        // With this the compiler sees that no index below overflows, and drops the bounds checks of the loop's slices.
        assert!(end <= isize::MAX as usize && 0 < step && step <= isize::MAX as usize, "a slice is not so long");
        Steps { machine: self, start, at: start, end, step }
    }

    /// Runs tasks `0..n` in order. The traced machine may run only some of them and extrapolate: neighbours inside a
    /// `period` may cost differently (they share a cache line, say), whole periods must cost the same.
    #[inline(always)]
    fn tasks(self, n: usize, _period: usize, mut task: impl FnMut(usize)) {
        for i in 0..n {
            task(i);
        }
    }

    /// Parallel-for over `out` in pieces of `chunk` values: independent tasks, on as many threads as there are.
    fn par_chunks(self, out: &mut [f32], chunk: usize, task: impl Fn(Self, usize, &mut [f32]) + Sync);

    /// [`Machine::par_chunks`] where each task also owns a piece of `scratch`, `per_task` values long.
    fn par_chunks_with(
        self,
        out: &mut [f32],
        chunk: usize,
        scratch: &mut [f32],
        per_task: usize,
        task: impl Fn(Self, usize, &mut [f32], &mut [f32]) + Sync,
    );
}

/// A counted loop; see [`Machine::steps`].
pub struct Steps<M> {
    machine: M,
    start: usize,
    at: usize,
    end: usize,
    step: usize,
}

impl<M> Steps<M> {
    /// Where the loop will have stopped: the first index not covered by a whole step.
    #[inline(always)]
    pub fn tail(&self) -> usize {
        if self.end < self.start { self.start } else { self.end - (self.end - self.start) % self.step }
    }
}

impl<M: Machine> Iterator for Steps<M> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let i = self.at;
        // SAFETY: `steps` checked both, nothing changes them after.
        unsafe {
            core::hint::assert_unchecked(self.end <= isize::MAX as usize);
            core::hint::assert_unchecked(self.step <= isize::MAX as usize);
        }
        if i <= self.end && self.step <= self.end - i {
            self.at = i + self.step;
            self.machine.iteration();
            Some(i)
        } else {
            self.machine.loop_exit((self.at - self.start) / self.step);
            None
        }
    }
}

/// [`Machine::tasks`] with a body that is compiled into its caller. A closure has no target features of its own: one that
/// is left a function of its own calls every intrinsic instead of being made of them, fifty times slower, and the deeper
/// the tasks nest the likelier that is. Any closure that computes on registers needs this, or `#[inline(always)]` on it.
macro_rules! tasks {
    ($m:expr, $n:expr, $period:expr, |$i:ident| $body:expr) => {
        $m.tasks(
            $n,
            $period,
            #[inline(always)]
            |$i| $body,
        )
    };
}
pub(crate) use tasks;

/// The threads of a native machine: rayon runs the tasks, and each task enters the machine's target features again
/// because rayon's own code between has none.
macro_rules! native_threads {
    () => {
        #[inline(always)]
        fn par_chunks(self, out: &mut [f32], chunk: usize, task: impl Fn(Self, usize, &mut [f32]) + Sync) {
            use rayon::prelude::*;
            out.par_chunks_mut(chunk.max(1)).enumerate().for_each(|(i, piece)| {
                self.enter(
                    #[inline(always)]
                    || task(self, i, piece),
                )
            });
        }

        #[inline(always)]
        fn par_chunks_with(
            self,
            out: &mut [f32],
            chunk: usize,
            scratch: &mut [f32],
            per_task: usize,
            task: impl Fn(Self, usize, &mut [f32], &mut [f32]) + Sync,
        ) {
            use rayon::prelude::*;
            let tasks = out.len().div_ceil(chunk.max(1));
            assert!(scratch.len().div_ceil(per_task.max(1)) >= tasks, "every task has its scratch");
            out.par_chunks_mut(chunk.max(1)).zip(scratch.par_chunks_mut(per_task.max(1))).enumerate().for_each(
                |(i, (piece, own))| {
                    self.enter(
                        #[inline(always)]
                        || task(self, i, piece, own),
                    )
                },
            );
        }
    };
}
pub(crate) use native_threads;
