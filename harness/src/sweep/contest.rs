//! What competes at one shape, and what the model says of each contestant on a machine. Operands are prepared once for each
//! thread, correctness is checked once for each width, shaders are interpreted once: only what a figure changes is done anew.

use kernels::input::{Flavor, Input};
use kernels::kernel::{About, Case, Cost, Kernel, Shape, ShapeError};

use crate::gate::Gate;
use crate::plan::Plan;
use crate::profile::{GpuProfile, Profile, Sheet};
use crate::record::{Environment, Outcome, Speedup};
use crate::simt;
use crate::simt::cells::Counts;
use crate::simt::gate::ShaderGate;
use crate::timed::Params;
use crate::timed::cells::{self, Context, needed_mib, peak_ops, stays_cached};

/// One contestant.
#[derive(Clone)]
pub struct Contestant {
    /// Its kernel.
    pub kernel: &'static dyn Kernel,
    /// Its shape.
    pub shape: Shape,
    /// Place on the kernel's ladder: of variants on a processor, of shaders on a GPU.
    pub rung: usize,
}

impl Contestant {
    /// `kernel/variant`.
    pub fn name(&self, gpu: bool) -> String {
        let rung = if gpu { self.kernel.shaders()[self.rung].name } else { self.kernel.variants()[self.rung].name };
        format!("{}/{rung}", self.kernel.name())
    }

    fn about(&self) -> About {
        self.kernel.variants()[self.rung]
    }
}

/// Those of a plan that compete with each other: at shapes of one name and size, whatever the kernel.
pub fn contests(plan: &Plan, gpu: bool) -> Vec<Vec<Contestant>> {
    let mut all: Vec<Vec<Contestant>> = Vec::new();
    for g in &plan.groups {
        let rungs = if gpu { &g.shaders } else { &g.variants };
        let new = rungs.iter().map(|rung| Contestant { kernel: g.kernel, shape: g.shape.clone(), rung: *rung });
        let same = |a: &Shape, b: &Shape| (&a.name, a.m, a.n, a.k) == (&b.name, b.m, b.n, b.k);
        match all.iter_mut().find(|c| c.first().is_some_and(|c| same(&c.shape, &g.shape))) {
            Some(contest) => contest.extend(new),
            None => all.push(new.collect()),
        }
    }
    all.retain(|contest| !contest.is_empty());
    all
}

/// Verdicts of the correctness gates, shared by all that is asked.
pub struct Gates {
    cpu: Gate,
    gpu: ShaderGate,
    environment: Environment,
}

impl Gates {
    /// None so far.
    pub fn new(environment: Environment) -> Self {
        Self { cpu: Gate::default(), gpu: ShaderGate::default(), environment }
    }

    fn input(&self) -> Input {
        Input { flavor: Flavor::Blank, ..Input::typical(self.environment.seed) }
    }

    fn shaders(&self) -> simt::cells::Context<'_> {
        simt::cells::Context { gate: &self.gpu, environment: &self.environment }
    }
}

/// A kind of machine that contestants can be asked about.
pub trait Arena: Sheet + Send + Sync {
    /// Operands, or what was counted: what outlives a change of a figure.
    type Ready;
    /// True of graphics processors.
    const GPU: bool;
    /// Prepares contestants for machines like these.
    ///
    /// # Errors
    /// A shape that a kernel does not have.
    fn ready(gates: &Gates, contestants: &[Contestant], machines: &[Self]) -> Result<Self::Ready, ShapeError>;
    /// What comes out for each contestant.
    fn outcomes(&self, gates: &Gates, contestants: &[Contestant], ready: &mut Self::Ready) -> Vec<Outcome>;
    /// Two machines of equal key have equal outcomes, but for the words of what does not fit.
    fn key(&self, ready: &mut Self::Ready) -> String;
    /// Operations at best in the time of a byte of memory, of as many cores as `all` says.
    fn balance(&self, cost: &Cost, all: bool) -> f64;
}

impl Arena for Profile {
    /// One case for each contestant; those of one kernel use the first of theirs.
    type Ready = Vec<Option<Box<dyn Case>>>;
    const GPU: bool = false;

    fn ready(gates: &Gates, contestants: &[Contestant], _: &[Self]) -> Result<Self::Ready, ShapeError> {
        let prepare = |(i, c): (usize, &Contestant)| {
            let first = case_of(contestants, i) == i;
            first.then(|| c.kernel.prepare(&c.shape, &gates.input())).transpose()
        };
        contestants.iter().enumerate().map(prepare).collect()
    }

    fn outcomes(&self, gates: &Gates, contestants: &[Contestant], ready: &mut Self::Ready) -> Vec<Outcome> {
        let context = Context { gate: &gates.cpu, environment: &gates.environment };
        let params = Params::new(self);
        let one = |(i, c): (usize, &Contestant)| {
            let Some(case) = ready[case_of(contestants, i)].as_deref_mut() else {
                return Outcome::Void { reason: "not prepared".into() };
            };
            let warm = stays_cached(case, self);
            let cost = c.kernel.cost(&c.shape);
            cells::outcome(&context, c.kernel, case, c.rung, &c.about(), self, &params, warm, &cost).0
        };
        contestants.iter().enumerate().map(one).collect()
    }

    /// How much memory there is decides what fits, and nothing else.
    fn key(&self, ready: &mut Self::Ready) -> String {
        let mut rest = self.clone();
        rest.machine.memory_mib.value = 1.0;
        let has = self.machine.memory_mib.value;
        let needed =
            |case: &mut Box<dyn Case>| [false, true].map(|expanded| needed_mib(case.as_mut(), expanded) <= has);
        let fits: Vec<[bool; 2]> = ready.iter_mut().flatten().map(needed).collect();
        format!("{fits:?} {}", Profile::to_toml(&rest))
    }

    fn balance(&self, cost: &Cost, all: bool) -> f64 {
        let cores = if all { 1.0 } else { f64::from(self.machine.cores.value) };
        peak_ops(self, cost) / cores / (self.shared_bandwidth_gb_s() * 1e9)
    }
}

/// Whose case a contestant uses.
fn case_of(contestants: &[Contestant], i: usize) -> usize {
    let kernel = contestants[i].kernel.name();
    contestants.iter().position(|c| c.kernel.name() == kernel).unwrap_or(i)
}

impl Arena for GpuProfile {
    type Ready = Vec<Counts>;
    const GPU: bool = true;

    fn ready(gates: &Gates, contestants: &[Contestant], machines: &[Self]) -> Result<Self::Ready, ShapeError> {
        let count = |c: &Contestant| Counts::new(&gates.shaders(), c.kernel, &c.shape, &[c.rung], machines.iter());
        contestants.iter().map(count).collect()
    }

    fn outcomes(&self, gates: &Gates, contestants: &[Contestant], ready: &mut Self::Ready) -> Vec<Outcome> {
        let one = |(c, counts): (&Contestant, &mut Counts)| {
            if !counts.covers(self) {
                match Counts::new(&gates.shaders(), c.kernel, &c.shape, &[c.rung], std::iter::once(self)) {
                    Ok(anew) => *counts = anew,
                    Err(e) => return Outcome::Void { reason: e.to_string() },
                }
            }
            counts.outcome(&gates.shaders(), c.kernel, c.rung, self)
        };
        contestants.iter().zip(ready).map(one).collect()
    }

    fn key(&self, _: &mut Self::Ready) -> String {
        GpuProfile::to_toml(self)
    }

    fn balance(&self, cost: &Cost, _: bool) -> f64 {
        simt::cells::peak_ops(self, cost) / (self.memory.sustained_gb_s.value * 1e9)
    }
}

/// Number of the contestant that takes least time, where one has a time.
pub fn winner(outcomes: &[Outcome]) -> Option<usize> {
    let times = outcomes.iter().enumerate().filter_map(|(i, o)| Some((i, time_ns(o)?)));
    times.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(i, _)| i)
}

/// True where one contestant takes less time than another whatever their bands hold, or runs where the other does not.
pub fn surely_beats(outcomes: &[Outcome], one: usize, other: usize) -> bool {
    match (&outcomes[one], &outcomes[other]) {
        (Outcome::Timed(one), Outcome::Timed(other)) => Speedup::over(other, one).clear(),
        (Outcome::Timed(_), _) => true,
        _ => false,
    }
}

/// The time of a cell that has one.
pub fn time_ns(outcome: &Outcome) -> Option<f64> {
    match outcome {
        Outcome::Timed(t) => Some(t.time_ns),
        _ => None,
    }
}
