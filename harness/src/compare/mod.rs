//! Which of two takes less time, and how sure that is. `rounds` decides who is sampled when and for how long, `judge` makes
//! an interval of the ratio and a verdict of it, `signs` says what else the samples show (drift, two modes). `recorded` holds
//! records beside records, `rank` orders many over many cells, `blocks` is the rule of a tool that does not interleave, to
//! be held against.

pub mod blocks;
pub mod judge;
pub mod rank;
pub mod recorded;

pub mod rounds;
pub mod signs;

#[cfg(test)]
mod simulated;

use serde::Serialize;

use crate::stats::Interval;

/// What an interval of a ratio says, given from which change on a difference matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Less time, by more than the threshold at both ends of the interval.
    Faster,
    /// More time, by more than the threshold at both ends of the interval.
    Slower,
    /// Both ends lie within the threshold.
    Same,
    /// The interval reaches across a threshold: no claim.
    Ambiguous,
}

impl Verdict {
    /// Of an interval of time over the base's time. `threshold` is a share, 0.01 for 1 %; it is the same distance in both
    /// directions: 1 % slower, or as much faster as undoes 1 % slower.
    pub fn of(ratio: &Interval, threshold: f64) -> Self {
        let (slower, faster) = (1.0 + threshold, 1.0 / (1.0 + threshold));
        match ratio {
            r if r.low > slower => Self::Slower,
            r if r.high < faster => Self::Faster,
            r if r.low >= faster && r.high <= slower => Self::Same,
            _ => Self::Ambiguous,
        }
    }

    /// As it is written everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::Same => "same",
            Self::Ambiguous => "ambiguous",
        }
    }
}

/// One comparison, as it is shown and written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// How the times came to be.
    pub tier: &'static str,
    /// Kernel.
    pub kernel: String,
    /// Shape.
    pub shape: String,
    /// What the other is compared with.
    pub base: String,
    /// What is compared.
    pub other: String,
    /// Median time of the base, ns.
    pub base_ns: Option<f64>,
    /// Median time of the other, ns.
    pub other_ns: Option<f64>,
    /// The other's time over the base's; absent where one of them has none.
    pub ratio: Option<f64>,
    /// Lower end of its interval: 99 % where it was measured, the model's bands elsewhere.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// What that says; absent where there is nothing to compare, and the notes say why.
    pub verdict: Option<Verdict>,
    /// True where a cell has a time in the base and its later self was run and has none: that is no better than slow.
    #[serde(skip)]
    pub lost: bool,
    /// What a reader has to know: why there is no verdict, drift, two modes.
    pub notes: Vec<String>,
}

impl Comparison {
    /// The interval of the ratio.
    pub fn interval(&self) -> Option<Interval> {
        Some(Interval { value: self.ratio?, low: self.low?, high: self.high? })
    }

    /// Puts a ratio and its verdict in.
    pub fn judged(mut self, ratio: &Interval, threshold: f64) -> Self {
        (self.ratio, self.low, self.high) = (Some(ratio.value), Some(ratio.low), Some(ratio.high));
        self.verdict = Some(Verdict::of(ratio, threshold));
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn interval(low: f64, high: f64) -> Interval {
        Interval { value: (low * high).sqrt(), low, high }
    }

    #[test]
    fn a_verdict_takes_the_whole_interval() {
        for (low, high, verdict) in [
            (1.02, 1.04, Verdict::Slower),
            (0.96, 0.98, Verdict::Faster),
            (0.995, 1.005, Verdict::Same),
            (1.005, 1.04, Verdict::Ambiguous),
            (0.96, 0.995, Verdict::Ambiguous),
            (0.5, 2.0, Verdict::Ambiguous),
            (0.0, f64::INFINITY, Verdict::Ambiguous),
        ] {
            assert_eq!(Verdict::of(&interval(low, high), 0.01), verdict, "{low} {high}");
        }
    }

    proptest! {
        #[test]
        fn exchanging_the_two_exchanges_the_verdict(low in 0.5f64..2.0, width in 1.0f64..1.5, threshold in 0.0f64..0.2) {
            let high = low * width;
            let exchanged = match Verdict::of(&interval(low, high), threshold) {
                Verdict::Faster => Verdict::Slower,
                Verdict::Slower => Verdict::Faster,
                same => same,
            };
            // The reciprocals of the ends are rounded: the ends themselves are no test.
            let at_an_end = [low, high].iter().any(|e| ((e.ln().abs() - threshold.ln_1p()).abs()) < 1e-12);
            prop_assume!(!at_an_end);
            prop_assert_eq!(Verdict::of(&interval(1.0 / high, 1.0 / low), threshold), exchanged);
        }

        #[test]
        fn a_wider_threshold_never_turns_same_into_a_difference(low in 0.8f64..1.2, width in 1.0f64..1.2, t in 0.0f64..0.1) {
            let interval = interval(low, low * width);
            if Verdict::of(&interval, t) == Verdict::Same {
                prop_assert_eq!(Verdict::of(&interval, 2.0 * t), Verdict::Same);
            }
        }
    }
}
