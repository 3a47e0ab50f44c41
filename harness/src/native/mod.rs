//! The native tier: every variant of one kernel at one shape, checked and then timed against each other on this host.
//! `memory` decides cold or warm, `schedule` takes the samples, `sampler` takes them one at a time in an order that others
//! decide, `ceilings` is what they are held against.

mod ceilings;
mod memory;
pub mod sampler;
pub(crate) mod schedule;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kernels::input::Input;
use kernels::kernel::{About, Case, Cost, Kernel, NotAvailable, Shape, ShapeError};
pub use kernels::kernel::{machine_among, machine_for};
use kernels::machine::Isa;
use kernels::weights::Source;
use rayon::{ThreadPool, ThreadPoolBuilder};

pub use self::ceilings::Limited;
use self::memory::{Footprint, Room};
use self::schedule::{Bench, Candidate, Clock, Limits, SAMPLE_NS, Samples, Wall};
use crate::environment::{Host, available_bytes};
use crate::guard::{self, Floor, Peaks};
use crate::pace::Pacing;
use crate::profile::Loaded;
use crate::record::{CostRef, Environment, MachineRef, Outcome, Record, SCHEMA, Speedup, Tier, Timing};
use crate::stats::{median_interval, ratio_interval};

/// How to time.
#[derive(Clone, Debug)]
pub struct Options {
    /// Time for all samples of one kernel × shape. Checking comes on top.
    pub time_budget: Duration,
    /// Samples of every variant that can afford them; very slow ones get three.
    pub min_rounds: usize,
    /// Most samples of any variant.
    pub max_rounds: usize,
    /// Threads of the threaded rungs; 0 = one per core.
    pub threads: usize,
    /// Machine of the variants that have a choice; the widest one by default.
    pub isa: Option<Isa>,
    /// Seed of the inputs and of the order.
    pub seed: u64,
    /// Keeps the weights in cache between runs.
    pub warm: bool,
    /// Instruction sets that may be used at all.
    pub allowed: Vec<Isa>,
    /// What limits on this host lower its ceilings to.
    pub limited: Limited,
    /// Memory bandwidth to pace to, if any.
    pub pacing: Option<Pacing>,
    /// Least length of a sample, ns.
    pub sample_ns: f64,
    /// Most bytes that operands may take; what the system has by default. Mapped weights do not count.
    pub memory_bytes: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            time_budget: Duration::from_secs(2),
            min_rounds: 5,
            max_rounds: 40,
            threads: 0,
            isa: None,
            seed: 1,
            warm: false,
            allowed: Isa::EVERY.into(),
            limited: Limited::default(),
            pacing: None,
            sample_ns: SAMPLE_NS,
            memory_bytes: None,
        }
    }
}

/// Keeps thread `n` of the pool on the `n`th core that this process may use: a scheduler that wakes two threads on one
/// core doubles a time that is meant to be halved. More threads than cores, or a system without affinity: left alone.
fn pin(n: usize) {
    if let Some(core) = core_affinity::get_core_ids().and_then(|cores| cores.get(n).copied()) {
        core_affinity::set_for_current(core);
    }
}

/// Why nothing could be timed.
#[derive(Debug, thiserror::Error)]
pub enum NativeError {
    /// The shape does not fit the kernel.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The threads could not be started.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
}

/// Why threads could not be started.
#[derive(Debug, thiserror::Error)]
#[error(
    "{threads} threads cannot be started: {reason}; raise this process's limit, or ask for fewer where --threads is"
)]
pub struct ThreadsError {
    threads: usize,
    reason: String,
}

/// A pool of so many threads, each on a core of its own while there are enough.
pub fn pool(threads: usize) -> Result<ThreadPool, ThreadsError> {
    let pool = ThreadPoolBuilder::new().num_threads(threads).start_handler(pin).build();
    pool.map_err(|e| ThreadsError { threads, reason: e.to_string() })
}

/// Operands as a cell of this kernel and shape gets them on this host: what does not fit the second-level cache in enough
/// copies to be out of every cache when it comes again.
pub fn typical_input(host: &Host, kernel: &dyn Kernel, shape: &Shape, seed: u64) -> Input {
    let rotation_bytes = rotation_bytes(host, kernel, shape, 1, None).unwrap_or(0);
    Input { rotation_bytes, ..Input::typical(seed) }
}

/// Bytes of copies that each operand of a kernel at a shape rotates through where so many processes have them at once, none
/// with more than `most` bytes of memory; or how much more memory that takes than there is.
///
/// # Errors
/// Where the shape does not fit the kernel, and where the operands do not fit.
pub fn rotation_bytes(
    host: &Host,
    kernel: &dyn Kernel,
    shape: &Shape,
    processes: usize,
    most: Option<u64>,
) -> Result<usize, String> {
    let room = Room::of(host);
    let share = room.available_bytes.map(|bytes| bytes / processes.max(1) as u64);
    let room = Room { available_bytes: share.into_iter().chain(most).min(), ..room };
    let cost_bytes = kernel.cost(shape).bytes;
    room.does_not_fit(cost_bytes).map_or(Ok(()), Err)?;
    let footprint = Footprint::before(kernel, shape).map_err(|e| e.to_string())?;
    room.does_not_fit(footprint.all).map_or(Ok(room.rotation_bytes(cost_bytes, &footprint, false)), Err)
}

/// A host ready to time: its facts, threads and, where it was calibrated, its ceilings.
pub struct Bay {
    host: Host,
    options: Options,
    environment: Environment,
    calibrated: Option<Loaded>,
    pool: ThreadPool,
    clock: Box<dyn Clock>,
    room: Room,
    entered: Mutex<BTreeMap<Isa, u64>>,
}

impl Bay {
    /// Starts the threads. `calibrated` is this host's own profile; without it records have no floor and no guard.
    pub fn new(
        host: Host,
        options: Options,
        environment: Environment,
        calibrated: Option<Loaded>,
    ) -> Result<Self, NativeError> {
        let threads = if options.threads == 0 { host.cores as usize } else { options.threads };
        let (pool, room) = (pool(threads)?, Room::of(&host));
        Ok(Self {
            host,
            options,
            environment,
            calibrated,
            pool,
            clock: Box::new(Wall::start()),
            room,
            entered: Mutex::default(),
        })
    }

    /// Times the variants at `wanted` places of the ladder against each other; rung 0 always takes part, as every speedup
    /// is taken from it. One record per wanted variant, in the order of the ladder.
    pub fn measure(
        &self,
        kernel: &dyn Kernel,
        shape: &Shape,
        wanted: &[usize],
        weights: Option<&Source>,
    ) -> Result<Vec<Record>, NativeError> {
        let abouts = kernel.variants();
        let cost = kernel.cost(shape);
        let mut rungs: Vec<Rung> = abouts
            .iter()
            .enumerate()
            .filter(|(v, _)| *v == 0 || wanted.contains(v))
            .map(|(v, about)| self.rung(v, about))
            .collect();
        let room = Room { available_bytes: self.available_bytes(), ..self.room };
        // Mapped weights are paged in on use: a file larger than memory works. Others are not even laid out where what the
        // contract reads of them does not fit.
        let unfit = |bytes: u64| if weights.is_some() { None } else { room.does_not_fit(bytes) };
        let footprint = match unfit(cost.bytes) {
            Some(reason) => Err(reason),
            None => {
                let footprint = Footprint::before(kernel, shape)?;
                unfit(footprint.all).map_or(Ok(footprint), Err)
            }
        };
        match footprint {
            Err(reason) => rungs.iter_mut().for_each(|r| r.settle(Outcome::DoesNotFit { reason: reason.clone() })),
            Ok(footprint) => {
                let rotation_bytes = room.rotation_bytes(cost.bytes, &footprint, self.options.warm);
                let input = Input { rotation_bytes, weights: weights.cloned(), ..Input::typical(self.options.seed) };
                let mut case = kernel.prepare(shape, &input)?;
                let cold = !self.options.warm && room.is_cold(cost.bytes, &Footprint::of(case.as_mut()));
                self.run(case.as_mut(), &mut rungs);
                self.settle(&mut rungs, &cost, cold);
            }
        }
        let records = rungs.into_iter().filter(|r| wanted.contains(&r.index));
        Ok(records.map(|rung| self.record(kernel, shape, &cost, rung)).collect())
    }

    /// Calls of variants so far, by the machine they entered.
    pub fn entered(&self) -> BTreeMap<Isa, u64> {
        self.entered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What operands may take now, bytes.
    fn available_bytes(&self) -> Option<u64> {
        let most = self.options.memory_bytes;
        available_bytes().map(|free| most.map_or(free, |most| free.min(most))).or(most)
    }

    fn rung(&self, index: usize, about: &About) -> Rung {
        let (isa, outcome) = match machine_among(about, self.options.isa, &self.options.allowed) {
            Ok(isa) => (Some(isa), None),
            Err(NotAvailable(reason)) => (None, Some(Outcome::NotAvailable { reason })),
        };
        Rung { index, about: *about, isa, outcome, errors: [0.0; 2], first_ns: 0.0, samples: Samples::default() }
    }

    /// Checks every rung, then times those that passed.
    fn run(&self, case: &mut dyn Case, rungs: &mut [Rung]) {
        let mut bench = Bench {
            pacing: self.options.pacing.as_ref(),
            sample_ns: self.options.sample_ns,
            ..Bench::new(case, self.clock.as_ref(), &self.pool)
        };
        for rung in rungs.iter_mut() {
            let Some(candidate) = rung.candidate() else { continue };
            match bench.check(&candidate) {
                Err(NotAvailable(reason)) => rung.settle(Outcome::NotAvailable { reason }),
                Ok((verdict, first_ns)) => {
                    (rung.errors, rung.first_ns) = ([verdict.nmse, verdict.backward], first_ns);
                    if let Some(reason) = verdict.failure {
                        rung.settle(Outcome::Wrong { reason });
                    }
                }
            }
        }
        let ready: Vec<usize> = (0..rungs.len()).filter(|r| rungs[*r].candidate().is_some()).collect();
        let candidates: Vec<Candidate> = ready.iter().filter_map(|r| rungs[*r].candidate()).collect();
        let first_ns: Vec<f64> = ready.iter().map(|r| rungs[*r].first_ns).collect();
        let limits = Limits {
            budget_ns: self.options.time_budget.as_nanos() as f64,
            min_rounds: self.options.min_rounds,
            max_rounds: self.options.max_rounds,
            seed: self.options.seed,
        };
        let timed = bench.time(&candidates, &first_ns, &limits);
        let mut entered = self.entered.lock().unwrap_or_else(PoisonError::into_inner);
        bench.entered.iter().for_each(|(isa, calls)| *entered.entry(*isa).or_default() += calls);
        match timed {
            Ok(all) => ready.iter().zip(all).for_each(|(r, samples)| rungs[*r].samples = samples),
            Err(NotAvailable(reason)) => {
                ready.iter().for_each(|r| rungs[*r].settle(Outcome::Void { reason: reason.clone() }));
            }
        }
    }

    /// Turns samples into outcomes.
    fn settle(&self, rungs: &mut [Rung], cost: &Cost, cold: bool) {
        for rung in rungs.iter_mut().filter(|r| r.outcome.is_none()) {
            let floor = Floor::of(cost, cold, &self.peaks(rung.about.threads));
            rung.outcome = Some(rung.timed(&floor, cost, !cold));
        }
        let naive = match rungs.first() {
            Some(Rung { outcome: Some(Outcome::Timed(_)), samples, .. }) => samples.clone(),
            _ => return,
        };
        for rung in rungs {
            if let Some(Outcome::Timed(timing)) = &mut rung.outcome {
                timing.speedup = speedup(&naive, &rung.samples);
            }
        }
    }

    /// Ceilings for a rung on one thread, or on all.
    fn peaks(&self, threads: bool) -> Peaks {
        let profile = self.calibrated.as_ref().map(|loaded| &loaded.profile);
        let threads = if threads { self.pool.current_num_threads() as u32 } else { 1 };
        ceilings::peaks(profile, self.host.matrix_unit, threads, &self.options.allowed, &self.options.limited)
    }

    fn record(&self, kernel: &dyn Kernel, shape: &Shape, cost: &Cost, rung: Rung) -> Record {
        let threads = if rung.about.threads { self.pool.current_num_threads() as u32 } else { 1 };
        let peaks = self.peaks(true);
        let isa = rung.isa.map_or("-", Isa::name);
        Record {
            schema: SCHEMA,
            tier: Tier::Native,
            kernel: kernel.name().into(),
            shape: shape.name.to_string(),
            dims: kernel.dims(shape),
            variant: rung.about.name.into(),
            rung: rung.index as u32,
            idea: rung.about.idea.into(),
            after: rung.about.after.map(Into::into),
            machine: MachineRef {
                id: "this-host".into(),
                name: self.host.cpu.clone(),
                class: "host".into(),
                year: None,
                profile_hash: self.calibrated.as_ref().map(|c| c.hash.clone()),
                isa: isa.into(),
                threads,
                peak_ops_per_s: peaks.ops(cost.work).map(|rate| rate.per_s),
                peak_bytes_per_s: peaks.bytes.map(|rate| rate.per_s),
            },
            outcome: rung.outcome.unwrap_or(Outcome::Void { reason: "it was not timed".into() }),
            cost: CostRef { operations: cost.operations, bytes: cost.bytes },
            caps: Vec::new(),
            environment: self.environment.clone(),
        }
    }
}

/// A variant on its way to a record.
struct Rung {
    index: usize,
    about: About,
    isa: Option<Isa>,
    outcome: Option<Outcome>,
    /// NMSE and backward error.
    errors: [f64; 2],
    first_ns: f64,
    samples: Samples,
}

impl Rung {
    /// What to time, while nothing speaks against it.
    fn candidate(&self) -> Option<Candidate> {
        let isa = self.isa.filter(|_| self.outcome.is_none())?;
        Some(Candidate { variant: self.index, isa, threads: self.about.threads })
    }

    /// Gives it an outcome, unless it has one.
    fn settle(&mut self, outcome: Outcome) {
        self.outcome.get_or_insert(outcome);
    }

    fn timed(&self, floor: &Floor, cost: &Cost, warm: bool) -> Outcome {
        let interval = match median_interval(&self.samples.ns) {
            Ok(interval) => interval,
            Err(e) => return Outcome::Void { reason: e.to_string() },
        };
        if let Err(below) = guard::check(interval.high, cost, floor) {
            return Outcome::Refused { reason: below.to_string() };
        }
        Outcome::Timed(Timing {
            time_ns: interval.value,
            low_ns: interval.low,
            high_ns: interval.high,
            speedup: None,
            ratio_within: None,
            samples_ns: self.samples.ns.clone(),
            warm,
            floor_ns: floor.ns(),
            bound: floor.binds(interval.value),
            shares: Vec::new(),
            paced_share: self.samples.paced_share,
            counts: None,
            cycles: None,
            nmse: self.errors[0],
            backward_error: self.errors[1],
        })
    }
}

/// The ratio over the rounds in which both were sampled.
fn speedup(naive: &Samples, samples: &Samples) -> Option<Speedup> {
    let (above, below) = naive.paired(samples);
    let ratio = ratio_interval(&above, &below).ok()?;
    Some(Speedup { ratio: ratio.value, low: ratio.low, high: ratio.high })
}

#[cfg(test)]
mod tests;
