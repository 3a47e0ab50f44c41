//! `hw`: profiles with what the model makes of them (`show`), figure against figure (`diff`), and whether a file is
//! right (`check`).

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use toml::Value;

use super::measure::{Gates, elsewhere};
use super::output::{plain_table, print, progress};
use super::sink::Sink;
use super::{Failure, command_line};
use crate::capped::Caps;
use crate::plan::Plan;
use crate::profile::{GpuProfile, Hardware, Loaded, Profile, Sheet};
use crate::record::{Environment, Outcome, Record};
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
        HwVerb::Diff { first, second, filter, figures } => {
            diff(first, second)?;
            if *figures { Ok(()) } else { flips(first, second, filter.as_deref()) }
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

fn diff(first: &str, second: &str) -> Result<(), Failure> {
    let (a, b) = (one(first)?, one(second)?);
    if a.kind != b.kind {
        let message =
            format!("{first} is of kind {} and {second} of kind {}: their figures are others", a.kind, b.kind);
        return Err(Failure::input(message));
    }
    let mut table = plain_table(&["figure", first, second]);
    let keys: std::collections::BTreeSet<_> = a.figures.keys().chain(b.figures.keys()).collect();
    let total = keys.len();
    let mut differ = 0;
    for key in keys {
        let (left, right) = (a.figures.get(key), b.figures.get(key));
        if left != right {
            differ += 1;
            let shown = |side: Option<&String>| side.map_or("-".to_string(), Clone::clone);
            table.add_row([key.clone(), shown(left), shown(right)]);
        }
    }
    let head = format!("{}\n{}\n{differ} of {total} figures differ", a.about, b.about);
    print(&if differ == 0 { format!("{head}\n") } else { format!("{head}\n\n{table}\n") })?;
    let differs = |part: &str| {
        let of = |side: &Sides| {
            side.figures
                .iter()
                .filter(|(k, _)| k.starts_with(part))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect::<Vec<_>>()
        };
        of(&a) != of(&b)
    };
    // What the kernels of one machine cannot show.
    if differs("link.") {
        print("A link decides nothing on one machine: `retrobench study links` has several.\n")?;
    }
    Ok(())
}

/// The fastest variant of a kernel and shape on a machine, and what binds it.
type Fastest = (String, Option<&'static str>, f64);

/// The fastest of each kernel and shape in records.
fn fastest<'a>(records: impl Iterator<Item = &'a Record>) -> BTreeMap<(String, String), Fastest> {
    let mut best: BTreeMap<(String, String), Fastest> = BTreeMap::new();
    for r in records {
        let Outcome::Timed(t) = &r.outcome else { continue };
        let new = (r.variant.clone(), t.bound.map(|b| b.name()), t.time_ns);
        let place = best.entry((r.kernel.clone(), r.shape.clone())).or_insert_with(|| new.clone());
        if new.2 < place.2 {
            *place = new;
        }
    }
    best
}

/// Kernels whose winner or bound is another on the second machine.
fn flips(first: &str, second: &str, filter: Option<&str>) -> Result<(), Failure> {
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
    let [on_first, on_second] = &hashes[..] else { return Ok(()) };
    let on = |hash: &String| fastest(sink.records.iter().filter(|r| r.machine.profile_hash.as_ref() == Some(hash)));
    let (a, b) = (on(on_first), on(on_second));
    let mut table = plain_table(&["kernel", "shape", "fastest", "bound", "times", "why it is listed"]);
    let both: Vec<_> = a.iter().filter_map(|(place, on_a)| Some((place, on_a, b.get(place)?))).collect();
    let mut flipped = 0;
    for ((kernel, shape), x, y) in &both {
        let why = match (x.0 != y.0, x.1 != y.1) {
            (false, false) => continue,
            (true, false) => "winner",
            (false, true) => "bound",
            (true, true) => "winner and bound",
        };
        flipped += 1;
        let change = |a: &str, b: &str| if a == b { a.to_string() } else { format!("{a} → {b}") };
        let bound = |side: &Fastest| side.1.unwrap_or(units::NONE);
        let times = change(&units::time(x.2), &units::time(y.2));
        table.add_row([kernel.as_str(), shape, &change(&x.0, &y.0), &change(bound(x), bound(y)), &times, why]);
    }
    let head = format!(
        "\nOf {} kernels and shapes that run on both, {flipped} have another winner or bound (modelled)",
        both.len()
    );
    print(&if flipped == 0 { format!("{head}\n") } else { format!("{head}\n\n{table}\n") })
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
