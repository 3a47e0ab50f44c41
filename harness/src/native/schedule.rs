//! Who is timed when. Every variant is checked before any is timed; then rounds of one sample each, in random order and
//! back (ABBA), so that drift and neighbours fall on all alike. Slow variants sit out rounds to keep within the budget.

use std::collections::BTreeMap;
use std::time::Instant;

use kernels::compare::Verdict;
use kernels::kernel::{Case, NotAvailable};
use kernels::machine::Isa;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::ThreadPool;

use crate::caught::caught;
use crate::pace::{self, Pacing};
use crate::stats::shuffle;

/// Time, so that tests can bring their own.
pub(crate) trait Clock: Sync {
    /// Nanoseconds since any fixed moment.
    fn now_ns(&self) -> f64;
}

/// The real clock.
pub(crate) struct Wall(Instant);

impl Wall {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for Wall {
    fn now_ns(&self) -> f64 {
        self.0.elapsed().as_nanos() as f64
    }
}

/// Something to time: a variant on a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Place on the ladder.
    pub variant: usize,
    /// Native machine.
    pub isa: Isa,
    /// True where it runs on the thread pool.
    pub threads: bool,
}

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Time for all samples together, ns.
    pub budget_ns: f64,
    /// Samples of every candidate that can afford them.
    pub min_rounds: usize,
    /// Most samples of any.
    pub max_rounds: usize,
    /// Seed of the order.
    pub seed: u64,
}

/// Samples of one candidate.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Samples {
    /// The round of each sample, ascending.
    pub rounds: Vec<usize>,
    /// Time of one run, ns, in the same order.
    pub ns: Vec<f64>,
    /// Share of the time spent waiting for a paced bandwidth; absent where nothing is paced.
    pub paced_share: Option<f64>,
}

impl Samples {
    /// The samples of both in the rounds that have one of each.
    pub fn paired(&self, other: &Self) -> (Vec<f64>, Vec<f64>) {
        let pair = |(round, ns): (&usize, &f64)| {
            let at = other.rounds.binary_search(round).ok()?;
            Some((*ns, other.ns[at]))
        };
        self.rounds.iter().zip(&self.ns).filter_map(pair).unzip()
    }
}

/// A sample shorter than this says more of the clock than of the kernel.
pub(crate) const SAMPLE_NS: f64 = 200e3;
/// Calls shorter than this are preceded by one that is not timed: it wakes wide units.
const WARM_UP_BELOW_NS: f64 = 1e6;
/// The same for threaded calls: an idle virtual core takes milliseconds to come back, and a token's kernels follow each
/// other too closely for it to leave.
const WAKE_BELOW_NS: f64 = 100e6;
/// Samples without which there is no interval at all.
const FEWEST: usize = 3;
/// A candidate whose sample takes more than this share of the budget gets the fewest.
const SLOW_SHARE: f64 = 0.25;
/// Past this many budgets the rounds end early (the host became slower than it was).
const OVERTIME: f64 = 1.5;

/// A case with what is needed to time it.
pub(crate) struct Bench<'a> {
    pub case: &'a mut dyn Case,
    pub clock: &'a dyn Clock,
    pub pool: &'a ThreadPool,
    /// Memory bandwidth that every batch is paced to, if any.
    pub pacing: Option<&'a Pacing>,
    /// Least length of a sample, ns: [`SAMPLE_NS`], or more where a limit acts in periods.
    pub sample_ns: f64,
    /// Time waited and time in all of each variant, ns, while its samples were taken.
    pub waited_ns: Vec<[f64; 2]>,
    /// Calls of variants so far, by the machine they entered.
    pub entered: BTreeMap<Isa, u64>,
}

impl<'a> Bench<'a> {
    /// Without limits.
    pub fn new(case: &'a mut dyn Case, clock: &'a dyn Clock, pool: &'a ThreadPool) -> Self {
        Self { case, clock, pool, pacing: None, sample_ns: SAMPLE_NS, waited_ns: Vec::new(), entered: BTreeMap::new() }
    }

    /// Runs a candidate once on poisoned outputs and compares them with the reference. A panic is a failure. Also returns
    /// the time of the run, ns.
    pub fn check(&mut self, candidate: &Candidate) -> Result<(Verdict, f64), NotAvailable> {
        self.case.poison();
        match caught(|| self.batch(candidate, 1)) {
            Ok(ns) => Ok((self.case.verify(candidate.variant, candidate.isa.lanes()), ns?.0)),
            Err(words) => Ok((Verdict::failed(words), 0.0)),
        }
    }

    /// Time of `calls` calls, ns, and how much of it was waiting. Rotation is an index increment and stays inside.
    fn batch(&mut self, candidate: &Candidate, calls: u64) -> Result<(f64, f64), NotAvailable> {
        let Candidate { variant, isa, threads } = *candidate;
        *self.entered.entry(isa).or_default() += calls;
        let (case, clock, pacing) = (&mut *self.case, self.clock, self.pacing);
        let mut timed = move || {
            let (start, mut waited) = (clock.now_ns(), 0.0);
            for call in 1..=calls {
                case.run(variant, isa)?;
                case.rotate();
                if let Some(pacing) = pacing {
                    waited += pace::wait_until(start + pacing.least_ns(variant, call), || clock.now_ns());
                }
            }
            Ok((clock.now_ns() - start, waited))
        };
        // Timed inside the pool: handing the batch to it is not the kernel's cost.
        if threads { self.pool.install(timed) } else { timed() }
    }

    /// One sample: time of one call, ns.
    pub fn sample(&mut self, candidate: &Candidate, pace: &Pace) -> Result<f64, NotAvailable> {
        if pace.warm_up {
            self.batch(candidate, 1)?;
        }
        let (ns, waited) = self.batch(candidate, pace.calls)?;
        if self.waited_ns.len() <= candidate.variant {
            self.waited_ns.resize(candidate.variant + 1, [0.0; 2]);
        }
        self.waited_ns[candidate.variant][0] += waited;
        self.waited_ns[candidate.variant][1] += ns;
        Ok(ns / pace.calls as f64)
    }

    /// How many calls make a sample, given the time of a first one.
    pub fn pace(&mut self, candidate: &Candidate, first_ns: f64) -> Result<Pace, NotAvailable> {
        // The first call also touched memory for the first time; a long one is long all the same.
        let (mut calls, mut ns) = (1, first_ns);
        if first_ns < 10.0 * self.sample_ns {
            ns = self.batch(candidate, 1)?.0;
        }
        while ns < self.sample_ns && calls < 1 << 30 {
            let growth = (1.1 * self.sample_ns / ns.max(1.0)).clamp(1.1, 100.0);
            calls = (calls as f64 * growth).ceil() as u64;
            ns = self.batch(candidate, calls)?.0;
        }
        let call_ns = ns / calls as f64;
        let warm_up = call_ns < if candidate.threads { WAKE_BELOW_NS } else { WARM_UP_BELOW_NS };
        Ok(Pace { calls, warm_up, sample_ns: ns + if warm_up { call_ns } else { 0.0 } })
    }

    /// Times candidates that passed their check; `first_ns` are the times of those runs. One result per candidate.
    pub fn time(
        &mut self,
        candidates: &[Candidate],
        first_ns: &[f64],
        limits: &Limits,
    ) -> Result<Vec<Samples>, NotAvailable> {
        let paces: Result<Vec<Pace>, _> = candidates.iter().zip(first_ns).map(|(c, ns)| self.pace(c, *ns)).collect();
        let paces = paces?;
        let counts = counts(&paces.iter().map(|p| p.sample_ns).collect::<Vec<_>>(), limits);
        let rounds = counts.iter().copied().max().unwrap_or(0);
        let ranks = spread(rounds);
        let mut rng = ChaCha8Rng::seed_from_u64(limits.seed);
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        let mut samples = vec![Samples::default(); candidates.len()];
        let start_ns = self.clock.now_ns();
        for (round, rank) in ranks.into_iter().enumerate() {
            if round % 2 == 0 {
                shuffle(&mut order, &mut rng)
            } else {
                order.reverse()
            }
            for &c in order.iter().filter(|&&c| rank < counts[c]) {
                let ns = self.sample(&candidates[c], &paces[c])?;
                samples[c].rounds.push(round);
                samples[c].ns.push(ns);
            }
            let late = self.clock.now_ns() - start_ns > OVERTIME * limits.budget_ns;
            if late && samples.iter().all(|s| s.ns.len() >= FEWEST) {
                break;
            }
        }
        for (candidate, samples) in candidates.iter().zip(&mut samples) {
            let [waited, all] = self.waited_ns.get(candidate.variant).copied().unwrap_or_default();
            samples.paced_share = self.pacing.map(|_| waited / all.max(1.0));
        }
        Ok(samples)
    }
}

/// How a candidate is sampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    /// Calls in a sample.
    pub calls: u64,
    /// True where a call that is not timed comes first.
    pub warm_up: bool,
    /// Cost of a sample, warm-up included, ns.
    pub sample_ns: f64,
}

/// Samples of each candidate: an equal share of the budget, and what the cheap ones leave goes to the others.
fn counts(sample_ns: &[f64], limits: &Limits) -> Vec<usize> {
    let most = limits.max_rounds.max(FEWEST);
    let fewest = |ns: f64| {
        let slow = ns > SLOW_SHARE * limits.budget_ns;
        if slow { FEWEST } else { limits.min_rounds.clamp(FEWEST, most) }
    };
    let mut cheap_first: Vec<usize> = (0..sample_ns.len()).collect();
    cheap_first.sort_by(|a, b| sample_ns[*a].total_cmp(&sample_ns[*b]));
    let mut counts = vec![0; sample_ns.len()];
    let mut left_ns = limits.budget_ns;
    for (served, &c) in cheap_first.iter().enumerate() {
        let share_ns = left_ns / (sample_ns.len() - served) as f64;
        let affordable = (share_ns.max(0.0) / sample_ns[c].max(1.0)) as usize;
        counts[c] = affordable.clamp(fewest(sample_ns[c]), most);
        left_ns -= counts[c] as f64 * sample_ns[c];
    }
    counts
}

/// The rank of each round: a candidate with `n` samples takes the rounds of rank below `n`. The ranks follow the van der
/// Corput sequence, so that few samples are spread over all rounds, and those of a slower candidate are rounds of every
/// faster one too: each of them is a pair.
fn spread(rounds: usize) -> Vec<usize> {
    let mut rank = vec![usize::MAX; rounds];
    let mut next = 0;
    for i in 0..rounds.next_power_of_two() as u32 {
        let fraction = f64::from(i.reverse_bits()) / 2f64.powi(32);
        if let Some(place) = rank.get_mut((fraction * rounds as f64) as usize).filter(|place| **place == usize::MAX) {
            *place = next;
            next += 1;
        }
    }
    rank
}

#[cfg(test)]
mod tests;
