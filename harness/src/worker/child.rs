//! Inside the limits: takes its cores and budget, proves what it can, measures, proves it again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Write};
use std::time::Duration;

use kernels::KERNELS;
use kernels::machine::Isa;
use kernels::model::ModelFile;
use kernels::weights::Source;

use super::generating::entered;
use super::{Job, Limits, Reply, Request, Task, When, sampling};
use crate::capped::{Resource, budget, probe};
use crate::environment::Host;
use crate::generate;
use crate::guard::Rate;
use crate::native::{Bay, Limited, Options, machine_among};
use crate::pace::Pacing;
use crate::profile::Loaded;
use crate::stream;

/// Under a processor quota time comes in periods of some milliseconds: a sample spans many.
pub(super) const QUOTA_SAMPLE_NS: f64 = 200e6;
/// So many times what the last cache holds is read to find what memory gives.
const BEYOND_CACHES: usize = 4;
/// A sample may begin and end with a whole period's quota, one more than it has of periods of 10 ms; the share itself is
/// proven to a twentieth.
const QUOTA_SLACK: f64 = 0.1;

/// Answers the one request on standard input.
///
/// # Errors
/// Where nobody asks anything, or the answer reaches nobody.
pub fn serve() -> Result<(), String> {
    die_with_parent();
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|e| e.to_string())?;
    let request: Request = serde_json::from_str(&line).map_err(|e| {
        format!("worker: the request is not understood ({e}); `retrobench measure --cap` starts workers")
    })?;
    if orphaned(request.parent) {
        return Err("worker: the process that asked has ended".into());
    }
    let answered = match request.task {
        Task::Fill(bytes) => say(&Reply::Filled(probe::fill(bytes))),
        Task::Measure(job) => measure(&job),
        Task::Prove(limits) => take(&limits).and_then(|()| prove(&limits, When::Before, None)),
        Task::Generate(job) => generate(&job.job, &job.limits),
        Task::Compare(sitting) => sampling::serve(&sitting),
        Task::Stream(job) => stream::run(&job).and_then(|run| say(&Reply::Streamed(run))),
    };
    answered.or_else(|reason| say(&Reply::Failed(reason)))
}

/// The kernel ends this process when the one that started it ends.
fn die_with_parent() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
}

/// True where the parent had ended before [`die_with_parent`].
fn orphaned(parent: u32) -> bool {
    #[cfg(target_os = "linux")]
    return rustix::process::getppid().is_none_or(|pid| pid.as_raw_nonzero().get() as u32 != parent);
    #[cfg(not(target_os = "linux"))]
    return std::os::unix::process::parent_id() != parent;
}

/// One line, in one write.
pub(super) fn say(reply: &Reply) -> Result<(), String> {
    let mut line = serde_json::to_string(reply).map_err(|e| e.to_string())?;
    line.push('\n');
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).map_err(|e| e.to_string())
}

/// Takes the limits that a process puts on itself.
pub(super) fn take(limits: &Limits) -> Result<(), String> {
    // Before there are threads: they inherit it.
    if let Some(cores) = limits.caps.cores {
        probe::take_cores(cores)?;
    }
    match limits.caps.memory_bytes {
        Some(bytes) if limits.memory_by_budget => budget::limit(bytes),
        _ => Ok(()),
    }
}

fn measure(job: &Job) -> Result<(), String> {
    take(&job.limits)?;
    prove(&job.limits, When::Before, None)?;
    let kernel = KERNELS.iter().find(|k| k.name() == job.kernel).ok_or_else(|| format!("no kernel {}", job.kernel))?;
    let weights = job.weights.as_ref().map(open).transpose()?;
    let profile = job.host_profile.as_deref().map(Loaded::load).transpose().map_err(|e| e.to_string())?;
    let bay = Bay::new(Host::read(), options(job), job.environment.clone(), profile).map_err(|e| e.to_string())?;
    let shape = job.shape.clone().into();
    let records = bay.measure(*kernel, &shape, &job.variants, weights.as_ref()).map_err(|e| e.to_string())?;
    let entered = bay.entered();
    drop(bay);
    records.into_iter().try_for_each(|record| say(&Reply::Record(Box::new(record))))?;
    prove(&job.limits, When::After, Some(&entered))
}

fn generate(job: &generate::Job, limits: &Limits) -> Result<(), String> {
    take(limits)?;
    prove(limits, When::Before, None)?;
    let mut emit = |piece: &str| say(&Reply::Text(piece.into()));
    let run = generate::run(job, &mut emit).map_err(|e| e.to_string())?;
    prove(limits, When::After, Some(&entered(&run)))?;
    say(&Reply::Generated(Box::new(run)))
}

fn open((file, tensor): &(std::path::PathBuf, String)) -> Result<Source, String> {
    let file = std::sync::Arc::new(ModelFile::open(file).map_err(|e| e.to_string())?);
    file.mapped(tensor).map(Source::new).map_err(|e| e.to_string())
}

fn options(job: &Job) -> Options {
    let defaults = Options::default();
    let caps = &job.limits.caps;
    let allowed = caps.simd.map_or(defaults.allowed, |simd| simd.allowed());
    let paced = !job.limits.bandwidth_by_hardware;
    let pacing = caps
        .bandwidth_bytes_per_s
        .filter(|_| paced)
        .map(|bytes_per_s| Pacing { bytes_per_s, bytes_per_call: job.bytes_per_call.clone() });
    // A paced run cannot end early; the hardware's means and a quota's periods let a little more through.
    let slack = if paced { 0.0 } else { probe::RATE_SLACK };
    let limited = Limited {
        bytes: caps.bandwidth_bytes_per_s.map(|rate| Rate::limit(rate, slack)),
        cpu: caps.cpu_share.map(|share| Rate::limit(share, QUOTA_SLACK)),
    };
    Options {
        time_budget: Duration::from_secs_f64(job.seconds),
        threads: threads(job),
        isa: job.isa.as_ref().and_then(|name| Isa::ALL.into_iter().find(|isa| isa.name() == name)),
        seed: job.seed,
        allowed,
        limited,
        pacing,
        sample_ns: if caps.cpu_share.is_some() { QUOTA_SAMPLE_NS } else { defaults.sample_ns },
        memory_bytes: left_bytes(job),
        ..defaults
    }
}

/// Threads of the threaded variants: those asked for, but no more than there are cores.
fn threads(job: &Job) -> usize {
    match (job.limits.caps.cores, job.threads) {
        (Some(cores), 0) => cores as usize,
        (Some(cores), wanted) => wanted.min(cores as usize),
        (None, wanted) => wanted,
    }
}

/// What operands may take: the whole limit, or what is left of the budget.
fn left_bytes(job: &Job) -> Option<u64> {
    let limit = job.limits.caps.memory_bytes?;
    Some(if job.limits.memory_by_budget { budget::left_bytes() } else { limit })
}

/// Probes every limit that shows from inside, and says what each found. `entered` = calls by machine, after a run.
pub(super) fn prove(limits: &Limits, when: When, entered: Option<&BTreeMap<Isa, u64>>) -> Result<(), String> {
    for resource in limits.caps.resources() {
        if let Some(evidence) = evidence(limits, resource, entered) {
            say(&Reply::Probed(resource, when, evidence))?;
        }
    }
    Ok(())
}

fn evidence(limits: &Limits, resource: Resource, entered: Option<&BTreeMap<Isa, u64>>) -> Option<probe::Evidence> {
    let caps = &limits.caps;
    match resource {
        // A control group is filled from a process of its own, which it ends.
        Resource::Memory => limits.memory_by_budget.then(probe::budget),
        Resource::Cores => caps.cores.map(probe::cores),
        Resource::Bandwidth => caps.bandwidth_bytes_per_s.map(|rate| match limits.bandwidth_by_hardware {
            false => probe::stream(rate),
            true => {
                let host = Host::read();
                let threads = host.cores as usize;
                probe::streams(rate, threads, (BEYOND_CACHES * host.llc_bytes()).div_ceil(threads))
            }
        }),
        Resource::Storage => caps.storage_bytes_per_s.map(|rate| probe::storage(rate, &limits.folder)),
        Resource::Cpu => caps.cpu_share.map(|share| probe::share(share, Duration::from_secs_f64(limits.watch_s))),
        Resource::Simd => caps.simd.map(|simd| match entered {
            Some(entered) => only_entered(&simd.allowed(), entered),
            None => chosen(&simd.allowed()),
        }),
    }
}

/// Every variant there is, put to the choice: none may be given a machine outside the set.
fn chosen(allowed: &[Isa]) -> probe::Evidence {
    let variants: Vec<_> = KERNELS.iter().flat_map(|kernel| kernel.variants()).collect();
    let given: Vec<Isa> = variants.iter().filter_map(|about| machine_among(about, None, allowed).ok()).collect();
    let shown = format!(
        "of {} variants {} were refused and the others given {}",
        variants.len(),
        variants.len() - given.len(),
        names(given.iter().copied().collect())
    );
    if given.iter().all(|isa| allowed.contains(isa)) { Ok(shown) } else { Err(shown) }
}

/// The calls of a run, by the machine that each entered: none may lie outside the set.
fn only_entered(allowed: &[Isa], entered: &BTreeMap<Isa, u64>) -> probe::Evidence {
    let calls: u64 = entered.values().sum();
    let shown = format!("{calls} calls of variants entered {}", names(entered.keys().copied().collect()));
    if entered.keys().all(|isa| allowed.contains(isa)) { Ok(format!("{shown}, and nothing else")) } else { Err(shown) }
}

fn names(isas: BTreeSet<Isa>) -> String {
    if isas.is_empty() {
        return "nothing".into();
    }
    isas.into_iter().map(Isa::name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_outside_the_set_is_no_proof() {
        let allowed = [Isa::Scalar, Isa::Portable];
        let inside = BTreeMap::from([(Isa::Scalar, 3), (Isa::Portable, 4)]);
        assert_eq!(
            only_entered(&allowed, &inside),
            Ok("7 calls of variants entered scalar, portable, and nothing else".into())
        );
        let outside = BTreeMap::from([(Isa::Scalar, 3), (Isa::Avx2, 1)]);
        assert!(only_entered(&allowed, &outside).is_err_and(|shown| shown.contains("avx2")));
        assert!(only_entered(&allowed, &BTreeMap::new()).is_ok_and(|shown| shown.contains("0 calls")));
    }

    #[test]
    fn no_variant_of_any_ladder_is_given_more_than_the_set() {
        let shown = chosen(&[Isa::Scalar]).expect("none is");
        assert!(shown.contains("given scalar") && !shown.contains(" 0 were refused"), "{shown}");
    }
}
