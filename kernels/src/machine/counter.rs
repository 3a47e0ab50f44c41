//! An observer that only counts: the audit of a kernel's declared operations and bytes.

use std::cell::{Cell, RefCell};

use super::traced::{Access, Op, Ticket, Trace};

/// Counts of a traced run: the audit of a kernel's declared operations and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Arithmetic operations, lanes counted, a multiply-add as two.
    pub operations: u64,
    /// Bytes loaded.
    pub loaded: u64,
    /// Bytes stored.
    pub stored: u64,
}

/// An observer that only counts, and runs every task.
#[derive(Debug, Default)]
pub struct Counter {
    counts: Cell<Counts>,
    tasks: RefCell<Vec<(usize, usize)>>,
}

impl Counter {
    /// What was counted.
    pub fn counts(&self) -> Counts {
        self.counts.get()
    }

    fn count(&self, add: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get();
        add(&mut counts);
        self.counts.set(counts);
    }
}

impl Trace for Counter {
    fn op(&self, op: Op, lanes: usize, _inputs: &[Ticket], _live: u32) -> Ticket {
        let per_lane = match op {
            Op::MulAdd => 2,
            Op::Add | Op::Mul | Op::Div | Op::Sqrt | Op::Max | Op::IntAdd | Op::IntMul | Op::Exp => 1,
            Op::MaddI16 => 3,
            Op::Dot4I8 | Op::Dot4U8 => 8,
            Op::Convert | Op::Shuffle | Op::ByteShuffle | Op::Widen | Op::F16Convert => 0,
        };
        self.count(|c| c.operations += per_lane * lanes as u64);
        Ticket::default()
    }
    fn load(&self, access: Access, _live: u32) -> Ticket {
        self.count(|c| c.loaded += access.bytes as u64);
        Ticket::default()
    }
    fn store(&self, access: Access, _value: Ticket) {
        self.count(|c| c.stored += access.bytes as u64);
    }
    fn iteration(&self) {}
    fn loop_exit(&self, _trips: usize) {}
    fn begin_tasks(&self, n: usize, _period: usize, _parallel: bool) {
        self.tasks.borrow_mut().push((0, n));
    }
    fn next_task(&self) -> Option<usize> {
        let mut tasks = self.tasks.borrow_mut();
        let (at, n) = tasks.last_mut()?;
        if *at < *n {
            *at += 1;
            Some(*at - 1)
        } else {
            tasks.pop();
            None
        }
    }
}
