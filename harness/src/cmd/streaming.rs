//! `study streaming`: what it costs to decode with weights that are read from storage under a memory cap, by policy and by
//! how much of the model memory holds.

use std::fs::File;
use std::path::Path;

use super::Failure;
use super::output::{progress, write_file};
use crate::capped::{Caps, Resource};
use crate::report::chart::curve::{self, Axis, Curves};
use crate::report::listing::Listing;
use crate::stats::median;
use crate::stream::{self, Format, Job, Policy};
use crate::worker::{Streamed, WorkerError, clean_up_on_interrupt, stream_under};

/// Memory over the size of the model as f32.
const RATIOS: [f64; 5] = [0.25, 0.5, 0.75, 1.0, 1.5];
/// The policies under a cap, each held against demand faults.
const POLICIES: [Policy; 6] = [
    Policy::DemandFaults,
    Policy::Window,
    Policy::Pinned,
    Policy::ReadAhead,
    Policy::PinnedReadAhead,
    Policy::Quantized,
];
/// Passes of a run, one a token; the first finds the file out of every cache.
const PASSES: usize = 10;
/// Runs of each policy, interleaved.
const REPEATS: usize = 3;

/// What is shown of each policy.
const COLUMNS: [&str; 9] = [
    "cap_over_model",
    "policy",
    "effective_gb_s",
    "steady_gb_s",
    "over_demand_faults",
    "major_faults",
    "read_mb",
    "refaults",
    "peak_mib",
];

/// Files of the layer in both formats; they have no names, so they are gone when this process is, however it ends.
struct Files {
    f32: File,
    q8: File,
}

impl Files {
    fn write(seed: u64) -> Result<Self, Failure> {
        let written = |format| {
            let mut file = tempfile::tempfile()?;
            stream::write(&mut file, format, seed)?;
            Ok(file)
        };
        let fail = |e: std::io::Error| Failure::input(format!("{}: {e}", std::env::temp_dir().display()));
        Ok(Self { f32: written(Format::F32).map_err(fail)?, q8: written(Format::Q8).map_err(fail)? })
    }

    fn of(&self, policy: Policy) -> &File {
        match policy.format() {
            Format::F32 => &self.f32,
            Format::Q8 => &self.q8,
        }
    }

    /// One run on a file that no cache holds.
    fn run(&self, policy: Policy, caps: &Caps, seed: u64) -> Result<Streamed, Failure> {
        let file = self.of(policy);
        stream::drop_cached(file);
        let job = Job {
            file: stream::path_of(file),
            policy,
            passes: PASSES,
            memory_bytes: caps.memory_bytes.unwrap_or(u64::MAX),
            seed,
        };
        stream_under(&job, caps).map_err(|e| match e {
            WorkerError::Unenforced(_) => Failure::unenforced(e),
            _ => Failure::input(e),
        })
    }
}

/// Runs every policy at every ratio; `caps` may limit storage beside. The chart goes to a file where one is named.
pub fn study(seed: u64, caps: &Caps, chart: Option<&Path>) -> Result<Listing, Failure> {
    if caps.resources().iter().any(|r| *r != Resource::Storage) {
        return Err(Failure::input(format!(
            "--cap: {caps}: this study sets memory itself and takes storage=... alone"
        )));
    }
    clean_up_on_interrupt();
    let files = Files::write(seed)?;
    let in_memory = [Policy::InMemory, Policy::QuantizedInMemory];
    let truths: Result<Vec<(Format, u64)>, Failure> =
        in_memory.iter().map(|p| Ok((p.format(), files.run(*p, &Caps::default(), seed)?.run.hash))).collect();
    let truths = truths?;
    let bar = progress(RATIOS.len() * REPEATS * POLICIES.len() + 1, false);
    let free: Vec<Streamed> = vec![files.run(Policy::InMemory, caps, seed)?];
    let mut rows = vec![row("none", Policy::InMemory, &free, None)];
    for ratio in RATIOS {
        let cap = (ratio * Format::F32.layer_bytes() as f64) as u64 / 4096 * 4096;
        let caps = Caps { memory_bytes: Some(cap), ..caps.clone() };
        let mut runs: Vec<Vec<Streamed>> = vec![Vec::new(); POLICIES.len()];
        let mut unlocked = None;
        for _ in 0..REPEATS {
            for (policy, runs) in POLICIES.iter().zip(&mut runs) {
                bar.set_message(format!("{} at {ratio}", policy.name()));
                let run = match files.run(*policy, &caps, seed) {
                    // Few users may lock much memory: that says nothing of the other policies.
                    Err(failure) if *policy == Policy::Pinned => {
                        unlocked = Some(failure.message);
                        bar.inc(1);
                        continue;
                    }
                    run => run?,
                };
                if !truths.contains(&(policy.format(), run.run.hash)) {
                    let reason = "its outputs are not those of the weights in memory, bit for bit";
                    return Err(Failure::wrong(format!("{} at {ratio}: {reason}", policy.name())));
                }
                runs.push(run);
                bar.inc(1);
            }
        }
        let demand_s = run_s(&runs[0]);
        rows.extend(POLICIES.iter().zip(&runs).map(|(p, runs)| match &unlocked {
            Some(reason) if runs.is_empty() => unavailable(&ratio.to_string(), *p, reason),
            _ => row(&ratio.to_string(), *p, runs, Some(demand_s)),
        }));
    }
    bar.finish_and_clear();
    if let Some(path) = chart {
        write_file(path, drawn(&rows, caps)?.as_bytes())?;
    }
    Ok(Listing::of_words(
        format!(
            "Decoding one layer of R1-Distill-Qwen-1.5B ({:.0} MB as f32) with its weights in a file, under a memory cap \
             that counts the pages of the file (cap/model), from a cold cache: {PASSES} passes, median of {REPEATS} runs. \
             Effective GB/s: f32 weights used per second over all passes; steady: the median pass after the first. All \
             outputs are those of the weights in memory, bit for bit (capped tier{}).",
            Format::F32.layer_bytes() as f64 / 1e6,
            caps.limit(Resource::Storage).map_or(String::new(), |limit| format!(", {limit}"))
        ),
        &COLUMNS,
        rows,
    ))
}

/// The curve of each policy over the memory there is.
fn drawn(rows: &[Vec<String>], caps: &Caps) -> Result<String, Failure> {
    let point = |row: &Vec<String>| Some((row[0].parse().ok()?, row[2].parse().ok()?));
    let of = |policy: &Policy| {
        let points = rows.iter().filter(|row| row[1] == policy.name()).filter_map(point).collect();
        (policy.name().to_string(), points)
    };
    let series: Vec<(String, Vec<(f64, f64)>)> = POLICIES.iter().map(of).collect();
    let storage = caps.limit(Resource::Storage).map_or(String::new(), |limit| format!(", {limit}"));
    let picture = curve::picture(&Curves {
        title: &finding(rows),
        under: &format!("capped{storage} · a layer of R1-Distill-Qwen-1.5B, f32 weights used per second, from cold"),
        x: "memory cap over model",
        y: "GB/s, log scale",
        axes: (Axis::Linear, Axis::Log),
        series: &series,
        marks: &[],
    });
    Ok(picture.map_err(Failure::input)?.file())
}

/// What the chart shows first: the policy that gains most on demand faults where memory holds half of the weights, of those
/// that keep them f32.
fn finding(rows: &[Vec<String>]) -> String {
    let gain = |row: &Vec<String>| row[4].parse::<f64>().ok();
    let half = rows.iter().filter(|row| row[0] == "0.5" && row[1] != Policy::Quantized.name());
    match half.filter_map(|row| Some((gain(row)?, &row[1]))).max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((gain, policy)) => {
            format!("With half the memory, {policy} weights run {gain:.1}× as fast as demand faults")
        }
        None => "Weights streamed under a memory cap".into(),
    }
}

/// Seconds of a run, the median of several.
fn run_s(runs: &[Streamed]) -> f64 {
    let all: Vec<f64> = runs.iter().map(|r| r.run.pass_s.iter().sum()).collect();
    median(&all).unwrap_or(f64::NAN)
}

fn row(ratio: &str, policy: Policy, runs: &[Streamed], demand_s: Option<f64>) -> Vec<String> {
    let gb = Format::F32.layer_bytes() as f64 / 1e9;
    let steady: Vec<f64> = runs.iter().flat_map(|r| r.run.pass_s.iter().skip(1).copied()).collect();
    let middle = |of: &dyn Fn(&Streamed) -> Option<u64>| {
        let all: Vec<f64> = runs.iter().filter_map(|r| Some(of(r)? as f64)).collect();
        median(&all).ok()
    };
    let shown = |value: Option<f64>, unit: f64| value.map_or(String::new(), |v| format!("{:.0}", v / unit));
    vec![
        ratio.into(),
        policy.name().into(),
        format!("{:.3}", gb * PASSES as f64 / run_s(runs)),
        format!("{:.3}", median(&steady).map_or(f64::NAN, |s| gb / s)),
        demand_s.map_or(String::new(), |s| format!("{:.2}", s / run_s(runs))),
        shown(middle(&|r| r.run.major_faults), 1.0),
        shown(middle(&|r| r.run.read_bytes), 1e6),
        shown(middle(&|r| r.refaults), 1.0),
        shown(middle(&|r| r.peak_bytes), f64::from(1 << 20)),
    ]
}

/// A policy that could not be run, with the reason where its figures would be.
fn unavailable(ratio: &str, policy: Policy, reason: &str) -> Vec<String> {
    let mut row = vec![ratio.into(), policy.name().into(), format!("not available: {reason}")];
    row.resize(COLUMNS.len(), String::new());
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finding_is_the_best_policy_that_keeps_the_format() {
        let row = |ratio: &str, policy: Policy, gain: &str| {
            vec![ratio.into(), policy.name().into(), "1".into(), "1".into(), gain.to_string()]
        };
        let rows = [
            row("0.5", Policy::DemandFaults, "1.00"),
            row("0.5", Policy::Pinned, "1.74"),
            row("0.5", Policy::Quantized, "12.30"),
            row("1", Policy::Pinned, "3.89"),
        ];
        assert_eq!(finding(&rows), "With half the memory, pinned weights run 1.7× as fast as demand faults");
        assert_eq!(finding(&[]), "Weights streamed under a memory cap");
    }
}
