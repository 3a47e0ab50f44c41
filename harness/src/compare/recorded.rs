//! Records beside records: of two files, or of several variants or machines in one set. Times that were measured get an
//! interval from their samples; modelled ones get the bands of their records, but for one cell and its later self, where the
//! model's error is the same in both and any change is one of the model's figure. What cannot be compared is said, never
//! compared all the same.

use std::collections::BTreeMap;

use super::{Comparison, judge};
use crate::record::{Outcome, Record, Speedup, Tier, Timing};
use crate::stats::{Interval, StatsError};

/// What differs between those that are compared; all else is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Variants of a kernel at a shape on a machine.
    Variant,
    /// Machines at a kernel, a shape and a variant.
    Machine,
}

/// Two files that must not be compared.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Mismatch {
    /// Measured on different hosts.
    #[error(
        "{cell} was measured on two hosts, \"{base}\" and \"{other}\": that compares machines, not builds; --across-hosts does \
         it all the same"
    )]
    Hosts {
        /// Which cell.
        cell: String,
        /// Host of the base.
        base: String,
        /// The other host.
        other: String,
    },
    /// No cell is in both.
    #[error("no cell is in both: the base has {base} cells, such as {first}, the other {other}")]
    Disjoint {
        /// Cells of the base.
        base: usize,
        /// One of them.
        first: String,
        /// Cells of the other.
        other: usize,
    },
}

/// Tier, kernel, shape, variant, machine.
type Cell = (Tier, String, String, String, String);

fn cell(r: &Record) -> Cell {
    (r.tier, r.kernel.clone(), r.shape.clone(), r.variant.clone(), r.machine.id.clone())
}

fn shown(r: &Record) -> String {
    format!("{}/{}/{} on {}", r.kernel, r.shape, r.variant, r.machine.id)
}

/// A record's times, where it has any.
pub fn timing(r: &Record) -> Option<&Timing> {
    match &r.outcome {
        Outcome::Timed(t) => Some(t),
        _ => None,
    }
}

/// Why a record has no time.
fn reason(r: &Record) -> Option<&str> {
    match &r.outcome {
        Outcome::Timed(_) => None,
        Outcome::Wrong { reason }
        | Outcome::NotAvailable { reason }
        | Outcome::DoesNotFit { reason }
        | Outcome::Refused { reason }
        | Outcome::Void { reason } => Some(reason),
    }
}

/// Each cell of two sets of records. A cell that a set has several times was measured in several runs: the interval then
/// reaches over all pairs of runs, so that a verdict holds against each.
///
/// # Errors
/// Where the sets must not be compared.
pub fn sets(
    names: (&str, &str),
    base: &[Record],
    other: &[Record],
    threshold: f64,
    across_hosts: bool,
) -> Result<Vec<Comparison>, Mismatch> {
    let collect = |records: &'_ [Record]| {
        let mut cells: BTreeMap<Cell, Vec<usize>> = BTreeMap::new();
        records.iter().enumerate().for_each(|(i, r)| cells.entry(cell(r)).or_default().push(i));
        cells
    };
    let (bases, others) = (collect(base), collect(other));
    let mut rows = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    let mut shared = 0;
    for record in base.iter().filter(|r| seen.insert(cell(r))) {
        let key = cell(record);
        let Some(mates) = others.get(&key) else {
            rows.push(alone(record, names.0));
            continue;
        };
        shared += 1;
        let pairs: Vec<(&Record, &Record)> =
            bases[&key].iter().flat_map(|b| mates.iter().map(|o| (&base[*b], &other[*o]))).collect();
        if let Some((b, o)) = pairs.iter().find(|(b, o)| !across_hosts && hosts_differ(b, o)) {
            let host = |r: &Record| format!("{}, {}", r.environment.cpu, r.environment.host);
            return Err(Mismatch::Hosts { cell: shown(b), base: host(b), other: host(o) });
        }
        rows.push(hull(&pairs, names, threshold));
    }
    let only = other.iter().filter(|r| !bases.contains_key(&cell(r)) && seen.insert(cell(r)));
    rows.extend(only.map(|r| alone(r, names.1)));
    match base.first() {
        Some(first) if shared == 0 => {
            Err(Mismatch::Disjoint { base: bases.len(), first: shown(first), other: others.len() })
        }
        _ => Ok(rows),
    }
}

fn hosts_differ(base: &Record, other: &Record) -> bool {
    let host = |r: &Record| (r.environment.cpu.clone(), r.environment.host.clone());
    measured(base) && host(base) != host(other)
}

fn measured(r: &Record) -> bool {
    matches!(r.tier, Tier::Native | Tier::Capped)
}

/// All pairs of one cell's runs as one comparison.
fn hull(pairs: &[(&Record, &Record)], names: (&str, &str), threshold: f64) -> Comparison {
    let all: Vec<Comparison> = pairs.iter().map(|(b, o)| pair(b, o, names, threshold)).collect();
    let intervals: Option<Vec<Interval>> = all.iter().map(Comparison::interval).collect();
    let mut whole = all.iter().find(|c| c.verdict.is_none()).unwrap_or(&all[0]).clone();
    whole.notes = all.iter().flat_map(|c| c.notes.clone()).collect();
    whole.notes.dedup();
    whole.lost = all.iter().any(|c| c.lost);
    let Some(intervals) = intervals else { return whole };
    let mean_log = intervals.iter().map(|i| i.value.ln()).sum::<f64>() / intervals.len() as f64;
    let ratio = Interval {
        value: mean_log.exp(),
        low: intervals.iter().map(|i| i.low).fold(f64::INFINITY, f64::min),
        high: intervals.iter().map(|i| i.high).fold(0.0, f64::max),
    };
    whole.judged(&ratio, threshold)
}

/// The variants of each kernel, shape and machine, or the machines of each kernel, shape and variant, beside the first.
pub fn within(records: &[Record], axis: Axis, threshold: f64) -> Vec<Comparison> {
    let mut groups: Vec<(Cell, Vec<&Record>)> = Vec::new();
    for record in records {
        let mut key = cell(record);
        match axis {
            Axis::Variant => key.3.clear(),
            Axis::Machine => key.4.clear(),
        }
        match groups.iter_mut().find(|(k, _)| *k == key) {
            Some((_, group)) => group.push(record),
            None => groups.push((key, vec![record])),
        }
    }
    let name = |r: &Record| match axis {
        Axis::Variant => format!("{} on {}", r.variant, r.machine.id),
        Axis::Machine => format!("{} on {}", r.variant, r.machine.name),
    };
    let rows = |group: &Vec<&Record>| -> Vec<Comparison> {
        // The first that has a time: a rung in another machine's code is no base.
        let base = *group.iter().find(|r| timing(r).is_some()).unwrap_or(&group[0]);
        let others = group.iter().filter(|r| !std::ptr::eq(**r, base));
        others.map(|other| pair(base, other, (&name(base), &name(other)), threshold)).collect()
    };
    groups.iter().flat_map(|(_, group)| rows(group)).collect()
}

/// A cell that only one of two files has.
fn alone(r: &Record, file: &str) -> Comparison {
    let name = within_file(r, file);
    Comparison { notes: vec![format!("only in {file}")], other_ns: None, ..row(r, r, (&name, "")) }
}

fn within_file(r: &Record, file: &str) -> String {
    format!("{} on {} in {file}", r.variant, r.machine.id)
}

fn row(base: &Record, other: &Record, names: (&str, &str)) -> Comparison {
    Comparison {
        tier: base.tier.name(),
        kernel: base.kernel.clone(),
        shape: base.shape.clone(),
        base: names.0.into(),
        other: names.1.into(),
        base_ns: timing(base).map(|t| t.time_ns),
        other_ns: timing(other).map(|t| t.time_ns),
        ratio: None,
        low: None,
        high: None,
        verdict: None,
        lost: false,
        notes: Vec::new(),
    }
}

/// One record beside another of the same tier, kernel and shape.
fn pair(base: &Record, other: &Record, names: (&str, &str), threshold: f64) -> Comparison {
    let same_cell = cell(base) == cell(other);
    let mut row = row(base, other, names);
    if same_cell {
        (row.base, row.other) = (within_file(base, names.0), within_file(other, names.1));
    }
    let (Some(b), Some(o)) = (timing(base), timing(other)) else {
        row.lost = same_cell && timing(base).is_some();
        let without = [(names.0, base), (names.1, other)];
        row.notes = without.iter().filter_map(|(n, r)| Some(format!("no time of {n}: {}", reason(r)?))).collect();
        return row;
    };
    if let Some(why) = not_comparable(base, other, b, o) {
        row.notes.push(format!("not comparable: {why}"));
        return row;
    }
    if base.machine.isa != other.machine.isa && same_cell {
        row.notes.push(format!("{} beside {}", base.machine.isa, other.machine.isa));
    }
    if base.machine.profile_hash != other.machine.profile_hash && same_cell && !measured(base) {
        row.notes.push("the machine's profile has changed".into());
    }
    match interval(b, o, measured(base), same_cell) {
        Ok(ratio) => row.judged(&ratio, threshold),
        Err(e) => {
            row.notes.push(format!("no interval: {e}"));
            row
        }
    }
}

fn not_comparable(base: &Record, other: &Record, b: &Timing, o: &Timing) -> Option<String> {
    let same_machine = base.machine.id == other.machine.id;
    let limits = |r: &Record| r.caps.iter().map(|c| format!("{} {}", c.resource, c.limit)).collect::<Vec<_>>();
    if base.cost != other.cost {
        return Some("they do not do the same work".into());
    }
    if limits(base) != limits(other) && same_machine {
        return Some(format!("limits {:?} and {:?}", limits(base), limits(other)));
    }
    if b.warm != o.warm && same_machine && measured(base) {
        let place = |warm: bool| if warm { "in cache" } else { "from memory" };
        return Some(format!("operands {} and {}", place(b.warm), place(o.warm)));
    }
    let threads = |r: &Record| r.machine.threads;
    let same_variant = base.variant == other.variant;
    (threads(base) != threads(other) && same_variant && same_machine)
        .then(|| format!("{} and {} threads", threads(base), threads(other)))
}

fn interval(b: &Timing, o: &Timing, measured: bool, same_cell: bool) -> Result<Interval, StatsError> {
    let value = o.time_ns / b.time_ns;
    if measured {
        let logs = |t: &Timing| t.samples_ns.iter().map(|ns| ns.ln()).collect::<Vec<f64>>();
        return judge::unpaired_ratio(&logs(b), &logs(o));
    }
    if same_cell {
        return Ok(Interval { value, low: value, high: value });
    }
    let Speedup { ratio, low, high } = Speedup::over(o, b);
    Ok(Interval { value: ratio, low, high })
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;
    use crate::compare::Verdict;
    use crate::journal::tests::timed;

    fn sampled(variant: &str, level_ns: f64) -> Record {
        let mut record = timed(Tier::Native, "this-host", variant, level_ns);
        if let Outcome::Timed(t) = &mut record.outcome {
            t.samples_ns = (0..40).map(|i| level_ns * (1.0 + 0.001 * f64::from(i * 17 % 7))).collect();
        }
        record
    }

    fn modelled(machine: &str, variant: &str, time_ns: f64, band: f64) -> Record {
        let mut record = timed(Tier::Modelled, machine, variant, time_ns);
        if let Outcome::Timed(t) = &mut record.outcome {
            (t.low_ns, t.high_ns) = (time_ns / band, time_ns * band);
        }
        record
    }

    fn verdicts(rows: &[Comparison]) -> Vec<Option<Verdict>> {
        rows.iter().map(|c| c.verdict).collect()
    }

    #[test]
    fn measured_cells_of_two_files_get_an_interval_from_their_samples() {
        let base = [sampled("a", 100.0), sampled("b", 100.0), sampled("c", 100.0)];
        let other = [sampled("a", 110.0), sampled("b", 100.0), sampled("d", 1.0)];
        let rows = sets(("old", "new"), &base, &other, 0.01, false).unwrap();
        assert_eq!(verdicts(&rows), [Some(Verdict::Slower), Some(Verdict::Same), None, None]);
        assert!(rows[2].notes[0].contains("only in old") && rows[3].notes[0].contains("only in new"));
    }

    #[test]
    fn a_verdict_holds_against_every_run_of_a_cell() {
        let base = [sampled("a", 100.0), sampled("a", 109.0)];
        let rows = sets(("old", "new"), &base, &[sampled("a", 110.0)], 0.02, false).unwrap();
        assert_eq!(verdicts(&rows), [Some(Verdict::Ambiguous)]);
        let rows = sets(("old", "new"), &base, &[sampled("a", 120.0)], 0.02, false).unwrap();
        assert_eq!(verdicts(&rows), [Some(Verdict::Slower)]);
    }

    #[test]
    fn two_hosts_are_refused_unless_that_is_what_is_asked() {
        let mut elsewhere = sampled("a", 100.0);
        elsewhere.environment.cpu = "another".into();
        let (base, other) = ([sampled("a", 100.0)], [elsewhere]);
        let refused = sets(("old", "new"), &base, &other, 0.01, false);
        assert!(matches!(refused, Err(Mismatch::Hosts { .. })));
        assert_eq!(verdicts(&sets(("old", "new"), &base, &other, 0.01, true).unwrap()), [Some(Verdict::Same)]);
        let nothing = sets(("old", "new"), &base, &[sampled("z", 1.0)], 0.01, false);
        assert!(matches!(nothing, Err(Mismatch::Disjoint { .. })));
    }

    #[test]
    fn what_is_not_the_same_work_or_place_is_said_and_not_compared() {
        let change = |f: &dyn Fn(&mut Record)| {
            let mut other = sampled("a", 100.0);
            f(&mut other);
            sets(("old", "new"), &[sampled("a", 100.0)], &[other], 0.01, false).unwrap().remove(0)
        };
        let cold = |r: &mut Record| {
            if let Outcome::Timed(t) = &mut r.outcome {
                t.warm = false;
            }
        };
        for (row, word) in [
            (change(&|r| r.cost.bytes += 1), "work"),
            (change(&|r| r.machine.threads = 2), "threads"),
            (change(&cold), "cache"),
            (change(&|r| r.outcome = Outcome::Void { reason: "cap not proven".into() }), "cap not proven"),
        ] {
            assert!(row.verdict.is_none() && row.notes[0].contains(word), "{row:?}");
        }
    }

    #[test]
    fn a_cell_that_lost_its_time_is_told_from_one_that_was_not_run_and_from_a_variant_that_has_none() {
        let void = |variant: &str| {
            let outcome = Outcome::DoesNotFit { reason: "too large".into() };
            Record { outcome, ..sampled(variant, 100.0) }
        };
        let (timed, without) = (sampled("a", 100.0), void("a"));
        let lost = |base: &[Record], other: &[Record]| {
            let rows = sets(("old", "new"), base, other, 0.01, false).unwrap();
            rows.iter().map(|c| c.lost).collect::<Vec<_>>()
        };
        let pair = |base: &Record, other: &Record| lost(from_ref(base), from_ref(other));
        assert_eq!([pair(&timed, &without), pair(&without, &timed)], [[true], [false]]);
        assert_eq!([pair(&timed, &timed), pair(&without, &without)], [[false], [false]]);
        // A baseline holds two runs.
        assert_eq!(lost(&[timed.clone(), timed.clone()], from_ref(&without)), [true]);
        assert_eq!(lost(&[timed.clone(), sampled("b", 1.0)], from_ref(&timed)), [false, false]);
        assert!(within(&[timed, void("b")], Axis::Variant, 0.01).iter().all(|c| !c.lost));
    }

    #[test]
    fn bands_make_modelled_variants_and_machines_ambiguous_but_not_a_cell_and_its_later_self() {
        let records = [
            modelled("m", "a", 100.0, 1.25),
            modelled("m", "b", 120.0, 1.25),
            modelled("m", "c", 200.0, 1.25),
            modelled("n", "a", 50.0, 1.25),
        ];
        let rows = within(&records, Axis::Variant, 0.01);
        assert_eq!(verdicts(&rows), [Some(Verdict::Ambiguous), Some(Verdict::Slower)]);
        assert_eq!(verdicts(&within(&records, Axis::Machine, 0.01)), [Some(Verdict::Faster)]);
        let later = [modelled("m", "a", 103.0, 1.25)];
        let rows = sets(("old", "new"), &records[..1], &later, 0.01, false).unwrap();
        assert_eq!(verdicts(&rows), [Some(Verdict::Slower)]);
    }
}
