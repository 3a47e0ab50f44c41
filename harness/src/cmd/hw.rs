//! `hw`: profiles with what the model makes of them (`show`), figure against figure (`diff`), and whether a file is
//! right (`check`).

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use toml::Value;

use super::measure::{Gates, elsewhere};
use super::output::{Format, listing_text, print, progress};
use super::sink::Sink;
use super::{Failure, command_line};
use crate::capped::Caps;
use crate::plan::Plan;
use crate::profile::{GpuProfile, Hardware, Loaded, Profile, Sheet};
use crate::record::{Bound, Environment, Outcome, Record, Speedup, Timing};
use crate::report::listing::{Datum, Listing};
use crate::report::units;
use crate::shard::{Here, Share};

/// Flags of `hw`.
#[derive(Debug, Args)]
pub struct HwArgs {
    #[command(subcommand)]
    verb: HwVerb,
}

#[derive(Debug, Subcommand)]
enum HwVerb {
    /// A profile's figures with their sources, and the peaks that follow from them.
    Show {
        /// Profile ids (comma-separated), `all`, `class:...`, or the path of a .toml file.
        #[arg(env = "RETROBENCH_HW")]
        hw: String,
    },
    /// The figures in which two machines of one kind differ, and the kernels that the difference decides: those whose fastest
    /// variant, or what binds it, is another.
    Diff {
        /// A profile's id, or the path of a .toml file.
        first: String,
        /// Another.
        second: String,
        /// Regular expression on kernel/shape/variant [default: the shapes of the tour].
        #[arg(env = "RETROBENCH_FILTER")]
        filter: Option<String>,
        /// Only the figures: nothing is modelled.
        #[arg(long, env = "RETROBENCH_FIGURES", value_parser = super::switch)]
        figures: bool,
        /// Format of standard output.
        #[arg(long, short, value_enum, default_value_t = Format::Table, env = "RETROBENCH_OUTPUT")]
        output: Format,
    },
    /// Checks files of machines and of limits (`--cap`) and says what is wrong with the first bad one.
    Check {
        /// Paths of .toml files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// Prints the profiles.
pub fn run(args: &HwArgs) -> Result<(), Failure> {
    match &args.verb {
        HwVerb::Show { hw } => show(hw),
        HwVerb::Diff { first, second, filter, figures, output } => {
            let mut listings = vec![diff(first, second)?];
            if !figures {
                listings.extend(flips(first, second, filter.as_deref())?);
            }
            print(&listing_text(*output, &listings)?)
        }
        HwVerb::Check { files } => check(files),
    }
}

fn show(hw: &str) -> Result<(), Failure> {
    let Hardware { cpus, gpus, emulated } = Hardware::select(hw).map_err(Failure::input)?;
    for loaded in &emulated {
        let m = &loaded.profile.machine;
        let memory = m.memory_kib.value;
        show_one(loaded, &format!("{} ns a cycle, {memory} KiB for programs", units::plain(1e9 / m.clock_hz.value)))?;
    }
    for loaded in &cpus {
        let known: String = loaded.profile.residuals_text().iter().map(|line| format!("\n# {line}")).collect();
        show_one(loaded, &format!("{}{known}", cpu_summary(&loaded.profile)))?;
    }
    for loaded in &gpus {
        show_one(loaded, &gpu_summary(&loaded.profile))?;
    }
    Ok(())
}

fn show_one<P: Sheet>(Loaded { profile, hash }: &Loaded<P>, follows: &str) -> Result<(), Failure> {
    let head = format!("# {}\n# profile hash {hash}\n# follows from the figures: {follows}\n", profile.name());
    print(&format!("{head}\n{}\n", profile.to_toml()))
}

fn cpu_summary(p: &Profile) -> String {
    format!(
        "{} f32, {} bf16, {} int8, memory {} from one core, {} from all",
        units::op_rate(p.peak_f32_ops_per_s()),
        units::op_rate(p.peak_bf16_ops_per_s()),
        units::op_rate(p.peak_i8_ops_per_s()),
        units::byte_rate(p.sustained_bytes_per_s(1)),
        units::byte_rate(p.sustained_bytes_per_s(p.machine.cores.value)),
    )
}

fn gpu_summary(p: &GpuProfile) -> String {
    let (f16, sustained) = (p.peak_f16_ops_per_s(), p.memory.sustained_gb_s.value * 1e9);
    format!(
        "{} f32, {} f16, {} int8, memory {}, {} f16 operations for each byte",
        units::op_rate(p.peak_f32_ops_per_s()),
        units::op_rate(f16),
        units::op_rate(p.peak_i8_ops_per_s()),
        units::byte_rate(sustained),
        units::plain(f16 / sustained),
    )
}

/// A machine as `diff` sees it, whatever its kind.
struct Sides {
    kind: &'static str,
    about: String,
    figures: BTreeMap<String, String>,
}

fn sides<P: Sheet>(machines: &[Loaded<P>]) -> Result<Vec<Sides>, Failure> {
    let side = |Loaded { profile, .. }: &Loaded<P>| {
        let table: toml::Table = profile.to_toml().parse().map_err(Failure::input)?;
        let mut figures = BTreeMap::new();
        // Who it is stands above the table; where a figure comes from is no figure.
        for (key, value) in
            table.iter().filter(|(k, _)| !["id", "name", "year", "schema", "sources"].contains(&k.as_str()))
        {
            flatten(key, value, &mut figures);
        }
        let about = format!("{} ({}, {})", profile.id(), profile.name(), profile.year());
        Ok(Sides { kind: P::KIND.unwrap_or("processor"), about, figures })
    };
    machines.iter().map(side).collect()
}

/// Every leaf by its key path: `link.both_ways_gb_s`, `600.0`.
fn flatten(path: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Table(entries) => match (entries.get("value"), entries.get("source")) {
            (Some(figure), Some(_)) => flatten(path, figure, into),
            _ => entries.iter().for_each(|(key, value)| flatten(&format!("{path}.{key}"), value, into)),
        },
        Value::Array(levels) if levels.iter().any(Value::is_table) => {
            levels.iter().enumerate().for_each(|(i, level)| flatten(&format!("{path}[{i}]"), level, into));
        }
        Value::String(text) => {
            into.insert(path.into(), text.clone());
        }
        _ => {
            into.insert(path.into(), value.to_string());
        }
    }
}

fn one(name: &str) -> Result<Sides, Failure> {
    let Hardware { cpus, gpus, emulated } = Hardware::select(name).map_err(Failure::input)?;
    let mut found = sides(&cpus)?;
    found.extend(sides(&gpus)?);
    found.extend(sides(&emulated)?);
    match (found.pop(), found.len()) {
        (Some(side), 0) => Ok(side),
        _ => Err(Failure::input(format!("'{name}' is more than one machine: name one on each side"))),
    }
}

fn diff(first: &str, second: &str) -> Result<Listing, Failure> {
    let (a, b) = (one(first)?, one(second)?);
    if a.kind != b.kind {
        let message =
            format!("{first} is of kind {} and {second} of kind {}: their figures are others", a.kind, b.kind);
        return Err(Failure::input(message));
    }
    let keys: std::collections::BTreeSet<_> = a.figures.keys().chain(b.figures.keys()).collect();
    let shown = |side: Option<&String>| side.map_or(Datum::None, Datum::text);
    let row = |key: &&String| {
        let (left, right) = (a.figures.get(*key), b.figures.get(*key));
        (left != right).then(|| vec![Datum::text(*key), shown(left), shown(right)])
    };
    let rows: Vec<_> = keys.iter().filter_map(row).collect();
    // What the kernels of one machine cannot show.
    let link = keys.iter().any(|key| key.starts_with("link.") && a.figures.get(*key) != b.figures.get(*key));
    let links =
        if link { "\nA link decides nothing on one machine: `retrobench study links` has several." } else { "" };
    Ok(Listing {
        about: format!(
            "first: {}\nsecond: {}\n{} of {} figures differ{links}",
            a.about,
            b.about,
            rows.len(),
            keys.len()
        ),
        heads: vec!["figure", "first", "second"],
        rows,
    })
}

/// The timed variants of a kernel and shape on a machine.
type Timed<'a> = Vec<(&'a str, &'a Timing)>;

/// The timed variants of each kernel and shape in records.
fn timed<'a>(records: impl Iterator<Item = &'a Record>) -> BTreeMap<(String, String), Timed<'a>> {
    let mut all: BTreeMap<(String, String), Timed> = BTreeMap::new();
    for r in records {
        if let Outcome::Timed(t) = &r.outcome {
            all.entry((r.kernel.clone(), r.shape.clone())).or_default().push((&r.variant, t));
        }
    }
    all
}

/// The fastest of some.
fn fastest<'a>(timed: &Timed<'a>) -> Option<(&'a str, &'a Timing)> {
    timed.iter().copied().min_by(|a, b| a.1.time_ns.total_cmp(&b.1.time_ns))
}

/// True where the bands leave no doubt that the fastest beats the variant `other`, or that one has no time there.
fn surely_beats(all: &Timed, fastest: &Timing, other: &str) -> bool {
    let other = all.iter().find(|(name, _)| *name == other);
    other.is_none_or(|(_, other)| Speedup::over(other, fastest).clear())
}

/// Kernels whose winner or bound is another on the second machine.
fn flips(first: &str, second: &str, filter: Option<&str>) -> Result<Option<Listing>, Failure> {
    let plan = Plan::select(filter).map_err(Failure::input)?;
    // Both at once: shaders are interpreted once for all.
    let mut machines = Hardware::select(first).map_err(Failure::input)?;
    machines.append(Hardware::select(second).map_err(Failure::input)?);
    let share = Share::of(None, &plan, Here { native_s: None, capped_s: None }, &machines);
    let bar = progress(share.cells(), false);
    let mut sink = Sink::new(None)?;
    elsewhere(&plan, &machines, &share, &Gates::default(), &Environment::build(&command_line(), 1), &bar, &mut sink)?;
    bar.finish_and_clear();
    // A file may have the id of a built-in machine; its text is another.
    let mut hashes = machines.cpus.iter().map(|m| m.hash.clone()).collect::<Vec<_>>();
    hashes.extend(machines.gpus.iter().map(|m| m.hash.clone()));
    hashes.extend(machines.emulated.iter().map(|m| m.hash.clone()));
    let [on_first, on_second] = &hashes[..] else { return Ok(None) };
    let on = |hash: &String| timed(sink.records.iter().filter(|r| r.machine.profile_hash.as_ref() == Some(hash)));
    Ok(Some(changes(&on(on_first), &on(on_second))))
}

/// What of two machines' winners and bounds differs.
fn changes(a: &BTreeMap<(String, String), Timed>, b: &BTreeMap<(String, String), Timed>) -> Listing {
    let mut rows = Vec::new();
    let both: Vec<_> = a.iter().filter_map(|(place, on_a)| Some((place, on_a, b.get(place)?))).collect();
    let (mut winners, mut sure) = (0, 0);
    for ((kernel, shape), on_a, on_b) in &both {
        let (Some(x), Some(y)) = (fastest(on_a), fastest(on_b)) else { continue };
        let (bound_x, bound_y) = (x.1.bound, y.1.bound);
        let other_winner = x.0 != y.0;
        if !other_winner && bound_x == bound_y {
            continue;
        }
        let mut why = Vec::new();
        if other_winner {
            winners += 1;
            // Each must surely beat the other where it wins.
            let told_apart = surely_beats(on_a, x.1, y.0) && surely_beats(on_b, y.1, x.0);
            sure += usize::from(told_apart);
            why.push(if told_apart { "winner" } else { "winner, not told apart" });
        }
        if bound_x != bound_y {
            why.push("bound");
        }
        let bound = |bound: Option<Bound>| bound.map_or(Datum::None, |b| Datum::text(b.name()));
        let words = [kernel.as_str(), shape, x.0, y.0].map(Datum::text);
        let times = [x.1.time_ns, y.1.time_ns].map(Datum::TimeNs);
        rows.push([&words[..], &[bound(bound_x), bound(bound_y)], &times, &[Datum::Text(why.join("; "))]].concat());
    }
    Listing {
        about: format!(
            "Of {} kernels and shapes that run on both, {} have another winner or bound (modelled); of {winners} other winners the \
             bands tell {sure} apart on both machines",
            both.len(),
            rows.len()
        ),
        heads: vec![
            "kernel",
            "shape",
            "fastest",
            "on_second",
            "bound",
            "bound_on_second",
            "time_ns",
            "time_on_second_ns",
            "why",
        ],
        rows,
    }
}

/// True for a file of limits: every machine has a class or a kind.
fn is_of_limits(text: &str) -> bool {
    let table = text.parse::<toml::Table>().unwrap_or_default();
    table.contains_key("id") && !["class", "kind", "machine"].iter().any(|key| table.contains_key(*key))
}

fn check(files: &[PathBuf]) -> Result<(), Failure> {
    for file in files {
        if let Some(text) = std::fs::read_to_string(file).ok().filter(|text| is_of_limits(text)) {
            let caps = Caps::from_toml(&file.to_string_lossy(), &text).map_err(Failure::input)?;
            print(&format!("{}: right: limits: {caps}\n", file.display()))?;
            continue;
        }
        let Hardware { cpus, gpus, emulated } = Hardware::load(file).map_err(Failure::input)?;
        let right: Vec<String> = cpus
            .iter()
            .map(|l| format!("processor {}, hash {}", l.profile.id, l.hash))
            .chain(gpus.iter().map(|l| format!("GPU {}, hash {}", l.profile.id, l.hash)))
            .chain(emulated.iter().map(|l| format!("emulated machine {}, hash {}", l.profile.id, l.hash)))
            .collect();
        print(&format!("{}: right: {}\n", file.display(), right.join("; ")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::timed as record;
    use crate::record::Tier;

    /// Variants with times that the model may have wrong by a quarter either way.
    fn machine(id: &str, times: &[(&str, f64)]) -> Vec<Record> {
        let of = |(variant, ns): &(&str, f64)| {
            let mut r = record(Tier::Modelled, id, variant, *ns);
            if let Outcome::Timed(t) = &mut r.outcome {
                (t.low_ns, t.high_ns, t.bound) = (ns / 1.25, ns * 1.25, Some(Bound::Compute));
            }
            r
        };
        times.iter().map(of).collect()
    }

    #[test]
    fn another_winner_within_the_model_s_error_is_not_told_apart() {
        let said = |on_b: &[(&str, f64)]| {
            let (a, b) = (machine("a", &[("simd", 100.0), ("tile", 200.0)]), machine("b", on_b));
            changes(&timed(a.iter()), &timed(b.iter())).markdown()
        };
        let sure = said(&[("simd", 100.0), ("tile", 50.0)]);
        assert!(
            sure.contains("of 1 other winners the bands tell 1 apart") && !sure.contains("not told apart"),
            "{sure}"
        );
        // 1.5 times, and bands of 1.25 either way.
        let doubtful = said(&[("simd", 100.0), ("tile", 66.7)]);
        assert!(doubtful.contains("tell 0 apart") && doubtful.contains("winner, not told apart"), "{doubtful}");
        // What does not run there cannot win there.
        assert!(said(&[("tile", 99.0)]).contains("tell 1 apart"));
        assert!(said(&[("simd", 10.0), ("tile", 50.0)]).contains("0 have another winner or bound"));
    }
}
