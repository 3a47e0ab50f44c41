//! Deadline pacing: work that moved so many bytes may not end before `bytes / rate` after it began. Waiting starts when the
//! work is done, so paced and computing time overlap: a paced run takes `max(compute, bytes / rate)`, as on a machine that
//! transfers while it computes. The deadline counts from the start of the phase, so errors do not add up.

use std::time::Duration;

/// A memory bandwidth that runs are paced to.
#[derive(Clone, Debug, PartialEq)]
pub struct Pacing {
    /// The rate, bytes/s.
    pub bytes_per_s: f64,
    /// Bytes that one call of each variant moves between memory and the caches, by place on the ladder.
    pub bytes_per_call: Vec<f64>,
}

/// Longer waits sleep: the rest is spun, as a sleep may end late.
const SPUN: Duration = Duration::from_micros(300);

impl Pacing {
    /// Time that so many calls of a variant may not be shorter than, ns.
    pub fn least_ns(&self, variant: usize, calls: u64) -> f64 {
        self.bytes_per_call.get(variant).map_or(0.0, |bytes| bytes * calls as f64 / self.bytes_per_s * 1e9)
    }
}

/// Waits until `now_ns` reaches the deadline; returns how long that took, ns.
pub fn wait_until(deadline_ns: f64, now_ns: impl Fn() -> f64) -> f64 {
    let start = now_ns();
    loop {
        let left = deadline_ns - now_ns();
        if left <= 0.0 {
            return (now_ns() - start).max(0.0);
        }
        match Duration::from_nanos(left as u64).checked_sub(2 * SPUN) {
            Some(slept) => std::thread::sleep(slept + SPUN),
            None => std::hint::spin_loop(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn the_deadline_is_bytes_over_the_rate() {
        let pacing = Pacing { bytes_per_s: 2e9, bytes_per_call: vec![4e6, 0.0] };
        assert_eq!(pacing.least_ns(0, 3), 6e6);
        assert_eq!((pacing.least_ns(1, 3), pacing.least_ns(9, 3)), (0.0, 0.0));
    }

    #[test]
    fn work_that_took_longer_does_not_wait() {
        let now = Cell::new(500.0);
        let clock = || {
            now.set(now.get() + 10.0);
            now.get()
        };
        assert!(wait_until(100.0, clock) <= 30.0);
        let waited = wait_until(2000.0, clock);
        assert!((1400.0..1600.0).contains(&waited), "{waited}");
    }
}
