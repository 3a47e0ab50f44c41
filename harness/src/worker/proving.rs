//! Limits tried on their own: what enforces each here, and what a probe under it shows.

use std::path::Path;

use super::warden::{ask, fill};
use super::{Limits, Reply, Task, WorkerError};
use crate::capped::cgroup::Places;
use crate::capped::enforce::Enforcement;
use crate::capped::probe::Evidence;
use crate::capped::{Caps, Resource};

/// A limit that was tried.
#[derive(Clone, Debug)]
pub struct Proven {
    /// What was limited.
    pub resource: Resource,
    /// What enforced it, or why nothing can.
    pub mechanism: Result<String, String>,
    /// What a probe showed; absent where it could not be tried.
    pub evidence: Option<Evidence>,
}

/// Tries limits in a worker that does nothing else. `folder` is where the storage probe writes its file, `watch_s` how long
/// a processor share is watched.
///
/// # Errors
/// Where no worker can be started.
pub fn prove(caps: &Caps, folder: &Path, watch_s: f64) -> Result<Vec<Proven>, WorkerError> {
    Places::here().sweep();
    let enforcement = Enforcement::start(caps, folder);
    let of = |(resource, mechanism): &(Resource, Result<String, String>)| Proven {
        resource: *resource,
        mechanism: mechanism.clone(),
        evidence: None,
    };
    let mut proven: Vec<Proven> = enforcement.how().iter().map(of).collect();
    if !enforcement.refused().is_empty() {
        return Ok(proven);
    }
    let mut note = |resource: Resource, evidence: Evidence| {
        if let Some(limit) = proven.iter_mut().find(|p| p.resource == resource) {
            limit.evidence = Some(evidence);
        }
    };
    if let Some(evidence) = caps.memory_bytes.map(|limit| fill(&enforcement, limit)).transpose()?.flatten() {
        note(Resource::Memory, evidence);
    }
    let limits = Limits {
        caps: caps.clone(),
        memory_by_budget: enforcement.memory_group().is_none(),
        folder: folder.to_path_buf(),
        watch_s,
    };
    let mut failed = None;
    ask(&enforcement, Task::Prove(limits), |reply| match reply {
        Reply::Probed(resource, _, evidence) => note(resource, evidence),
        Reply::Failed(reason) => failed = Some(reason),
        _ => {}
    })?;
    failed.map_or(Ok(proven), |reason| Err(WorkerError::Failed(reason)))
}
