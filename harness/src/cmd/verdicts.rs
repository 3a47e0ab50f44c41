//! `study verdicts`: how often a comparison is wrong about two that are the same, and how often it finds a slowdown that was
//! planted; the same trials by criterion's rule, on samples of one after the other.

use std::time::Duration;

use super::{Failure, builds, output};
use crate::compare::rounds::{Rounds, Subjects};
use crate::compare::{Verdict, blocks};
use crate::plan::Plan;
use crate::report::listing::Listing;
use crate::worker::{Contest, Contestant, Contested, WorkerError};

/// Cells that the trials take turns at: in the first-level cache, arithmetic on bytes, and in the second-level cache.
const CELLS: [&str; 3] = [
    "gemv_f32/stories260k/attn-q/simd$",
    "gemv_q8/stories260k/attn-q/naive$",
    "gemv_f32/r1-distill-qwen-1.5b/attn-k/simd$",
];
/// The planted slowdown, a share.
const PLANTED: f64 = 0.03;
const THRESHOLD: f64 = 0.01;
/// Share of the time that a block of criterion's warms up for.
const WARM_UP: f64 = 0.1;

/// Verdicts of one rule.
#[derive(Default)]
struct Counts {
    /// Of two that are the same: faster, slower, same, ambiguous.
    same: [usize; 4],
    /// Of a planted slowdown.
    planted: [usize; 4],
}

/// Runs the trials; shows progress on standard error.
pub fn study(trials: usize, time: Duration, seed: u64) -> Result<Listing, Failure> {
    let planted = (trials / 4).max(1);
    let bar = output::progress(trials + planted, false);
    let (mut paired, mut blockwise) = (Counts::default(), Counts::default());
    for trial in 0..trials + planted {
        let (slowdown, time) = if trial < trials { (0.0, time) } else { (PLANTED, 2 * time) };
        bar.set_message(if slowdown > 0.0 { "a planted slowdown" } else { "two that are the same" });
        let plan = Plan::select(Some(CELLS[trial % CELLS.len()])).map_err(Failure::input)?;
        let one = Trial { plan: &plan, slowdown, time, seed: seed.wrapping_add(trial as u64) };
        // Neither rule always has the machine first.
        let verdicts = if trial % 2 == 0 {
            [one.paired()?, one.blockwise()?]
        } else {
            let blockwise = one.blockwise()?;
            [one.paired()?, blockwise]
        };
        for (counts, verdict) in [&mut paired, &mut blockwise].into_iter().zip(verdicts) {
            let counts = if slowdown > 0.0 { &mut counts.planted } else { &mut counts.same };
            counts[verdict as usize] += 1;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(Listing::of_words(
        format!(
            "{trials} trials of at most {:.1} s of a variant beside itself, and {planted} of at most {:.1} s of one whose work \
             is repeated by {PLANTED_TEXT}; the cells {}. Criterion's rule: version 0.8.2's defaults (bootstrapped t-test, p < \
             0.05, 95 % interval of the change beyond 1 %) on {} samples of one after {} of the other, in the same time.",
            time.as_secs_f64(),
            2.0 * time.as_secs_f64(),
            CELLS.map(|c| c.trim_end_matches('$')).join(", "),
            blocks::SAMPLES,
            blocks::SAMPLES,
        ),
        &[
            "rule",
            "same_trials",
            "called_faster",
            "called_slower",
            "wrong",
            "called_same",
            "ambiguous",
            "planted_trials",
            "found",
            "found_share",
        ],
        vec![row("interleaved blocks (cmp)", &paired), row("one after the other (criterion's)", &blockwise)],
    ))
}

/// The planted share in words: one call more for every 33.
const PLANTED_TEXT: &str = "3 %";

fn row(name: &str, counts: &Counts) -> Vec<String> {
    let [faster, slower, same, ambiguous] = counts.same;
    let (all, planted): (usize, usize) = (counts.same.iter().sum(), counts.planted.iter().sum());
    let found = counts.planted[Verdict::Slower as usize];
    let share = |n: usize, of: usize| format!("{:.1} %", 100.0 * n as f64 / of.max(1) as f64);
    let numbers = [same, ambiguous, planted, found].map(|n| n.to_string());
    let wrong = share(faster + slower, all);
    [
        vec![name.into(), all.to_string(), faster.to_string(), slower.to_string(), wrong],
        numbers.into(),
        vec![share(found, planted)],
    ]
    .concat()
}

struct Trial<'a> {
    plan: &'a Plan,
    slowdown: f64,
    time: Duration,
    seed: u64,
}

impl Trial<'_> {
    /// As `cmp` does it.
    fn paired(&self) -> Result<Verdict, Failure> {
        self.contested(|contested| {
            let rounds = Rounds {
                candidates: 2,
                pairs: vec![(0, 1)],
                budget_ns: self.time.as_nanos() as f64,
                threshold: THRESHOLD,
                seed: self.seed,
            };
            let ratio = rounds.take(contested)?.ratio((0, 1)).map_err(|e| WorkerError::Failed(e.to_string()))?;
            Ok(Verdict::of(&ratio, THRESHOLD))
        })
    }

    /// All samples of one, then all of the other.
    fn blockwise(&self) -> Result<Verdict, Failure> {
        self.contested(|contested| {
            let block_ns = self.time.as_nanos() as f64 / 2.0;
            let base = block(contested, 0, block_ns)?;
            let other = block(contested, 1, block_ns)?;
            Ok(blocks::verdict(&base, &other))
        })
    }

    fn contested(&self, judge: impl Fn(&mut Contested) -> Result<Verdict, WorkerError>) -> Result<Verdict, Failure> {
        let group = self.plan.groups.first().filter(|g| g.variants.len() == 1);
        let group = group.ok_or_else(|| Failure::input("a cell of the study is gone: see CELLS"))?;
        let variant = group.kernel.variants()[group.variants[0]].name;
        let contestant = |repeated| Contestant { program: 0, variant: variant.into(), repeated };
        let programs = [builds::this()?];
        let contest = Contest {
            programs: &programs,
            group,
            contestants: vec![contestant(0.0), contestant(self.slowdown)],
            isa: None,
            threads: 1,
            seed: self.seed,
            warden: None,
        };
        let mut contested = contest.open().map_err(Failure::input)?;
        if let Some(lack) = contested.lacks().into_iter().flatten().next() {
            return Err(Failure::wrong(format!("{}/{variant}: {lack}", group.kernel.name())));
        }
        let verdict = judge(&mut contested).map_err(Failure::input)?;
        contested.finish().map_err(Failure::input)?;
        Ok(verdict)
    }
}

/// Samples as criterion takes them with its flat sampling: each the mean over an equal share of the time.
fn block(contested: &mut Contested, candidate: usize, block_ns: f64) -> Result<Vec<f64>, WorkerError> {
    let mut mean_over = |ns: f64| {
        let (start, mut sum, mut n) = (contested.now_ns(), 0.0, 0.0);
        while n == 0.0 || contested.now_ns() - start < ns {
            sum += contested.sample(candidate)?;
            n += 1.0;
        }
        Ok::<f64, WorkerError>(sum / n)
    };
    mean_over(WARM_UP * block_ns)?;
    let share_ns = (1.0 - WARM_UP) * block_ns / blocks::SAMPLES as f64;
    (0..blocks::SAMPLES).map(|_| mean_over(share_ns)).collect()
}
