//! Limits tried on their own: what enforces each here, and what a probe under it shows.

use std::path::Path;

use super::warden::{ask, fill};
use super::{Limits, Reply, Task, WorkerError};
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
    Enforcement::sweep();
    let mut enforcement = Enforcement::start(caps, folder);
    if enforcement.refused().is_empty() {
        tune(&mut enforcement, caps, folder)?;
    }
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
        bandwidth_by_hardware: enforcement.bandwidth_by_hardware(),
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

/// Finds the loosest setting of the processor's own means under which streams keep to the bandwidth; where there is none,
/// it is paced. Nothing to do where it is paced anyway.
pub(super) fn tune(enforcement: &mut Enforcement, caps: &Caps, folder: &Path) -> Result<(), WorkerError> {
    let Some(rate) = caps.bandwidth_bytes_per_s else { return Ok(()) };
    let settings = enforcement.bandwidth_settings(rate);
    if settings.is_empty() {
        return Ok(());
    }
    let limits = Limits {
        caps: Caps { bandwidth_bytes_per_s: Some(rate), cores: caps.cores, ..Caps::default() },
        memory_by_budget: false,
        bandwidth_by_hardware: true,
        folder: folder.to_path_buf(),
        watch_s: 0.0,
    };
    let mut shown = String::new();
    let mut keeps = |setting: u64| {
        enforcement.set_bandwidth(setting).map_err(WorkerError::Failed)?;
        let mut kept = false;
        ask(enforcement, Task::Prove(limits.clone()), |reply| {
            if let Reply::Probed(Resource::Bandwidth, _, evidence) = reply {
                kept = evidence.is_ok();
                shown = evidence.unwrap_or_else(|against| against);
            }
        })?;
        Ok::<bool, WorkerError>(kept)
    };
    let found = first_kept(&settings, &mut keeps)?;
    match found {
        Some(setting) => enforcement.set_bandwidth(setting).map_err(WorkerError::Failed),
        None => {
            enforcement.pace_instead(&format!("at the least setting of resctrl {shown}"));
            Ok(())
        }
    }
}

/// The first setting that keeps, of settings that grow tighter: by bisection.
fn first_kept<E>(settings: &[u64], keeps: &mut impl FnMut(u64) -> Result<bool, E>) -> Result<Option<u64>, E> {
    let Some(tightest) = settings.last() else { return Ok(None) };
    if !keeps(*tightest)? {
        return Ok(None);
    }
    // `low` is tight enough or the tightest; all before `high` are too loose.
    let (mut high, mut low) = (0, settings.len() - 1);
    while high < low {
        let middle = (high + low) / 2;
        if keeps(settings[middle])? { low = middle } else { high = middle + 1 }
    }
    Ok(Some(settings[low]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loosest_setting_that_keeps_is_found() {
        let settings: Vec<u64> = (1..=10).rev().map(|tenth| 10 * tenth).collect();
        for least in [100, 70, 40, 10] {
            let mut tried = 0;
            let found = first_kept(&settings, &mut |setting| {
                tried += 1;
                Ok::<bool, ()>(setting <= least)
            });
            assert_eq!(found, Ok(Some(least)));
            assert!(tried <= 5, "{tried} tries");
        }
        assert_eq!(first_kept(&settings, &mut |_| Ok::<bool, ()>(false)), Ok(None));
        assert_eq!(first_kept(&[], &mut |_| Ok::<bool, ()>(true)), Ok(None));
        assert_eq!(first_kept(&[7], &mut |_| Err::<bool, &str>("gone")), Err("gone"));
    }
}
