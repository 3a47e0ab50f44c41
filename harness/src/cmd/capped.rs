//! The capped cells of `measure`: a worker for each kernel and shape, and what to say where limits cannot be enforced.

use indicatif::ProgressBar;
use kernels::weights::Source;

use super::Failure;
use super::sink::Sink;
use crate::plan::Plan;
use crate::record::{Outcome, Record, Tier};
use crate::worker::{Warden, clean_up_on_interrupt};

/// Measures every group of a plan under the limits.
pub fn under_caps(
    plan: &Plan,
    warden: &Warden,
    sources: &[Source],
    bar: &ProgressBar,
    sink: &mut Sink,
) -> Result<(), Failure> {
    clean_up_on_interrupt();
    enforceable(warden)?;
    for group in plan.groups.iter().filter(|g| !g.variants.is_empty()) {
        bar.set_message(format!("capped {}/{}", group.kernel.name(), group.shape.name));
        let source = sources.iter().find(|s| group.kernel.shape_of(s).as_ref() == Some(&group.shape));
        sink.take(warden.measure(group, source).map_err(Failure::input)?)?;
        bar.inc(group.variants.len() as u64);
    }
    Ok(())
}

/// Exit 3 where none of the limits can be enforced: there is nothing to measure.
fn enforceable(warden: &Warden) -> Result<(), Failure> {
    let enforcement = warden.enforcement();
    let refused = enforcement.refused();
    if refused.len() < enforcement.how().len() {
        return Ok(());
    }
    let reasons: Vec<String> = refused.iter().map(|(r, reason)| format!("{}: {reason}", r.name())).collect();
    Err(Failure::unenforced(format!(
        "no limit can be enforced here ({}); `retrobench doctor` shows which can",
        reasons.join("; ")
    )))
}

/// Exit 3 where no capped cell had its limits proven.
pub fn verdict(records: &[Record]) -> Result<(), Failure> {
    let capped = || records.iter().filter(|r| r.tier == Tier::Capped);
    let unproven = |r: &Record| match &r.outcome {
        Outcome::Void { reason } if reason.starts_with("cap not") => Some(reason.clone()),
        _ => None,
    };
    match capped().find_map(unproven) {
        Some(reason) if !capped().any(|r| matches!(r.outcome, Outcome::Timed(_))) => {
            Err(Failure::unenforced(format!("no cell ran under its limits; {reason}")))
        }
        _ => Ok(()),
    }
}
