//! One sample at a time, for whoever decides the order: variants of one kernel at one shape, checked first.

use kernels::kernel::{Case, Kernel, NotAvailable};
use kernels::machine::Isa;
use rayon::ThreadPool;

use super::machine_among;
use super::schedule::{Bench, Candidate, Clock, Pace, SAMPLE_NS, Wall};
use crate::pace::Pacing;

/// What is to be sampled.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Variant, by name.
    pub variant: String,
    /// Work that is repeated, a share: 0.03 makes a call 3 % slower. For studies of what a comparison finds.
    pub repeated: f64,
}

/// How to sample.
pub struct Settings<'a> {
    /// Machine of the variants that have a choice.
    pub isa: Option<Isa>,
    /// Instruction sets that may be used at all.
    pub allowed: &'a [Isa],
    /// Memory bandwidth to pace to, if any.
    pub pacing: Option<&'a Pacing>,
    /// Least length of a sample, ns; [`SAMPLE_NS`] by default.
    pub sample_ns: Option<f64>,
}

/// A candidate that passed its check, or why it cannot be sampled.
type Ready = Result<Sampling, String>;

struct Sampling {
    candidate: Candidate,
    pace: Pace,
    /// Time of the calls over that of those that count.
    repeated: f64,
}

/// A case whose candidates were checked.
pub struct Sampler<'a> {
    bench: Bench<'a>,
    ready: Vec<Ready>,
}

/// A clock that lives as long as a sampler needs it.
pub struct SamplingClock(Box<dyn Clock>);

impl SamplingClock {
    /// The real one.
    pub fn wall() -> Self {
        Self(Box::new(Wall::start()))
    }
}

impl<'a> Sampler<'a> {
    /// Checks every candidate against the reference and finds how many of its calls make a sample.
    pub fn new(
        kernel: &dyn Kernel,
        case: &'a mut dyn Case,
        wanted: &[Wanted],
        settings: &Settings<'a>,
        clock: &'a SamplingClock,
        pool: &'a ThreadPool,
    ) -> Self {
        let mut bench = Bench {
            pacing: settings.pacing,
            sample_ns: settings.sample_ns.unwrap_or(SAMPLE_NS),
            ..Bench::new(case, clock.0.as_ref(), pool)
        };
        let ready = wanted.iter().map(|w| prepared(kernel, &mut bench, w, settings)).collect();
        Self { bench, ready }
    }

    /// Why each candidate cannot be sampled; none where it can.
    pub fn lacks(&self) -> Vec<Option<String>> {
        self.ready.iter().map(|ready| ready.as_ref().err().cloned()).collect()
    }

    /// Time of one call of a candidate now, ns.
    ///
    /// # Errors
    /// Where there is no such candidate, or it cannot be sampled.
    pub fn sample(&mut self, candidate: usize) -> Result<f64, String> {
        let ready = self.ready.get(candidate).ok_or_else(|| format!("there is no candidate {candidate}"))?;
        let sampling = ready.as_ref().map_err(Clone::clone)?;
        let ns = self.bench.sample(&sampling.candidate, &sampling.pace).map_err(|lack| lack.to_string())?;
        Ok(ns * sampling.repeated)
    }

    /// Calls so far, by the machine they entered.
    pub fn entered(&self) -> std::collections::BTreeMap<Isa, u64> {
        self.bench.entered.clone()
    }
}

fn prepared(kernel: &dyn Kernel, bench: &mut Bench, wanted: &Wanted, settings: &Settings) -> Ready {
    let abouts = kernel.variants();
    let found = abouts.iter().enumerate().find(|(_, about)| about.name == wanted.variant);
    let (variant, about) = found.ok_or_else(|| format!("{} has no variant {}", kernel.name(), wanted.variant))?;
    let isa = machine_among(about, settings.isa, settings.allowed).map_err(|lack| lack.to_string())?;
    let candidate = Candidate { variant, isa, threads: about.threads };
    let words = |lack: NotAvailable| lack.to_string();
    let (verdict, first_ns) = bench.check(&candidate).map_err(words)?;
    if let Some(reason) = verdict.failure {
        return Err(format!("wrong, its time is withheld: {reason}"));
    }
    let pace = bench.pace(&candidate, first_ns).map_err(words)?;
    Ok(match wanted.repeated {
        share if share > 0.0 => repeating(candidate, pace, share),
        _ => Sampling { candidate, pace, repeated: 1.0 },
    })
}

/// One call more for every so many.
fn repeating(candidate: Candidate, pace: Pace, share: f64) -> Sampling {
    let every = (1.0 / share).round().max(1.0) as u64;
    let counted = pace.calls.next_multiple_of(every);
    let calls = counted + counted / every;
    Sampling { candidate, pace: Pace { calls, ..pace }, repeated: calls as f64 / counted as f64 }
}

#[cfg(test)]
mod tests {
    use kernels::KERNELS;
    use kernels::input::Input;

    use super::*;
    use crate::native::pool;

    #[test]
    fn what_cannot_be_sampled_says_why_and_the_others_can() {
        let kernel = KERNELS[0];
        let shape = kernel.shapes().into_iter().min_by_key(|s| kernel.cost(s).operations).unwrap();
        let mut case = kernel.prepare(&shape, &Input::typical(1)).unwrap();
        let wanted: Vec<Wanted> = ["naive", "no_such"].map(|v| Wanted { variant: v.into(), repeated: 0.0 }).into();
        let settings = Settings { isa: None, allowed: &Isa::EVERY, pacing: None, sample_ns: Some(1e3) };
        let (clock, pool) = (SamplingClock::wall(), pool(1).unwrap());
        let mut sampler = Sampler::new(kernel, case.as_mut(), &wanted, &settings, &clock, &pool);
        let lacks = sampler.lacks();
        assert!(lacks[0].is_none() && lacks[1].as_ref().is_some_and(|l| l.contains("no_such")), "{lacks:?}");
        assert!(sampler.sample(0).is_ok_and(|ns| ns > 0.0));
        assert!(sampler.sample(1).is_err() && sampler.sample(2).is_err());
    }

    #[test]
    fn repeated_work_is_in_the_time_and_not_in_the_count() {
        let candidate = Candidate { variant: 0, isa: Isa::Scalar, threads: false };
        let pace = Pace { calls: 100, warm_up: true, sample_ns: 1.0 };
        let planted = repeating(candidate, pace, 0.03);
        // 132 calls count, and one more for each 33.
        assert_eq!((planted.pace.calls, planted.repeated), (136, 136.0 / 132.0));
    }
}
