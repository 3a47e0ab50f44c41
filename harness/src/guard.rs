//! The physics guard: the least time a cell can take on a machine, and what to say of a time below it.

use kernels::kernel::{Cost, Work};

/// What a machine can do at best. A figure is absent where nobody has measured it.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Peaks {
    /// f32 operations per second with the best instructions (a multiply-add counts two).
    pub f32_ops_per_s: Option<f64>,
    /// Operations per second on bf16 operands with f32 sums, with the best instructions (a multiply-add counts two).
    pub bf16_ops_per_s: Option<f64>,
    /// i8 operations per second with the best instructions (a multiply-add counts two).
    pub i8_ops_per_s: Option<f64>,
    /// Bytes per second read from memory.
    pub bytes_per_s: Option<f64>,
    /// Share by which repeated measurements of that rate lay apart: on a host with neighbours it is no constant.
    pub bytes_spread: f64,
}

impl Peaks {
    /// Peak of one kind of work, operations per second.
    pub fn ops_per_s(&self, work: Work) -> Option<f64> {
        match work {
            Work::F32 => self.f32_ops_per_s,
            Work::Bf16 => self.bf16_ops_per_s,
            Work::I8 => self.i8_ops_per_s,
        }
    }
}

/// The least time of a cell, with its two sides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Floor {
    /// Operations at the peak rate, ns; absent where the peak is unknown.
    pub compute_ns: Option<f64>,
    /// Bytes at the peak bandwidth, ns; absent where it is unknown, or where the operands may lie in a cache.
    pub memory_ns: Option<f64>,
    /// [`Peaks::bytes_spread`].
    pub memory_spread: f64,
}

impl Floor {
    /// Floor of a cell. `cold` = its operands come from memory.
    pub fn of(cost: &Cost, cold: bool, peaks: &Peaks) -> Self {
        let time_ns = |amount: u64, rate: Option<f64>| rate.map(|rate| amount as f64 / rate * 1e9);
        Self {
            compute_ns: time_ns(cost.operations, peaks.ops_per_s(cost.work)),
            memory_ns: time_ns(cost.bytes, peaks.bytes_per_s.filter(|_| cold)),
            memory_spread: peaks.bytes_spread,
        }
    }

    /// The larger side, ns; absent where neither is known.
    pub fn ns(&self) -> Option<f64> {
        match (self.compute_ns, self.memory_ns) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        }
    }
}

/// A time below the floor: either the time is wrong, or the ceiling it was held against is.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "{high_ns:.0} ns, upper end of the interval, is {percent:.1} % below the floor of {floor_ns:.0} ns ({work}): either \
     the time is wrong or the ceiling is; this run shows a ceiling of at least {shown_rate:.3e} {unit}, calibrated was \
     {peak_rate:.3e}; run `retrobench calibrate` again"
)]
pub struct BelowFloor {
    /// Upper end of the time's interval, ns.
    pub high_ns: f64,
    /// The floor, ns.
    pub floor_ns: f64,
    /// How far below, percent of the floor.
    pub percent: f64,
    /// What the floor was computed from.
    pub work: String,
    /// Rate that the run reached.
    pub shown_rate: f64,
    /// Rate that was thought to be the most.
    pub peak_rate: f64,
    /// Unit of both rates.
    pub unit: &'static str,
}

/// Holds a time against its floor: `high_ns`, the upper end of its 95 % interval, may not lie below, as far as the ceiling
/// is known.
pub fn check(high_ns: f64, cost: &Cost, floor: &Floor) -> Result<(), BelowFloor> {
    let Some(floor_ns) = floor.ns() else { return Ok(()) };
    let by_memory = floor.memory_ns == Some(floor_ns);
    let doubt = if by_memory { floor.memory_spread } else { 0.0 };
    if high_ns * (1.0 + doubt) >= floor_ns {
        return Ok(());
    }
    let (amount, unit) = if by_memory { (cost.bytes, "bytes/s") } else { (cost.operations, "operations/s") };
    let amount = amount as f64;
    Err(BelowFloor {
        high_ns,
        floor_ns,
        percent: 100.0 * (1.0 - high_ns / floor_ns),
        work: if by_memory {
            format!("{} bytes from memory", cost.bytes)
        } else {
            format!("{} {} operations", cost.operations, cost.work.name())
        },
        shown_rate: amount / high_ns * 1e9,
        peak_rate: amount / floor_ns * 1e9,
        unit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: Cost = Cost { operations: 2_000_000, bytes: 4_000_000, work: Work::F32 };
    const PEAKS: Peaks = Peaks {
        f32_ops_per_s: Some(1e11),
        bf16_ops_per_s: Some(2e11),
        i8_ops_per_s: None,
        bytes_per_s: Some(1e10),
        bytes_spread: 0.0,
    };

    #[test]
    fn the_floor_is_the_larger_side_and_memory_counts_only_when_cold() {
        let cold = Floor::of(&COST, true, &PEAKS);
        assert_eq!((cold.compute_ns, cold.memory_ns, cold.ns()), (Some(20_000.0), Some(400_000.0), Some(400_000.0)));
        assert_eq!(Floor::of(&COST, false, &PEAKS).ns(), Some(20_000.0));
        let bytes = Cost { work: Work::I8, ..COST };
        assert_eq!(Floor::of(&bytes, false, &PEAKS).ns(), None);
        let pairs = Cost { work: Work::Bf16, ..COST };
        assert_eq!(Floor::of(&pairs, false, &PEAKS).ns(), Some(10_000.0));
        assert!(check(9_000.0, &pairs, &Floor::of(&pairs, false, &PEAKS)).unwrap_err().work.contains("bf16"));
    }

    #[test]
    fn a_time_at_the_floor_passes_and_one_below_names_the_numbers() {
        let floor = Floor::of(&COST, true, &PEAKS);
        assert_eq!(check(400_000.0, &COST, &floor), Ok(()));
        let below = check(300_000.0, &COST, &floor).unwrap_err();
        assert_eq!((below.percent.round(), below.unit), (25.0, "bytes/s"));
        assert!((below.peak_rate - 1e10).abs() < 1.0 && below.shown_rate > below.peak_rate);
        let text = below.to_string();
        assert!(text.contains("300000 ns") && text.contains("400000 ns") && text.contains("4000000 bytes"), "{text}");
        let compute = check(10_000.0, &COST, &Floor::of(&COST, false, &PEAKS)).unwrap_err();
        assert_eq!(compute.unit, "operations/s");
    }

    #[test]
    fn a_ceiling_known_to_a_tenth_refuses_what_beats_it_by_more() {
        let floor = Floor::of(&COST, true, &Peaks { bytes_spread: 0.1, ..PEAKS });
        assert_eq!(check(370_000.0, &COST, &floor), Ok(()));
        assert!(check(360_000.0, &COST, &floor).is_err());
        let compute = Floor::of(&COST, false, &Peaks { bytes_spread: 0.1, ..PEAKS });
        assert!(check(19_900.0, &COST, &compute).is_err());
    }

    #[test]
    fn without_peaks_nothing_is_refused() {
        let floor = Floor::of(&COST, true, &Peaks::default());
        assert_eq!(floor.ns(), None);
        assert_eq!(check(0.001, &COST, &floor), Ok(()));
    }
}
