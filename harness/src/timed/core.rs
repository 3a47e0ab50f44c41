//! One core: issue, units, window, retirement, and the account of what each tick was waited for.

use super::params::{OpCost, Params, Unit};
use crate::record::Bound;

/// Reasons in the order of [`Account`].
pub const BOUNDS: [Bound; 10] = [
    Bound::Issue,
    Bound::Compute,
    Bound::Latency,
    Bound::L1,
    Bound::L2,
    Bound::L3,
    Bound::MemoryBandwidth,
    Bound::MemoryLatency,
    Bound::Spill,
    Bound::Launch,
];

/// What a run has cost so far. Every tick of the clock is attributed to one reason, so the ticks sum to the time.
/// Floats, because sampling scales them.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Ticks by reason, in the order of [`BOUNDS`].
    pub ticks: [f64; BOUNDS.len()],
    /// Machine operations.
    pub operations: f64,
    /// Bytes over the memory bus.
    pub memory_bytes: f64,
    /// Lines missed by each cache level.
    pub misses: [f64; 4],
}

impl Account {
    /// Nothing yet.
    pub const ZERO: Account =
        Account { ticks: [0.0; BOUNDS.len()], operations: 0.0, memory_bytes: 0.0, misses: [0.0; 4] };

    /// Time so far, ticks.
    pub fn total(&self) -> f64 {
        self.ticks.iter().sum()
    }

    /// `self + (to - from) * times`.
    pub fn add_scaled(&mut self, from: &Account, to: &Account, times: f64) {
        for ((t, a), b) in self.ticks.iter_mut().zip(&from.ticks).zip(&to.ticks) {
            *t += (b - a) * times;
        }
        for ((t, a), b) in self.misses.iter_mut().zip(&from.misses).zip(&to.misses) {
            *t += (b - a) * times;
        }
        self.operations += (to.operations - from.operations) * times;
        self.memory_bytes += (to.memory_bytes - from.memory_bytes) * times;
    }
}

/// The unit group an operation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// Floating point and SIMD.
    Fp,
    /// Scalar integer.
    Int,
    /// Loads.
    Load,
    /// Stores.
    Store,
}

/// When an operation's inputs are all there, and what the last of them waited for.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// Tick.
    pub at: u64,
    /// Reason to charge a wait to.
    pub cause: Bound,
}

impl Ready {
    /// Nothing to wait for.
    pub const NOW: Ready = Ready { at: 0, cause: Bound::Latency };

    /// The later of two.
    #[inline]
    pub fn later(self, other: Ready) -> Ready {
        if other.at > self.at { other } else { self }
    }
}

/// When an operation started and what it waited for.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// Tick of execution.
    pub at: u64,
    /// What decided it.
    pub waited_for: Bound,
}

/// The core's state.
#[derive(Debug)]
pub struct Core {
    issue: u64,
    in_order: bool,
    front: u64,
    last_start: u64,
    retired: u64,
    window: Vec<u64>,
    at: usize,
    /// When each unit of each port is free next.
    units: [Vec<u64>; 4],
    /// Operations issued.
    pub issued: u64,
}

impl Core {
    /// An idle core.
    pub fn new(p: &Params) -> Self {
        Self {
            issue: p.issue,
            in_order: p.window == 0,
            front: 0,
            last_start: 0,
            retired: 0,
            window: vec![0; if p.window == 0 { IN_ORDER_DEPTH } else { p.window }],
            at: 0,
            units: p.units.map(|n| vec![0; n.max(1) as usize]),
            issued: 0,
        }
    }

    /// Gives the next operation an issue slot and a place on its port.
    #[inline]
    pub fn start(&mut self, port: Port, busy: u64, input: Ready) -> Start {
        let Ready { at: ready, cause } = input;
        self.issued += 1;
        // The slot of the operation `window` places back must have retired.
        let slot_free = self.window[self.at];
        let front = (self.front + self.issue).max(slot_free);
        self.front = front;
        let free = earliest(&mut self.units[port as usize]);
        if self.in_order {
            let at = front.max(*free).max(ready).max(self.last_start);
            let waited_for = if ready >= at && ready > front.max(*free) {
                cause
            } else if *free >= at && *free > front {
                port_bound(port)
            } else {
                Bound::Issue
            };
            *free = at + busy;
            self.last_start = at;
            self.front = at;
            return Start { at, waited_for };
        }
        // Out of order: the port is booked at issue and fills its gaps with later operations, so a stalled
        // operation does not hold it.
        let booked = (*free).max(front);
        *free = booked + busy;
        let waited_for = if ready > booked {
            cause
        } else if booked > front {
            port_bound(port)
        } else {
            Bound::Issue
        };
        Start { at: booked.max(ready), waited_for }
    }

    /// Retires the operation that was started last; the ticks it adds to the clock are charged to `reason`.
    #[inline]
    pub fn retire(&mut self, done: u64, reason: Bound, account: &mut Account) {
        if done > self.retired {
            account.ticks[reason as usize] += (done - self.retired) as f64;
            self.retired = done;
        }
        self.window[self.at] = self.retired;
        self.at += 1;
        if self.at == self.window.len() {
            self.at = 0;
        }
        account.operations += 1.0;
    }

    /// One arithmetic instruction; returns its result.
    #[inline]
    pub fn execute(&mut self, cost: &OpCost, ready: Ready, account: &mut Account) -> Ready {
        let port = if cost.unit == Unit::Fp { Port::Fp } else { Port::Int };
        let start = self.start(port, cost.busy, ready);
        let done = start.at + cost.latency;
        // An in-order core does not wait for a result that nobody uses yet.
        let retires = if self.in_order { start.at + self.issue } else { done };
        self.retire(retires, start.waited_for, account);
        // Whoever waits for a result that waited for a unit waits for the unit.
        let cause = if start.waited_for == Bound::Compute { Bound::Compute } else { Bound::Latency };
        Ready { at: done, cause }
    }

    /// The front end restarts after a mispredicted branch.
    pub fn refetch(&mut self, penalty: u64) {
        self.front += penalty;
    }

    /// Everything in flight finishes; the clock stands at the last result.
    pub fn drain(&mut self, until: u64, account: &mut Account) {
        if until > self.retired {
            account.ticks[Bound::Latency as usize] += (until - self.retired) as f64;
            self.retired = until;
        }
        self.front = self.front.max(self.retired);
    }

    /// When the operation started last was issued.
    pub fn front(&self) -> u64 {
        self.front
    }

    /// True for cores that issue in order.
    pub fn in_order(&self) -> bool {
        self.in_order
    }

    /// Ticks of one issue slot.
    pub fn issue_ticks(&self) -> u64 {
        self.issue
    }
}

/// The unit that is free first.
#[inline]
fn earliest(units: &mut [u64]) -> &mut u64 {
    let mut best = 0;
    for i in 1..units.len() {
        if units[i] < units[best] {
            best = i;
        }
    }
    &mut units[best]
}

/// In-order cores still overlap a few operations; their pipelines are this deep at most.
const IN_ORDER_DEPTH: usize = 16;

fn port_bound(port: Port) -> Bound {
    match port {
        Port::Fp | Port::Int => Bound::Compute,
        Port::Load | Port::Store => Bound::L1,
    }
}
