//! The part of a profile that a measured host has beside the figures of the timing model.

use kernels::machine::Isa;
use kernels::probe::{Chain, FloatOp, Probe};

use super::figures::{BOUNDED, DIRECT, FAULTS, MEASURED, figure};
use super::probes::{level_bytes, memory_bytes};
use super::quantity::Quantity;
use super::{CalibrateError, Calibration, Measured};
use crate::environment::Host;
use crate::profile::{LevelFigures, Operands, PagingFigures, PeakFigures};

/// Best rates by instruction set and operands, narrowest set first: of several ways to do the same, the fastest.
pub(super) fn peaks(c: &Calibration) -> Vec<PeakFigures> {
    let mut peaks = Vec::new();
    for isa in Isa::EVERY {
        for operands in [Operands::F32, Operands::Bf16, Operands::I8] {
            let rate = |m: &Measured| Some(m.quantity.peak().filter(|p| p.0 == isa && p.1 == operands)?.2 / m.best_ns);
            let best = |all: bool| {
                let fits = |m: &&Measured| all || m.threads == 1;
                let found = c.measured.iter().filter(fits).filter_map(|m| Some((rate(m)?, m.quantity)));
                found.max_by(|a, b| a.0.total_cmp(&b.0))
            };
            let (Some((one, quantity)), Some((all, _))) = (best(false), best(true)) else { continue };
            let bound = bound(c, isa, operands).unwrap_or(0.0);
            let cores = f64::from(c.threads_of(quantity));
            let (one, all, source) = if bound > one { (bound, bound * cores, BOUNDED) } else { (one, all, MEASURED) };
            peaks.push(PeakFigures {
                isa: isa.name().into(),
                operands,
                one_core_gop_s: figure(digits(one), source),
                all_cores_gop_s: figure(digits(all), source),
                spread_pct: figure(digits(c.spread_pct(quantity)), MEASURED),
            });
        }
    }
    peaks
}

/// What no code of an instruction set can do more of, where the probes do not fill its units, 1e9 operations/s: the generic
/// machine of x86 is two registers wide and spills, and bytes are multiplied with additions between. So every multiplier is
/// taken to be busy with the most products that one instruction of the set has.
fn bound(c: &Calibration, isa: Isa, operands: Operands) -> Option<f64> {
    let ns = |isa, op| c.best_ns(Quantity::Op(isa, Probe::Float(op, Chain::Independent))).ok();
    let x86 = cfg!(target_arch = "x86_64");
    let pairs = || Some(2.0 / ns(Isa::Scalar, FloatOp::Mul)?.max(ns(Isa::Scalar, FloatOp::Add)?));
    match (isa, operands) {
        (Isa::Scalar, Operands::F32) if x86 => pairs(),
        (Isa::Portable, Operands::F32) if x86 => Some(4.0 * pairs()?),
        // pmaddwd: eight products and their four sums.
        (Isa::Portable, Operands::I8) if x86 => Some(16.0 / ns(Isa::Scalar, FloatOp::Mul)?),
        // vpmaddubsw: four products for each i32 lane.
        (Isa::Avx2 | Isa::Avx512, Operands::I8) => Some(8.0 * isa.lanes() as f64 / ns(isa, FloatOp::MulAdd)?),
        _ => None,
    }
}

/// Each cache and memory, with one core and with all.
pub(super) fn levels(host: &Host, c: &Calibration) -> Result<Vec<LevelFigures>, CalibrateError> {
    let caches =
        host.caches.iter().enumerate().map(|(i, cache)| (format!("L{}", cache.level), level_bytes(i, cache.bytes)));
    let level = |(name, bytes): (String, usize)| {
        let ns = |quantity: Quantity, all| c.on(quantity, all).ok_or_else(|| CalibrateError::Missing(quantity.name()));
        let (latency, byte) = (Quantity::Latency(bytes), Quantity::Byte(bytes));
        Ok(LevelFigures {
            name,
            one_core_latency_ns: figure(digits(ns(latency, false)?), MEASURED),
            // Each of the threads hops: all together they are as many times as fast.
            all_cores_latency_ns: figure(digits(ns(latency, true)? * f64::from(c.threads_of(latency))), MEASURED),
            one_core_read_gb_s: figure(digits(1.0 / ns(byte, false)?), MEASURED),
            all_cores_read_gb_s: figure(digits(1.0 / ns(byte, true)?), MEASURED),
        })
    };
    caches.chain([("memory".to_string(), memory_bytes(host))]).map(level).collect()
}

/// Storage and page faults, as far as they were measured.
pub(super) fn paging(c: &Calibration) -> Option<PagingFigures> {
    let ns = |quantity| c.on(quantity, false);
    let paging = PagingFigures {
        storage_read_mb_s: ns(Quantity::StorageByte).map(|ns| figure(digits(1e3 / ns), DIRECT)),
        minor_fault_ns: ns(Quantity::MinorFault).map(|ns| figure(digits(ns), FAULTS)),
        major_fault_us: ns(Quantity::MajorFault).map(|ns| figure(digits(ns / 1e3), FAULTS)),
    };
    (paging != PagingFigures::default()).then_some(paging)
}

/// Four digits, and never less than the value by rounding: some of these are ceilings.
fn digits(value: f64) -> f64 {
    if value <= 0.0 {
        return 0.0;
    }
    let unit = 10f64.powi(value.log10().floor() as i32 - 3);
    format!("{:.3e}", (value / unit).ceil() * unit).parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_keeps_four_digits_and_never_lowers() {
        for (value, want) in [(123.41, 123.5), (0.000_123_41, 0.000_123_5), (2.0, 2.0), (0.0, 0.0), (9999.1, 10_000.0)]
        {
            assert!((digits(value) - want).abs() < 1e-9 * want.max(1e-9), "{value}: {}", digits(value));
        }
    }
}
