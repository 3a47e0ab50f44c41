//! Who is sampled when, and for how long: blocks in random order and back, in several runs that each start anew, until every
//! interval is tight enough or the time is spent. Whether to stop depends on how wide an interval is, and on where it lies only
//! where the two are far apart.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::judge::{self, Block, log_ratios};
use super::signs;
use crate::stats::{Interval, StatsError, median, shuffle};

/// What can be sampled.
pub trait Subjects {
    /// Why it cannot go on.
    type Error;

    /// Starts anew: other processes, operands at other places.
    fn renew(&mut self) -> Result<(), Self::Error>;

    /// Time of one call of a candidate now, ns.
    fn sample(&mut self, candidate: usize) -> Result<f64, Self::Error>;

    /// Nanoseconds since any fixed moment.
    fn now_ns(&self) -> f64;
}

/// What to find out.
#[derive(Clone, Debug)]
pub struct Rounds {
    /// How many are sampled.
    pub candidates: usize,
    /// Which are compared: base, other.
    pub pairs: Vec<(usize, usize)>,
    /// Time for all samples, ns. Starting anew comes on top.
    pub budget_ns: f64,
    /// From which change on a difference matters, a share.
    pub threshold: f64,
    /// Seed of the order.
    pub seed: u64,
}

/// Runs of a comparison that has the time.
const RUNS: usize = 8;
/// Runs of one that has not: without three there is no telling how far runs lie apart.
const FEWEST_RUNS: usize = 3;
/// Runs after which an interval may be tight enough.
const ENOUGH_RUNS: usize = 5;
/// Blocks after which a run looks at its interval first; then when they have doubled.
const FIRST_LOOK: usize = 16;
/// Share of its time that a run takes however tight its interval is: what disturbs for a while is over by then, or seen.
const LEAST_SHARE: f64 = 0.5;
/// An interval is tight whose half is this share of the threshold,
const TIGHT: f64 = 0.5;
/// or this share of the distance between the two: whoever is ten times slower need not be measured to a percent.
const TIGHT_OF_DISTANCE: f64 = 0.1;

/// All samples, run by run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampled {
    /// Blocks of each run.
    pub runs: Vec<Vec<Block>>,
}

impl Rounds {
    /// Samples.
    ///
    /// # Errors
    /// Where a subject cannot be sampled.
    pub fn take<S: Subjects>(&self, subjects: &mut S) -> Result<Sampled, S::Error> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut sampled = Sampled::default();
        let mut spent_ns = 0.0;
        for run in 0..RUNS {
            subjects.renew()?;
            let share_ns = (self.budget_ns - spent_ns) / (RUNS - run) as f64;
            let start_ns = subjects.now_ns();
            sampled.runs.push(self.run(subjects, share_ns, &mut rng)?);
            spent_ns += subjects.now_ns() - start_ns;
            let enough = run + 1 >= ENOUGH_RUNS && self.is_tight(&sampled.runs, TIGHT);
            if enough || run + 1 >= FEWEST_RUNS && spent_ns >= self.budget_ns {
                break;
            }
        }
        Ok(sampled)
    }

    /// One run: at least one block, and no more than fit its share of the time.
    fn run<S: Subjects>(&self, subjects: &mut S, share_ns: f64, rng: &mut ChaCha8Rng) -> Result<Vec<Block>, S::Error> {
        let (mut blocks, start_ns) = (Vec::new(), subjects.now_ns());
        let mut next_look = FIRST_LOOK;
        loop {
            blocks.push(self.block(subjects, rng)?);
            let spent_ns = subjects.now_ns() - start_ns;
            if spent_ns * (1.0 + 1.0 / blocks.len() as f64) > share_ns {
                return Ok(blocks);
            }
            if spent_ns < LEAST_SHARE * share_ns || blocks.len() < next_look {
                continue;
            }
            // A single run need not be as tight as the mean of several.
            if self.is_tight(std::slice::from_ref(&blocks), 2.0 * TIGHT) {
                return Ok(blocks);
            }
            next_look = 2 * blocks.len();
        }
    }

    fn block<S: Subjects>(&self, subjects: &mut S, rng: &mut ChaCha8Rng) -> Result<Block, S::Error> {
        let mut order: Vec<usize> = (0..self.candidates).collect();
        shuffle(&mut order, rng);
        let mut block = vec![[0.0; 2]; self.candidates];
        for &candidate in &order {
            block[candidate][0] = subjects.sample(candidate)?;
        }
        for &candidate in order.iter().rev() {
            block[candidate][1] = subjects.sample(candidate)?;
        }
        Ok(block)
    }

    fn is_tight(&self, runs: &[Vec<Block>], share: f64) -> bool {
        self.pairs.iter().all(|pair| {
            let Ok(ratio) = ratio(runs, *pair) else { return false };
            let half = (ratio.high / ratio.low).ln() / 2.0;
            half <= (share * self.threshold.ln_1p()).max(TIGHT_OF_DISTANCE * ratio.value.ln().abs())
        })
    }
}

fn ratio(runs: &[Vec<Block>], (base, other): (usize, usize)) -> Result<Interval, StatsError> {
    judge::ratio(&runs.iter().map(|run| log_ratios(run, base, other)).collect::<Vec<_>>())
}

impl Sampled {
    /// The other's time over the base's.
    ///
    /// # Errors
    /// Where samples are missing or not finite.
    pub fn ratio(&self, pair: (usize, usize)) -> Result<Interval, StatsError> {
        ratio(&self.runs, pair)
    }

    /// Samples of a candidate as they were taken, ns.
    pub fn of(&self, candidate: usize) -> Vec<f64> {
        self.runs.iter().flatten().flat_map(|block| block[candidate]).collect()
    }

    /// Median time of a candidate, ns.
    pub fn median_ns(&self, candidate: usize) -> Option<f64> {
        median(&self.of(candidate)).ok()
    }

    /// What the samples of candidates show beside their ratio, in words. What befalls all alike is the host's.
    pub fn notes(&self, named: &[(usize, &str)], threshold: f64) -> Vec<String> {
        let percent = |ratio: f64| format!("{:+.1} %", 100.0 * (ratio - 1.0));
        let drifts = named.iter().map(|(c, _)| signs::drift(&self.of(*c), threshold)).collect::<Vec<_>>();
        let mut notes =
            said(named, &drifts, |who, drift| format!("drift of {who}: {} from first to last", percent(*drift)));
        let modes = named.iter().map(|(c, _)| signs::modes(&self.of(*c), threshold)).collect::<Vec<_>>();
        notes.extend(said(named, &modes, |who, m| {
            format!("two modes of {who}: {:.0} % of the samples take {:.2}× the time", 100.0 * m.slower, m.ratio)
        }));
        if self.runs.len() < RUNS && self.runs.iter().all(|run| run.len() == 1) {
            notes.push(format!("only {} blocks in the time: --time longer", self.runs.len()));
        }
        notes
    }
}

/// One sentence where all show a sign, by the first; else one for each that does.
fn said<T>(named: &[(usize, &str)], found: &[Option<T>], sentence: impl Fn(&str, &T) -> String) -> Vec<String> {
    match (found.first(), found.iter().all(Option::is_some)) {
        (Some(Some(first)), true) => vec![sentence("all", first)],
        _ => named.iter().zip(found).filter_map(|((_, name), t)| Some(sentence(name, t.as_ref()?))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Constant times on a clock of its own, with the order in which they were asked for.
    struct Steady {
        times_ns: Vec<f64>,
        now_ns: f64,
        renewed: usize,
        order: Vec<usize>,
    }

    impl Subjects for Steady {
        type Error = String;

        fn renew(&mut self) -> Result<(), String> {
            self.renewed += 1;
            Ok(())
        }

        fn sample(&mut self, candidate: usize) -> Result<f64, String> {
            self.order.push(candidate);
            self.now_ns += self.times_ns[candidate];
            Ok(self.times_ns[candidate])
        }

        fn now_ns(&self) -> f64 {
            self.now_ns
        }
    }

    fn rounds(candidates: usize, budget_ns: f64) -> Rounds {
        let pairs = (1..candidates).map(|other| (0, other)).collect();
        Rounds { candidates, pairs, budget_ns, threshold: 0.01, seed: 1 }
    }

    fn steady(times_ns: &[f64]) -> Steady {
        Steady { times_ns: times_ns.into(), now_ns: 0.0, renewed: 0, order: Vec::new() }
    }

    #[test]
    fn blocks_are_palindromes_in_random_order() {
        let mut subjects = steady(&[10.0, 11.0, 12.0]);
        rounds(3, 1e5).take(&mut subjects).unwrap();
        let mut firsts = [0; 3];
        for block in subjects.order.chunks(6) {
            assert!(block.iter().eq(block.iter().rev()), "{block:?}");
            firsts[block[0]] += 1;
        }
        assert!(firsts.iter().all(|n| *n > 0), "{firsts:?}");
    }

    #[test]
    fn what_is_steady_is_done_early_and_what_is_slow_ends_after_three_runs() {
        let mut quick = steady(&[1.0, 1.1]);
        let sampled = rounds(2, 1e6).take(&mut quick).unwrap();
        assert!((sampled.ratio((0, 1)).unwrap().value - 1.1).abs() < 1e-9);
        let mut slow = steady(&[1e6, 2e6]);
        let sampled = rounds(2, 1e6).take(&mut slow).unwrap();
        assert_eq!(sampled.runs.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1]);
        assert!(sampled.notes(&[(0, "a"), (1, "b")], 0.01)[0].contains("--time"));
    }

    #[test]
    fn the_time_is_kept() {
        struct Noisy(Steady, u32);
        impl Subjects for Noisy {
            type Error = String;
            fn renew(&mut self) -> Result<(), String> {
                Ok(())
            }
            fn sample(&mut self, candidate: usize) -> Result<f64, String> {
                self.1 = self.1.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                self.0.times_ns[candidate] = 1.0 + f64::from(self.1 >> 16) / 65536.0;
                self.0.sample(candidate)
            }
            fn now_ns(&self) -> f64 {
                self.0.now_ns
            }
        }
        let mut subjects = Noisy(steady(&[1.0, 1.0]), 7);
        let sampled = rounds(2, 5000.0).take(&mut subjects).unwrap();
        assert_eq!(sampled.runs.len(), RUNS);
        assert!((4500.0..=5000.0).contains(&subjects.now_ns()), "{}", subjects.now_ns());
    }
}
