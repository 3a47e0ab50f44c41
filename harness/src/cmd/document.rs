//! `document`: texts whose figures the tool computes. Each figure stands in a block that names the command that fills it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use kernels::KERNELS;

use super::output::{print, write_file};
use super::study::crossovers;
use super::{Failure, bands, published, report};
use crate::profile::{Hardware, Loaded, Sheet, band};
use crate::record::{Record, Tier};
use crate::report::listing::{Datum, Listing};
use crate::report::{Report, blocks};
use crate::validate::{self, Pair, Validation};

/// Flags of `document`.
#[derive(Debug, Args)]
pub struct DocumentArgs {
    /// Texts with blocks to fill.
    #[arg(required = true)]
    texts: Vec<PathBuf>,
    /// Records that the blocks `results` (of a run) and `validation` (of this host natively and modelled on its own profile) are
    /// made of; without them these two stay as they are, and the others are filled.
    #[arg(long, value_name = "FILE", env = "RETROBENCH_RECORDS")]
    records: Vec<PathBuf>,
    /// Prints what would be written instead.
    #[arg(long, env = "RETROBENCH_DRY_RUN", value_parser = super::switch)]
    dry_run: bool,
}

/// Names of blocks.
const BLOCKS: [&str; 6] = ["bands", "catalog", "crossovers", "published", "results", "validation"];

/// Fills the blocks of every text.
pub fn run(args: &DocumentArgs) -> Result<(), Failure> {
    let records = if args.records.is_empty() { Vec::new() } else { report::read(&args.records)?.0 };
    args.texts.iter().try_for_each(|path| document(path, &records, args.dry_run))
}

/// What a run's records say.
fn results(records: &[Record]) -> String {
    let command = &records[0].environment.command;
    crate::report::results(&Report { title: report::TITLE, command, records, notes: &[] })
}

fn document(path: &Path, records: &[Record], dry_run: bool) -> Result<(), Failure> {
    let fail = |e: String| Failure::input(format!("{}: {e}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| fail(format!("cannot read it: {e}; check the path")))?;
    let fill = |name: &str| match name {
        "bands" => bands::study(&[]).map(|listing| Some(listing.markdown())),
        "catalog" => catalog().map(Some),
        "crossovers" => crossovers().map(|listing| Some(listing.markdown())),
        "published" => published::errors().map(|listing| Some(listing.markdown())),
        _ if records.is_empty() => {
            eprintln!(
                "retrobench: {}: block '{name}' stays as it is: --records gives what it is made of",
                path.display()
            );
            Ok(None)
        }
        "results" => Ok(Some(results(records))),
        _ => validation(records).map(Some),
    };
    let filled =
        blocks::filled(&text, &BLOCKS, |name| fill(name).map_err(|f| f.message)).map_err(|e| fail(e.to_string()))?;
    match dry_run {
        true => print(&filled),
        // An unchanged file keeps its time.
        false if filled == text => Ok(()),
        false => write_file(path, filled.as_bytes()),
    }
}

/// What there is, and how far the machines' figures can be trusted.
fn catalog() -> Result<String, Failure> {
    let machines = Hardware::built_in().map_err(Failure::input)?;
    let sum = |of: fn(&&dyn kernels::kernel::Kernel) -> usize| KERNELS.iter().map(of).sum::<usize>();
    // Processors have what the shaders are checked against.
    let of_gpus = KERNELS.iter().filter(|k| k.variants().len() == 1 && !k.shaders().is_empty()).count();
    let sentence = format!(
        "{} kernels, of which {of_gpus} have a ladder on GPUs and rung 0 alone on processors, with {} variants, {} shaders and {} \
         rungs in machine code; {} processors, {} GPUs and {} emulated machines.",
        KERNELS.len(),
        sum(|k| k.variants().len()),
        sum(|k| k.shaders().len()),
        sum(|k| k.machine_code().len()),
        machines.cpus.len(),
        machines.gpus.len(),
        machines.emulated.len(),
    );
    let mut rows = Vec::new();
    let mut kind = |name: &str, counts: BTreeMap<String, usize>| {
        let total: usize = counts.values().sum();
        let of = |status: &str| counts.get(status).copied().unwrap_or(0) as f64;
        let mut row = vec![Datum::text(name), Datum::Plain(total as f64)];
        row.extend(["read", "measured", "derived", "unverified"].map(|s| Datum::Share(of(s) / total.max(1) as f64)));
        rows.push(row);
    };
    kind("processors", statuses(&machines.cpus));
    kind("GPUs", statuses(&machines.gpus));
    kind("emulated machines", statuses(&machines.emulated));
    let heads = vec!["machines", "figures", "read", "measured", "derived", "unverified"];
    let about = "Figures of their profiles, by how far their source was checked:".into();
    Ok(format!("{sentence}\n\n{}", Listing { about, heads, rows }.markdown()))
}

/// Figures of profiles by the status of their source.
fn statuses<P: Sheet>(machines: &[Loaded<P>]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for machine in machines {
        let table: toml::Table = machine.profile.to_toml().parse().unwrap_or_default();
        let status = |source: &str| {
            let of = table.get("sources")?.get(source)?.get("status")?.as_str()?;
            Some(of.to_string())
        };
        let mut stack: Vec<&toml::Value> = table.iter().filter(|(k, _)| *k != "sources").map(|(_, v)| v).collect();
        while let Some(value) = stack.pop() {
            match value {
                toml::Value::Array(all) => stack.extend(all),
                toml::Value::Table(entries) => match (entries.get("value"), entries.get("source")) {
                    (Some(_), Some(source)) => {
                        let known = source.as_str().and_then(status).unwrap_or_default();
                        *counts.entry(known).or_insert(0) += 1;
                    }
                    _ => stack.extend(entries.values()),
                },
                _ => {}
            }
        }
    }
    counts
}

/// The model against the host that the records are of, in one sentence and by kernel.
fn validation(records: &[Record]) -> Result<String, Failure> {
    let hosts = records.iter().find(|r| r.tier == Tier::Modelled && r.machine.class == "host");
    let found = hosts.and_then(|r| validate::compare(records, &r.machine.id));
    let Some(found) = found else {
        return Err(Failure::input(validate::HOW));
    };
    let native = records.iter().find(|r| r.tier == Tier::Native);
    let on = native.map_or(String::new(), |r| format!(" ({}, {})", r.environment.cpu, r.environment.host));
    let (held, all) = (found.pairs.iter().filter(|p| p.held).count(), found.pairs.len());
    let inside = format!("The bands that the records carry hold the measurement in {held} of {all} cells");
    let order = order(&found, band::of_cpu_speedup());
    Ok(format!("{}{on}. {inside}. {order}\n\n{}", found.sentence(), by_kernel(&found).markdown()))
}

/// How often the order of two rungs is right.
fn order(found: &Validation, factor: f64) -> String {
    let [(open, open_right), (sure, sure_right)] = orders(found, factor);
    format!(
        "Of pairs of rungs that the model tells apart (by more than a factor of {factor:.2}, which nine of ten of its speedups \
         keep to) the order is right in {sure_right} of {sure}, of those that it leaves open in {open_right} of {open}"
    )
}

/// Pairs of rungs of one kernel and shape, and those that the model puts in the order that they have here: of those whose modelled
/// times are nearer than a factor, then of the others.
fn orders(found: &Validation, factor: f64) -> [(usize, usize); 2] {
    let mut counts = [(0, 0); 2];
    for (i, a) in found.pairs.iter().enumerate() {
        for b in found.pairs[i + 1..].iter().filter(|b| b.group == a.group) {
            let modelled = a.modelled_ns / b.modelled_ns;
            let (all, right) = &mut counts[usize::from(modelled.max(1.0 / modelled) > factor)];
            *all += 1;
            *right += usize::from((modelled < 1.0) == (a.native_ns < b.native_ns));
        }
    }
    counts
}

fn by_kernel(found: &Validation) -> Listing {
    let mut kernels: BTreeMap<&str, Vec<&Pair>> = BTreeMap::new();
    for pair in &found.pairs {
        kernels.entry(pair.kernel()).or_default().push(pair);
    }
    let row = |(kernel, pairs): (&str, Vec<&Pair>)| {
        let mut errors: Vec<f64> = pairs.iter().map(|p| p.error()).collect();
        errors.sort_by(f64::total_cmp);
        let mut ratios: Vec<f64> = pairs.iter().map(|p| p.ratio()).collect();
        ratios.sort_by(f64::total_cmp);
        let cells = [Datum::Plain(pairs.len() as f64), Datum::Share(errors[errors.len() / 2])];
        let ends = [Datum::Ratio(ratios[0]), Datum::Ratio(ratios[ratios.len() - 1])];
        [&[Datum::text(kernel)][..], &cells, &ends].concat()
    };
    Listing {
        about: "By kernel; modelled over native, so below 1 the model is too fast:".into(),
        heads: vec!["kernel", "cells", "median_error", "least", "most"],
        rows: kernels.into_iter().map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_counted_apart_where_the_bands_leave_them_open() {
        let pair = |group: &str, variant: &str, native_ns, modelled_ns| Pair {
            group: group.into(),
            variant: variant.into(),
            native_ns,
            modelled_ns,
            held: true,
        };
        let pairs = vec![
            pair("g/s", "naive", 100.0, 100.0),
            pair("g/s", "simd", 40.0, 90.0),
            pair("g/s", "tile", 50.0, 20.0),
            pair("h/s", "naive", 1.0, 1000.0),
        ];
        let found = Validation { pairs, median_error: 0.0, ordered: 0, order_right: 0 };
        // naive and simd lie within the bands and in order; tile lies beyond both, but simd is the faster one here.
        assert_eq!(orders(&found, 1.5625), [(1, 1), (2, 1)]);
        assert!(
            order(&found, 1.5625).ends_with("the order is right in 1 of 2, of those that it leaves open in 1 of 1")
        );
    }
}
