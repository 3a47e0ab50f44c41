//! Text made in a worker under limits.

use std::collections::BTreeMap;

use kernels::machine::Isa;

use super::proving::tune;
use super::warden::{Proof, WATCH_S, ask, fill, killed};
use super::{GenerateJob, Limits, Reply, Task, Warden, When, WorkerError};
use crate::capped::Resource;
use crate::generate::{Emit, Job, Run};
use crate::record::CapRef;

/// What a worker made of a job, and what was found of its limits.
pub struct Generated {
    /// Its times.
    pub run: Run,
    /// Each limit with its mechanism and proofs.
    pub caps: Vec<CapRef>,
    /// Why a limit is not proven, if one is not: the times are void then.
    pub unproven: Option<String>,
}

impl Warden {
    /// Runs a job in a worker under the limits. Threads, machines, memory and the paced bandwidth of the job become what they
    /// allow.
    ///
    /// # Errors
    /// [`WorkerError::Unenforced`] where nothing enforces one of the limits here, [`WorkerError::Failed`] where the worker
    /// could not do it or was ended at the memory limit.
    pub fn generate(&self, job: &mut Job, emit: Emit<'_>) -> Result<Generated, WorkerError> {
        let mut enforcement = self.enforcement();
        if let Some((resource, reason)) = enforcement.refused().first() {
            return Err(WorkerError::Unenforced(format!("{}: {reason}", resource.name())));
        }
        tune(&mut enforcement, &self.caps, &self.folder)?;
        let paced = !enforcement.bandwidth_by_hardware();
        job.bytes_per_s = self.caps.bandwidth_bytes_per_s.filter(|_| paced);
        job.memory_bytes = self.caps.memory_bytes;
        job.threads = self.caps.cores.map_or(job.threads, |cores| job.threads.min(cores as usize));
        if let Some(simd) = self.caps.simd {
            job.isas = simd.allowed().into_iter().map(|isa| isa.name().to_string()).collect();
            // What it enters is the proof.
            job.traced = true;
        }
        let mut proof = Proof::default();
        let memory = |proof: &mut Proof, when: When| -> Result<(), WorkerError> {
            let Some(limit) = self.caps.memory_bytes else { return Ok(()) };
            if let Some(evidence) = fill(&enforcement, limit)? {
                proof.0.push((Resource::Memory, when, evidence));
            }
            Ok(())
        };
        memory(&mut proof, When::Before)?;
        let limits = Limits {
            caps: self.caps.clone(),
            memory_by_budget: enforcement.memory_group().is_none(),
            bandwidth_by_hardware: enforcement.bandwidth_by_hardware(),
            folder: self.folder.clone(),
            watch_s: WATCH_S,
        };
        let (mut run, mut failed) = (None, None);
        let task = Task::Generate(Box::new(GenerateJob { job: job.clone(), limits }));
        let status = ask(&enforcement, task, |reply| match reply {
            Reply::Text(piece) => failed = failed.take().or(emit(&piece).err()),
            Reply::Generated(made) => run = Some(*made),
            Reply::Probed(resource, when, evidence) => proof.0.push((resource, when, evidence)),
            Reply::Failed(reason) => failed = Some(reason),
            _ => {}
        })?;
        let at_limit = killed(status) && self.caps.memory_bytes.is_some();
        let ended = || match at_limit {
            true => format!("it was ended ({status}): the model and its cache need more than the memory limit"),
            false => format!("it ended before it was done ({status})"),
        };
        if let Some(reason) = failed {
            return Err(WorkerError::Failed(reason));
        }
        let run = run.ok_or_else(|| WorkerError::Failed(ended()))?;
        if let Some(periods) = enforcement.throttled_periods() {
            proof.0.push((Resource::Cpu, When::After, Ok(format!("it was stopped in {periods} periods"))));
        }
        memory(&mut proof, When::After)?;
        let resources = self.caps.resources();
        let caps = resources.iter().map(|r| proof.cap(*r, &self.caps, &enforcement)).collect();
        let unproven = resources.into_iter().find_map(|r| proof.lack(r));
        Ok(Generated { run, caps, unproven })
    }
}

/// Machines that a run's kernels entered, with how often.
pub(super) fn entered(run: &Run) -> BTreeMap<Isa, u64> {
    let mut entered = BTreeMap::new();
    for kernel in &run.kernels {
        if let Some(isa) = Isa::EVERY.into_iter().find(|isa| isa.name() == kernel.isa) {
            *entered.entry(isa).or_default() += kernel.calls as u64;
        }
    }
    entered
}
