//! An observer that counts what a workgroup asks of a GPU: instructions by class, what goes to memory under each
//! generation's rules, turns of the banks, and the longest chain of dependent instructions.

use std::collections::BTreeMap;

use super::code::{Class, Code, Inst, Op, Square};
use super::reuse::Reuse;
use super::rules::{Access, Rules};
use super::warp::Watch;

/// Latencies by which the longest chain is chosen, cycles, of a GPU in the middle of those modelled. What the chain
/// consists of is kept, and priced with each machine's own.
const TYPICAL: Latencies = Latencies { alu: 6.0, special: 20.0, shared: 28.0, global: 300.0, matrix_rate: 256.0 };

struct Latencies {
    alu: f32,
    special: f32,
    shared: f32,
    global: f32,
    /// Multiply-adds of one scheduler's matrix unit in a cycle.
    matrix_rate: f32,
}

/// What the time of one warp that runs alone consists of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Chain {
    /// Cycles with typical latencies.
    time: f32,
    /// Instructions issued.
    pub issue: f32,
    /// Waits for arithmetic.
    pub alu: f32,
    /// Waits for the special unit.
    pub special: f32,
    /// Waits for workgroup memory or another lane.
    pub shared: f32,
    /// Multiply-adds of matrix units: those of one warp keep the unit of one scheduler busy.
    pub matrix: f32,
    /// Waits for buffers.
    pub global: f32,
    /// The same in loops that are unrolled: so many rounds wait together.
    pub global_unrolled: f32,
}

impl Chain {
    /// The sum with so many of another.
    pub fn plus(&self, other: &Chain, weight: f32) -> Chain {
        Chain {
            time: self.time + weight * other.time,
            issue: self.issue + weight * other.issue,
            alu: self.alu + weight * other.alu,
            special: self.special + weight * other.special,
            shared: self.shared + weight * other.shared,
            matrix: self.matrix + weight * other.matrix,
            global: self.global + weight * other.global,
            global_unrolled: self.global_unrolled + weight * other.global_unrolled,
        }
    }

    fn later(self, other: Chain) -> Chain {
        if other.time > self.time { other } else { self }
    }
}

/// What does not depend on how addresses are put together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    /// Instructions of warps by class, as a compiler leaves them.
    pub issued: [f64; Class::ALL.len()],
    /// The same as a compiler leaves them that unrolls no loop.
    pub rolled: [f64; Class::ALL.len()],
    /// Multiply-adds of matrix units.
    pub matrix: f64,
    /// Lanes that took part, of all lanes of the instructions issued.
    pub active: f64,
    /// Barriers that the workgroup meets at.
    pub barriers: f64,
    /// From the start to the end of its slowest warp.
    pub chain: Chain,
}

/// What goes to memory under one set of rules.
#[derive(Debug)]
pub struct Traffic {
    /// The rules.
    pub rules: Rules,
    /// Accesses to buffers by words of a lane, tags and blocks.
    pub accesses: BTreeMap<(u8, u32, u32), f64>,
    /// Bytes of all transactions.
    pub bytes: f64,
    /// Turns of the banks.
    pub bank_turns: f64,
    /// Touches of blocks.
    pub reuse: Reuse,
}

/// Counts one workgroup.
#[derive(Debug)]
pub struct Meter {
    work: Work,
    /// One for each set of rules.
    pub traffic: Vec<Traffic>,
    lanes: f64,
    clocks: Vec<Chain>,
    ready: Vec<Vec<Chain>>,
    access: Access,
}

impl Meter {
    /// For workgroups of `code` under these rules, all for warps of as many lanes.
    pub fn new(code: &Code, rules: &[Rules]) -> Self {
        let lanes = rules.first().map_or(32, |r| r.lanes);
        let warps = code.workgroup.iter().product::<u32>().div_ceil(lanes) as usize;
        let traffic = |rules: &Rules| Traffic {
            rules: *rules,
            accesses: BTreeMap::new(),
            bytes: 0.0,
            bank_turns: 0.0,
            reuse: Reuse::new(rules.block, code.slots.len()),
        };
        Self {
            work: Work::default(),
            traffic: rules.iter().map(traffic).collect(),
            lanes: f64::from(lanes),
            clocks: vec![Chain::default(); warps],
            ready: vec![vec![Chain::default(); (code.registers + code.matrices) as usize]; warps],
            access: Access::default(),
        }
    }

    /// What was counted.
    pub fn finish(mut self) -> (Work, Vec<Traffic>) {
        self.work.chain = self.clocks.iter().fold(Chain::default(), |a, b| a.later(*b));
        (self.work, self.traffic)
    }
}

/// Steps in which the lanes of a warp of so many reduce one value.
pub fn reduction_steps(lanes: f64) -> f64 {
    lanes.log2()
}

/// Warp instructions that one instruction here stands for, of which a compiler leaves a share.
fn instructions(inst: &Inst, lanes: f64, share: f32) -> f64 {
    use Op::*;
    let times = match inst.op {
        UDiv | SDiv | UMod | SMod => f64::from(inst.imm2.max(1)),
        // As NVIDIA's instructions have it since Ampere: 16 by 8 by 16 products, sixteen bytes of a lane.
        MatrixMulAdd => (multiply_adds(inst) / 2048.0).max(1.0),
        MatrixLoad | MatrixStore => (f64::from(Square::unpacked(inst.imm2).pieces()) / 32.0).max(1.0),
        SubAdd | SubMul | SubMin | SubMax | SubSMin | SubSMax | SubUMin | SubUMax | SubIAdd => reduction_steps(lanes),
        _ => 1.0,
    };
    times * f64::from(share)
}

/// Of a product of matrices.
fn multiply_adds(inst: &Inst) -> f64 {
    f64::from(inst.imm2).powi(3)
}

impl Watch for Meter {
    fn issued(&mut self, warp: usize, _: usize, inst: &Inst, mask: u64) -> Result<(), String> {
        if inst.class != Class::Free {
            self.work.rolled[inst.class as usize] += instructions(inst, self.lanes, inst.rolled);
        }
        if inst.class == Class::Free || inst.share == 0.0 && inst.class != Class::Global {
            // What costs nothing is ready when its sources are.
            let ready = &mut self.ready[warp];
            let sources = inst.reads().fold(Chain::default(), |a, r| a.later(ready[r as usize]));
            inst.writes().for_each(|d| ready[d as usize] = sources);
            return Ok(());
        }
        let count = instructions(inst, self.lanes, inst.share);
        self.work.issued[inst.class as usize] += count;
        self.work.active += count * f64::from(mask.count_ones());
        // In order: an instruction waits for its operands, and those behind it wait too.
        let ready = &mut self.ready[warp];
        let mut start = self.clocks[warp];
        for r in inst.reads() {
            start = start.later(ready[r as usize]);
        }
        start.time += count as f32;
        start.issue += count as f32;
        self.clocks[warp] = start;
        let mut done = start;
        let steps = if inst.class == Class::Shuffle { count as f32 } else { 1.0 };
        match inst.class {
            Class::Matrix => {
                let products = multiply_adds(inst) as f32;
                self.work.matrix += f64::from(products);
                // The unit takes the next product when it has taken this; its result is as late as a special function's.
                let clock = &mut self.clocks[warp];
                (clock.time, clock.matrix) = (clock.time + products / TYPICAL.matrix_rate, clock.matrix + products);
                done = *clock;
                (done.time, done.special) = (done.time + TYPICAL.special, done.special + 1.0);
            }
            Class::Sfu => (done.time, done.special) = (done.time + TYPICAL.special, done.special + 1.0),
            Class::Shared | Class::Shuffle => {
                (done.time, done.shared) = (done.time + steps * TYPICAL.shared, done.shared + steps);
            }
            Class::Global | Class::Atomic if inst.unrolled => {
                done.time += TYPICAL.global / super::code::UNROLL;
                done.global_unrolled += 1.0;
            }
            Class::Global | Class::Atomic => {
                (done.time, done.global) = (done.time + TYPICAL.global, done.global + 1.0);
            }
            Class::Control | Class::Barrier => {}
            _ if inst.share < 1.0 => {}
            _ => (done.time, done.alu) = (done.time + TYPICAL.alu, done.alu + 1.0),
        }
        inst.writes().for_each(|d| ready[d as usize] = done);
        Ok(())
    }

    fn global(&mut self, _: usize, _: usize, inst: &Inst, addresses: &[u32], mask: u64) -> Result<(), String> {
        let store = inst.op != Op::LoadGlobal;
        for traffic in &mut self.traffic {
            traffic.rules.coalesce(addresses, mask, inst.n.into(), &mut self.access);
            let blocks = self.access.blocks.len() as u32;
            *traffic.accesses.entry((inst.n, self.access.tags, blocks)).or_insert(0.0) += 1.0;
            traffic.bytes += f64::from(self.access.bytes);
            for block in &self.access.blocks {
                traffic.reuse.touch(inst.buf, *block, store);
            }
        }
        Ok(())
    }

    fn shared(&mut self, _: usize, _: usize, inst: &Inst, addresses: &[u32], mask: u64) -> Result<(), String> {
        for traffic in &mut self.traffic {
            traffic.bank_turns += f64::from(traffic.rules.bank_turns(addresses, mask, inst.n.into()));
        }
        Ok(())
    }

    fn barrier(&mut self) {
        self.work.barriers += 1.0;
        let last = self.clocks.iter().fold(Chain::default(), |a, b| a.later(*b));
        self.clocks.fill(last);
    }
}
