//! The physics guard: the least time a cell can take on a machine, and what to say of a time below it. It cuts both ways: a
//! time that beats a ceiling by more than the ceiling is known to is refused; one that beats it by less is kept and bound by
//! it, and the report says that the ceiling is too low.

use kernels::kernel::{Cost, Work};

use crate::record::Bound;

/// A ceiling, and how well it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Most in a second.
    pub per_s: f64,
    /// Share by which repeated measurements of it lay apart: on a host with neighbours it is no constant.
    pub spread: f64,
    /// True where it is a limit put on this host, and not what was measured of it.
    pub limit: bool,
}

impl Rate {
    /// A measured rate.
    pub fn measured(per_s: f64, spread: f64) -> Self {
        Self { per_s, spread, limit: false }
    }

    /// A limit, and how far its mechanism may let through more.
    pub fn limit(per_s: f64, spread: f64) -> Self {
        Self { per_s, spread, limit: true }
    }

    /// The lower one.
    pub fn least(self, other: Self) -> Self {
        if other.per_s < self.per_s { other } else { self }
    }
}

/// What a machine can do at best. A figure is absent where nobody has measured it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Peaks {
    /// f32 operations with the best instructions (a multiply-add counts two).
    pub f32_ops: Option<Rate>,
    /// Operations on bf16 operands with f32 sums, with the best instructions (a multiply-add counts two).
    pub bf16_ops: Option<Rate>,
    /// i8 operations with the best instructions (a multiply-add counts two).
    pub i8_ops: Option<Rate>,
    /// Bytes read from memory.
    pub bytes: Option<Rate>,
}

impl Peaks {
    /// Peak of one kind of work, operations.
    pub fn ops(&self, work: Work) -> Option<Rate> {
        match work {
            Work::F32 | Work::F16 => self.f32_ops,
            Work::Bf16 => self.bf16_ops,
            Work::I8 => self.i8_ops,
        }
    }
}

/// One side of a floor: an amount at a rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Side {
    /// The least time of the amount, ns.
    pub ns: f64,
    amount: u64,
    rate: Rate,
}

impl Side {
    fn of(amount: u64, rate: Rate) -> Self {
        Self { ns: amount as f64 / rate.per_s * 1e9, amount, rate }
    }

    /// True where a time is below this side by more than the ceiling is known to.
    fn forbids(&self, ns: f64) -> bool {
        ns * (1.0 + self.rate.spread) < self.ns
    }
}

/// The least time of a cell, with its two sides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Floor {
    /// Operations at the peak rate; absent where the peak is unknown.
    pub compute: Option<Side>,
    /// Bytes at the peak bandwidth; absent where it is unknown, or where the operands may lie in a cache.
    pub memory: Option<Side>,
}

impl Floor {
    /// Floor of a cell. `cold` = its operands come from memory.
    pub fn of(cost: &Cost, cold: bool, peaks: &Peaks) -> Self {
        Self {
            compute: peaks.ops(cost.work).map(|rate| Side::of(cost.operations, rate)),
            memory: peaks.bytes.filter(|_| cold).map(|rate| Side::of(cost.bytes, rate)),
        }
    }

    /// The larger side, ns; absent where neither is known.
    pub fn ns(&self) -> Option<f64> {
        self.larger().map(|(side, _)| side.ns)
    }

    /// What binds a cell that takes so long: the larger side, where it is busy for half of the time or more, so that nothing else
    /// takes longer. Of a time below the floor that is the ceiling that it has beaten. None where the time is longer: what fills
    /// it is not known here.
    pub fn binds(&self, time_ns: f64) -> Option<Bound> {
        self.larger().filter(|(side, _)| time_ns <= 2.0 * side.ns).map(|(_, bound)| bound)
    }

    fn larger(&self) -> Option<(Side, Bound)> {
        self.sides().max_by(|a, b| a.0.ns.total_cmp(&b.0.ns))
    }

    fn sides(&self) -> impl Iterator<Item = (Side, Bound)> {
        let sides = [(self.compute, Bound::Compute), (self.memory, Bound::MemoryBandwidth)];
        sides.into_iter().filter_map(|(side, bound)| Some((side?, bound)))
    }
}

/// A time below the floor: either the time is wrong, or the ceiling it was held against is.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "{high_ns:.0} ns, upper end of the interval, is {percent:.1} % below the floor of {floor_ns:.0} ns ({work}), and the \
     ceiling is known to {spread_pct:.1} %: this run shows a ceiling of at least {shown_rate:.3e} {unit}, known was \
     {peak_rate:.3e}; {}", if *limit { "the time is wrong, or the limit was not in force" } else {
     "the time is wrong, or the ceiling is: run `retrobench calibrate` again" }
)]
pub struct BelowFloor {
    /// Upper end of the time's interval, ns.
    pub high_ns: f64,
    /// The floor, ns.
    pub floor_ns: f64,
    /// How far below, percent of the floor.
    pub percent: f64,
    /// How far measurements of the ceiling lay apart, percent.
    pub spread_pct: f64,
    /// What the floor was computed from.
    pub work: String,
    /// Rate that the run reached.
    pub shown_rate: f64,
    /// Rate that was thought to be the most.
    pub peak_rate: f64,
    /// Unit of both rates.
    pub unit: &'static str,
    /// True where that rate is a limit put on this host.
    pub limit: bool,
}

/// Holds a time against its floor: `high_ns`, the upper end of its 95 % interval, may not lie below either side by more
/// than that side's ceiling is known to.
pub fn check(high_ns: f64, cost: &Cost, floor: &Floor) -> Result<(), BelowFloor> {
    let broken = floor.sides().filter(|(side, _)| side.forbids(high_ns));
    let Some((side, bound)) = broken.max_by(|a, b| a.0.ns.total_cmp(&b.0.ns)) else { return Ok(()) };
    let (work, unit) = match bound {
        Bound::MemoryBandwidth => (format!("{} bytes from memory", cost.bytes), "bytes/s"),
        _ => (format!("{} {} operations", cost.operations, cost.work.name()), "operations/s"),
    };
    Err(BelowFloor {
        high_ns,
        floor_ns: side.ns,
        percent: 100.0 * (1.0 - high_ns / side.ns),
        spread_pct: 100.0 * side.rate.spread,
        work,
        shown_rate: side.amount as f64 / high_ns * 1e9,
        peak_rate: side.rate.per_s,
        unit,
        limit: side.rate.limit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: Cost = Cost { operations: 2_000_000, work: Work::F32, bytes: 4_000_000 };
    const PEAKS: Peaks = Peaks {
        f32_ops: Some(Rate { per_s: 1e11, spread: 0.0, limit: false }),
        bf16_ops: Some(Rate { per_s: 2e11, spread: 0.0, limit: false }),
        i8_ops: Some(Rate { per_s: 4e11, spread: 0.0, limit: false }),
        bytes: Some(Rate { per_s: 1e10, spread: 0.0, limit: false }),
    };

    #[test]
    fn the_floor_is_the_larger_side() {
        assert_eq!(Floor::of(&COST, true, &PEAKS).ns(), Some(400_000.0));
        assert_eq!(Floor::of(&COST, false, &PEAKS).ns(), Some(20_000.0));
        let unknown = Peaks { f32_ops: None, ..PEAKS };
        assert_eq!(Floor::of(&COST, false, &unknown).ns(), None);
        let eight_bit = Cost { work: Work::I8, ..COST };
        assert_eq!(Floor::of(&eight_bit, false, &PEAKS).ns(), Some(5_000.0));
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
        assert!(compute.to_string().contains("calibrate") && !compute.limit);
    }

    #[test]
    fn a_limit_that_was_beaten_was_not_in_force() {
        let peaks = Peaks { bytes: PEAKS.bytes.map(|measured| measured.least(Rate::limit(1e9, 0.0))), ..PEAKS };
        let floor = Floor::of(&COST, true, &peaks);
        assert_eq!(check(4_000_000.0, &COST, &floor), Ok(()));
        let text = check(3_999_000.0, &COST, &floor).unwrap_err().to_string();
        assert!(
            text.contains("limit was not in force") && text.contains("1.000e9") && !text.contains("calibrate"),
            "{text}"
        );
        // A limit above what the host can do is no ceiling.
        assert_eq!(PEAKS.bytes.map(|measured| measured.least(Rate::limit(1e12, 0.0))), PEAKS.bytes);
    }

    #[test]
    fn a_ceiling_known_to_a_tenth_is_flagged_by_what_beats_it_and_refuses_what_beats_it_by_more() {
        let peaks = Peaks { bytes: Some(Rate::measured(1e10, 0.1)), ..PEAKS };
        let floor = Floor::of(&COST, true, &peaks);
        assert_eq!(check(370_000.0, &COST, &floor), Ok(()));
        // Beaten, and busy all of the time, half of it, and less.
        for binds in [370_000.0, 400_001.0, 800_000.0] {
            assert_eq!(floor.binds(binds), Some(Bound::MemoryBandwidth), "{binds}");
        }
        assert_eq!(floor.binds(800_001.0), None);
        assert!(check(360_000.0, &COST, &floor).is_err());
        let compute = Floor::of(&COST, false, &peaks);
        assert_eq!(compute.binds(19_900.0), Some(Bound::Compute));
        assert!(check(19_900.0, &COST, &compute).is_err());
    }

    #[test]
    fn a_doubtful_side_does_not_cover_for_a_sure_one() {
        // 19 µs of arithmetic that is known exactly, 20 µs of memory that is known to a half.
        let peaks =
            Peaks { bytes: Some(Rate::measured(2e11, 0.5)), f32_ops: Some(Rate::measured(1.05e11, 0.0)), ..PEAKS };
        let below = check(15_000.0, &COST, &Floor::of(&COST, true, &peaks)).unwrap_err();
        assert_eq!(below.unit, "operations/s");
    }

    #[test]
    fn without_peaks_nothing_is_refused() {
        let floor = Floor::of(&COST, true, &Peaks::default());
        assert_eq!(floor.ns(), None);
        assert_eq!(check(0.001, &COST, &floor), Ok(()));
        assert_eq!(floor.binds(0.001), None);
    }
}
