//! How far the timing model is from this host: the same cells natively and modelled on the calibrated profile, compared.
//! This is what every modelled number of the build is worth where it can be checked.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use kernels::KERNELS;
use kernels::kernel::Kernel;

use crate::record::{Outcome, Record, Tier};

/// One cell that has both times.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// `kernel/shape`.
    pub group: String,
    /// Variant.
    pub variant: String,
    /// Fastest native sample, ns.
    pub native_ns: f64,
    /// Modelled time, ns.
    pub modelled_ns: f64,
    /// True where the band of the modelled time holds the native one.
    pub held: bool,
}

/// How to get records that can be compared.
pub const HOW: &str = "no cell of a host natively and modelled on its own profile; `retrobench calibrate --out host.toml`, \
                       then `retrobench measure --tier native,modelled --hw host.toml`";

impl Pair {
    /// Name of its kernel.
    pub fn kernel(&self) -> &str {
        self.group.split('/').next().unwrap_or_default()
    }

    /// Modelled over native.
    pub fn ratio(&self) -> f64 {
        self.modelled_ns / self.native_ns
    }

    /// `|modelled - native| / native`.
    pub fn error(&self) -> f64 {
        (self.ratio() - 1.0).abs()
    }
}

/// The comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Validation {
    /// Every cell with both times, worst first.
    pub pairs: Vec<Pair>,
    /// Median of the errors.
    pub median_error: f64,
    /// Pairs of rungs of one kernel and shape whose native times differ by more than [`DISTINCT`].
    pub ordered: usize,
    /// Those that the model puts in the same order.
    pub order_right: usize,
}

/// Rungs whose times differ by less have no order worth predicting.
pub const DISTINCT: f64 = 0.15;

/// Compares native records with those modelled on profile `id`; absent where no cell has both times.
pub fn compare(records: &[Record], id: &str) -> Option<Validation> {
    // Natively the fastest sample: noise only adds time, and the calibration took the best of its runs too.
    let time = |r: &Record| match &r.outcome {
        Outcome::Timed(t) => Some(t.samples_ns.iter().copied().fold(t.time_ns, f64::min)),
        _ => None,
    };
    let band = |r: &Record| match &r.outcome {
        Outcome::Timed(t) => Some((t.low_ns, t.high_ns)),
        _ => None,
    };
    let cell = |r: &Record| (format!("{}/{}", r.kernel, r.shape), r.variant.clone());
    let modelled: BTreeMap<_, _> = records
        .iter()
        .filter(|r| r.tier == Tier::Modelled && r.machine.id == id)
        .filter_map(|r| Some((cell(r), (time(r)?, band(r)?))))
        .collect();
    let pairs: Vec<Pair> = records
        .iter()
        .filter(|r| r.tier == Tier::Native)
        .filter_map(|r| {
            let (key, native_ns) = (cell(r), time(r)?);
            let (modelled_ns, (low_ns, high_ns)) = *modelled.get(&key)?;
            let held = (low_ns..=high_ns).contains(&native_ns);
            Some(Pair { group: key.0, variant: key.1, native_ns, modelled_ns, held })
        })
        .collect();
    Validation::of(pairs)
}

/// Modelled over native speedups of rungs over rung 0, which `first` names.
pub fn speedups(pairs: &[Pair], first: fn(&dyn Kernel) -> Option<&'static str>) -> Vec<f64> {
    let base = |p: &Pair| {
        let name = first(*KERNELS.iter().find(|k| k.name() == p.kernel())?)?;
        pairs.iter().find(|q| q.group == p.group && q.variant == name && q.variant != p.variant)
    };
    pairs.iter().filter_map(|p| Some(base(p)?.ratio() / p.ratio())).collect()
}

fn order(pairs: &[Pair]) -> (usize, usize) {
    let (mut ordered, mut right) = (0, 0);
    for (i, a) in pairs.iter().enumerate() {
        for b in pairs[i + 1..].iter().filter(|b| b.group == a.group) {
            let ratio = a.native_ns / b.native_ns;
            if ratio.max(1.0 / ratio) > 1.0 + DISTINCT {
                ordered += 1;
                right += usize::from((a.native_ns < b.native_ns) == (a.modelled_ns < b.modelled_ns));
            }
        }
    }
    (ordered, right)
}

impl Validation {
    /// Of these cells; none without any.
    pub fn of(mut pairs: Vec<Pair>) -> Option<Self> {
        let (ordered, order_right) = order(&pairs);
        pairs.sort_by(|a, b| b.error().total_cmp(&a.error()));
        let median_error = pairs.get(pairs.len() / 2)?.error();
        Some(Self { pairs, median_error, ordered, order_right })
    }

    /// One sentence, for the report and the terminal.
    pub fn sentence(&self) -> String {
        self.sentence_of("The timing model against this host")
    }

    /// The same of what is named.
    pub fn sentence_of(&self, what: &str) -> String {
        let worst = &self.pairs[0];
        format!(
            "{what}, {} cells: median error {:.0} %, order of rungs right in {} of {} pairs \
             that differ by more than {:.0} %; worst {}/{}, modelled {:.2} times native",
            self.pairs.len(),
            100.0 * self.median_error,
            self.order_right,
            self.ordered,
            100.0 * DISTINCT,
            worst.group,
            worst.variant,
            worst.ratio()
        )
    }

    /// The sentence and every cell, worst first.
    pub fn table(&self) -> String {
        let mut text = format!("{}\n", self.sentence());
        for p in &self.pairs {
            let (native, modelled) = (p.native_ns / 1e3, p.modelled_ns / 1e3);
            let _ = writeln!(
                text,
                "{:>7.2}x  native {native:>12.2} µs  modelled {modelled:>12.2} µs  {}/{}",
                p.ratio(),
                p.group,
                p.variant
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::timed;

    #[test]
    fn errors_and_order_are_those_of_the_cells_with_both_times() {
        let native = [("naive", 100.0), ("unrolled", 50.0), ("simd", 45.0), ("arch", 10.0)];
        let modelled = [("naive", 110.0), ("unrolled", 40.0), ("simd", 60.0)];
        let mut records: Vec<Record> = native.iter().map(|(v, t)| timed(Tier::Native, "this-host", v, *t)).collect();
        records.extend(modelled.iter().map(|(v, t)| timed(Tier::Modelled, "host", v, *t)));
        let found = compare(&records, "host").expect("three cells");
        assert_eq!(found.pairs.len(), 3);
        // 10 %, 20 %, 33 %: unrolled and simd differ by less than 15 % and do not count for the order.
        assert!((found.median_error - 0.2).abs() < 1e-12);
        assert_eq!((found.ordered, found.order_right), (2, 2));
        assert_eq!(found.pairs[0].variant, "simd");
        assert_eq!(compare(&records, "another"), None);
    }
}
