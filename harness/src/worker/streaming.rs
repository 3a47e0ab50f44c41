//! Passes over a layer's file in a worker under a memory cap.

use super::warden::{ask, fill, peak_bytes};
use super::{Reply, Task, WorkerError};
use crate::capped::cgroup::Version;
use crate::capped::enforce::Enforcement;
use crate::capped::{Caps, Resource};
use crate::stream::{Job, Run};

/// A run under a memory cap, and what its control group counted.
#[derive(Clone, Debug)]
pub struct Streamed {
    /// What the worker says.
    pub run: Run,
    /// Most memory that was charged, page cache included, bytes; absent without a cap, and with control groups of version 2:
    /// their peak is that of the probe before.
    pub peak_bytes: Option<u64>,
    /// Pages that had been dropped and were read again; absent where the system does not tell.
    pub refaults: Option<u64>,
}

/// Runs a job in a worker under limits on memory, the pages of its files included, and on storage.
///
/// # Errors
/// [`WorkerError::Unenforced`] where no control group can limit memory here: a budget of allocations would leave mapped
/// files free. [`WorkerError::Failed`] where the cap was not proven, or the worker could not do it.
pub fn stream(job: &Job, caps: &Caps) -> Result<Streamed, WorkerError> {
    Enforcement::sweep();
    let enforcement = Enforcement::start(caps, &std::env::temp_dir());
    if let Some((resource, reason)) = enforcement.refused().first() {
        return Err(WorkerError::Unenforced(format!("{}: {reason}", resource.name())));
    }
    let cap = caps.memory_bytes;
    let group = enforcement.memory_group();
    if let (Some(_), None) = (cap, group) {
        let how = enforcement.mechanism(Resource::Memory).unwrap_or_default();
        return Err(WorkerError::Unenforced(format!("memory, with the pages of mapped files: only by a {how}")));
    }
    if let Some(limit) = cap {
        fill(&enforcement, limit)?.transpose().map_err(WorkerError::Failed)?;
    }
    let refaults = || group.and_then(|g| g.counter("memory.stat", "workingset_refault_file"));
    let before = refaults();
    let (mut run, mut failed) = (None, None);
    let status = ask(&enforcement, Task::Stream(Box::new(job.clone())), |reply| match reply {
        Reply::Streamed(streamed) => run = Some(streamed),
        Reply::Failed(reason) => failed = Some(reason),
        _ => {}
    })?;
    let ended = || format!("{} ended before it was done ({status})", job.policy.name());
    let run = run.ok_or_else(|| WorkerError::Failed(failed.unwrap_or_else(ended)))?;
    let peak = group.and_then(peak_bytes);
    if let (Some(peak), Some(limit)) = (peak, cap)
        && peak > limit
    {
        return Err(WorkerError::Failed(format!("cap not proven: {peak} bytes were charged of {limit}")));
    }
    let refaults = refaults().zip(before).map(|(now, before)| now - before);
    let own_peak = peak.filter(|_| group.is_some_and(|g| g.version() == Version::V1));
    Ok(Streamed { run, peak_bytes: own_peak, refaults })
}
