//! What this host is, how noisy it is and what it can do.

use std::path::Path;
use std::time::Duration;

use kernels::KERNELS;
use kernels::input::Input;
use kernels::kernel::{Kernel, Shape, Width};
use kernels::machine::Isa;

use crate::capped::enforce::Enforcement;
use crate::capped::{Caps, Resource, Simd};
use crate::environment::Host;
use crate::native::schedule::{Bench, Candidate, Limits, Wall};
use crate::native::{self, machine_for};
use crate::stats::{Interval, mad, median, ratio_interval};

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// The host.
    pub host: Host,
    /// Native machines it has.
    pub isas: Vec<Isa>,
    /// How noisy it is; absent where nothing could be timed.
    pub noise: Option<Noise>,
    /// Whose process this is: root may make control groups, others need one of their own.
    pub user: &'static str,
    /// True where the processor's event counters can be opened.
    pub counters: bool,
    /// True where memory bandwidth can be limited (resctrl).
    pub resctrl: bool,
    /// What can be taken away here: each resource with what enforces it, or why nothing can.
    pub caps: Vec<(Resource, Result<String, String>)>,
}

/// One variant timed against itself: whatever differs is noise.
#[derive(Clone, Debug)]
pub struct Noise {
    /// What was timed.
    pub cell: String,
    /// Ratio of its two medians with its 95 % interval; 1 on a quiet host.
    pub ratio: Interval,
    /// Median absolute deviation of the samples, percent of their median.
    pub spread_pct: f64,
    /// Pairs of samples.
    pub pairs: usize,
}

/// Gathers the facts; `time_budget` goes to the noise measurement (two seconds say enough).
pub fn examine(time_budget: Duration) -> Report {
    Report {
        host: Host::read(),
        isas: Isa::ALL.into_iter().filter(|isa| isa.available()).collect(),
        noise: noise(time_budget),
        user: user(),
        counters: std::fs::read_to_string("/proc/sys/kernel/perf_event_paranoid")
            .is_ok_and(|level| level.trim().parse::<i32>().is_ok_and(|level| level <= 2))
            && Path::new("/sys/bus/event_source/devices/cpu").exists(),
        resctrl: Path::new("/sys/fs/resctrl/schemata").exists(),
        caps: Enforcement::start(&everything(), &std::env::temp_dir()).how().to_vec(),
    }
}

/// Whose process this is.
fn user() -> &'static str {
    #[cfg(target_os = "linux")]
    return if rustix::process::geteuid().is_root() { "root" } else { "a user without privileges" };
    #[cfg(not(target_os = "linux"))]
    return std::env::consts::OS;
}

/// A limit on everything: what enforces it shows when it is tried.
fn everything() -> Caps {
    Caps {
        memory_bytes: Some(1 << 30),
        cores: Some(1),
        bandwidth_bytes_per_s: Some(1e9),
        storage_bytes_per_s: Some(1e8),
        cpu_share: Some(0.5),
        simd: Some(Simd::Scalar),
    }
}

/// Times the widest single-threaded variant of the first kernel against itself, on a shape of the tour that stays in
/// cache.
fn noise(time_budget: Duration) -> Option<Noise> {
    let kernel = *KERNELS.first()?;
    let shape =
        kernel.shapes().into_iter().filter(|s| s.tour).min_by_key(|s| kernel.cost(s).bytes.abs_diff(1 << 20))?;
    let variants = kernel.variants();
    let (variant, about) =
        variants.iter().enumerate().rev().find(|(_, v)| !v.threads && !matches!(v.width, Width::Arch(_)))?;
    let candidate = Candidate { variant, isa: machine_for(about, None).ok()?, threads: false };
    let (first, second) = twice(kernel, &shape, candidate, time_budget)?;
    let all: Vec<f64> = first.iter().chain(&second).copied().collect();
    Some(Noise {
        cell: format!("{}/{}/{} on {}", kernel.name(), shape.name, about.name, candidate.isa.name()),
        ratio: ratio_interval(&first, &second).ok()?,
        spread_pct: 100.0 * mad(&all).ok()? / median(&all).ok()?,
        pairs: first.len(),
    })
}

fn twice(
    kernel: &dyn Kernel,
    shape: &Shape,
    candidate: Candidate,
    time_budget: Duration,
) -> Option<(Vec<f64>, Vec<f64>)> {
    let mut case = kernel.prepare(shape, &Input::typical(1)).ok()?;
    let pool = native::pool(1).ok()?;
    let clock = Wall::start();
    let mut bench = Bench::new(case.as_mut(), &clock, &pool);
    let (verdict, ns) = bench.check(&candidate).ok()?;
    let budget_ns = time_budget.as_nanos() as f64;
    let limits = Limits { budget_ns, min_rounds: 5, max_rounds: 2000, seed: 1 };
    let samples = bench.time(&[candidate; 2], &[ns; 2], &limits).ok().filter(|_| verdict.passed())?;
    Some(samples.first()?.paired(samples.get(1)?))
}

impl Report {
    /// For people: one fact a line.
    pub fn text(&self) -> String {
        self.facts().iter().map(|(what, found)| format!("{what:<14}{found}\n")).collect()
    }

    /// What was asked, and what was found.
    pub fn facts(&self) -> Vec<(String, String)> {
        let host = &self.host;
        let mut facts = Vec::new();
        let mut line = |key: &str, value: String| facts.push((key.to_owned(), value));
        let yes_no = |yes: bool, what: &str, no: &str| if yes { what.to_owned() } else { no.to_owned() };
        line("processor", host.cpu.clone());
        line("cores", host.cores.to_string());
        line("caches", caches(host));
        let memory =
            host.memory_bytes.map_or("unknown".into(), |b| format!("{:.1} GiB", b as f64 / (1u64 << 30) as f64));
        line("memory", memory);
        line("setting", host.setting());
        line("running as", self.user.into());
        line("machines", self.isas.iter().map(|isa| isa.name()).collect::<Vec<_>>().join(", "));
        line("noise (A/A)", self.noise.as_ref().map_or("not measured".into(), Noise::text));
        line("counters", yes_no(self.counters, "hardware event counters can be opened", "no hardware event counters"));
        line("resctrl", yes_no(self.resctrl, "mounted", "not there: bandwidth cannot be limited by the hardware"));
        line("native", "yes".into());
        line("modelled", "yes, the same on every host".into());
        line("capped", "yes, as far as limits can be enforced:".into());
        for (resource, how) in &self.caps {
            let how = how.clone().unwrap_or_else(|reason| format!("cannot be enforced: {reason}"));
            line(&format!("  {}", resource.name()), how);
        }
        line("emulated", "yes, the same on every host".into());
        facts
    }
}

fn caches(host: &Host) -> String {
    if host.caches.is_empty() {
        return "unknown".into();
    }
    let one = |c: &crate::environment::Cache| {
        let shared = if c.shared_by > 1 { format!(" shared by {}", c.shared_by) } else { String::new() };
        format!("L{} {} KiB{shared}", c.level, c.bytes >> 10)
    };
    host.caches.iter().map(one).collect::<Vec<_>>().join(", ")
}

impl Noise {
    /// One line.
    pub fn text(&self) -> String {
        let width = 100.0 * (self.ratio.high - self.ratio.low) / 2.0;
        format!(
            "{:.4} ({:.4} to {:.4}) over {} pairs, samples spread {:.1} %: differences below about {:.2} % are not told \
             apart here ({})",
            self.ratio.value,
            self.ratio.low,
            self.ratio.high,
            self.pairs,
            self.spread_pct,
            width.max(100.0 * (self.ratio.value - 1.0).abs()),
            self.cell
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_says_what_it_can_and_cannot_do() {
        let report = examine(Duration::from_millis(20));
        assert!(report.isas.contains(&Isa::Scalar));
        let noise = report.noise.as_ref().expect("the first kernel runs everywhere");
        assert!(noise.pairs >= 3 && noise.ratio.low <= noise.ratio.high);
        let text = report.text();
        for word in ["processor", "running as", "scalar", "A/A", "resctrl", "emulated      yes"] {
            assert!(text.contains(word), "{text}");
        }
    }

    #[test]
    fn an_unknown_host_is_described_without_guesses() {
        let host = Host {
            cpu: "x".into(),
            cpu_id: None,
            cores: 1,
            caches: Vec::new(),
            memory_bytes: None,
            matrix_unit: false,
            hypervisor: false,
            container: false,
            governor: None,
        };
        let report = Report {
            host,
            isas: vec![Isa::Scalar],
            noise: None,
            user: "root",
            counters: false,
            resctrl: false,
            caps: Vec::new(),
        };
        assert!(report.text().contains("caches        unknown") && report.text().contains("not measured"));
    }
}
