//! The engine: the observer of a traced run that keeps its time.

use std::cell::RefCell;

use kernels::machine::traced::{Access, Op, Ticket, Trace};
use kernels::operand::Region;

use super::Estimate;
use super::core::{Account, BOUNDS, Core, Port, Ready};
use super::memory::Memory;
use super::params::{OpCost, Params, TICKS};
use super::sample::{Loop, Mode, Next};
use crate::record::Bound;

/// Simulated pages lie on this boundary.
const PAGE: u64 = 4096;
/// Buffers start this far apart within a page, as allocators leave them.
const STAGGER: u64 = 320;

#[derive(Debug)]
struct Mapping {
    start: usize,
    end: usize,
    base: u64,
}

#[derive(Debug)]
struct State {
    core: Core,
    memory: Memory,
    account: Account,
    loops: Vec<Loop>,
    map: Vec<Mapping>,
    last_map: usize,
    /// Latest result of any kind: the run ends when it is there.
    latest: u64,
    spill_debt: f64,
    /// Recent stores by address: where, and when the value was there.
    stored: Vec<(u64, u64)>,
}

/// Stores remembered: more than any core's store queue holds.
const STORED: u64 = 256;

fn place_of_store(address: u64) -> usize {
    (address / 4 % STORED) as usize
}

/// Keeps the time of one traced run.
#[derive(Debug)]
pub struct Engine<'p> {
    params: &'p Params,
    mode: Mode,
    state: RefCell<State>,
}

impl<'p> Engine<'p> {
    /// A machine with cold caches.
    pub fn new(params: &'p Params, mode: Mode) -> Self {
        let state = State {
            core: Core::new(params),
            memory: Memory::new(params),
            account: Account::ZERO,
            loops: Vec::new(),
            map: Vec::new(),
            last_map: 0,
            latest: 0,
            spill_debt: 0.0,
            stored: vec![(0, 0); STORED as usize],
        };
        Self { params, mode, state: RefCell::new(state) }
    }

    /// Gives each buffer its simulated address. Buffers that are not streamed, or all of them when `warm`, are in the
    /// caches at the start, as the run before left them.
    pub fn map(&self, regions: &[Region], warm: bool) {
        let s = &mut *self.state.borrow_mut();
        let mut next = PAGE;
        for (i, region) in regions.iter().enumerate() {
            let base = next.next_multiple_of(PAGE) + i as u64 * STAGGER;
            s.map.push(Mapping { start: region.start, end: region.start + region.bytes, base });
            next = base + region.bytes as u64;
            if (warm || !region.streamed) && region.bytes > 0 {
                s.memory.warm(base, region.bytes);
            }
        }
    }

    /// What the run came to.
    pub fn estimate(&self) -> Estimate {
        let s = &mut *self.state.borrow_mut();
        let latest = s.latest;
        s.core.drain(latest, &mut s.account);
        let total = s.account.total();
        let mut shares: Vec<(Bound, f64)> =
            BOUNDS.iter().zip(&s.account.ticks).filter(|(_, t)| **t > 0.0).map(|(b, t)| (*b, t / total)).collect();
        shares.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        Estimate {
            time_ns: total / TICKS as f64 * self.params.cycle_ns,
            shares,
            memory_bytes: s.account.memory_bytes,
            operations: s.account.operations,
            simulated: s.core.issued,
        }
    }

    /// Simulated address of a host address; what no buffer holds is the stack, always in the first level.
    fn address(&self, s: &mut State, host: usize) -> u64 {
        if let Some(m) = s.map.get(s.last_map)
            && (m.start..m.end).contains(&host)
        {
            return m.base + (host - m.start) as u64;
        }
        match s.map.iter().position(|m| (m.start..m.end).contains(&host)) {
            Some(i) => {
                s.last_map = i;
                s.map[i].base + (host - s.map[i].start) as u64
            }
            None => STAGGER,
        }
    }

    /// `count` instructions of one kind, independent of each other.
    fn execute(&self, s: &mut State, cost: &OpCost, ready: Ready) -> Ready {
        let mut done = Ready::NOW;
        for _ in 0..cost.count {
            done = done.later(s.core.execute(cost, ready, &mut s.account));
        }
        s.latest = s.latest.max(done.at);
        done
    }

    /// An operation, made of others where the machine lacks it.
    fn operate(&self, s: &mut State, op: Op, lanes: usize, ready: &[Ready]) -> Ready {
        let all = ready.iter().copied().fold(Ready::NOW, Ready::later);
        if let Some(cost) = self.params.cost(op, lanes) {
            let mut at = all;
            if op == Op::Dot4I8 {
                for _ in 0..self.params.dot4_prepare {
                    at = at.later(self.operate(s, Op::IntAdd, lanes, &ready[1..]));
                }
            }
            return self.execute(s, &cost, at);
        }
        match op {
            Op::MulAdd => {
                let product = self.operate(s, Op::Mul, lanes, &ready[..2.min(ready.len())]);
                let addend = ready.get(2).copied().unwrap_or(Ready::NOW);
                self.operate(s, Op::Add, lanes, &[product, addend])
            }
            // Shift and mask the parts into place, rebase the exponent with a multiply, spread over the lanes.
            Op::F16Convert => {
                let mut at = all;
                for _ in 0..F16_INTEGER_OPS {
                    at = self.operate(s, Op::IntAdd, 1, &[at]);
                }
                at = self.operate(s, Op::Mul, 1, &[at]);
                if lanes > 1 { self.operate(s, Op::Shuffle, lanes, &[at]) } else { at }
            }
            // Even and odd bytes of both sides apart, each half multiplied and added in pairs.
            Op::Dot4I8 | Op::Dot4U8 if lanes > 1 => {
                let mut sum = ready.first().copied().unwrap_or(Ready::NOW);
                for _ in 0..2 {
                    let sides = [1, 2].map(|side| ready.get(side).copied().unwrap_or(Ready::NOW));
                    let split = sides.map(|side| self.operate(s, Op::IntAdd, lanes, &[side]));
                    let products = self.operate(s, Op::MaddI16, lanes, &split);
                    sum = self.operate(s, Op::IntAdd, lanes, &[sum, products]);
                }
                sum
            }
            Op::Dot4I8 | Op::Dot4U8 => {
                let mut sum = all;
                for _ in 0..4 {
                    let product = self.operate(s, Op::IntMul, 1, &[all]);
                    sum = self.operate(s, Op::IntAdd, 1, &[sum, product]);
                }
                sum
            }
            // Whatever else is missing takes an integer operation a lane.
            _ => {
                let mut done = all;
                for _ in 0..lanes {
                    done = done.later(self.operate(s, Op::IntAdd, 1, &[all]));
                }
                done
            }
        }
    }

    /// Values that live beyond the register file wait on the stack. An ideal allocator keeps as many of the `live`
    /// values in the `registers` as fit, so of the reads of values older than a register's turn, the share
    /// `(live - registers) / live` finds its value spilled: a reload and, for the result that takes its place, a store.
    fn spill(&self, s: &mut State, lanes: usize, file: usize, inputs: &[Ticket], live: u32) -> Ready {
        let registers = self.params.registers[file];
        let live = live * if file == 2 { self.params.registers_per_value(lanes) } else { 1 };
        if live <= registers {
            return Ready::NOW;
        }
        let now = s.core.issued;
        let old = inputs.iter().filter(|t| now - t.born > u64::from(registers)).count();
        s.spill_debt += old as f64 * f64::from(live - registers) / f64::from(live);
        let mut ready = Ready::NOW;
        while s.spill_debt >= 1.0 {
            s.spill_debt -= 1.0;
            let start = s.core.start(Port::Load, TICKS, Ready::NOW);
            let done = start.at + self.params.levels.first().map_or(0, |l| l.latency);
            s.core.retire(done, Bound::Spill, &mut s.account);
            ready = ready.later(Ready { at: done, cause: Bound::Spill });
            let start = s.core.start(Port::Store, TICKS, Ready::NOW);
            s.core.retire(start.at + s.core.issue_ticks(), Bound::Spill, &mut s.account);
        }
        ready
    }
}

fn ready_of(t: Ticket) -> Ready {
    Ready { at: t.ready, cause: BOUNDS[usize::from(t.cause)] }
}

fn ticket_of(r: Ready, born: u64) -> Ticket {
    Ticket { ready: r.at, born, cause: r.cause as u8 }
}

/// Integer operations of an f16 conversion without the instruction.
const F16_INTEGER_OPS: usize = 6;

/// Which register file an operation's values live in: scalar float, scalar integer, SIMD.
fn file_of(op: Op, lanes: usize) -> usize {
    match op {
        _ if lanes > 1 => 2,
        Op::IntAdd | Op::IntMul | Op::Widen => 1,
        _ => 0,
    }
}

impl Trace for Engine<'_> {
    fn op(&self, op: Op, lanes: usize, inputs: &[Ticket], live: u32) -> Ticket {
        let s = &mut *self.state.borrow_mut();
        let spilled = self.spill(s, lanes, file_of(op, lanes), inputs, live);
        let mut ready = [spilled; 3];
        for (r, t) in ready.iter_mut().zip(inputs) {
            *r = ready_of(*t).later(spilled);
        }
        let done = self.operate(s, op, lanes, &ready[..inputs.len().min(3)]);
        ticket_of(done, s.core.issued)
    }

    fn load(&self, access: Access, _live: u32) -> Ticket {
        let s = &mut *self.state.borrow_mut();
        let address = self.address(s, access.address);
        let shift = s.memory.line_shift();
        let (first, last) = (address >> shift, (address + access.bytes.max(1) as u64 - 1) >> shift);
        let mut done = Ready::NOW;
        // A register of the source may be several loads of the machine; each line is at least one.
        let pieces = u64::from(self.params.registers_per_value(access.lanes)).max(last - first + 1);
        let pieces = if access.splat { 1 } else { pieces };
        let all_busy = access.bytes as u32 as f64 * self.params.load_ticks_per_byte;
        let busy = (if pieces == 1 { all_busy } else { all_busy / pieces as f64 } as u64).max(TICKS);
        for piece in 0..pieces {
            let line = if pieces == 1 { first } else { first + (last - first) * piece / (pieces - 1) };
            let start = s.core.start(Port::Load, busy, ready_of(access.address_from));
            s.memory.issued(s.core.front());
            let served = s.memory.load(line << shift, start.at, &mut s.account);
            let by = if served.by == Bound::L1 && start.waited_for != Bound::L1 { start.waited_for } else { served.by };

            let retires = if s.core.in_order() { start.at + s.core.issue_ticks() } else { served.ready };
            s.core.retire(retires, by, &mut s.account);
            done = done.later(Ready { at: served.ready, cause: served.by });
        }
        // A value that was just stored is forwarded: it comes no sooner than it was made.
        let (stored, made) = s.stored[place_of_store(address)];
        if stored == address {
            done = done.later(Ready { at: made + self.params.store_forward, cause: Bound::Latency });
        }
        s.latest = s.latest.max(done.at);
        if access.splat
            && access.lanes > 1
            && let Some(cost) = self.params.splat_load
        {
            done = self.execute(s, &cost, done);
        }
        ticket_of(done, s.core.issued)
    }

    fn store(&self, access: Access, value: Ticket) {
        let s = &mut *self.state.borrow_mut();
        let address = self.address(s, access.address);
        let shift = s.memory.line_shift();
        let (first, last) = (address >> shift, (address + access.bytes.max(1) as u64 - 1) >> shift);
        s.stored[place_of_store(address)] = (address, value.ready);
        for line in first..=last {
            let start = s.core.start(Port::Store, TICKS, ready_of(value));
            s.memory.issued(s.core.front());
            let room = s.memory.store(line << shift, access.bytes, start.at, &mut s.account);
            let by = if room > start.at { Bound::MemoryBandwidth } else { start.waited_for };
            s.core.retire(room + s.core.issue_ticks(), by, &mut s.account);
            s.latest = s.latest.max(room);
        }
    }

    fn iteration(&self) {
        let s = &mut *self.state.borrow_mut();
        let Some(cost) = self.params.cost(Op::IntAdd, 1) else { return };
        for _ in 0..self.params.loop_ops {
            s.core.execute(&cost, Ready::NOW, &mut s.account);
        }
    }

    fn loop_exit(&self, trips: usize) {
        let s = &mut *self.state.borrow_mut();
        if let Some(cost) = self.params.cost(Op::IntAdd, 1) {
            s.core.execute(&cost, Ready::NOW, &mut s.account);
        }
        if trips > self.params.predicted_trips {
            s.core.refetch(self.params.mispredict);
        }
    }

    fn begin_tasks(&self, n: usize, period: usize, parallel: bool) {
        let s = &mut *self.state.borrow_mut();
        let tasks = if parallel {
            let cores = self.params.cores;
            s.memory.share(cores);
            n.div_ceil(cores as usize)
        } else {
            n
        };
        let new = Loop::new(tasks, period, parallel, &s.account, s.core.issued);
        s.loops.push(new);
    }

    fn next_task(&self) -> Option<usize> {
        let s = &mut *self.state.borrow_mut();
        let innermost = s.loops.last_mut()?;
        if innermost.parallel && innermost.handed > 0 {
            let misses = std::array::from_fn(|i| s.account.misses[i] - innermost.last.misses[i]);
            s.memory.age_shared(&misses, self.params.cores);
        }
        match innermost.next(self.mode, &s.account, s.core.issued) {
            Next::Task(i) => return Some(i),
            Next::Finished => {}
            Next::Extrapolate { rest, from, to, tasks } => {
                let per_task = std::array::from_fn(|i| (to.misses[i] - from.misses[i]) / tasks as f64);
                s.memory.age(&per_task, rest as f64);
                s.account.add_scaled(&from, &to, rest as f64 / tasks as f64);
            }
        }
        if let Some(ended) = s.loops.pop()
            && ended.parallel
        {
            s.memory.share(1);
            // Tasks are stolen, not dealt: a loop that is over before another core woke up was run by one core alone.
            let shared = s.account.total() - ended.start().total();
            let alone = shared * f64::from(self.params.cores.saturating_sub(1));
            s.account.ticks[Bound::Launch as usize] += alone.min(self.params.fork_join as f64);
        }
        None
    }
}
