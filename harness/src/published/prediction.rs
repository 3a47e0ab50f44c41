//! What is predicted, as a function of the gap between kernels. Of several rungs that may stand for the software the fastest
//! counts, gaps included: whoever asks for a time names the gap, and the same gap ranks the rungs. So a gap that is fitted is
//! the one its rungs are chosen by, and none is chosen before.

use std::collections::BTreeMap;

use crate::record::Bound;

/// What is predicted of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Prediction {
    /// The sum of these.
    Time {
        /// What the host adds, ns.
        host_ns: f64,
        /// The kernels.
        calls: Vec<Calls>,
    },
    /// Nothing, and why.
    None(String),
}

impl Prediction {
    /// One call without a gap.
    pub(super) fn alone(ns: f64, bound: Bound) -> Self {
        let rungs = vec![OperationCost { body_ns: ns, launches: 0.0, bound }];
        Prediction::Time { host_ns: 0.0, calls: vec![Calls { times: 1.0, rungs }] }
    }

    /// ns with so long a gap.
    pub fn ns(&self, gap_ns: f64) -> Option<f64> {
        match self {
            Prediction::Time { host_ns, calls } => {
                let each = calls.iter().filter_map(|c| Some(c.times * c.fastest(gap_ns)?.ns(gap_ns)));
                Some(host_ns + each.sum::<f64>())
            }
            Prediction::None(_) => None,
        }
    }

    /// What most of the kernels' time is bound by, gaps left out.
    pub fn bound(&self, gap_ns: f64) -> Option<Bound> {
        let Prediction::Time { calls, .. } = self else { return None };
        let mut by: BTreeMap<Bound, f64> = BTreeMap::new();
        for (times, cost) in calls.iter().filter_map(|c| Some((c.times, c.fastest(gap_ns)?))) {
            *by.entry(cost.bound).or_insert(0.0) += times * cost.body_ns;
        }
        by.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(bound, _)| bound)
    }
}

/// Calls of one kernel at one shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Calls {
    /// How many.
    pub(super) times: f64,
    /// What each rung that may stand for the software takes on the machine.
    pub(super) rungs: Vec<OperationCost>,
}

impl Calls {
    fn fastest(&self, gap_ns: f64) -> Option<&OperationCost> {
        self.rungs.iter().min_by(|a, b| a.ns(gap_ns).total_cmp(&b.ns(gap_ns)))
    }
}

/// What one call takes by one rung.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct OperationCost {
    /// Kernels without what comes between them.
    pub body_ns: f64,
    /// Kernels that are launched, each with a gap before it.
    pub launches: f64,
    /// What they are bound by.
    pub bound: Bound,
}

impl OperationCost {
    fn ns(&self, gap_ns: f64) -> f64 {
        self.body_ns + self.launches * gap_ns
    }

    /// With launches of so many ns and no other gap.
    pub fn launched(&self, launch_ns: f64) -> Self {
        Self { body_ns: self.ns(launch_ns), launches: 0.0, ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gap_that_is_in_the_time_ranks_the_rungs() {
        let rung = |body_ns, launches, bound| OperationCost { body_ns, launches, bound };
        // Split in two the work is done sooner, and there is a gap more.
        let rungs = vec![rung(9000.0, 1.0, Bound::Latency), rung(6000.0, 2.0, Bound::MemoryBandwidth)];
        let calls = vec![Calls { times: 10.0, rungs }];
        let token = Prediction::Time { host_ns: 500.0, calls };
        for (gap_ns, ns, bound) in [
            (0.0, 60_500.0, Bound::MemoryBandwidth),
            (2e3, 100_500.0, Bound::MemoryBandwidth),
            (5e3, 140_500.0, Bound::Latency),
        ] {
            assert_eq!((token.ns(gap_ns), token.bound(gap_ns)), (Some(ns), Some(bound)), "{gap_ns}");
        }
        assert_eq!(Prediction::None("why".into()).ns(0.0), None);
    }
}
