//! Which workgroups of a launch are interpreted to stand for all: the first on every axis stands for all but the last, which
//! stands for itself, as it may be a ragged edge; and the neighbours of the first tell what workgroups share. True of kernels
//! whose workgroups do alike, as those here do. One from the middle would do no better: where a few workgroups in a row share
//! operands, as heads of a group share keys, the middle of a power of two is a border between two such rows, and the first and
//! the second are in one.

use kernels::foreign::Pass;
use kernels::kernel::{Case, Shape};

use super::code::Code;
use super::fault::Fault;
use super::meter::{Meter, Traffic, Work};
use super::program::Program;
use super::reuse::Distances;
use super::rules::Rules;

use std::collections::BTreeMap;

/// What an average workgroup sends to memory under one set of rules.
#[derive(Clone, Debug, PartialEq)]
pub struct MeanTraffic {
    /// The rules.
    pub rules: Rules,
    /// Accesses to buffers by words of a lane, tags and blocks.
    pub accesses: BTreeMap<(u8, u32, u32), f64>,
    /// Bytes of all transactions.
    pub bytes: f64,
    /// Turns of the banks.
    pub bank_turns: f64,
    /// Loads by buffer.
    pub loads: Vec<Distances>,
    /// Stores by buffer.
    pub stores: Vec<Distances>,
    /// By buffer and axis of the grid: share of its blocks that the neighbour on that axis touches too.
    pub shared: Vec<[f64; 3]>,
}

/// One pass, counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// The launch.
    pub grid: [u32; 3],
    /// Threads of a workgroup.
    pub threads: u32,
    /// Values alive at once in a thread.
    pub live: u32,
    /// Bytes of workgroup memory.
    pub shared_bytes: u32,
    /// An average workgroup.
    pub work: Work,
    /// Its memory, by rules.
    pub traffic: Vec<MeanTraffic>,
}

/// Interprets samples of every pass under these rules, all for warps of as many lanes.
///
/// # Errors
/// What the shader did that it may not, with its line.
pub fn count(program: &Program, shape: &Shape, case: &mut dyn Case, rules: &[Rules]) -> Result<Vec<Counted>, Fault> {
    match rules.first().map_or(32, |r| r.lanes) {
        64 => counted::<64>(program, shape, case, rules),
        _ => counted::<32>(program, shape, case, rules),
    }
}

fn counted<const W: usize>(
    program: &Program,
    shape: &Shape,
    case: &mut dyn Case,
    rules: &[Rules],
) -> Result<Vec<Counted>, Fault> {
    let mut operands = case.operands();
    let mut scratch = program.scratch(shape);
    let mut passes = Vec::new();
    for (pass, code) in program.passes(shape) {
        let mut launch = program.launch::<W>(code, &pass, &mut operands, &mut scratch)?;
        let mut samples = Vec::new();
        for (at, weight) in places(pass.workgroups) {
            let mut meter = Meter::new(code, rules);
            launch.workgroup(at, &mut meter)?;
            let (work, traffic) = meter.finish();
            samples.push((at, weight, work, traffic));
        }
        passes.push(mean(&pass, code, &samples, rules));
    }
    Ok(passes)
}

/// Workgroups to interpret, and for how many each stands (0: only a neighbour).
fn places(grid: [u32; 3]) -> Vec<([u32; 3], f64)> {
    let ends = |n: u32| if n > 1 { vec![(0, f64::from(n - 1)), (n - 1, 1.0)] } else { vec![(0, 1.0)] };
    let mut places: Vec<([u32; 3], f64)> = Vec::new();
    for (z, c) in ends(grid[2]) {
        for (y, b) in ends(grid[1]) {
            for (x, a) in ends(grid[0]) {
                places.push(([x, y, z], a * b * c));
            }
        }
    }
    for axis in 0..3 {
        let mut at = [0; 3];
        at[axis] = 1;
        if grid[axis] > 1 && !places.iter().any(|(p, _)| *p == at) {
            places.push((at, 0.0));
        }
    }
    places
}

type Sample = ([u32; 3], f64, Work, Vec<Traffic>);

fn mean(pass: &Pass, code: &Code, samples: &[Sample], rules: &[Rules]) -> Counted {
    let all: f64 = samples.iter().map(|s| s.1).sum();
    let mut work = Work::default();
    for (_, weight, w, _) in samples {
        let share = weight / all;
        work.issued.iter_mut().zip(w.issued).for_each(|(a, b)| *a += share * b);
        work.rolled.iter_mut().zip(w.rolled).for_each(|(a, b)| *a += share * b);
        work.active += share * w.active;
        work.matrix += share * w.matrix;
        work.barriers += share * w.barriers;
        work.chain = work.chain.plus(&w.chain, share as f32);
    }
    let buffers = code.slots.len();
    let traffic = rules.iter().enumerate().map(|(r, rules)| {
        let mut mean = MeanTraffic {
            rules: *rules,
            accesses: BTreeMap::new(),
            bytes: 0.0,
            bank_turns: 0.0,
            loads: vec![Distances::default(); buffers],
            stores: vec![Distances::default(); buffers],
            shared: vec![[1.0; 3]; buffers],
        };
        for (_, weight, _, traffic) in samples {
            let (share, t) = (weight / all, &traffic[r]);
            for (key, n) in &t.accesses {
                *mean.accesses.entry(*key).or_insert(0.0) += share * n;
            }
            mean.bytes += share * t.bytes;
            mean.bank_turns += share * t.bank_turns;
            for b in 0..buffers {
                mean.loads[b].add(&t.reuse.loads[b], share);
                mean.stores[b].add(&t.reuse.stores[b], share);
            }
        }
        for axis in 0..3 {
            let mut at = [0; 3];
            at[axis] = 1;
            if let Some(neighbour) = samples.iter().find(|s| s.0 == at) {
                let with = samples[0].3[r].reuse.shared_with(&neighbour.3[r].reuse);
                mean.shared.iter_mut().zip(with).for_each(|(s, w)| s[axis] = w);
            }
        }
        mean
    });
    Counted {
        grid: pass.workgroups,
        threads: code.workgroup.iter().product(),
        live: code.live,
        shared_bytes: code.shared_bytes,
        traffic: traffic.collect(),
        work,
    }
}
