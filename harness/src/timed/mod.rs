//! The CPU timing model: executes a variant on the traced machine and says how long a profile's machine would take.
//!
//! Every value carries the cycle at which it is ready. An operation starts when its inputs are ready, an issue slot and
//! a unit are free, ends after its latency and retires in order through a window (`core`); a load walks simulated caches
//! with outstanding-miss limits, a stream prefetcher and a memory bus (`memory`); loops of similar tasks are sampled
//! until they settle (`sample`); live values beyond the register file cost spills. The figures come from the profile
//! (`params`). Nothing depends on host addresses or clocks: two runs give the same bytes.

pub mod cells;
mod core;
mod memory;
mod params;
mod sample;
mod trace;

#[cfg(test)]
mod tests;

use kernels::kernel::{About, Case, NotAvailable, Width};

pub use self::params::Params;
pub use self::sample::Mode;
pub use self::trace::Engine;
use crate::profile::Profile;
use crate::record::Bound;

/// What the model says of one run of one variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Time of the run, ns.
    pub time_ns: f64,
    /// Share of the time by the resource that was waited for, largest first.
    pub shares: Vec<(Bound, f64)>,
    /// Bytes that crossed the memory bus for this core.
    pub memory_bytes: f64,
    /// Machine operations the run stands for, sampled and extrapolated.
    pub operations: f64,
    /// Machine operations that were simulated.
    pub simulated: u64,
}

/// Lanes that `about` uses on this machine, or what the machine lacks for it.
pub fn lanes(about: &About, profile: &Profile) -> Result<usize, NotAvailable> {
    let lack = |what: String| Err(NotAvailable(format!("the {} has no {what}", profile.name)));
    let (f32_lanes, i32_lanes) =
        profile.simd.as_ref().map_or((0, 0), |s| (s.f32_lanes.value as usize, s.i32_lanes.value as usize));
    let has = |op: fn(&crate::profile::SimdFigures) -> bool| profile.simd.as_ref().is_some_and(op);
    let wanted = match about.width {
        Width::Scalar => 1,
        Width::Any => f32_lanes.max(1),
        Width::SimdF32 if f32_lanes > 1 => f32_lanes,
        Width::SimdF32 => return lack("SIMD floating point".into()),
        Width::SimdMadd if has(|s| s.madd_i16_cycles.is_some()) => i32_lanes,
        Width::SimdMadd => return lack("SIMD multiply-add of 16-bit integers".into()),
        Width::SimdShuffle if has(|s| s.byte_shuffle_cycles.is_some()) => i32_lanes,
        Width::SimdShuffle => return lack("SIMD lookup of bytes".into()),
        Width::Dot4 if has(|s| s.dot4_i8_cycles.is_some()) => i32_lanes,
        Width::Dot4 => return lack("byte dot-product instruction".into()),
        Width::Arch(isa) => return lack(format!("{} (a native-only variant)", isa.name())),
    };
    Ok(wanted.min(about.max_lanes))
}

/// Times variant number `variant` of `case` on the machine of `params`. `warm` starts with the weights in the caches.
pub fn model(
    case: &mut dyn Case,
    variant: usize,
    lanes: usize,
    params: &Params,
    mode: Mode,
    warm: bool,
) -> Result<Estimate, NotAvailable> {
    let engine = Engine::new(params, mode);
    engine.map(&case.regions(), warm);
    case.trace(variant, &engine, lanes)?;
    Ok(engine.estimate())
}
