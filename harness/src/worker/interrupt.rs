//! A run that is interrupted ends its worker and lifts its limits before it ends.

use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The one worker that may run at a time.
struct State {
    /// Its process; 0 = none.
    worker: u32,
    /// True once this process is about to end: no worker starts any more.
    ending: bool,
}

static STATE: Mutex<State> = Mutex::new(State { worker: 0, ending: false });

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
    state.worker = child.id();
    Ok(child)
}

/// The worker has ended and was waited for.
pub(super) fn ended() {
    state().worker = 0;
}

/// From now on Ctrl-C and the termination signal end the worker and remove this process's control groups first. What
/// kills outright leaves the groups to the next start.
pub fn clean_up_on_interrupt() {
    #[cfg(target_os = "linux")]
    let _ = ctrlc::set_handler(|| {
        let mut state = state();
        state.ending = true;
        if let Some(worker) = state.worker.try_into().ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(worker, rustix::process::Signal::KILL);
        }
        drop(state);
        crate::capped::enforce::Enforcement::remove_own();
        // As shells report a process ended by SIGINT.
        std::process::exit(130);
    });
}
