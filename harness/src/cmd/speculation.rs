//! `study speculation`: what one pass over several tokens costs, as a table and a chart.

use std::path::Path;

use super::output::write_file;
use super::{Failure, command_line};
use crate::profile::Hardware;
use crate::record::Environment;
use crate::report::chart::curve::{self, Axis, Curves};
use crate::report::listing::{Datum, Listing};
use crate::speculation::{GPUS, PROCESSORS, Pass, TOKENS, Weights, passes};
use crate::sweep::contest::{Arena, Gates};

/// Machines asked where none are named.
const MACHINES: &str =
    "pentium-iii-800,raspberry-pi-4,raspberry-pi-5,ryzen-9-5950x,mac-studio-m2-ultra,gtx-580,gtx-1080,h100,h20";
/// The weights that the chart is of, on processors and on GPUs.
const DRAWN: &str = "q8_0";

/// One machine with one kind of weights.
struct Line {
    machine: String,
    weights: &'static Weights,
    passes: Result<Vec<Pass>, String>,
}

/// The table, and the chart where it is asked for.
pub fn study(hw: Option<&str>, chart: Option<&Path>) -> Result<Listing, Failure> {
    let machines = Hardware::select(hw.unwrap_or(MACHINES)).map_err(Failure::input)?;
    if let Some(machine) = machines.emulated.first() {
        let id = &machine.profile.id;
        return Err(Failure::input(format!("{id} is emulated: it verifies no tokens; name processors or GPUs")));
    }
    let gates = Gates::new(Environment::build(&command_line(), 1));
    let cpus: Vec<_> = machines.cpus.iter().map(|m| m.profile.clone()).collect();
    let gpus: Vec<_> = machines.gpus.iter().map(|m| m.profile.clone()).collect();
    let mut lines = asked(&gates, &PROCESSORS, &cpus);
    lines.extend(asked(&gates, &GPUS, &gpus));
    if let Some(path) = chart {
        write_file(path, drawn(&lines)?.as_bytes())?;
    }
    Ok(Listing {
        about: "What one pass over several tokens takes over a pass for one (modelled tier), each at its fastest rung, and how \
                likely each guess must be right for the pass to give as many tokens a second: guessing costs nothing here. \
                Matrices are 1536×8960 on processors, 28672×4096 on GPUs; experts 64 of 2048×352, of which each token meets 6 that no other does where there \
                are as many."
            .into(),
        heads: vec!["machine", "weights", "tokens", "time_ns", "over_one", "break_even", "rung"],
        rows: lines.iter().flat_map(rows).collect(),
    })
}

fn asked<A: Arena>(gates: &Gates, weights: &'static [Weights], machines: &[A]) -> Vec<Line> {
    let of = |weights: &'static Weights| {
        let lines = passes(gates, weights, machines).into_iter().zip(machines);
        lines.map(move |(passes, machine)| Line { machine: machine.id().into(), weights, passes })
    };
    let mut lines: Vec<Line> = if machines.is_empty() { Vec::new() } else { weights.iter().flat_map(of).collect() };
    let place = |line: &Line| machines.iter().position(|m| m.id() == line.machine);
    lines.sort_by_key(place);
    lines
}

fn rows(line: &Line) -> Vec<Vec<Datum>> {
    let words = |tokens: Datum, rest: [Datum; 4]| {
        let [time, over_one, break_even, rung] = rest;
        vec![Datum::text(&line.machine), Datum::text(line.weights.name), tokens, time, over_one, break_even, rung]
    };
    match &line.passes {
        Err(reason) => vec![words(Datum::None, [Datum::None, Datum::None, Datum::None, Datum::text(reason)])],
        Ok(passes) => {
            let row = |p: &Pass| {
                let even = p.break_even().map_or(Datum::text("never"), Datum::Share);
                words(
                    Datum::Plain(p.tokens as f64),
                    [Datum::TimeNs(p.time_ns), Datum::Ratio(p.cost), even, Datum::text(&p.rung)],
                )
            };
            passes.iter().map(row).collect()
        }
    }
}

fn drawn(lines: &[Line]) -> Result<String, Failure> {
    let of_format = lines.iter().filter(|l| l.weights.name == DRAWN);
    let timed: Vec<(&Line, &Vec<Pass>)> = of_format.filter_map(|l| Some((l, l.passes.as_ref().ok()?))).collect();
    let points = |passes: &[Pass]| passes.iter().map(|p| (p.tokens as f64, p.cost)).collect();
    let mut series: Vec<(String, Vec<(f64, f64)>)> =
        timed.iter().map(|(line, passes)| (line.machine.clone(), points(passes))).collect();
    let Some(title) = finding(&timed) else {
        return Err(Failure::input(format!("no machine here takes {DRAWN} weights, of which the chart is")));
    };
    series.push(("a token after the other".into(), TOKENS.map(|n| (n as f64, n as f64)).to_vec()));
    let picture = curve::picture(&Curves {
        title: &title,
        under: "modelled · weights in q8_0, 1536×8960 on processors, 28672×4096 on GPUs, each pass at its fastest rung",
        x: "tokens that one pass looks at",
        y: "time over a pass for one token",
        axes: (Axis::Log, Axis::Log),
        series: &series,
        marks: &[],
    });
    Ok(picture.map_err(Failure::input)?.file())
}

/// The machines at which looking at eight tokens is cheapest and dearest.
fn finding(timed: &[(&Line, &Vec<Pass>)]) -> Option<String> {
    let eight = |passes: &[Pass]| passes.iter().find(|p| p.tokens == 8).map_or(f64::NAN, |p| p.cost);
    let mut costs: Vec<(&str, f64)> = timed.iter().map(|(l, passes)| (l.machine.as_str(), eight(passes))).collect();
    costs.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (first, last) = (costs.first()?, costs.last()?);
    Some(if costs.len() == 1 {
        format!("Looking at eight tokens takes {} {:.1} times what one takes", first.0, first.1)
    } else {
        format!("Eight tokens for the price of {:.1} on {}, of {:.1} on {}", first.1, first.0, last.1, last.0)
    })
}
