//! What a variant could do at best here: the calibrated host's rates on so many cores, under the limits that are on it.

use kernels::kernel::Work;
use kernels::machine::Isa;

use crate::guard::{Peaks, Rate};
use crate::profile::Profile;

/// Limits that lower this host's ceilings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limited {
    /// Memory bandwidth.
    pub bytes: Option<Rate>,
    /// Processor time per second, s, as a rate: 0.5 is half of one processor.
    pub cpu: Option<Rate>,
}

/// Calibrations some minutes apart differ by this share also where the runs of each agree.
const LEAST_SPREAD: f64 = 0.01;

/// Ceilings of a variant on `threads` threads that may use the `allowed` instruction sets. `profile` is that of this host,
/// where it was calibrated; without it only a bandwidth limit is known. `tiles` = it has a matrix unit.
pub(super) fn peaks(profile: Option<&Profile>, tiles: bool, threads: u32, allowed: &[Isa], limited: &Limited) -> Peaks {
    let mut peaks = profile.map_or(Peaks::default(), |p| calibrated(p, threads, allowed, limited.cpu));
    let measured = |p: &Profile| p.peaks.iter().any(|peak| peak.isa == Isa::Amx.name());
    if tiles && allowed.contains(&Isa::Amx) && !profile.is_some_and(measured) {
        // These ceilings are without the tiles, so too low.
        (peaks.bf16_ops, peaks.i8_ops) = (None, None);
    }
    if let Some(limit) = limited.bytes {
        peaks.bytes = Some(peaks.bytes.map_or(limit, |bytes| bytes.least(limit)));
    }
    peaks
}

fn calibrated(profile: &Profile, threads: u32, allowed: &[Isa], cpu: Option<Rate>) -> Peaks {
    let cores = profile.machine.cores.value;
    let threads = threads.clamp(1, cores);
    // Processors busy at a time, on average, and whether a limit says so.
    let cpu = cpu.filter(|cpu| cpu.per_s < f64::from(threads));
    let busy = cpu.map_or(f64::from(threads), |cpu| cpu.per_s);
    let rate = |per_s: f64, spread: f64| match cpu {
        Some(cpu) => Rate::limit(per_s, (1.0 + spread) * (1.0 + cpu.spread) - 1.0),
        None => Rate::measured(per_s, spread),
    };
    let ops = |work: Work, derived: f64| match profile.measured_peak(work, allowed) {
        Some(peak) => {
            let all = threads == cores && cores > 1;
            let whole = if all { peak.all_cores_ops_per_s } else { peak.one_core_ops_per_s * f64::from(threads) };
            rate(whole * busy / f64::from(threads), peak.spread.max(LEAST_SPREAD))
        }
        None => rate(derived * busy / f64::from(cores), 0.0),
    };
    let bytes = (profile.sustained_bytes_per_s(1) * busy).min(profile.sustained_bytes_per_s(threads));
    let bytes_spread = profile.memory.bandwidth_spread_pct.as_ref().map_or(0.0, |f| f.value / 100.0);
    Peaks {
        f32_ops: Some(ops(Work::F32, profile.peak_f32_ops_per_s())),
        bf16_ops: Some(ops(Work::Bf16, profile.peak_bf16_ops_per_s())),
        i8_ops: Some(ops(Work::I8, profile.peak_i8_ops_per_s())),
        bytes: Some(rate(bytes, bytes_spread)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::{Floor, check};
    use crate::profile::{Figure, Operands, PeakFigures, find};
    use kernels::kernel::Cost;

    /// Sixteen cores; AVX2 does 100 Gop/s on one and 1500 on all, SSE2 a third of it.
    fn host() -> Profile {
        let mut profile = find("ryzen-9-5950x").expect("built in").profile;
        let figure = |value: f64| Figure { value, source: "x".into() };
        profile.peaks = [("portable", 33.0, 500.0), ("avx2", 100.0, 1500.0)]
            .map(|(isa, one, all)| PeakFigures {
                isa: isa.into(),
                operands: Operands::F32,
                one_core_gop_s: figure(one),
                all_cores_gop_s: figure(all),
                spread_pct: figure(3.0),
            })
            .into();
        profile
    }

    fn on(threads: u32, allowed: &[Isa], limited: &Limited) -> Peaks {
        peaks(Some(&host()), false, threads, allowed, limited)
    }

    fn f32_ops(p: &Peaks) -> f64 {
        p.f32_ops.expect("calibrated").per_s.round()
    }

    #[test]
    fn cores_and_instruction_sets_lower_the_ceiling() {
        let free = Limited::default();
        assert_eq!(f32_ops(&on(1, &Isa::EVERY, &free)), 100e9);
        assert_eq!(f32_ops(&on(4, &Isa::EVERY, &free)), 400e9);
        assert_eq!(f32_ops(&on(16, &Isa::EVERY, &free)), 1500e9);
        assert_eq!(f32_ops(&on(64, &Isa::EVERY, &free)), 1500e9);
        assert_eq!(f32_ops(&on(1, &[Isa::Scalar, Isa::Portable], &free)), 33e9);
        let one = on(1, &Isa::EVERY, &free);
        let bytes = |p: &Peaks| p.bytes.expect("calibrated").per_s;
        assert!(bytes(&one) <= bytes(&on(16, &Isa::EVERY, &free)));
        assert_eq!(one.f32_ops.map(|r| (r.spread, r.limit)), Some((0.03, false)));
    }

    #[test]
    fn a_share_of_the_processor_lowers_both_sides() {
        let half = Limited { cpu: Some(Rate::limit(0.5, 0.1)), ..Limited::default() };
        let (free, capped) = (on(1, &Isa::EVERY, &Limited::default()), on(1, &Isa::EVERY, &half));
        assert_eq!(f32_ops(&capped), 50e9);
        let bytes = |p: &Peaks| p.bytes.expect("calibrated").per_s;
        assert!((bytes(&capped) / bytes(&free) - 0.5).abs() < 1e-9);
        assert!(capped.f32_ops.is_some_and(|r| r.limit && (r.spread - 0.133).abs() < 1e-9));
        // Half a processor is half a processor however many threads share it, and two are no limit for one thread.
        assert_eq!(f32_ops(&on(4, &Isa::EVERY, &half)), 50e9);
        let two = Limited { cpu: Some(Rate::limit(2.0, 0.1)), ..Limited::default() };
        assert_eq!(on(1, &Isa::EVERY, &two), free);
    }

    #[test]
    fn a_bandwidth_limit_is_a_ceiling_without_any_calibration() {
        let slow = Limited { bytes: Some(Rate::limit(1e9, 0.0)), ..Limited::default() };
        assert_eq!(on(1, &Isa::EVERY, &slow).bytes, slow.bytes);
        let peaks = peaks(None, false, 1, &Isa::EVERY, &slow);
        assert_eq!(peaks, Peaks { bytes: slow.bytes, ..Peaks::default() });
        let cost = Cost { operations: 1000, work: Work::F32, bytes: 1_000_000 };
        assert_eq!(check(1e6, &cost, &Floor::of(&cost, true, &peaks)), Ok(()));
        assert!(check(0.99e6, &cost, &Floor::of(&cost, true, &peaks)).is_err_and(|below| below.limit));
    }

    #[test]
    fn tiles_that_were_not_measured_leave_their_work_without_a_ceiling() {
        let free = Limited::default();
        let unknown = peaks(Some(&host()), true, 1, &Isa::EVERY, &free);
        assert_eq!((unknown.bf16_ops, unknown.i8_ops), (None, None));
        assert!(peaks(Some(&host()), true, 1, &Isa::ALL, &free).i8_ops.is_some(), "without them they do not matter");
        let mut measured = host();
        measured.peaks[1].isa = "amx".into();
        assert!(peaks(Some(&measured), true, 1, &Isa::EVERY, &free).i8_ops.is_some());
    }
}
