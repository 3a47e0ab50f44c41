//! `sweep`: one or two figures of machines over a range, as crossings, every point, and charts.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use super::output::{self, Format, listing_text, print, write_file};
use super::{Common, Failure, command_line};
use crate::plan::Plan;
use crate::profile::{Hardware, Loaded};
use crate::record::{Environment, Outcome};
use crate::report::chart::curve::{self, Axis, Curves};
use crate::report::chart::field::{self, Field};
use crate::report::listing::{Datum, Listing};
use crate::sweep::contest::{Arena, Gates, contests, surely_beats, time_ns};
use crate::sweep::figure::Vary;
use crate::sweep::{self, Sweep};

/// Flags of `sweep`.
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// Regular expression on kernel/shape/variant; what it selects at one shape competes there.
    #[arg(env = "RETROBENCH_FILTER")]
    filter: String,
    /// Machines whose figures vary: profile ids, `all`, `class:...`, .toml files. Emulated ones have none.
    #[arg(long, env = "RETROBENCH_HW")]
    hw: String,
    /// A figure, by its key in `hw show` (`memory.bandwidth_gb_s`, `cache[1].kib`), and its range; two for a field.
    #[arg(long, value_name = "KEY=FROM..TO", required = true, value_delimiter = ',', env = "RETROBENCH_VARY")]
    vary: Vec<Vary>,
    /// Values of each figure [default: 33 of one, 13 of each of two].
    #[arg(long, value_parser = clap::value_parser!(u16).range(2..=1000), env = "RETROBENCH_POINTS")]
    points: Option<u16>,
    #[command(flatten)]
    common: Common,
    /// Format of standard output: crossings for people, every point for programs.
    #[arg(long, short, value_enum, default_value_t = Format::Table, env = "RETROBENCH_OUTPUT")]
    output: Format,
    /// Also writes every point to a file (- = standard output).
    #[arg(long, value_name = "FILE", env = "RETROBENCH_EXPORT_CSV")]
    export_csv: Option<PathBuf>,
    /// The same as JSON.
    #[arg(long, value_name = "FILE", env = "RETROBENCH_EXPORT_JSON")]
    export_json: Option<PathBuf>,
    /// Also draws each contest: an SVG of that name; of several the others get a number.
    #[arg(long, value_name = "FILE", env = "RETROBENCH_CHART")]
    chart: Option<PathBuf>,
}

/// Sweeps, prints, draws.
pub fn run(args: &SweepArgs) -> Result<(), Failure> {
    if args.vary.len() > 2 {
        return Err(Failure::input("--vary: one figure makes lines, two make a field; more cannot be shown"));
    }
    let plan = Plan::select(Some(&args.filter)).map_err(Failure::input)?;
    let machines = Hardware::select(&args.hw).map_err(Failure::input)?;
    if let Some(machine) = machines.emulated.first() {
        let id = &machine.profile.id;
        return Err(Failure::input(format!("{id} is emulated: it has no figures to vary; name processors or GPUs")));
    }
    let files = [&args.export_csv, &args.export_json, &args.chart];
    files.into_iter().flatten().try_for_each(|path| output::ready(path))?;
    let gates = Gates::new(Environment::build(&command_line(), args.common.seed));
    let started = Instant::now();
    let mut sweeps = swept(args, &plan, &gates, &machines.cpus)?;
    sweeps.extend(swept(args, &plan, &gates, &machines.gpus)?);
    if sweeps.is_empty() {
        return Err(Failure::input(format!("'{}' selects nothing that runs on {}", args.filter, args.hw)));
    }
    for note in sweeps.iter().flat_map(notes) {
        eprintln!("retrobench: {note}");
    }
    let every = [every_point(&sweeps)];
    match args.output {
        Format::Table | Format::Md => print(&listing_text(args.output, &[crossings(&sweeps)])?)?,
        Format::Csv | Format::Json | Format::Jsonl => print(&listing_text(args.output, &every)?)?,
    }
    for (path, format) in [(&args.export_csv, Format::Csv), (&args.export_json, Format::Json)] {
        let Some(path) = path else { continue };
        write_file(path, listing_text(format, &every)?.as_bytes())?;
    }
    if let Some(path) = &args.chart {
        for (i, sweep) in sweeps.iter().enumerate() {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let path = if i == 0 { path.clone() } else { path.with_file_name(format!("{stem}-{}.svg", i + 1)) };
            write_file(&path, drawn(sweep)?.as_bytes())?;
        }
    }
    let (cells, seconds) = (sweeps.iter().map(|s| s.modelled).sum::<usize>(), started.elapsed().as_secs_f64());
    if !args.common.quiet {
        eprintln!("sweep: {cells} cells modelled in {seconds:.1} s, {:.0} a minute", cells as f64 / seconds * 60.0);
    }
    Ok(())
}

fn swept<A: Arena>(
    args: &SweepArgs,
    plan: &Plan,
    gates: &Gates,
    machines: &[Loaded<A>],
) -> Result<Vec<Sweep>, Failure> {
    let contests = if machines.is_empty() { Vec::new() } else { contests(plan, A::GPU) };
    let points = args.points.map_or(if args.vary.len() == 1 { 33 } else { 13 }, usize::from);
    let bar = output::progress(contests.len() * machines.len(), args.common.quiet);
    let mut sweeps = Vec::new();
    for machine in machines {
        bar.set_message(machine.profile.id().to_string());
        for contest in &contests {
            let sweep = sweep::sweep(gates, &machine.profile, contest, &args.vary, points);
            sweeps.push(sweep.map_err(Failure::input)?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(sweeps)
}

/// What a reader must know that no table shows.
fn notes(sweep: &Sweep) -> Vec<String> {
    let place = format!("{} on {}", sweep.shape, sweep.machine);
    let figures: Vec<&str> = sweep.figures.iter().map(|f| f.key.as_str()).collect();
    let mut notes = Vec::new();
    if sweep.is_flat() {
        notes.push(format!("{place}: no modelled time depends on {}", figures.join(" or ")));
    }
    if let Some(first) = sweep.impossible.first() {
        notes.push(format!("{place}: {} points are no machine; {first}", sweep.impossible.len()));
    }
    // Neighbours whose outcomes have no times and one reason each.
    for (i, name) in sweep.contestants.iter().enumerate() {
        if sweep.points.iter().all(|p| time_ns(&p.outcomes[i]).is_none()) {
            notes.push(format!(
                "{place}: {name} has no time at any point: {}",
                sweep.points[0].outcomes[i].reason().unwrap_or_default()
            ));
        }
    }
    notes
}

/// Where the fastest changes, or which is fastest all along.
fn crossings(sweeps: &[Sweep]) -> Listing {
    let mut rows = Vec::new();
    for sweep in sweeps {
        let place = |finding: String, value: Datum, balance: Datum| {
            let figures: Vec<String> = sweep.figures.iter().map(Vary::label).collect();
            let shape = format!("{} {}", sweep.shape, sweep.dims);
            let words = [sweep.machine.clone(), shape, figures.join(" × "), finding].map(Datum::Text);
            [&words[..], &[value, balance]].concat()
        };
        for c in &sweep.crossings {
            rows.push(place(sweep.sentence(c), Datum::Plain(c.at), Datum::opt(c.balance, Datum::Plain)));
        }
        if sweep.crossings.is_empty() {
            rows.push(place(fastest(sweep), Datum::None, Datum::None));
        }
    }
    Listing {
        about: "Where the fastest variant changes as a figure of the machine varies (modelled tier: each time within the \
                machine's expected error; two are told apart where their bands leave no doubt which is faster). The figure varies with what follows from it, all others stay as the profile has \
                them. The balance is the best rate of operations over the bandwidth there."
            .into(),
        heads: vec!["machine", "shape", "figure", "finding", "at", "balance"],
        rows,
    }
}

/// How often each contestant is the fastest.
fn fastest(sweep: &Sweep) -> String {
    let winners: Vec<Option<usize>> = sweep.winners().collect();
    let count = |i: usize| winners.iter().filter(|w| **w == Some(i)).count();
    let mut wins: Vec<(usize, usize)> =
        (0..sweep.contestants.len()).map(|i| (count(i), i)).filter(|w| w.0 > 0).collect();
    wins.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    match &wins[..] {
        [] => "nothing runs".into(),
        [(n, only)] if *n == winners.len() => {
            let beats_all = |p: &&sweep::Point| {
                let timed = (0..p.outcomes.len()).filter(|i| i != only && time_ns(&p.outcomes[*i]).is_some());
                timed.into_iter().all(|other| surely_beats(&p.outcomes, *only, other))
            };
            let doubt = match sweep.points.iter().filter(beats_all).count() {
                sure if sure == *n => String::new(),
                sure => format!("; told apart from all others at {sure} of {n} points"),
            };
            format!("{} is fastest all along{doubt}", sweep.short(*only))
        }
        _ => {
            let each: Vec<String> = wins.iter().map(|(n, i)| format!("{} at {n}", sweep.short(*i))).collect();
            format!("fastest of {} points: {}", winners.len(), each.join(", "))
        }
    }
}

/// Every contestant at every point.
fn every_point(sweeps: &[Sweep]) -> Listing {
    let mut rows = Vec::new();
    for sweep in sweeps {
        let keys = |i: usize| sweep.figures.get(i).map_or(Datum::None, |f| Datum::text(&f.key));
        for (point, winner) in sweep.points.iter().zip(sweep.winners()) {
            for (i, outcome) in point.outcomes.iter().enumerate() {
                let timing = if let Outcome::Timed(t) = outcome { Some(t) } else { None };
                let time = |of: fn(&crate::record::Timing) -> f64| Datum::opt(timing.map(of), Datum::TimeNs);
                rows.push(vec![
                    Datum::text(&sweep.machine),
                    Datum::text(&sweep.shape),
                    Datum::text(&sweep.contestants[i]),
                    keys(0),
                    Datum::opt(point.at.first().copied(), Datum::Plain),
                    keys(1),
                    Datum::opt(point.at.get(1).copied(), Datum::Plain),
                    Datum::text(outcome.status()),
                    time(|t| t.time_ns),
                    time(|t| t.low_ns),
                    time(|t| t.high_ns),
                    timing.and_then(|t| t.bound).map_or(Datum::None, |b| Datum::text(b.name())),
                    Datum::text(match winner {
                        Some(winner) if winner == i => "yes",
                        Some(winner) if timing.is_some() && !surely_beats(&point.outcomes, winner, i) => {
                            "not told apart"
                        }
                        _ => "no",
                    }),
                ]);
            }
        }
    }
    let heads = vec![
        "machine", "shape", "variant", "figure", "at", "figure_2", "at_2", "status", "time_ns", "low_ns", "high_ns",
        "bound", "fastest",
    ];
    Listing { about: "Every point of the sweep (modelled tier).".into(), heads, rows }
}

fn drawn(sweep: &Sweep) -> Result<String, Failure> {
    let under = format!("modelled · {} {} on {}", sweep.shape, sweep.dims, sweep.machine_name);
    let labels: Vec<String> = sweep.figures.iter().map(Vary::label).collect();
    let names: Vec<String> = (0..sweep.contestants.len()).map(|i| sweep.short(i).to_string()).collect();
    let picture = match &labels[..] {
        [x, y] => {
            let (xs, ys) = (values(sweep, 0), values(sweep, 1));
            let at = |x: f64, y: f64| sweep.points.iter().find(|p| p.at == [x, y]).and_then(best);
            let cells: Vec<Vec<_>> = ys.iter().map(|y| xs.iter().map(|x| at(*x, *y)).collect()).collect();
            let title = fastest(sweep);
            field::picture(&Field {
                title: &title,
                under: &under,
                x: (x, &xs),
                y: (y, &ys),
                names: &names,
                cells: &cells,
            })
        }
        _ => {
            let times = || sweep.points.iter().flat_map(|p| p.outcomes.iter().filter_map(time_ns));
            let (unit_ns, unit) = match times().fold(0.0, f64::max) {
                longest if longest >= 1e9 => (1e9, "time, s"),
                longest if longest >= 1e6 => (1e6, "time, ms"),
                _ => (1e3, "time, µs"),
            };
            let line = |i: usize| {
                let timed = sweep.points.iter().filter_map(|p| Some((p.at[0], time_ns(&p.outcomes[i])? / unit_ns)));
                (names[i].clone(), timed.collect::<Vec<_>>())
            };
            let series: Vec<_> = (0..names.len()).map(line).filter(|(_, points)| !points.is_empty()).collect();
            let marks: Vec<_> = sweep.crossings.iter().map(|c| (c.at, sweep.sentence(c))).collect();
            let title = sweep.crossings.first().map_or_else(|| fastest(sweep), |c| sweep.sentence(c));
            let (x, axes) = (labels.first().map_or("", String::as_str), (Axis::Log, Axis::Log));
            let curves = Curves { title: &title, under: &under, x, y: unit, axes, series: &series, marks: &marks };
            curve::picture(&curves)
        }
    };
    Ok(picture.map_err(Failure::input)?.file())
}

/// Values of a figure, ascending.
fn values(sweep: &Sweep, figure: usize) -> Vec<f64> {
    let mut all: Vec<f64> = sweep.points.iter().map(|p| p.at[figure]).collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    all
}

/// The fastest at a point and by how much it beats the next.
fn best(point: &sweep::Point) -> Option<(usize, f64)> {
    let mut times: Vec<(f64, usize)> =
        point.outcomes.iter().enumerate().filter_map(|(i, o)| Some((time_ns(o)?, i))).collect();
    times.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let (first, winner) = *times.first()?;
    Some((winner, times.get(1).map_or(f64::INFINITY, |next| next.0 / first)))
}
