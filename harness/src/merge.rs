//! Joins files of records that parts of one run left (`--shard`), or refuses: nothing is averaged, preferred or dropped.

use std::collections::HashMap;

use crate::record::{Environment, Record, Tier};

/// Records of several files as one.
#[derive(Debug, PartialEq)]
pub struct Merged {
    /// In the order of the files.
    pub records: Vec<Record>,
    /// Records that were in more than one place, identical; each is kept once.
    pub duplicates: usize,
}

/// Why files do not join.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum MergeError {
    /// One cell with two results.
    #[error(
        "{first} and {second} both have {cell}, with different {what}: results are never averaged; \
         leave one file out, or keep them apart and give both to `retrobench report`"
    )]
    Conflict {
        /// The cell.
        cell: String,
        /// File.
        first: String,
        /// Another.
        second: String,
        /// The fields that differ.
        what: String,
    },
    /// Results of different hosts, builds or seeds.
    #[error(
        "{first} and {second} were made with different {what} ({one}, {other}): they are not parts of one run; merge each kind by itself"
    )]
    Mixed {
        /// File.
        first: String,
        /// Another.
        second: String,
        /// What differs.
        what: &'static str,
        /// In the first.
        one: String,
        /// In the other.
        other: String,
    },
}

/// Joins named files. Parts of a run, given in their order, become the run.
///
/// # Errors
/// [`MergeError`]: a cell with two results; files of different builds, seeds, profiles or, where this host was measured, hosts.
pub fn merge(files: &[(String, Vec<Record>)]) -> Result<Merged, MergeError> {
    let mut merged = Merged { records: Vec::new(), duplicates: 0 };
    let mut seen: HashMap<String, (&str, &Record)> = HashMap::new();
    let mut first_with: HashMap<String, (&str, &Record)> = HashMap::new();
    for (file, record) in files.iter().flat_map(|(file, records)| records.iter().map(move |r| (file.as_str(), r))) {
        let (other, like) = first_with.entry(made_with(record)).or_insert((file, record));
        alike((other, like), (file, record))?;
        match seen.get(&cell(record)) {
            None => {
                seen.insert(cell(record), (file, record));
                merged.records.push(record.clone());
            }
            Some((_, earlier)) if differences(earlier, record).is_empty() => merged.duplicates += 1,
            Some((other, earlier)) => {
                return Err(MergeError::Conflict {
                    cell: cell(record),
                    first: (*other).into(),
                    second: file.into(),
                    what: differences(earlier, record).join(", "),
                });
            }
        }
    }
    Ok(merged)
}

/// True where this host influences the result.
fn is_here(tier: Tier) -> bool {
    matches!(tier, Tier::Native | Tier::Capped)
}

/// Records that must have been made alike: those of one machine, and all that were measured.
fn made_with(r: &Record) -> String {
    if is_here(r.tier) { "here".into() } else { format!("{} {}", r.tier.name(), r.machine.id) }
}

fn alike((first, a): (&str, &Record), (second, b): (&str, &Record)) -> Result<(), MergeError> {
    let pair = |what, of: fn(&Environment) -> String| (what, of(&a.environment), of(&b.environment));
    let hash = |r: &Record| r.machine.profile_hash.clone().unwrap_or_default();
    let mut must = vec![
        pair("schemas", |_| String::new()),
        pair("commits", |e| e.commit.clone()),
        pair("seeds", |e| e.seed.to_string()),
        pair("compilers", |e| e.rustc.clone()),
        pair("target features", |e| e.build_features.clone()),
        pair("processors", |e| e.cpu.clone()),
        pair("host settings", |e| e.host.clone()),
    ];
    must[0] = ("schemas", a.schema.to_string(), b.schema.to_string());
    // This host is calibrated anew by each part; its figures differ by noise.
    if !is_here(a.tier) {
        must.push(("profiles of one machine", hash(a), hash(b)));
    }
    match must.into_iter().find(|(_, one, other)| one != other) {
        None => Ok(()),
        Some((what, one, other)) => {
            Err(MergeError::Mixed { first: first.into(), second: second.into(), what, one, other })
        }
    }
}

/// Kernel, shape, variant, machine, tier and limits.
fn cell(r: &Record) -> String {
    let limits: Vec<String> = r.caps.iter().map(|c| format!("{}={}", c.resource, c.limit)).collect();
    let limits = if limits.is_empty() { String::new() } else { format!(" under {}", limits.join(",")) };
    format!("{}/{}/{} on {} ({}{limits})", r.kernel, r.shape, r.variant, r.machine.id, r.tier.name())
}

/// Top-level fields in which two records differ, other than the command.
fn differences(a: &Record, b: &Record) -> Vec<&'static str> {
    [
        ("outcome", a.outcome != b.outcome),
        ("work", a.cost != b.cost || a.dims != b.dims),
        ("place on the ladder", a.rung != b.rung || a.idea != b.idea),
        ("machine", a.machine != b.machine),
        ("limits", a.caps != b.caps),
    ]
    .into_iter()
    .filter(|(_, differs)| *differs)
    .map(|(what, _)| what)
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::timed;

    fn file(name: &str, records: &[Record]) -> (String, Vec<Record>) {
        (name.into(), records.to_vec())
    }

    #[test]
    fn parts_join_in_the_order_given_and_what_is_twice_is_kept_once() {
        let [a, b, c] = ["naive", "unrolled", "simd"].map(|v| timed(Tier::Modelled, "toy", v, 10.0));
        let mut again = a.clone();
        again.environment.command = "retrobench measure softmax".into();
        let merged =
            merge(&[file("1", &[a.clone(), b.clone()]), file("2", &[again, c.clone()])]).expect("parts of one run");
        assert_eq!(merged, Merged { records: vec![a, b, c], duplicates: 1 });
    }

    #[test]
    fn two_results_of_a_cell_are_refused() {
        let (a, b) = (timed(Tier::Native, "this-host", "naive", 10.0), timed(Tier::Native, "this-host", "naive", 10.1));
        let error = merge(&[file("a.jsonl", std::slice::from_ref(&a)), file("b.jsonl", &[b])])
            .expect_err("a conflict")
            .to_string();
        for word in ["a.jsonl", "b.jsonl", "gemv_f32/test/shape/naive", "native", "outcome"] {
            assert!(error.contains(word), "{error}");
        }
        // Two tiers of one cell are two cells.
        assert!(merge(&[file("a", &[a]), file("b", &[timed(Tier::Modelled, "this-host", "naive", 9.0)])]).is_ok());
    }

    #[test]
    fn hosts_builds_seeds_profiles_and_schemas_are_not_mixed() {
        let of = |tier| move |variant: &str| timed(tier, "toy", variant, 10.0);
        let (native, modelled) = (of(Tier::Native), of(Tier::Modelled));
        let change = |mut r: Record, f: &dyn Fn(&mut Record)| {
            f(&mut r);
            r
        };
        let cases: [(&str, Record, Record); 5] = [
            ("processors", native("naive"), change(native("simd"), &|r| r.environment.cpu = "another".into())),
            ("commits", modelled("naive"), change(modelled("simd"), &|r| r.environment.commit = "d".into())),
            ("seeds", modelled("naive"), change(modelled("simd"), &|r| r.environment.seed = 2)),
            ("profiles", modelled("naive"), change(modelled("simd"), &|r| r.machine.profile_hash = Some("1".into()))),
            ("schemas", modelled("naive"), change(modelled("simd"), &|r| r.schema = 2)),
        ];
        for (word, a, b) in cases {
            let error = merge(&[file("a", &[a]), file("b", &[b])]).expect_err("mixed").to_string();
            assert!(error.contains(word) && !error.contains('\n'), "{word}: {error}");
        }
        let host = change(native("simd"), &|r| r.machine.profile_hash = Some("1".into()));
        assert!(merge(&[file("a", &[native("naive")]), file("b", &[host])]).is_ok());
    }
}
