//! Order and budget of the samples, on a clock that the test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kernels::machine::traced::Trace;
use kernels::operand::{Operand, Region};

use super::*;

/// A clock that only the fake case moves.
#[derive(Clone, Default)]
struct FakeClock(Arc<AtomicU64>);

impl Clock for FakeClock {
    fn now_ns(&self) -> f64 {
        self.0.load(Ordering::Relaxed) as f64
    }
}

/// Variants that take fixed times; the log says who ran.
struct FakeCase {
    clock: FakeClock,
    call_ns: Vec<u64>,
    wrong: Option<usize>,
    panics: Option<usize>,
    log: Vec<usize>,
    rotations: usize,
}

impl Case for FakeCase {
    fn run(&mut self, variant: usize, _isa: Isa) -> Result<(), NotAvailable> {
        assert_ne!(self.panics, Some(variant), "index out of bounds");
        self.clock.0.fetch_add(self.call_ns[variant], Ordering::Relaxed);
        self.log.push(variant);
        Ok(())
    }
    fn trace(&mut self, _: usize, _: &dyn Trace, _: usize) -> Result<(), NotAvailable> {
        Ok(())
    }
    fn verify_foreign(&mut self, _: usize, _: f64) -> Verdict {
        Verdict { nmse: 0.0, backward: 0.0, failure: None }
    }
    fn verify(&mut self, variant: usize, _lanes: usize) -> Verdict {
        match self.wrong {
            Some(wrong) if wrong == variant => Verdict::failed("output [0, 0] is wrong"),
            _ => Verdict { nmse: 0.0, backward: 0.0, failure: None },
        }
    }
    fn operands(&mut self) -> Vec<Operand<'_>> {
        Vec::new()
    }
    fn output(&self) -> Vec<f32> {
        Vec::new()
    }
    fn poison(&mut self) {}
    fn rotate(&mut self) {
        self.rotations += 1;
    }
    fn rotation_bytes(&mut self) -> usize {
        0
    }
    fn regions(&mut self) -> Vec<Region> {
        Vec::new()
    }
}

fn case(call_ns: &[u64]) -> FakeCase {
    let call_ns = call_ns.to_vec();
    FakeCase { clock: FakeClock::default(), call_ns, wrong: None, panics: None, log: Vec::new(), rotations: 0 }
}

const LIMITS: Limits = Limits { budget_ns: 1e9, min_rounds: 5, max_rounds: 40, seed: 1 };

fn pool() -> ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap()
}

fn candidates(n: usize) -> Vec<Candidate> {
    (0..n).map(|variant| Candidate { variant, isa: Isa::Scalar, threads: false }).collect()
}

fn time(case: &mut FakeCase, limits: &Limits) -> Vec<Samples> {
    let (pool, clock) = (pool(), case.clock.clone());
    let (n, first): (usize, Vec<f64>) = (case.call_ns.len(), case.call_ns.iter().map(|ns| *ns as f64).collect());
    Bench::new(case, &clock, &pool).time(&candidates(n), &first, limits).unwrap()
}

/// Who was sampled in which order, round by round, where every call is a sample.
fn rounds_of(log: &[usize], variants: usize) -> Vec<Vec<usize>> {
    log.chunks_exact(variants).map(<[usize]>::to_vec).collect()
}

#[test]
fn samples_are_the_time_of_one_call_and_weights_rotate_after_each() {
    let mut fake = case(&[50, 3_000_000]);
    let samples = time(&mut fake, &LIMITS);
    assert!(samples[0].ns.iter().all(|ns| *ns == 50.0) && samples[1].ns.iter().all(|ns| *ns == 3e6));
    assert_eq!(fake.rotations, fake.log.len());
    // A batch of the short one lasts at least as long as a sample must.
    let batch = fake.log.iter().filter(|v| **v == 0).count() / samples[0].ns.len();
    assert!(batch as f64 * 50.0 >= SAMPLE_NS);
}

#[test]
fn every_second_round_runs_the_order_backwards_and_pairs_of_rounds_differ() {
    let mut fake = case(&[2_000_000; 5]);
    time(&mut fake, &LIMITS);
    let rounds = rounds_of(&fake.log, 5);
    assert_eq!(rounds.len(), 40);
    for pair in rounds.chunks_exact(2) {
        assert!(pair[0].iter().eq(pair[1].iter().rev()));
    }
    let firsts: Vec<_> = rounds.iter().step_by(2).collect();
    assert!(firsts.iter().any(|order| *order != firsts[0]), "the order never changed");
}

#[test]
fn threaded_calls_are_preceded_by_one_that_wakes_the_cores() {
    let mut fake = case(&[2_000_000, 2_000_000]);
    let (pool, clock) = (pool(), fake.clock.clone());
    let mut candidates = candidates(2);
    candidates[1].threads = true;
    let samples = Bench::new(&mut fake, &clock, &pool).time(&candidates, &[2e6, 2e6], &LIMITS).unwrap();
    assert_eq!(samples[0].ns.len(), samples[1].ns.len());
    let calls = |variant| fake.log.iter().filter(|v| **v == variant).count();
    assert_eq!(calls(1), 2 * calls(0));
}

#[test]
fn the_seed_decides_the_order() {
    let log = |seed| {
        let mut fake = case(&[2_000_000; 4]);
        time(&mut fake, &Limits { seed, ..LIMITS });
        fake.log
    };
    assert_eq!(log(7), log(7));
    assert_ne!(log(7), log(8));
}

#[test]
fn slow_variants_sit_out_rounds_and_the_budget_holds() {
    // 20 ms, 1 ms, 1 ms of a second: all could not have 40 samples each.
    let mut fake = case(&[60_000_000, 1_000_000, 1_000_000]);
    let samples = time(&mut fake, &LIMITS);
    let counts: Vec<usize> = samples.iter().map(|s| s.ns.len()).collect();
    assert_eq!(counts[1..], [40, 40]);
    assert!((5..40).contains(&counts[0]), "{counts:?}");
    assert!(fake.clock.now_ns() < 1.2 * LIMITS.budget_ns);
    // Each of its samples has a partner, and they are not all at the start.
    assert!(samples[0].rounds.iter().all(|r| samples[1].rounds.contains(r)));
    assert!(*samples[0].rounds.last().unwrap() >= 30);
}

#[test]
fn a_variant_slower_than_a_quarter_of_the_budget_gets_three_samples() {
    let mut fake = case(&[300_000_000, 1_000_000]);
    let samples = time(&mut fake, &LIMITS);
    assert_eq!(samples[0].ns.len(), 3);
    assert!(samples[1].ns.len() > 3);
    assert_eq!(counts(&[2.4e8], &LIMITS), [5]);
}

#[test]
fn rounds_end_early_when_the_host_slows_down() {
    let mut fake = case(&[2_000_000, 2_000_000]);
    let (pool, clock) = (pool(), fake.clock.clone());
    // Planned for calls a tenth as long as they turn out to be.
    let mut bench = Bench::new(&mut fake, &clock, &pool);
    let limits = Limits { budget_ns: 2e7, max_rounds: 1000, min_rounds: 100, ..LIMITS };
    let samples = bench.time(&candidates(2), &[2e6, 2e6], &limits).unwrap();
    assert!(samples.iter().all(|s| s.ns.len() >= FEWEST && s.ns.len() < 20));
}

#[test]
fn a_wrong_or_panicking_variant_fails_its_check() {
    let mut fake = FakeCase { wrong: Some(1), panics: Some(2), ..case(&[10, 10, 10]) };
    let (pool, clock) = (pool(), fake.clock.clone());
    let mut bench = Bench::new(&mut fake, &clock, &pool);
    let verdicts: Vec<Verdict> = candidates(3).iter().map(|c| bench.check(c).unwrap().0).collect();
    assert!(verdicts[0].passed() && !verdicts[1].passed());
    assert!(verdicts[2].failure.as_ref().unwrap().contains("panicked: assertion"));
}

#[test]
fn ranks_are_a_permutation_whose_beginnings_are_spread() {
    for rounds in [0, 1, 2, 3, 7, 40, 100] {
        let ranks = spread(rounds);
        let mut sorted = ranks.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..rounds));
    }
    let ranks = spread(40);
    let mut first_four: Vec<usize> = (0..40).filter(|r| ranks[*r] < 4).collect();
    first_four.sort_unstable();
    assert_eq!(first_four, [0, 10, 20, 30]);
}

#[test]
fn samples_pair_up_by_round() {
    let of = |rounds: &[usize]| Samples {
        rounds: rounds.to_vec(),
        ns: rounds.iter().map(|r| *r as f64).collect(),
        paced_share: None,
    };
    let (a, b) = of(&[0, 3, 4, 7]).paired(&of(&[0, 1, 2, 3, 7]));
    assert_eq!((a, b), (vec![0.0, 3.0, 7.0], vec![0.0, 3.0, 7.0]));
}
