//! Outside the limits: makes them, starts the worker inside, and turns what it says into records. A limit that was not
//! proven before and after voids the cells.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use kernels::kernel::ShapeError;
use kernels::machine::Isa;
use kernels::weights::Source;

use super::proving::tune;
use super::{Job, Limits, Reply, Request, Task, When, count, interrupt};
use crate::capped::cgroup::{Group as Cgroup, Version};
use crate::capped::enforce::Enforcement;
use crate::capped::probe::Evidence;
use crate::capped::{Caps, Resource, bytes_text};
use crate::environment::{Host, available_bytes};
use crate::plan::Group;
use crate::record::{Bound, CapRef, CostRef, Environment, MachineRef, Outcome, Record, SCHEMA, Tier};
use crate::stream::drop_cached;

/// The memory probe tries to take so much more than the cap, bytes.
const OVER_BYTES: u64 = 64 << 20;
/// How long the share of a processor is watched before and after a run, s: many periods.
pub(super) const WATCH_S: f64 = 0.6;
/// A cell that waited for this share of its time is bound by the paced bandwidth.
const PACED_BOUND: f64 = 0.05;

/// What to do about operands that are too large for a memory cap.
const MAPPED: &str = "; seeded operands lie in memory, while weights of a model file are mapped and may be larger than it: \
                      --weights FILE[:TENSOR]";

/// Why cells could not be run at all.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The child process could not be started or spoken to.
    #[error("worker: {0}; it is this program itself, started again")]
    Start(#[from] std::io::Error),
    /// The shape does not fit the kernel.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// Nothing can enforce a limit that the work is pointless without.
    #[error("a limit cannot be enforced here: {0}")]
    Unenforced(String),
    /// The worker said why it cannot measure.
    #[error("worker: {0}")]
    Failed(String),
}

/// How every cell of a run is measured under the same limits.
pub struct Warden {
    /// The limits.
    pub caps: Caps,
    /// Where the storage probe writes its file; a storage limit is one of its device.
    pub folder: PathBuf,
    /// Seconds of measuring for each kernel and shape.
    pub seconds: f64,
    /// Threads of the threaded variants; 0 = one per core.
    pub threads: usize,
    /// Machine of the variants that have a choice.
    pub isa: Option<Isa>,
    /// Profile of this host, for floors.
    pub host_profile: Option<PathBuf>,
    /// Goes into every record.
    pub environment: Environment,
    /// This host.
    pub host: Host,
}

/// What was found of the limits round one worker.
#[derive(Default)]
pub(super) struct Proof(pub Vec<(Resource, When, Evidence)>);

impl Warden {
    /// Removes what dead runs left, and finds what can enforce each limit.
    pub fn enforcement(&self) -> Enforcement {
        Enforcement::sweep();
        Enforcement::start(&self.caps, &self.folder)
    }

    /// Measures one kernel and shape in a worker. Every cell gets a record, whatever becomes of the worker.
    ///
    /// # Errors
    /// Where no worker can be started, or it cannot do what it is asked.
    pub fn measure(&self, group: &Group, source: Option<&Source>) -> Result<Vec<Record>, WorkerError> {
        let mut enforcement = self.enforcement();
        if let Some((resource, reason)) = enforcement.refused().first() {
            let reason = format!("cap not in force: {} cannot be enforced here: {reason}", resource.name());
            return Ok(self.voided(group, &reason));
        }
        tune(&mut enforcement, &self.caps, &self.folder)?;
        let mut proof = Proof::default();
        self.fill(&enforcement, When::Before, &mut proof)?;
        if let (Some(_), Some(source)) = (enforcement.memory_group(), source) {
            // Pages that are cached already are charged to whoever read them: the limit would not be felt.
            let file = File::open(source.tensor().file().path())?;
            file.sync_data()?;
            drop_cached(&file);
        }
        let task = Task::Measure(Box::new(self.job(group, source, &enforcement)?));
        let mut records = Vec::new();
        let mut failed = None;
        let status = ask(&enforcement, task, |reply| match reply {
            Reply::Record(record) => records.push(*record),
            Reply::Probed(resource, when, evidence) => proof.0.push((resource, when, evidence)),
            Reply::Failed(reason) => failed = Some(reason),
            _ => {}
        })?;
        if let Some(reason) = failed {
            return Err(WorkerError::Failed(reason));
        }
        if !status.success() {
            return Ok(self.died(group, status, &enforcement));
        }
        self.count(&enforcement, &mut proof);
        self.fill(&enforcement, When::After, &mut proof)?;
        let caps: Vec<CapRef> =
            self.caps.resources().into_iter().map(|r| proof.cap(r, &self.caps, &enforcement)).collect();
        let unproven = self.unproven(&proof);
        Ok(records.into_iter().map(|record| self.finished(record, &caps, unproven.as_deref())).collect())
    }

    fn job(&self, group: &Group, source: Option<&Source>, enforcement: &Enforcement) -> Result<Job, ShapeError> {
        Ok(Job {
            kernel: group.kernel.name().into(),
            shape: (&group.shape).into(),
            variants: group.variants.clone(),
            weights: source.map(|s| (s.tensor().file().path().to_path_buf(), s.tensor().info().name.clone())),
            limits: self.limits(enforcement),
            seconds: self.seconds,
            threads: self.threads,
            isa: self.isa.map(|isa| isa.name().into()),
            seed: self.environment.seed,
            bytes_per_call: self.bytes_per_call(group)?,
            host_profile: self.host_profile.clone(),
            environment: self.environment.clone(),
        })
    }

    /// What a worker takes upon itself.
    pub(super) fn limits(&self, enforcement: &Enforcement) -> Limits {
        Limits {
            caps: self.caps.clone(),
            memory_by_budget: enforcement.memory_group().is_none(),
            bandwidth_by_hardware: enforcement.bandwidth_by_hardware(),
            folder: self.folder.clone(),
            watch_s: WATCH_S,
        }
    }

    /// Bytes of one call of each variant, by place on the ladder; empty without a bandwidth cap.
    pub(super) fn bytes_per_call(&self, group: &Group) -> Result<Vec<f64>, ShapeError> {
        if self.caps.bandwidth_bytes_per_s.is_none() {
            return Ok(Vec::new());
        }
        let allowed = self.caps.simd.map_or(Isa::EVERY.to_vec(), |simd| simd.allowed());
        count::bytes_per_call(group.kernel, &group.shape, &group.variants, self.isa, &allowed, &self.host)
    }

    /// Notes what the control groups counted over a run.
    pub(super) fn count(&self, enforcement: &Enforcement, proof: &mut Proof) {
        if let Some(peak) = enforcement.memory_group().and_then(peak_bytes) {
            let limit = self.caps.memory_bytes.unwrap_or(u64::MAX);
            // Version 2 keeps the peak of the probe before the run too.
            let whose =
                if enforcement.memory_group().is_some_and(|g| g.version() == Version::V1) { "worker" } else { "group" };
            let shown = format!("the {whose}'s peak was {}", bytes_text(peak));
            proof.0.push((Resource::Memory, When::After, if peak <= limit { Ok(shown) } else { Err(shown) }));
        }
        if let Some(periods) = enforcement.throttled_periods() {
            let shown = format!("it was stopped in {periods} periods");
            proof.0.push((Resource::Cpu, When::After, Ok(shown)));
        }
    }

    /// Fills the memory group and notes what came of it.
    pub(super) fn fill(&self, enforcement: &Enforcement, when: When, proof: &mut Proof) -> Result<(), WorkerError> {
        let Some(limit) = self.caps.memory_bytes else { return Ok(()) };
        if let Some(evidence) = fill(enforcement, limit)? {
            proof.0.push((Resource::Memory, when, evidence));
        }
        Ok(())
    }

    /// Gives a record its tier, machine and limits; voids it where a limit was not proven.
    fn finished(&self, mut record: Record, caps: &[CapRef], unproven: Option<&str>) -> Record {
        record.tier = Tier::Capped;
        record.machine.id = self.caps.id();
        record.machine.name = format!("this host, capped to {}", self.caps);
        record.caps = caps.to_vec();
        if let Outcome::Timed(timing) = &mut record.outcome {
            let waited = timing.paced_share.is_some_and(|share| share > PACED_BOUND);
            timing.bound = if waited { Some(Bound::MemoryBandwidth) } else { timing.bound };
        }
        if let (Some(_), Outcome::DoesNotFit { reason }) = (self.caps.memory_bytes, &mut record.outcome) {
            reason.push_str(MAPPED);
        }
        if let (Some(reason), false) = (unproven, matches!(record.outcome, Outcome::NotAvailable { .. })) {
            record.outcome = Outcome::Void { reason: format!("cap not proven: {reason}") };
        }
        record
    }

    /// Why a limit is not proven, if one is not.
    pub(super) fn unproven(&self, proof: &Proof) -> Option<String> {
        self.caps.resources().into_iter().find_map(|r| proof.lack(r))
    }

    /// Records of cells that did not run.
    pub fn voided(&self, group: &Group, reason: &str) -> Vec<Record> {
        self.unmeasured(group, &Outcome::Void { reason: reason.into() })
    }

    fn died(&self, group: &Group, status: ExitStatus, enforcement: &Enforcement) -> Vec<Record> {
        let by_limit = match enforcement.memory_group() {
            // The probe before it was ended there too.
            Some(memory) => killed(status) && ended_at_limit(memory).is_some_and(|n| n > 1),
            None => self.caps.memory_bytes.is_some() && aborted(status),
        };
        let outcome = match (by_limit, self.caps.memory_bytes) {
            (true, Some(limit)) => {
                let reason = format!("the worker was ended when it needed more than {}{MAPPED}", bytes_text(limit));
                Outcome::DoesNotFit { reason }
            }
            _ => Outcome::Void { reason: format!("the worker ended before it was done ({status})") },
        };
        self.unmeasured(group, &outcome)
    }

    fn unmeasured(&self, group: &Group, outcome: &Outcome) -> Vec<Record> {
        let (kernel, shape) = (group.kernel, &group.shape);
        let (abouts, cost) = (kernel.variants(), kernel.cost(shape));
        let record = |v: &usize| Record {
            schema: SCHEMA,
            tier: Tier::Capped,
            kernel: kernel.name().into(),
            shape: shape.name.to_string(),
            dims: kernel.dims(shape),
            variant: abouts[*v].name.into(),
            rung: *v as u32,
            idea: abouts[*v].idea.into(),
            after: abouts[*v].after.map(Into::into),
            machine: MachineRef {
                id: self.caps.id(),
                name: format!("this host, capped to {}", self.caps),
                class: "host".into(),
                year: None,
                profile_hash: None,
                isa: "-".into(),
                threads: 1,
                peak_ops_per_s: None,
                peak_bytes_per_s: None,
            },
            outcome: outcome.clone(),
            cost: CostRef { operations: cost.operations, bytes: cost.bytes },
            caps: Vec::new(),
            environment: self.environment.clone(),
        };
        group.variants.iter().map(record).collect()
    }
}

impl Proof {
    pub(super) fn cap(&self, resource: Resource, caps: &Caps, enforcement: &Enforcement) -> CapRef {
        let found = self.0.iter().filter(|(r, ..)| *r == resource);
        CapRef {
            resource: resource.name().into(),
            limit: caps.limit(resource).unwrap_or_default(),
            mechanism: enforcement.mechanism(resource).unwrap_or("none").into(),
            proof: found.map(|(_, when, e)| format!("{}: {}", when.name(), e.as_ref().unwrap_or_else(|e| e))).collect(),
        }
    }

    /// Why a limit is not proven, if it is not.
    pub(super) fn lack(&self, resource: Resource) -> Option<String> {
        let found = || self.0.iter().filter(|(r, ..)| *r == resource);
        let against = found().find_map(|(_, when, e)| Some((*when, e.as_ref().err()?.clone())));
        if let Some((when, reason)) = against {
            return Some(format!("{}, {} the run: {reason}", resource.name(), when.name()));
        }
        let missing = [When::Before, When::After].into_iter().find(|w| !found().any(|(_, when, _)| when == w))?;
        Some(format!("{}: nothing shows it {} the run", resource.name(), missing.name()))
    }
}

/// A process of its own tries to take more than the memory group allows, and should not survive. None where no group
/// limits memory. The group's peak counts from here on.
pub(super) fn fill(enforcement: &Enforcement, limit: u64) -> Result<Option<Evidence>, WorkerError> {
    let Some(group) = enforcement.memory_group() else { return Ok(None) };
    let wanted = limit.saturating_add(OVER_BYTES);
    if available_bytes().is_some_and(|free| free < wanted) {
        return Ok(Some(Err(format!("{} are not free here, so the cap cannot bind", bytes_text(wanted)))));
    }
    let (mut held, ended) = (None, ended_at_limit(group));
    let status = ask(enforcement, Task::Fill(wanted), |reply| {
        if let Reply::Filled(bytes) = reply {
            held = Some(bytes);
        }
    })?;
    let peak = peak_bytes(group);
    if group.version() == Version::V1 {
        let _ = group.set("memory.max_usage_in_bytes", "0");
    }
    let wanted = bytes_text(wanted);
    Ok(Some(match held {
        Some(bytes) => Err(format!("a process that wanted {wanted} held {}", bytes_text(bytes))),
        None if peak.is_some_and(|peak| peak > limit) => Err(format!("{} were charged", bytes_text(peak.unwrap_or(0)))),
        None if killed(status) && ended.is_some() && ended_at_limit(group) == ended => {
            Err(format!("a process that wanted {wanted} was killed, but not at the limit"))
        }
        None if killed(status) => {
            let charged = peak.map_or(String::new(), |peak| format!(", charged {}", bytes_text(peak)));
            Ok(format!("a process that wanted {wanted} was ended at the limit{charged}"))
        }
        None => Err(format!("a process that wanted {wanted} ended otherwise ({status})")),
    }))
}

/// Starts a worker under the limits, asks it one thing and hears it out.
pub(super) fn ask(
    enforcement: &Enforcement,
    task: Task,
    mut hear: impl FnMut(Reply),
) -> Result<ExitStatus, WorkerError> {
    let request = Request { parent: std::process::id(), task };
    let mut line = serde_json::to_string(&request).map_err(std::io::Error::other)?;
    line.push('\n');
    let mut command = Command::new(std::env::current_exe()?);
    let mut child = interrupt::start(command.arg("worker").stdin(Stdio::piped()).stdout(Stdio::piped()))?;
    let heard = converse(&mut child, enforcement, &line, &mut hear);
    if heard.is_err() {
        // One that was killed cannot be moved or spoken to: its end says what happened.
        if let Some(status) = child.try_wait()?.filter(|status| killed(*status)) {
            interrupt::ended(child.id());
            return Ok(status);
        }
        let _ = child.kill();
    }
    let status = child.wait();
    interrupt::ended(child.id());
    let (understood, status) = (heard?, status?);
    // One that was killed may have torn its last line; its end says what happened.
    if status.success() && !understood {
        return Err(WorkerError::Failed("it said what is no reply; is another program in its place?".into()));
    }
    Ok(status)
}

/// Returns whether all that the child said were replies.
fn converse(
    child: &mut Child,
    enforcement: &Enforcement,
    line: &str,
    hear: &mut dyn FnMut(Reply),
) -> Result<bool, WorkerError> {
    // It waits for its request, so nothing it does escapes the limits.
    enforcement.join(child.id()).map_err(std::io::Error::other)?;
    let mut input = child.stdin.take().ok_or_else(|| std::io::Error::other("no standard input"))?;
    match input.write_all(line.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => return Err(e.into()),
        _ => drop(input),
    }
    let output = child.stdout.take().ok_or_else(|| std::io::Error::other("no standard output"))?;
    let mut understood = true;
    for line in BufReader::new(output).lines() {
        match serde_json::from_str(&line?) {
            Ok(reply) => hear(reply),
            Err(_) => understood = false,
        }
    }
    Ok(understood)
}

/// Most memory that was charged to a group, bytes.
pub(super) fn peak_bytes(group: &Cgroup) -> Option<u64> {
    match group.version() {
        Version::V1 => group.number("memory.max_usage_in_bytes"),
        Version::V2 => group.number("memory.peak"),
    }
}

/// Processes that a group has ended at its limit.
fn ended_at_limit(group: &Cgroup) -> Option<u64> {
    match group.version() {
        Version::V1 => group.counter("memory.oom_control", "oom_kill"),
        Version::V2 => group.counter("memory.events", "oom_kill"),
    }
}

fn signal(status: ExitStatus) -> Option<i32> {
    use std::os::unix::process::ExitStatusExt;
    status.signal()
}

/// True where the process was killed outright (SIGKILL).
pub(super) fn killed(status: ExitStatus) -> bool {
    signal(status) == Some(9)
}

/// True where it gave up (SIGABRT), as on a refused allocation.
fn aborted(status: ExitStatus) -> bool {
    signal(status) == Some(6)
}
