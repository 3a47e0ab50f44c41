//! Inside a session: checks the candidates, then answers each line that names one with a sample.

use std::io::BufRead;

use kernels::KERNELS;
use kernels::input::Input;
use kernels::machine::Isa;

use super::child::{QUOTA_SAMPLE_NS, prove, say, take};
use super::session::{PROTOCOL, Ready, Sitting};
use super::{Reply, When};
use crate::environment::Host;
use crate::native;
use crate::native::sampler::{Sampler, SamplingClock, Settings, Wanted};
use crate::pace::Pacing;

/// Samples until nobody asks any more.
pub(super) fn serve(sitting: &Sitting) -> Result<(), String> {
    if sitting.protocol != PROTOCOL {
        return say(&Reply::Ready(Ready { protocol: PROTOCOL, lacks: Vec::new(), rotation_bytes: 0 }));
    }
    if let Some(limits) = &sitting.limits {
        take(limits)?;
        prove(limits, When::Before, None)?;
    }
    // What another build lacks is a result, not a failure.
    let nobody = |reason: String| {
        let lacks = vec![Some(reason); sitting.candidates.len()];
        say(&Reply::Ready(Ready { protocol: PROTOCOL, lacks, rotation_bytes: sitting.rotation_bytes }))
    };
    let Some(kernel) = KERNELS.iter().find(|k| k.name() == sitting.kernel) else {
        return nobody(format!("it has no kernel {}", sitting.kernel));
    };
    let threads = match (sitting.threads, sitting.limits.as_ref().and_then(|l| l.caps.cores)) {
        (0, Some(cores)) => cores as usize,
        (0, None) => Host::read().cores as usize,
        (wanted, cores) => cores.map_or(wanted, |cores| wanted.min(cores as usize)),
    };
    let pool = native::pool(threads).map_err(|e| e.to_string())?;
    let input = Input { rotation_bytes: sitting.rotation_bytes, ..Input::typical(sitting.seed) };
    let mut case = match kernel.prepare(&sitting.shape.clone().into(), &input) {
        Ok(case) => case,
        Err(e) => return nobody(e.to_string()),
    };
    let rotation_bytes = case.rotation_bytes();
    let caps = sitting.limits.as_ref().map(|l| &l.caps);
    let allowed = caps.and_then(|c| c.simd).map_or(Isa::EVERY.to_vec(), |simd| simd.allowed());
    let paced = sitting.limits.as_ref().filter(|l| !l.bandwidth_by_hardware);
    let pacing = paced
        .and_then(|l| l.caps.bandwidth_bytes_per_s)
        .map(|bytes_per_s| Pacing { bytes_per_s, bytes_per_call: sitting.bytes_per_call.clone() });
    let settings = Settings {
        isa: sitting.isa.as_ref().and_then(|name| Isa::ALL.into_iter().find(|isa| isa.name() == name)),
        allowed: &allowed,
        pacing: pacing.as_ref(),
        sample_ns: caps.and_then(|c| c.cpu_share).map(|_| QUOTA_SAMPLE_NS),
    };
    let wanted: Vec<Wanted> =
        sitting.candidates.iter().map(|(v, repeated)| Wanted { variant: v.clone(), repeated: *repeated }).collect();
    let clock = SamplingClock::wall();
    let mut sampler = Sampler::new(*kernel, case.as_mut(), &wanted, &settings, &clock, &pool);
    say(&Reply::Ready(Ready { protocol: PROTOCOL, lacks: sampler.lacks(), rotation_bytes }))?;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|e| e.to_string())?;
        let candidate = line.trim().parse().map_err(|_| format!("'{line}' names no candidate"))?;
        say(&Reply::Sampled(sampler.sample(candidate)?))?;
    }
    let entered = sampler.entered();
    sitting.limits.as_ref().map_or(Ok(()), |limits| prove(limits, When::After, Some(&entered)))
}
