//! Measures this host with the kernels' probes and writes it down as a profile for the timing model. `probes` says what is
//! measured (their names are in `quantity`) and `paging` what lies behind memory; `figures` and `host` turn it into a profile,
//! `family` holds what cannot be measured from inside a process, `residuals` says how well each figure is known.

mod family;
mod figures;
mod host;
mod paging;
mod probes;
mod quantity;
mod residuals;

use std::fmt::Write as _;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::ThreadPool;
use serde::Serialize;

pub use self::quantity::Quantity;
use crate::environment::Host;
use crate::native::{self, ThreadsError};
use crate::profile::{Profile, ProfileError};
use crate::stats;

/// Runs of each measurement.
pub const RUNS: u32 = 9;

/// One measured figure. Noise only adds time, so the best of the runs is the figure.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// What, e.g. `avx2 f32 multiply-add, independent`.
    pub name: String,
    /// Threads at once.
    pub threads: u32,
    /// Shortest time of one operation, byte or hop, ns; of all threads together.
    pub best_ns: f64,
    /// Median of the runs, ns.
    pub median_ns: f64,
    /// Median above best, percent: how noisy it was.
    pub spread_pct: f64,
    /// Runs.
    pub runs: u32,
    /// Which figure it is.
    #[serde(skip)]
    pub quantity: Quantity,
}

/// Everything measured.
#[derive(Clone, Debug, Serialize)]
pub struct Calibration {
    /// In the order of measuring.
    pub measured: Vec<Measured>,
    /// Core clock, MHz: dependent integer additions take one cycle each.
    pub clock_mhz: f64,
    /// Seconds that it took.
    pub seconds: f64,
}

/// Why a host could not be calibrated.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    /// The threads could not be started.
    #[error("calibrate: {0}")]
    Threads(#[from] ThreadsError),
    /// A measurement that a profile cannot do without is missing.
    #[error("calibrate: {0} was not measured")]
    Missing(String),
    /// The measurements contradict each other.
    #[error("calibrate: the measurements make no machine, run it again on a quieter host: {0}")]
    Implausible(#[from] ProfileError),
}

/// Measures `host` and describes it as the profile `id` (`a-z0-9-`). Takes some ten seconds and up to 1 GiB.
pub fn calibrate(id: &str, host: &Host, year: u16) -> Result<(Calibration, Profile), CalibrateError> {
    let pool = native::pool(host.cores as usize)?;
    let calibration = measure(host, &pool)?;
    let mut profile = figures::profile(id, host, year, &calibration)?;
    profile.residuals = residuals::residuals(host, &calibration, &profile);
    // What is written must be readable: the same checks as for any profile.
    let checked = Profile::parse(&format!("{id}.toml"), &profile.to_toml())?;
    Ok((calibration, checked))
}

/// Runs every job once a round, in another order each round: a disturbance hits all alike.
fn measure(host: &Host, pool: &ThreadPool) -> Result<Calibration, CalibrateError> {
    let start = std::time::Instant::now();
    let mut jobs = probes::jobs(host, pool);
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); jobs.len()];
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..RUNS {
        stats::shuffle(&mut order, &mut rng);
        for &job in &order {
            times[job].push(jobs[job].run(pool));
        }
    }
    let measured = jobs.iter().zip(&times).filter_map(|(job, times)| summary(job.quantity, job.threads, times));
    let mut measured: Vec<Measured> = measured.collect();
    drop(jobs);
    measured.extend(paging::measure(&std::env::temp_dir()));
    let mut calibration = Calibration { measured, clock_mhz: 0.0, seconds: start.elapsed().as_secs_f64() };
    calibration.clock_mhz = 1e3 / calibration.best_ns(Quantity::CLOCK)?;
    Ok(calibration)
}

fn summary(quantity: Quantity, threads: u32, times: &[f64]) -> Option<Measured> {
    let median_ns = stats::median(times).ok()?;
    let best_ns = times.iter().copied().fold(f64::MAX, f64::min);
    Some(Measured {
        name: quantity.name(),
        threads,
        best_ns,
        median_ns,
        spread_pct: 100.0 * (median_ns / best_ns - 1.0),
        runs: times.len() as u32,
        quantity,
    })
}

impl Calibration {
    /// Shortest time on one thread, ns.
    pub fn best_ns(&self, quantity: Quantity) -> Result<f64, CalibrateError> {
        self.on(quantity, false).ok_or_else(|| CalibrateError::Missing(quantity.name()))
    }

    /// Shortest time, ns, on one thread or on all; on one core both are the same.
    fn on(&self, quantity: Quantity, all: bool) -> Option<f64> {
        let mut found = self.measured.iter().filter(|m| m.quantity == quantity);
        if all { found.max_by_key(|m| m.threads) } else { found.find(|m| m.threads == 1) }.map(|m| m.best_ns)
    }

    /// Most threads that a quantity was measured on.
    fn threads_of(&self, quantity: Quantity) -> u32 {
        self.measured.iter().filter(|m| m.quantity == quantity).map(|m| m.threads).max().unwrap_or(1)
    }

    /// Widest spread of a quantity, on one thread or on all, percent; 0 where it was not measured.
    fn spread_pct(&self, quantity: Quantity) -> f64 {
        let spreads = self.measured.iter().filter(|m| m.quantity == quantity).map(|m| m.spread_pct);
        spreads.fold(0.0, f64::max).min(100.0)
    }

    /// Shortest time on one thread, cycles.
    fn cycles(&self, quantity: Quantity) -> Result<f64, CalibrateError> {
        Ok(self.best_ns(quantity)? * self.clock_mhz / 1e3)
    }

    /// A table for people; `profile` is what became of it, and says how far the model on it is off.
    pub fn table(&self, profile: &Profile) -> String {
        let mut text = format!(
            "clock {:.0} MHz, {} runs each, {:.0} s\n{:<44} {:>7} {:>10} {:>10} {:>16} {:>7} {:>7}\n",
            self.clock_mhz, RUNS, self.seconds, "measured", "threads", "ns", "cycles", "rate", "spread", "model"
        );
        for m in &self.measured {
            let cycles = m.best_ns * self.clock_mhz / 1e3;
            let rate = m.quantity.rate(m.best_ns);
            let model = profile.residuals.get(&m.key()).and_then(|r| r.model_pct);
            writeln!(
                text,
                "{:<44} {:>7} {:>10.4} {:>10.3} {:>16} {:>6.1}% {:>7}",
                m.name,
                m.threads,
                m.best_ns,
                cycles,
                rate,
                m.spread_pct,
                model.map_or(String::new(), |pct| format!("{pct:+.0}%"))
            )
            .expect("a string");
        }
        profile.residuals_text().iter().for_each(|line| writeln!(text, "{line}").expect("a string"));
        text
    }
}

impl Measured {
    /// What it is called among the residuals.
    fn key(&self) -> String {
        let threads = if self.threads == 1 { "1 thread".into() } else { format!("{} threads", self.threads) };
        format!("{}, {threads}", self.name)
    }
}

#[cfg(test)]
mod tests;
