//! One part of n of a run. The parts are slices of the run's own order, balanced by an estimate of what each unit of work
//! costs, so parts that are put one after the other are the run, byte for byte (`merge`).

use std::ops::Range;
use std::str::FromStr;

use kernels::kernel::Cost;

use crate::plan::{Plan, Step};
use crate::profile::Hardware;

/// Part `index` of `of`, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    of: u32,
}

/// Parts that a run can be cut into at most.
const MOST: u32 = 100_000;

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(i, n)| Some((i.trim().parse().ok()?, n.trim().parse().ok()?)));
        match parsed {
            Some((index, of)) if of <= MOST && (1..=of).contains(&index) => Ok(Self { index, of }),
            _ => Err(format!("i/n, such as 3/8: part i of n, counted from 1, n up to {MOST}")),
        }
    }
}

/// A stage of a run, in the order in which stages run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// On this host, free.
    Native,
    /// On this host, limited.
    Capped,
    /// Modelled on processor number so.
    Cpu(usize),
    /// Modelled on all GPUs at once: a shader is interpreted once for all of them.
    Gpus,
    /// Emulated on machine number so.
    Emulated(usize),
}

/// The stages of a run that are on this host.
#[derive(Clone, Copy, Debug)]
pub struct Here {
    /// Seconds for each kernel and shape, natively; absent where nothing runs natively.
    pub native_s: Option<f64>,
    /// The same under limits.
    pub capped_s: Option<f64>,
}

/// What of a run this process does.
#[derive(Debug)]
pub struct Share {
    units: Vec<Unit>,
    mine: Range<usize>,
}

/// A kernel and shape in a stage: what a part has or has not.
#[derive(Debug)]
struct Unit {
    stage: Stage,
    group: usize,
    cells: usize,
    cost_s: f64,
}

/// Seconds that the timing model takes for a variant, and for each operation up to those it simulates before it extrapolates.
/// Estimates of one core of a server; only their ratios matter here.
const MODELLED_S: (f64, f64, u64) = (2e-3, 12e-9, 1_000_000);
/// The same for interpreting a shader.
const SHADER_S: (f64, f64, u64) = (20e-3, 100e-9, 10_000_000);
/// The same for emulating a program, which runs in full.
const EMULATED_S: (f64, f64, u64) = (2e-3, 1e-6, u64::MAX);

fn estimate((each, per_operation, most): (f64, f64, u64), cost: &Cost, cells: usize) -> f64 {
    cells as f64 * (each + per_operation * cost.operations.min(most) as f64)
}

impl Share {
    /// The whole run, or its part.
    pub fn of(shard: Option<Shard>, plan: &Plan, here: Here, machines: &Hardware) -> Self {
        let units = units(plan, here, machines);
        let mine = match shard {
            None => 0..units.len(),
            Some(shard) => shard.slice(&units),
        };
        Self { units, mine }
    }

    /// True where kernel and shape number `group` of the plan are to be run in a stage. In the emulated stage groups are those of
    /// machine code, then the decode steps.
    pub fn has(&self, stage: Stage, group: usize) -> bool {
        self.units[self.mine.clone()].iter().any(|u| u.stage == stage && u.group == group)
    }

    /// Cells of this part.
    pub fn cells(&self) -> usize {
        self.units[self.mine.clone()].iter().map(|u| u.cells).sum()
    }
}

impl Shard {
    /// A unit belongs to the part in which the middle of its cost lies.
    fn slice(self, units: &[Unit]) -> Range<usize> {
        let total: f64 = units.iter().map(|u| u.cost_s).sum();
        let mut before = 0.0;
        let part = |unit: &Unit| {
            let middle = before + unit.cost_s / 2.0;
            before += unit.cost_s;
            (middle / total * f64::from(self.of)) as u32
        };
        let parts: Vec<u32> = units.iter().map(part).collect();
        let first_of = |part: u32| parts.partition_point(|p| *p < part);
        first_of(self.index - 1)..if self.index == self.of { units.len() } else { first_of(self.index) }
    }
}

/// All units in the order in which they run.
fn units(plan: &Plan, here: Here, machines: &Hardware) -> Vec<Unit> {
    let mut units = Vec::new();
    let here = [(Stage::Native, here.native_s), (Stage::Capped, here.capped_s)];
    let on_host = here.into_iter().filter_map(|(stage, seconds)| Some((stage, seconds?)));
    for (stage, seconds) in on_host {
        units.extend(of_variants(plan, stage, |_, _| seconds));
    }
    for machine in 0..machines.cpus.len() {
        units.extend(of_variants(plan, Stage::Cpu(machine), |cost, cells| estimate(MODELLED_S, cost, cells)));
    }
    if !machines.gpus.is_empty() {
        for (group, g) in plan.groups.iter().enumerate().filter(|(_, g)| !g.shaders.is_empty()) {
            let cost_s = estimate(SHADER_S, &g.kernel.cost(&g.shape), g.shaders.len());
            units.push(Unit { stage: Stage::Gpus, group, cells: g.shaders.len() * machines.gpus.len(), cost_s });
        }
    }
    for machine in 0..machines.emulated.len() {
        for (group, g) in plan.code.iter().enumerate() {
            let cost_s = estimate(EMULATED_S, &g.kernel.cost(&g.shape), g.names.len());
            units.push(Unit { stage: Stage::Emulated(machine), group, cells: g.names.len(), cost_s });
        }
        for (step, s) in plan.steps.iter().enumerate() {
            let cost_s = estimate(EMULATED_S, &Step::cost(), s.names.len());
            let group = plan.code.len() + step;
            units.push(Unit { stage: Stage::Emulated(machine), group, cells: s.names.len(), cost_s });
        }
    }
    units
}

fn of_variants(plan: &Plan, stage: Stage, cost_s: impl Fn(&Cost, usize) -> f64) -> Vec<Unit> {
    let there = plan.groups.iter().enumerate().filter(|(_, g)| !g.variants.is_empty());
    let unit = |(group, g): (usize, &crate::plan::Group)| {
        let cells = g.variants.len();
        Unit { stage, group, cells, cost_s: cost_s(&g.kernel.cost(&g.shape), cells) }
    };
    there.map(unit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Here = Here { native_s: None, capped_s: None };

    #[test]
    fn parts_are_named_i_of_n() {
        assert_eq!("3/8".parse(), Ok(Shard { index: 3, of: 8 }));
        for wrong in ["0/8", "9/8", "3", "3/", "/8", "3/0", "-1/8", "1/1000001", "a/b", "1/8/2"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn parts_are_disjoint_in_order_complete_and_balanced() {
        let plan = Plan::select(Some("gemv|softmax|dot_fixed")).expect("matches");
        let machines = Hardware::select("all").expect("built in");
        let whole = Share::of(None, &plan, HERE, &machines);
        let largest = whole.units.iter().map(|u| u.cost_s).fold(0.0, f64::max);
        let total: f64 = whole.units.iter().map(|u| u.cost_s).sum();
        for of in [1, 2, 3, 8, 50, 10_000] {
            let mut next = 0;
            for index in 1..=of {
                let part = Share::of(Some(Shard { index, of }), &plan, HERE, &machines);
                assert_eq!(part.mine.start, next, "part {index} of {of}");
                next = part.mine.end;
                let cost: f64 = part.units[part.mine.clone()].iter().map(|u| u.cost_s).sum();
                assert!(cost <= total / f64::from(of) + largest, "part {index} of {of} takes {cost} of {total}");
            }
            assert_eq!(next, whole.units.len());
        }
        assert_eq!(whole.cells(), whole.units.iter().map(|u| u.cells).sum::<usize>());
    }

    #[test]
    fn a_stage_that_is_not_run_has_no_units() {
        let plan = Plan::select(Some("softmax")).expect("matches");
        let here = Share::of(None, &plan, Here { native_s: Some(5.0), capped_s: None }, &Hardware::default());
        assert!(here.has(Stage::Native, 0) && !here.has(Stage::Capped, 0) && !here.has(Stage::Gpus, 0));
    }
}
