//! Which native machines there are, which of them this processor has, and the one place that enters them.

use std::marker::PhantomData;

use super::{Machine, Portable, Scalar};
use crate::kernel::{Contract, Rung};

/// A native machine by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// One value at a time.
    Scalar,
    /// The `wide` crate, eight lanes, as this build has it.
    Portable,
    /// AVX2, FMA, F16C.
    Avx2,
    /// AVX2 with the 256-bit byte dot product.
    Avx2Vnni,
    /// AVX-512 F, BW, DQ, VL.
    Avx512,
    /// aarch64 NEON.
    Neon,
    /// NEON with sdot.
    NeonDot,
    /// The matrix unit of x86, beside AVX-512: for variants in its own instructions alone.
    Amx,
}

impl Isa {
    /// Every native machine that generic variants run on, narrowest first.
    pub const ALL: [Isa; 7] =
        [Isa::Scalar, Isa::Portable, Isa::Neon, Isa::NeonDot, Isa::Avx2, Isa::Avx2Vnni, Isa::Avx512];

    /// Those, and the matrix unit.
    pub const EVERY: [Isa; 8] =
        [Isa::Scalar, Isa::Portable, Isa::Neon, Isa::NeonDot, Isa::Avx2, Isa::Avx2Vnni, Isa::Avx512, Isa::Amx];

    /// Name in records and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Scalar => "scalar",
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx2Vnni => "avx2-vnni",
            Isa::Avx512 => "avx512",
            Isa::Neon => "neon",
            Isa::NeonDot => "neon-dot",
            Isa::Amx => "amx",
        }
    }

    /// Lanes of a register; of the matrix unit, those of a row of sums.
    pub fn lanes(self) -> usize {
        match self {
            Isa::Scalar => 1,
            Isa::Neon | Isa::NeonDot => 4,
            Isa::Portable | Isa::Avx2 | Isa::Avx2Vnni => 8,
            Isa::Avx512 | Isa::Amx => 16,
        }
    }

    /// True where one instruction adds four byte products to a lane.
    pub fn has_dot4(self) -> bool {
        matches!(self, Isa::Avx2Vnni | Isa::NeonDot)
    }

    /// True where one instruction looks a register of bytes up in a table. A build for x86-64 has none in `wide`.
    pub fn has_byte_shuffle(self) -> bool {
        !matches!(self, Isa::Scalar | Isa::Portable | Isa::Amx)
    }

    /// True where this processor has it.
    pub fn available(self) -> bool {
        match self {
            Isa::Scalar | Isa::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => super::Avx2::<false>::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2Vnni => super::Avx2::<true>::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => super::Avx512::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Isa::Amx => super::Avx512::detect().is_some() && super::x86_amx::Amx::detect_any(),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => super::Neon::<false>::detect().is_some(),
            #[cfg(target_arch = "aarch64")]
            Isa::NeonDot => super::Neon::<true>::detect().is_some(),
            #[allow(unreachable_patterns, reason = "which patterns are left depends on the target")]
            _ => false,
        }
    }
}

/// Something written once for every machine.
pub(crate) trait OnMachine {
    /// Runs it. Implementations are `#[inline(always)]` so that each machine's features apply.
    fn on<M: Machine>(self, m: M);
}

/// Runs `$work` on a machine that its `detect` finds. The `enter` shells are the only way into a machine's target features;
/// the work is `inline(always)`, so it is compiled once per machine, inside them.
macro_rules! entered {
    ($work:expr, $machine:ty) => {
        <$machine>::detect().map(|m| {
            m.enter(
                #[inline(always)]
                || $work.on(m),
            )
        })
    };
}

/// Runs `work` on a native machine. Returns false where this processor lacks it: nothing ran.
pub(crate) fn on_native(isa: Isa, work: impl OnMachine) -> bool {
    if isa != Isa::Scalar {
        return on_native_simd(isa, work);
    }
    work.on(Scalar);
    true
}

/// [`on_native`] of work that needs SIMD.
fn on_native_simd(isa: Isa, work: impl OnMachine) -> bool {
    let ran = match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2Vnni => entered!(work, super::Avx2<true>),
        #[cfg(target_arch = "aarch64")]
        Isa::NeonDot => entered!(work, super::Neon<true>),
        _ => return on_native_floats(isa, work),
    };
    ran.is_some()
}

/// [`on_native_simd`] of work on registers of f32: a byte dot product beside makes no other machine.
fn on_native_floats(isa: Isa, work: impl OnMachine) -> bool {
    let ran = match isa {
        Isa::Portable => {
            work.on(Portable);
            Some(())
        }
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx2Vnni if isa.available() => entered!(work, super::Avx2<false>),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => entered!(work, super::Avx512),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon | Isa::NeonDot if isa.available() => entered!(work, super::Neon<false>),
        _ => None,
    };
    ran.is_some()
}

/// A rung with its arguments.
pub(super) struct Call<'a, C: Contract, R> {
    args: C::Args<'a>,
    rung: PhantomData<R>,
}

impl<'a, C: Contract, R> Call<'a, C, R> {
    /// The call of rung `R`.
    pub(super) fn new(args: C::Args<'a>) -> Self {
        Self { args, rung: PhantomData }
    }
}

impl<C: Contract, R: Rung<C>> OnMachine for Call<'_, C, R> {
    #[inline(always)]
    fn on<M: Machine>(self, m: M) {
        R::run(m, self.args);
    }
}

/// Runs rung `R`, which asks for no byte dot product, on a native machine of one lane or more. Returns false where this
/// processor lacks it: nothing ran.
pub(crate) fn run_any<C: Contract, R: Rung<C>>(isa: Isa, args: C::Args<'_>) -> bool {
    if isa == Isa::Scalar { run_scalar::<C, R>(isa, args) } else { run_floats::<C, R>(isa, args) }
}

/// [`run_any`] of a rung that is written for one lane.
pub(crate) fn run_scalar<C: Contract, R: Rung<C>>(isa: Isa, args: C::Args<'_>) -> bool {
    if isa == Isa::Scalar {
        R::run(Scalar, args);
    }
    isa == Isa::Scalar
}

/// [`run_any`] of a rung that needs SIMD of f32.
pub(crate) fn run_floats<C: Contract, R: Rung<C>>(isa: Isa, args: C::Args<'_>) -> bool {
    on_native_floats(isa, Call::<C, R>::new(args))
}

/// [`run_any`] of a rung that needs SIMD of integers, and may use the byte dot product.
pub(crate) fn run_simd<C: Contract, R: Rung<C>>(isa: Isa, args: C::Args<'_>) -> bool {
    on_native_simd(isa, Call::<C, R>::new(args))
}
