//! Baselines: records kept under a name, once two runs have agreed.

use std::path::{Path, PathBuf};

use super::Failure;
use super::cells::read_whole;
use super::output::{self, write_file};
use crate::compare::recorded::{self, timing};
use crate::compare::{Comparison, Verdict};
use crate::journal;
use crate::record::{Record, Tier};

/// Runs that are tried until two in a row agree.
const MOST_RUNS: usize = 4;

/// Measures until two runs in a row agree within the threshold, and keeps both: a later verdict has to hold against each.
pub fn save(
    folder: &Path,
    name: &str,
    threshold: f64,
    measure: impl Fn() -> Result<Vec<Record>, Failure>,
) -> Result<(), Failure> {
    let path = path(folder, name)?;
    let mut last = checked(measure()?)?;
    let mut apart = String::new();
    for run in 2..=MOST_RUNS {
        let next = checked(measure()?)?;
        let rows =
            recorded::sets(("the run before", "this run"), &last, &next, threshold, false).map_err(Failure::input)?;
        match disagreement(&rows, threshold) {
            None => {
                // Modelled runs are the same to the byte: one is enough.
                let measured = |r: &&Record| matches!(r.tier, Tier::Native | Tier::Capped);
                let lines: Vec<String> = last.iter().filter(measured).chain(&next).map(journal::line).collect();
                write_file(&path, lines.concat().as_bytes())?;
                eprintln!("baseline {name}: {} cells of two agreeing runs in {}", next.len(), path.display());
                return Ok(());
            }
            Some(shown) => apart = shown,
        }
        if run < MOST_RUNS {
            eprintln!("baseline {name}: run {run} does not agree with the one before ({apart}); once more");
        }
        last = next;
    }
    Err(Failure::wrong(format!(
        "baseline {name} not saved: no two of {MOST_RUNS} runs in a row agree within {} % ({apart}); a quieter host, more \
         --time, or a larger --threshold",
        100.0 * threshold
    )))
}

/// The records kept under a name.
pub fn load(folder: &Path, name: &str) -> Result<Vec<Record>, Failure> {
    let path = path(folder, name)?;
    if !path.is_file() {
        let known = known(folder);
        let there = if known.is_empty() { "there is none".into() } else { format!("there are {}", known.join(", ")) };
        return Err(Failure::input(format!(
            "no baseline '{name}' in {}, {there}; --save-baseline {name} makes one",
            folder.display()
        )));
    }
    read_whole(&path)
}

fn path(folder: &Path, name: &str) -> Result<PathBuf, Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || name.len() > 100 || name.starts_with('.') || !name.chars().all(plain) {
        return Err(Failure::input(format!("baseline '{name}': letters, digits, '.', '_' and '-', no '.' first")));
    }
    Ok(folder.join(format!("{name}.jsonl")))
}

fn known(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.filter_map(|e| Some(e.file_name().to_str()?.strip_suffix(".jsonl")?.to_owned())).collect();
    names.sort();
    names
}

/// Records of a run with any time in them and nothing wrong.
fn checked(records: Vec<Record>) -> Result<Vec<Record>, Failure> {
    output::verdict(&records)?;
    if records.iter().all(|r| timing(r).is_none()) {
        return Err(Failure::input("nothing to keep: none of these cells has a time here"));
    }
    Ok(records)
}

/// The cell furthest from agreement, if any is. An interval that reaches beyond the threshold is no agreement either; still
/// less is a time in one run alone, or two that cannot be compared.
fn disagreement(rows: &[Comparison], threshold: f64) -> Option<String> {
    let apart = |c: &&Comparison| match c.interval() {
        Some(i) => Verdict::of(&i, threshold) != Verdict::Same,
        None => c.base_ns.or(c.other_ns).is_some(),
    };
    let distance = |c: &&Comparison| c.interval().map_or(f64::INFINITY, |i| i.low.ln().abs().max(i.high.ln().abs()));
    let count = rows.iter().filter(apart).count();
    let worst = rows.iter().filter(apart).max_by(|a, b| distance(a).total_cmp(&distance(b)))?;
    let of = rows.len();
    Some(match worst.interval() {
        Some(i) => format!(
            "{count} of {of} cells, the furthest {}/{} {} at {:.3} ({:.3} to {:.3})",
            worst.kernel, worst.shape, worst.other, i.value, i.low, i.high
        ),
        None => {
            format!("{count} of {of} cells, one of them {}/{} {}", worst.kernel, worst.shape, worst.notes.join("; "))
        }
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::journal::tests::timed;
    use crate::record::Outcome;

    fn run(level_ns: f64) -> Vec<Record> {
        let mut record = timed(Tier::Native, "this-host", "a", level_ns);
        if let Outcome::Timed(t) = &mut record.outcome {
            // Short binary fractions: they come back from a file as they went.
            t.samples_ns = (0..40).map(|i| level_ns + 0.0625 * f64::from(i * 17 % 7)).collect();
        }
        vec![record]
    }

    /// Saves with runs of these levels; returns the outcome and how many runs it took.
    fn saved(folder: &Path, levels: &[f64]) -> (Result<(), Failure>, usize) {
        let taken = Cell::new(0);
        let measure = || {
            taken.set(taken.get() + 1);
            Ok(run(levels[taken.get() - 1]))
        };
        (save(folder, "main", 0.01, measure), taken.get())
    }

    #[test]
    fn a_baseline_is_two_runs_in_a_row_that_agree() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (outcome, runs) = saved(folder.path(), &[100.0, 110.0, 110.0]);
        assert!(outcome.is_ok() && runs == 3);
        let kept = load(folder.path(), "main").expect("saved");
        assert_eq!(kept, [run(110.0), run(110.0)].concat());
    }

    #[test]
    fn runs_that_never_agree_are_refused_and_the_old_baseline_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert!(saved(folder.path(), &[100.0, 100.0]).0.is_ok());
        let (outcome, runs) = saved(folder.path(), &[100.0, 105.0, 100.0, 105.0]);
        let failure = outcome.expect_err("refused");
        assert!(failure.code == 1 && failure.message.contains("not saved") && runs == MOST_RUNS, "{failure:?}");
        assert_eq!(load(folder.path(), "main").expect("there"), [run(100.0), run(100.0)].concat());
    }

    #[test]
    fn a_time_in_one_run_alone_is_no_agreement() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let with_another = |timed: bool| {
            let other = Outcome::DoesNotFit { reason: "killed for memory".into() };
            let mut second = run(50.0).remove(0);
            second.variant = "b".into();
            second.outcome = if timed { second.outcome } else { other };
            [run(100.0), vec![second]].concat()
        };
        let taken = Cell::new(0);
        let saved = |timed: &dyn Fn(usize) -> bool| {
            let measure = || {
                taken.set(taken.get() + 1);
                Ok(with_another(timed(taken.get())))
            };
            save(folder.path(), "main", 0.01, measure)
        };
        let failure = saved(&|run| run % 2 == 0).expect_err("never twice the same");
        assert!(failure.code == 1 && failure.message.contains("killed for memory"), "{failure:?}");
        assert!(load(folder.path(), "main").is_err());
        // What has no time in either run is as it was.
        assert!(saved(&|_| false).is_ok());
    }

    #[test]
    fn a_missing_one_names_those_there_are_and_a_name_is_no_path() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert!(saved(folder.path(), &[100.0, 100.0]).0.is_ok());
        let missing = load(folder.path(), "mian").expect_err("missing");
        assert!(missing.code == 2 && missing.message.contains("main") && missing.message.contains("mian"));
        for bad in ["", "../x", ".hidden", "a/b", "a b"] {
            assert_eq!(load(folder.path(), bad).expect_err("refused").code, 2, "{bad}");
        }
    }
}
