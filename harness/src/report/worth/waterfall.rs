//! What each rung gains, and by what: its step over the fastest rung below it, taken apart by what the records say.
//!
//! With `L = ln(time before / time after)`, and `C = time × threads × share` the core-time that a bound takes:
//! 1. *threads*: `ln(threads after / threads before)`. What is lost in sharing shows as negative parts of the others.
//! 2. The rest of `L` is split over the bounds in proportion to the core-time that each lost (negative where it gained), and
//!    gathered: arithmetic (issue, compute, latency), caches (L1 to L3, shared memory, spills), memory (bandwidth, latency, storage),
//!    overhead (launch, idle, contention).
//! 3. Of arithmetic, *lanes* takes up to `ln` of the ratio of lanes, then *operations* up to `ln` of the ratio of counted operations
//!    that lanes do not explain; what is left is *overlap*: the same operations, waiting less for each other.
//! 4. Of memory, *bytes* takes up to `ln` of the ratio of counted bytes; what is left is *overlap* too. Caches are *reuse*.
//!
//! A part takes nothing whose sign is not its own, and the parts sum to `L` exactly. Records without counts are not taken apart.

use super::super::ReportError;
use super::super::chart::Picture;
use super::super::chart::stairs::{self, Stair, Stairs};
use super::super::group::{Book, Ladder, timing};
use super::super::listing::{Datum, Listing};
use super::gains::{PLACE, place};
use crate::record::{Bound, Record, Timing};

/// What a gain is put down to, in the order of [`Step::parts`].
pub const CAUSES: [&str; 7] = ["threads", "lanes", "operations", "overlap", "reuse", "bytes", "overhead"];

/// One rung's step over the fastest below it.
#[derive(Debug)]
pub struct Step<'a> {
    /// The fastest rung below.
    pub before: &'a Record,
    /// The rung.
    pub after: &'a Record,
    /// `ln` of the ratio of their times.
    pub gain: f64,
    /// `ln` parts of it, by cause; none where the records do not tell.
    pub parts: Option<[f64; CAUSES.len()]>,
}

/// The steps of a ladder from naive up, those that gain nothing included.
pub fn steps<'a>(ladder: &Ladder<'a>) -> Vec<Step<'a>> {
    let mut timed = ladder.timed();
    let Some(first) = timed.next().filter(|(r, _)| r.rung == 0) else { return Vec::new() };
    let (mut before, mut steps) = (first, Vec::new());
    for after in timed {
        let gain = (before.1.time_ns / after.1.time_ns).ln();
        steps.push(Step { before: before.0, after: after.0, gain, parts: parts(before, after) });
        if gain > 0.0 {
            before = after;
        }
    }
    steps
}

/// Operations, bytes and lanes that a record counted.
fn counted(t: &Timing) -> Option<[f64; 3]> {
    let emulated = t.cycles.map(|c| [c.instructions as f64, c.streamed_bytes as f64, 1.0]);
    t.counts.map(|c| [c.operations, c.memory_bytes, f64::from(c.lanes)]).or(emulated)
}

/// Core-time by kind of bound: arithmetic, caches, memory, overhead.
fn core_time(r: &Record, t: &Timing) -> [f64; 4] {
    let mut kinds = [0.0; 4];
    for (bound, share) in &t.shares {
        let kind = match bound {
            Bound::Issue | Bound::Compute | Bound::Latency => 0,
            Bound::L1 | Bound::L2 | Bound::L3 | Bound::SharedMemory | Bound::Spill => 1,
            Bound::MemoryBandwidth | Bound::MemoryLatency | Bound::Storage => 2,
            Bound::Launch | Bound::Idle | Bound::Contention => 3,
        };
        kinds[kind] += share * t.time_ns * f64::from(r.machine.threads.max(1));
    }
    kinds
}

/// As much of `of` as `explains` accounts for: nothing of the other sign, nothing beyond it.
fn up_to(explains: f64, of: f64) -> f64 {
    if explains.is_finite() && explains.signum() == of.signum() {
        explains.abs().min(of.abs()).copysign(of)
    } else {
        0.0
    }
}

fn parts(before: (&Record, &Timing), after: (&Record, &Timing)) -> Option<[f64; CAUSES.len()]> {
    let [from, to] = [counted(before.1)?, counted(after.1)?];
    if before.1.shares.is_empty() || after.1.shares.is_empty() {
        return None;
    }
    let ratio = |a: f64, b: f64| (a.max(1.0) / b.max(1.0)).ln();
    let threads = ratio(after.0.machine.threads.into(), before.0.machine.threads.into());
    let rest = (before.1.time_ns / after.1.time_ns).ln() - threads;
    let (old, new) = (core_time(before.0, before.1), core_time(after.0, after.1));
    let lost: f64 = old.iter().sum::<f64>() - new.iter().sum::<f64>();
    // Of a step that changes nothing there is nothing to split.
    let split = |kind: usize| if lost == 0.0 { 0.0 } else { rest * (old[kind] - new[kind]) / lost };
    let [arithmetic, caches, memory, overhead] = [0, 1, 2, 3].map(split);
    let lanes = up_to(ratio(to[2], from[2]), arithmetic);
    // Counts of a threaded rung are one core's.
    let operations = ratio(from[0], to[0]) - threads - ratio(to[2], from[2]);
    let operations = up_to(operations, arithmetic - lanes);
    let bytes = up_to(ratio(from[1], to[1]) - threads, memory);
    let overlap = arithmetic - lanes - operations + memory - bytes;
    Some([threads, lanes, operations, overlap, caches, bytes, overhead])
}

/// One row a step: its gain, what binds before and after, and the factors it is made of.
pub fn listing(book: &Book) -> Listing {
    let mut rows = Vec::new();
    for (k, (_, shapes)) in book.kernels.iter().enumerate() {
        for s in 0..shapes.len() {
            for l in book.ladders(k, s) {
                for step in steps(&l) {
                    rows.push([place(book, k, s, &l), row(&step)].concat());
                }
            }
        }
    }
    Listing {
        about: "What each rung gains over the fastest below it, what binds before and after, and the factors that the records put \
                it down to; their product is the gain. threads: cores; lanes: values in a register; operations: fewer of them; \
                overlap: less waiting for each other; reuse: nearer to the core; bytes: fewer over the bus; overhead: starting, \
                idle cores. Records without counts (native, GPUs) are not taken apart."
            .into(),
        heads: [&PLACE[..], &["rung", "over", "gain", "bound_before", "bound_after"], &CAUSES].concat(),
        rows,
    }
}

fn row(step: &Step) -> Vec<Datum> {
    let bound = |r: &Record| timing(r).and_then(|t| t.bound).map_or(Datum::None, |b| Datum::text(b.name()));
    let mut row =
        vec![Datum::text(&step.after.variant), Datum::text(&step.before.variant), Datum::Ratio(step.gain.exp())];
    row.extend([bound(step.before), bound(step.after)]);
    row.extend((0..CAUSES.len()).map(|c| Datum::opt(step.parts.map(|p| p[c].exp()), Datum::Ratio)));
    row
}

/// The steps of one ladder as stairs; none where no record of it can be taken apart.
///
/// # Errors
/// [`ReportError::Draw`].
pub fn ladder_chart(l: &Ladder, subject: &str) -> Result<Option<Picture>, ReportError> {
    let mut at = 0.0;
    let mut stairs = Vec::new();
    for step in steps(l).iter().filter(|s| s.gain > 0.0) {
        let Some(parts) = step.parts else { return Ok(None) };
        let bound = |r: &Record| timing(r).and_then(|t| t.bound).map_or("?", |b| b.name());
        let bounds = format!("{} → {}", bound(step.before), bound(step.after));
        stairs.push(Stair { name: step.after.variant.clone(), from: at, parts: parts.to_vec(), note: bounds });
        at += step.gain;
    }
    let title = format!("Where the {} on {} comes from", super::super::units::ratio(at.exp()), l.site.dated());
    let under = format!("{} · {subject} · gain of each rung over the fastest below", l.site.tier.name());
    stairs::picture(&Stairs { title: &title, under: &under, causes: &CAUSES, stairs: &stairs })
}

/// The ladder of the records that gains most, as stairs.
///
/// # Errors
/// [`ReportError::Draw`].
pub fn chart(book: &Book) -> Result<Option<Picture>, ReportError> {
    let mut best: Option<(f64, Ladder, String)> = None;
    for (k, (kernel, shapes)) in book.kernels.iter().enumerate() {
        let s = book.main_shape(k);
        for l in book.ladders(k, s) {
            let steps = steps(&l);
            let gain: f64 = steps.iter().map(|s| s.gain.max(0.0)).sum();
            let told = !steps.is_empty() && steps.iter().all(|s| s.parts.is_some());
            if told && best.as_ref().is_none_or(|(most, ..)| gain > *most) {
                best = Some((gain, l, format!("{kernel} {}", shapes[s])));
            }
        }
    }
    best.map_or(Ok(None), |(_, l, subject)| ladder_chart(&l, &subject))
}
