//! Sweeps: one or two figures of a machine vary, the model runs every contestant at every point, and where the fastest changes
//! is located by bisection. `figure` sets a figure, `contest` asks the model, `flip` bisects.

pub mod contest;
pub mod figure;
pub mod flip;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use kernels::kernel::ShapeError;
use rayon::prelude::*;

use self::contest::{Arena, Contestant, Gates, surely_beats, winner};
use self::figure::{FigureError, Vary, set};
use crate::record::Outcome;
use crate::report::units;

/// A swept contest on one machine.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Profile id.
    pub machine: String,
    /// Its name.
    pub machine_name: String,
    /// Shape, and its sizes.
    pub shape: String,
    /// Sizes for people.
    pub dims: String,
    /// What varied: one figure, or two.
    pub figures: Vec<Vary>,
    /// `kernel/variant` of each contestant.
    pub contestants: Vec<String>,
    /// In the order of the figures' values, the last figure's fastest.
    pub points: Vec<Point>,
    /// Where the fastest changes, in the order of the figure; only where one varied.
    pub crossings: Vec<Crossing>,
    /// Cells that were modelled for it, those of bisection included.
    pub modelled: usize,
    /// Points that are no machine, and why.
    pub impossible: Vec<String>,
}

/// Values of the figures, and what came out of each contestant.
#[derive(Clone, Debug)]
pub struct Point {
    /// By figure.
    pub at: Vec<f64>,
    /// By contestant.
    pub outcomes: Vec<Outcome>,
}

/// Where the fastest contestant changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crossing {
    /// Value of the figure.
    pub at: f64,
    /// Number of the contestant that is fastest below; none where none runs.
    pub below: Option<usize>,
    /// Above.
    pub above: Option<usize>,
    /// Operations that the machine can do at best in the time of a byte of memory there; where its bandwidth varies.
    pub balance: Option<f64>,
    /// The nearest points, below and above, at which the bands of the two do not hold the other order.
    pub told_apart: [Option<f64>; 2],
}

/// Why there is no sweep.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A figure.
    #[error(transparent)]
    Figure(#[from] FigureError),
    /// A shape.
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

/// Sweeps a contest. `points` is the number of values of each figure.
///
/// # Errors
/// [`SweepError`]: a figure that the machine has not, or values of which no machine can be.
pub fn sweep<A: Arena>(
    gates: &Gates,
    base: &A,
    contestants: &[Contestant],
    figures: &[Vary],
    points: usize,
) -> Result<Sweep, SweepError> {
    let grids: Vec<Vec<f64>> = figures.iter().map(|f| f.grid(base, points)).collect::<Result<_, _>>()?;
    let (mut machines, mut impossible, mut first_error) = (Vec::new(), Vec::new(), None);
    for at in combined(&grids) {
        let named: Vec<(&str, f64)> = figures.iter().zip(&at).map(|(f, v)| (f.key.as_str(), *v)).collect();
        match set(base, &named) {
            Ok(machine) => machines.push((at, machine)),
            Err(e) => {
                impossible.push(e.to_string());
                first_error.get_or_insert(e);
            }
        }
    }
    if let (true, Some(error)) = (machines.is_empty(), first_error) {
        return Err(error.into());
    }
    let (at, machines): (Vec<Vec<f64>>, Vec<A>) = machines.into_iter().unzip();
    let mut ready = A::ready(gates, contestants, &machines)?;
    let (outcomes, mut modelled) = at_all(gates, contestants, &machines, &mut ready)?;
    let points: Vec<Point> = at.into_iter().zip(outcomes).map(|(at, outcomes)| Point { at, outcomes }).collect();
    let mut crossings = Vec::new();
    if let [figure] = figures {
        let mut ask = |value: f64| {
            modelled += contestants.len();
            let machine = set(base, &[(figure.key.as_str(), value)])?;
            Ok::<_, FigureError>(winner(&machine.outcomes(gates, contestants, &mut ready)))
        };
        for pair in points.windows(2) {
            let (mut low, high) = (pair[0].at[0], pair[1].at[0]);
            let (mut below, last) = (winner(&pair[0].outcomes), winner(&pair[1].outcomes));
            while below != last {
                let found = flip::flip((low, &below), (high, last), |x| figure.nearest(base, x), &mut ask)?;
                let balance = balance(base, figure, found.at, contestants, [below, found.side])?;
                let sure = |one: Option<usize>, other: Option<usize>| {
                    move |p: &&Point| one.zip(other).is_some_and(|(one, other)| surely_beats(&p.outcomes, one, other))
                };
                let (before, after) = points.split_at(points.partition_point(|p| p.at[0] < found.at));
                let told_apart = [
                    before.iter().rev().find(sure(below, found.side)).map(|p| p.at[0]),
                    after.iter().find(sure(found.side, below)).map(|p| p.at[0]),
                ];
                crossings.push(Crossing { at: found.at, below, above: found.side, balance, told_apart });
                (low, below) = (found.seen, found.side);
            }
        }
    }
    let first = contestants.first();
    Ok(Sweep {
        machine: base.id().into(),
        machine_name: base.name().into(),
        shape: first.map_or(String::new(), |c| c.shape.name.to_string()),
        dims: first.map_or(String::new(), |c| c.kernel.dims(&c.shape)),
        figures: figures.to_vec(),
        contestants: contestants.iter().map(|c| c.name(A::GPU)).collect(),
        points,
        crossings,
        modelled,
        impossible,
    })
}

/// Every combination of values, the last figure's fastest.
fn combined(grids: &[Vec<f64>]) -> Vec<Vec<f64>> {
    grids.iter().fold(vec![Vec::new()], |so_far, grid| {
        let with = |at: &Vec<f64>| grid.iter().map(|v| [at.as_slice(), &[*v]].concat()).collect::<Vec<_>>();
        so_far.iter().flat_map(with).collect()
    })
}

/// Outcomes on every machine, and how many cells were modelled: machines whose outcomes are equal are asked once.
fn at_all<A: Arena>(
    gates: &Gates,
    contestants: &[Contestant],
    machines: &[A],
    ready: &mut A::Ready,
) -> Result<(Vec<Vec<Outcome>>, usize), SweepError> {
    let (mut distinct, mut number) = (Vec::new(), HashMap::new());
    let mut of = Vec::new();
    for machine in machines {
        let which = *number.entry(machine.key(ready)).or_insert_with(|| {
            distinct.push(machine);
            distinct.len() - 1
        });
        of.push(which);
    }
    let asked: Vec<Vec<Outcome>> = if A::GPU {
        // Prices are cheap; what is dear was counted once for all.
        distinct.iter().map(|machine| machine.outcomes(gates, contestants, ready)).collect()
    } else {
        let own = || A::ready(gates, contestants, machines).ok();
        let ask = |own: &mut Option<A::Ready>, machine: &&A| match own {
            Some(ready) => Ok(machine.outcomes(gates, contestants, ready)),
            None => A::ready(gates, contestants, machines).map(|mut r| machine.outcomes(gates, contestants, &mut r)),
        };
        distinct.par_iter().map_init(own, ask).collect::<Result<_, _>>()?
    };
    Ok((of.into_iter().map(|which| asked[which].clone()).collect(), distinct.len() * contestants.len()))
}

/// The machine's balance at a crossing, of all cores where a thread-parallel contestant is one of the two.
fn balance<A: Arena>(
    base: &A,
    figure: &Vary,
    at: f64,
    contestants: &[Contestant],
    two: [Option<usize>; 2],
) -> Result<Option<f64>, FigureError> {
    if figure.key != "memory.bandwidth_gb_s" {
        return Ok(None);
    }
    let two: Vec<&Contestant> = two.iter().flatten().map(|i| &contestants[*i]).collect();
    let machine = set(base, &[(figure.key.as_str(), at)])?;
    let all = A::GPU || two.iter().any(|c| c.kernel.variants()[c.rung].threads);
    Ok(two.first().map(|c| machine.balance(&c.kernel.cost(&c.shape), all)))
}

impl Sweep {
    /// The fastest contestant at each point.
    pub fn winners(&self) -> impl Iterator<Item = Option<usize>> + '_ {
        self.points.iter().map(|p| winner(&p.outcomes))
    }

    /// True where no time depends on what varied.
    pub fn is_flat(&self) -> bool {
        let times = |p: &Point| p.outcomes.iter().map(contest::time_ns).collect::<Vec<_>>();
        self.points.windows(2).all(|pair| times(&pair[0]) == times(&pair[1]))
    }

    /// A contestant's name; without its kernel where all are of one.
    pub fn short(&self, i: usize) -> &str {
        let kernel = |name: &str| name.split('/').next().unwrap_or_default().to_owned();
        let one = self.contestants.iter().all(|c| kernel(c) == kernel(&self.contestants[0]));
        let name = self.contestants[i].as_str();
        if one { name.split_once('/').map_or(name, |(_, variant)| variant) } else { name }
    }

    /// What a crossing says: `absorbed_online wins above 3.4 operations a byte (16.4 GB/s), expanded_simd below; told apart up to
    /// 4 GB/s and from 120 on`.
    pub fn sentence(&self, c: &Crossing) -> String {
        let told_apart = match (c.below.and(c.above), c.told_apart.map(|at| at.map(units::plain))) {
            (None, _) => String::new(),
            (_, [None, None]) => "; nowhere told apart".into(),
            (_, [Some(low), None]) => format!("; told apart up to {low} alone"),
            (_, [None, Some(high)]) => format!("; told apart from {high} on alone"),
            (_, [Some(low), Some(high)]) => format!("; told apart up to {low} and from {high} on"),
        };
        self.claim(c) + &told_apart
    }

    /// Who wins where, by the times alone.
    fn claim(&self, c: &Crossing) -> String {
        let figure = self.figures.first().map_or(String::new(), Vary::label);
        let (name, unit) = figure.split_once(", ").unwrap_or((&figure, ""));
        let value = format!("{} {unit}", units::plain(c.at));
        let value = value.trim_end();
        match (c.below, c.above, c.balance) {
            (Some(b), Some(a), Some(balance)) => format!(
                "{} wins above {} operations a byte ({value}), {} below",
                self.short(b),
                units::plain(balance),
                self.short(a)
            ),
            (Some(b), Some(a), None) => format!("{} wins up to {name} {value}, then {}", self.short(b), self.short(a)),
            (None, Some(a), _) => format!("nothing runs below {name} {value}; from there on {} wins", self.short(a)),
            (Some(b), None, _) => format!("{} wins up to {name} {value}; beyond, nothing runs", self.short(b)),
            (None, None, _) => String::new(),
        }
    }
}
