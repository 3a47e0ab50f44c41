//! Interleaved rounds. Every round runs each contestant once, starting with another one each time; a ratio is the median
//! over rounds of (their time / our time) within one round, so that a slow minute of the host slows both sides.

use std::time::Instant;

use crate::host::{Host, Moment};

/// Something that can be timed, and shows what it computed.
pub trait Runner {
    /// Runs so many times, a multiple of [`Runner::step`], each time on the next copy of the weights.
    fn run(&mut self, times: usize);
    /// Runs that it does at once.
    fn step(&self) -> usize {
        1
    }
    /// What the last run left, row after row.
    fn output(&self) -> Vec<f32>;
}

/// A runner of one call: what it keeps, the call, and where the output is.
pub struct Calls<S, R, O> {
    pub state: S,
    pub call: R,
    pub output: O,
}

impl<S, R: FnMut(&mut S), O: Fn(&S) -> Vec<f32>> Runner for Calls<S, R, O> {
    fn run(&mut self, times: usize) {
        for _ in 0..times {
            (self.call)(&mut self.state);
        }
    }
    fn output(&self) -> Vec<f32> {
        (self.output)(&self.state)
    }
}

/// One of those that are timed against each other.
pub struct Contestant<'a> {
    /// As the table calls it.
    pub name: String,
    /// False for what computes something else than ours, beside which it is only shown.
    pub same: bool,
    runner: Box<dyn Runner + 'a>,
    /// Its time counts so many times.
    pub scale: f64,
    runs: usize,
    every: usize,
    /// One run's seconds, by round; NaN where it sat out.
    seconds: Vec<f64>,
}

/// Runs of one contestant in a round last at least this long.
const ROUND_SECONDS: f64 = 0.02;
/// One that takes longer than this sits out some rounds.
const SLOW_SECONDS: f64 = 0.25;

impl<'a> Contestant<'a> {
    /// Not yet run.
    pub fn new(name: impl Into<String>, runner: impl Runner + 'a) -> Self {
        let (name, runner) = (name.into(), Box::new(runner));
        Self { name, same: true, runner, scale: 1.0, runs: 1, every: 1, seconds: Vec::new() }
    }

    /// Marks one that computes something else.
    pub fn beside(mut self) -> Self {
        self.same = false;
        self
    }

    /// Runs it as few times as it can, for its output.
    pub fn try_out(&mut self, host: &Host) -> Vec<f32> {
        self.runner.run(self.runner.step());
        host.place_new_threads();
        self.runner.output()
    }

    /// Finds how often to run it in a round; returns the time of one run.
    pub fn pace(&mut self, host: &Host) -> f64 {
        let step = self.runner.step();
        let mut time = |runs| {
            let start = Instant::now();
            self.runner.run(runs);
            start.elapsed().as_secs_f64() / runs as f64
        };
        time(step);
        host.place_new_threads();
        let mut once = time(step);
        if once < 1e-4 {
            // Of very short ones the first runs say little.
            once = time(((1e-3 / once).ceil() as usize).next_multiple_of(step));
        }
        self.runs = (ROUND_SECONDS / once).ceil().max(1.0) as usize;
        self.runs = self.runs.next_multiple_of(step);
        self.every = (once * step as f64 / SLOW_SECONDS).ceil().clamp(1.0, 5.0) as usize;
        once
    }

    fn round(&mut self, round: usize) {
        let mut seconds = f64::NAN;
        if round.is_multiple_of(self.every) {
            let start = Instant::now();
            self.runner.run(self.runs);
            seconds = start.elapsed().as_secs_f64() / self.runs as f64 * self.scale;
        }
        self.seconds.push(seconds);
    }

    /// Median seconds of one run.
    pub fn typical(&self) -> f64 {
        quantile(self.seconds.iter().copied(), 0.5)
    }

    /// How many times faster than the other: median over rounds, and the quartiles.
    pub fn faster_than(&self, other: &Self) -> [f64; 3] {
        let ratios = || self.seconds.iter().zip(&other.seconds).map(|(own, other)| other / own);
        [0.5, 0.25, 0.75].map(|q| quantile(ratios(), q))
    }
}

/// Of the values that are numbers.
fn quantile(values: impl Iterator<Item = f64>, q: f64) -> f64 {
    let mut values: Vec<f64> = values.filter(|v| !v.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n => values[((n - 1) as f64 * q).round() as usize],
    }
}

/// Times all against each other, until so many rounds went by in which other processes let the cores alone, or four times
/// as many in all. Returns false where there were hardly any such; then all rounds count. The contestants have been paced.
pub fn rounds(contestants: &mut [Contestant<'_>], host: &Host, rounds: usize) -> bool {
    let n = contestants.len();
    let mut quiet: Vec<bool> = Vec::new();
    let count = |quiet: &[bool]| quiet.iter().filter(|q| **q).count();
    while quiet.len() < 4 * rounds && count(&quiet) < rounds {
        let (round, start) = (quiet.len(), Moment::now());
        for i in 0..n {
            host.settle();
            contestants[(i + round) % n].round(round);
        }
        quiet.push(start.was_quiet());
    }
    let enough = count(&quiet) >= rounds.div_ceil(3);
    if enough {
        for c in contestants {
            c.seconds.iter_mut().zip(&quiet).filter(|(_, quiet)| !**quiet).for_each(|(s, _)| *s = f64::NAN);
        }
    }
    enough
}
