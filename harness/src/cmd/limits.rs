//! `study limits`: how closely limits are kept here.

use super::Failure;
use super::output::progress;
use crate::capped::Caps;
use crate::report::listing::Listing;
use crate::worker::{Proven, clean_up_on_interrupt, prove};

/// Limits, and how often each is tried.
const TRIALS: [(&str, usize); 11] = [
    ("bandwidth=0.5GB/s", 5),
    ("bandwidth=1GB/s", 5),
    ("bandwidth=2GB/s", 5),
    ("bandwidth=4GB/s", 5),
    ("memory=64MiB", 20),
    ("cores=1", 5),
    ("storage=20MB/s", 1),
    ("storage=100MB/s", 3),
    ("cpu=50%", 3),
    ("cpu=25%", 3),
    ("simd=scalar", 1),
];
/// How long a processor share is watched, s.
const WATCH_S: f64 = 2.0;

/// Tries them.
pub fn study() -> Result<Listing, Failure> {
    clean_up_on_interrupt();
    let bar = progress(TRIALS.iter().map(|(_, times)| times).sum(), false);
    let mut rows = Vec::new();
    for (text, times) in TRIALS {
        bar.set_message(text);
        let caps = Caps::parse(text).map_err(Failure::input)?;
        let mut tried = Vec::new();
        for _ in 0..times {
            tried.extend(prove(&caps, &std::env::temp_dir(), WATCH_S).map_err(Failure::input)?);
            bar.inc(1);
        }
        rows.push(row(text, &tried));
    }
    bar.finish_and_clear();
    Ok(Listing::of_words(
        "Limits tried on their own in a worker (capped tier): what enforces each here, how often a probe under it \
                stayed within it, and what the probes showed, each finding once."
            .into(),
        &["limit", "mechanism", "kept", "tried", "shown"],
        rows,
    ))
}

fn row(limit: &str, tried: &[Proven]) -> Vec<String> {
    let kept = tried.iter().filter(|p| p.evidence.as_ref().is_some_and(Result::is_ok)).count();
    let mut shown: Vec<String> =
        tried.iter().filter_map(|p| p.evidence.clone()).map(|e| e.unwrap_or_else(|against| against)).collect();
    shown.sort();
    shown.dedup();
    let mechanism = tried.first().map(|p| p.mechanism.clone());
    let mechanism = match mechanism {
        Some(Ok(mechanism)) => mechanism,
        Some(Err(reason)) => format!("cannot be enforced here: {reason}"),
        None => String::new(),
    };
    vec![limit.into(), mechanism, kept.to_string(), tried.len().to_string(), shown.join("; ")]
}
