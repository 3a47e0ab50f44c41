//! Sampling of task loops: run tasks until their cost settles, extrapolate the rest.

use super::core::Account;

/// How much of a run is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Every task: results are complete and can be checked.
    Full,
    /// Tasks until they settle.
    Sampled,
}

/// Blocks agree when their costs differ by no more than this.
const SETTLED: f64 = 0.005;
/// Operations after which a loop is extrapolated from what there is.
const LOOP_BUDGET: u64 = 1_000_000;
/// Operations after which every loop of the run is. Nested loops multiply: without it a blocked GEMM takes seconds.
const RUN_BUDGET: u64 = 3_000_000;

/// One task loop being run.
#[derive(Debug)]
pub struct Loop {
    /// Tasks to account for.
    pub tasks: usize,
    /// Tasks handed out.
    pub handed: usize,
    /// True while the loop is spread over the cores.
    pub parallel: bool,
    period: usize,
    issued_at_start: u64,
    /// The account at the start and after each block of `period` tasks.
    blocks: Vec<Account>,
    /// The account when the last task was handed out.
    pub last: Account,
}

/// What to do next in a loop.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// Run this task.
    Task(usize),
    /// All tasks ran.
    Finished,
    /// Account for `rest` tasks at the mean cost between two accounts `tasks` apart.
    Extrapolate {
        /// Tasks not run.
        rest: usize,
        /// Start of the window.
        from: Box<Account>,
        /// End of the window.
        to: Box<Account>,
        /// Tasks in the window.
        tasks: usize,
    },
}

impl Loop {
    /// A loop of `tasks` tasks whose costs repeat after `period`.
    pub fn new(tasks: usize, period: usize, parallel: bool, account: &Account, issued: u64) -> Self {
        Self {
            tasks,
            handed: 0,
            parallel,
            period: period.max(1),
            issued_at_start: issued,
            blocks: vec![account.clone()],
            last: account.clone(),
        }
    }

    /// The account when the loop began.
    pub fn start(&self) -> &Account {
        &self.blocks[0]
    }

    /// Called when the task handed out before has run (or the loop begins).
    pub fn next(&mut self, mode: Mode, account: &Account, issued: u64) -> Next {
        self.last = account.clone();
        if self.handed > 0 && self.handed.is_multiple_of(self.period) {
            self.blocks.push(account.clone());
        }
        if self.handed == self.tasks {
            return Next::Finished;
        }
        let ended_block = self.handed.is_multiple_of(self.period);
        if mode == Mode::Sampled && ended_block && self.blocks.len() >= 3 {
            let spent = issued - self.issued_at_start > LOOP_BUDGET || issued > RUN_BUDGET;
            if let Some((from, to, blocks)) = self.window(spent) {
                return Next::Extrapolate {
                    rest: self.tasks - self.handed,
                    from: Box::new(from),
                    to: Box::new(to),
                    tasks: blocks * self.period,
                };
            }
        }
        self.handed += 1;
        Next::Task(self.handed - 1)
    }

    /// The window to extrapolate from: the later two thirds of the blocks when their halves agree; the first third is
    /// warm-up. When the budget is spent, the later half.
    fn window(&self, spent: bool) -> Option<(Account, Account, usize)> {
        let last = self.blocks.len() - 1;
        let half = (last / 3).max(1);
        let [a, b, c] = [last - 2 * half, last - half, last].map(|i| &self.blocks[i]);
        let (early, late) = (b.total() - a.total(), c.total() - b.total());
        if (early - late).abs() <= SETTLED * late.max(1.0) {
            return Some((a.clone(), c.clone(), 2 * half));
        }
        let later_half = last - last / 2;
        spent.then(|| (self.blocks[last - later_half.min(last - 1)].clone(), c.clone(), later_half.min(last - 1)))
    }
}
