//! A run that is interrupted ends its workers and lifts its limits before it ends.

use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The workers that run.
struct State {
    /// Their processes.
    workers: Vec<u32>,
    /// True once this process is about to end: no worker starts any more.
    ending: bool,
    /// What is done before this process ends, each under a number of its own.
    last: Vec<(u64, Box<dyn FnOnce() + Send>)>,
    /// The next number.
    next: u64,
}

static STATE: Mutex<State> = Mutex::new(State { workers: Vec::new(), ending: false, last: Vec::new(), next: 0 });

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a worker, unless this process is about to end: then it waits for that.
pub(super) fn start(command: &mut Command) -> std::io::Result<Child> {
    let mut state = state();
    if state.ending {
        drop(state);
        loop {
            std::thread::park();
        }
    }
    let child = command.spawn()?;
    state.workers.push(child.id());
    Ok(child)
}

/// A worker has ended and was waited for.
pub(super) fn ended(worker: u32) {
    state().workers.retain(|w| *w != worker);
}

/// Something to do when this process is interrupted; no longer once this is dropped.
#[must_use]
pub struct Last(u64);

/// Has it done when this process is interrupted, before it ends.
pub fn on_interrupt(act: impl FnOnce() + Send + 'static) -> Last {
    let number = {
        let mut state = state();
        state.next += 1;
        let number = state.next;
        state.last.push((number, Box::new(act)));
        number
    };
    clean_up_on_interrupt();
    Last(number)
}

impl Drop for Last {
    fn drop(&mut self) {
        state().last.retain(|(number, _)| *number != self.0);
    }
}

/// From now on Ctrl-C and the termination signal end the worker and remove this process's control groups first. What
/// kills outright leaves the groups to the next start.
pub fn clean_up_on_interrupt() {
    #[cfg(target_os = "linux")]
    let _ = ctrlc::set_handler(|| {
        let mut state = state();
        state.ending = true;
        let pids = state.workers.iter().filter_map(|w| rustix::process::Pid::from_raw((*w).try_into().ok()?));
        for worker in pids {
            let _ = rustix::process::kill_process(worker, rustix::process::Signal::KILL);
        }
        let last = std::mem::take(&mut state.last);
        drop(state);
        crate::capped::enforce::Enforcement::remove_own();
        last.into_iter().for_each(|(_, act)| act());
        // As shells report a process ended by SIGINT.
        std::process::exit(130);
    });
}
