//! Roofline of one site: attained rate over intensity, both logarithmic, under the roofs its records name. A line goes from
//! a kernel's naive rung, hollow, to its best, whose shape and colour say what binds it.

use plotters::style::{Color, RGBColor};

use super::super::finding;
use super::super::group::{Ladder, Site, timing};
use super::super::{ReportError, text, units};
use super::label::Placer;
use super::scale::Scale;
use super::{At, BEST, Canvas, GRID, INK, KERNELS, MUTED, NAIVE, PAPER, Picture, Style, draw, fitted};
use crate::record::{Bound, Record};

const WIDTH: i32 = 620;
const PLOT: (i32, i32, i32, i32) = (78, 28, 606, 350);
/// Points whose names are written beside them; the table below the chart has the rest.
const LABELLED: usize = 14;

/// A roof: peak arithmetic rate and peak memory rate, with the kernels it is for.
struct Roof {
    ops: Option<f64>,
    bytes: Option<f64>,
    kernels: Vec<String>,
}

/// One rung as a point.
struct Point<'a> {
    kernel: usize,
    record: &'a Record,
    place: usize,
    intensity: f64,
    rate: f64,
    best: bool,
}

/// Axes of the plot.
struct Axes {
    x: Scale,
    y: Scale,
    from: f64,
    to: f64,
}

/// What binds a rung, in the five ways that the chart tells apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Memory,
    Compute,
    Latency,
    Overhead,
    Unknown,
}

const KINDS: [Kind; 5] = [Kind::Memory, Kind::Compute, Kind::Latency, Kind::Overhead, Kind::Unknown];

impl Kind {
    fn of(bound: Option<Bound>) -> Self {
        match bound {
            None => Kind::Unknown,
            Some(Bound::Issue | Bound::Compute) => Kind::Compute,
            Some(Bound::Latency | Bound::Spill) => Kind::Latency,
            Some(Bound::Launch | Bound::Idle) => Kind::Overhead,
            Some(_) => Kind::Memory,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Memory => "memory, caches",
            Kind::Compute => "compute, issue",
            Kind::Latency => "latency, spills",
            Kind::Overhead => "launch, idle",
            Kind::Unknown => "bound not measured",
        }
    }

    fn color(self) -> RGBColor {
        match self {
            Kind::Memory => KERNELS[0],
            Kind::Compute => KERNELS[1],
            Kind::Latency => KERNELS[2],
            Kind::Overhead => KERNELS[3],
            Kind::Unknown => BEST,
        }
    }
}

/// Draws the roofline of `site` for the given ladders, each with its kernel's name.
pub fn picture(site: &Site, ladders: &[(&str, Ladder)]) -> Result<Picture, ReportError> {
    let (points, roofs) = (points(ladders), roofs(ladders));
    let axes = axes(&points, &roofs);
    let label = format!("Roofline, {}: {}.", site.tier.name(), finding::roofline(site, ladders));
    draw((WIDTH, PLOT.3 + 66), 500, &label, |c| {
        let under = format!("{}, {} · attained rate over intensity, log scales", site.dated(), site.tier.name());
        fitted(c, (12, 14), At::Left, Style::new(11.0).color(MUTED), WIDTH - 24, &under)?;
        grid(c, &axes, points.iter().any(above_memory))?;
        let mut placer = Placer::new((PLOT.0 + 2, PLOT.1, PLOT.2, PLOT.3));
        for p in &points {
            let (x, y) = (axes.x.px(p.intensity), axes.y.px(p.rate));
            placer.take((x - 6, y - 6, x + 6, y + 6));
        }
        let lines = roofs.iter().map(|r| roof_line(c, &axes, r, &mut placer)).collect::<Result<Vec<_>, _>>()?;
        roof_labels(c, &roofs, &lines, &mut placer)?;
        for k in 0..ladders.len() {
            stem(c, &axes, k, &points)?;
        }
        // The best are drawn over the naive ones.
        for p in points.iter().filter(|p| !p.best).chain(points.iter().filter(|p| p.best)) {
            point(c, &axes, p)?;
        }
        labels(c, &axes, &points, &mut placer)?;
        legend(c, &points)
    })
}

/// Arithmetic intensity, operations per byte, where the contract gives one.
pub fn intensity(r: &Record) -> Option<f64> {
    (r.cost.operations > 0 && r.cost.bytes > 0).then(|| r.cost.operations as f64 / r.cost.bytes as f64)
}

/// Attained rate, operations per second.
pub fn attained(r: &Record) -> Option<f64> {
    let rate = r.cost.operations as f64 / timing(r)?.time_ns * 1e9;
    (rate.is_finite() && rate > 0.0).then_some(rate)
}

fn known(x: Option<f64>) -> Option<f64> {
    x.filter(|x| x.is_finite() && *x > 0.0)
}

fn points<'a>(ladders: &[(&str, Ladder<'a>)]) -> Vec<Point<'a>> {
    let mut out = Vec::new();
    for (kernel, (_, l)) in ladders.iter().enumerate() {
        let best = l.best().map(|r| &r.variant);
        for (record, place) in l.rungs.iter().copied().zip(l.at.iter().copied()) {
            let best = best == Some(&record.variant);
            if !best && record.rung != 0 {
                continue;
            }
            if let (Some(intensity), Some(rate)) = (intensity(record), attained(record)) {
                out.push(Point { kernel, record, place, intensity, rate, best });
            }
        }
    }
    out
}

fn roofs(ladders: &[(&str, Ladder)]) -> Vec<Roof> {
    let same = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => (a / b - 1.0).abs() < 1e-3,
        (a, b) => a.is_none() && b.is_none(),
    };
    let mut out: Vec<Roof> = Vec::new();
    for (kernel, l) in ladders {
        for r in &l.rungs {
            let (ops, bytes) = (known(r.machine.peak_ops_per_s), known(r.machine.peak_bytes_per_s));
            if ops.is_none() && bytes.is_none() {
                continue;
            }
            match out.iter_mut().find(|roof| same(roof.ops, ops) && same(roof.bytes, bytes)) {
                Some(roof) if roof.kernels.iter().any(|k| k == kernel) => {}
                Some(roof) => roof.kernels.push(kernel.to_string()),
                None => out.push(Roof { ops, bytes, kernels: vec![kernel.to_string()] }),
            }
        }
    }
    out
}

fn axes(points: &[Point], roofs: &[Roof]) -> Axes {
    let ridges = roofs.iter().filter_map(|r| Some(r.ops? / r.bytes?));
    let range = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, 0f64), |(low, high), x| (low.min(x), high.max(x)))
    };
    let xs = range(&mut points.iter().map(|p| p.intensity).chain(ridges));
    let tops = roofs.iter().filter_map(|r| r.ops);
    let ys = range(&mut points.iter().map(|p| p.rate).chain(tops));
    let (from, to) = if xs.0.is_finite() { (xs.0 / 4.0, xs.1 * 5.0) } else { (0.1, 100.0) };
    let (low, high) = if ys.0.is_finite() { (ys.0 / 2.5, ys.1 * 2.5) } else { (1e6, 1e9) };
    Axes {
        x: Scale::log(from, to, PLOT.0, PLOT.2 - PLOT.0),
        y: Scale::log(low, high, PLOT.3, PLOT.1 - PLOT.3),
        from,
        to,
    }
}

fn grid(c: &Canvas, axes: &Axes, cached: bool) -> Result<(), ReportError> {
    let style = Style::new(10.5).color(MUTED);
    for tick in axes.x.ticks(8) {
        let x = axes.x.px(tick);
        c.line(&[(x, PLOT.1), (x, PLOT.3)], GRID, 1)?;
        c.text(x, PLOT.3 + 12, At::Middle, style, &units::plain(tick))?;
    }
    for tick in axes.y.ticks(7) {
        let y = axes.y.px(tick);
        c.line(&[(PLOT.0, y), (PLOT.2, y)], GRID, 1)?;
        c.text(PLOT.0 - 6, y, At::Right, style, &units::tick_op_rate(tick))?;
    }
    c.line(&[(PLOT.0, PLOT.1), (PLOT.0, PLOT.3), (PLOT.2, PLOT.3)], MUTED, 1)?;
    let above = if cached { "; above the slanted roof: operands that caches hold" } else { "" };
    let words = format!("intensity, operations per byte{above}");
    c.text((PLOT.0 + PLOT.2) / 2, PLOT.3 + 29, At::Middle, Style::new(11.0).color(MUTED), &words)
}

/// True of a rung that took its operands faster than memory gives them.
fn above_memory(p: &Point) -> bool {
    known(p.record.machine.peak_bytes_per_s).is_some_and(|bytes| p.rate > 1.02 * bytes * p.intensity)
}

/// The line of one roof; labels keep clear of it.
fn roof_line(c: &Canvas, axes: &Axes, roof: &Roof, placer: &mut Placer) -> Result<Vec<(i32, i32)>, ReportError> {
    let at = |x: f64| match (roof.ops, roof.bytes) {
        (Some(o), Some(b)) => o.min(b * x),
        (Some(o), None) => o,
        (None, Some(b)) => b * x,
        (None, None) => 0.0,
    };
    let px = |x: f64| (axes.x.px(x), axes.y.px(at(x)));
    let inside = |p: &(i32, i32)| p.1 < PLOT.3 && p.1 > PLOT.1;
    let steps = 240;
    let xs = (0..=steps).map(|i| axes.from * (axes.to / axes.from).powf(f64::from(i) / f64::from(steps)));
    let line: Vec<(i32, i32)> = xs.map(px).filter(inside).collect();
    for (x, y) in &line {
        placer.take((*x - 3, *y - 3, *x + 3, *y + 3));
    }
    // Two straight pieces: through every pixel they would be ragged.
    let ridge = roof.ops.zip(roof.bytes).map(|(o, b)| px(o / b)).filter(inside);
    let ends = [line.first().copied(), ridge, line.last().copied()];
    c.line(&ends.into_iter().flatten().collect::<Vec<_>>(), INK, 2)?;
    Ok(line)
}

/// The peaks of the roofs, written beside their lines; a bandwidth that several roofs share is written once.
fn roof_labels(c: &Canvas, roofs: &[Roof], lines: &[Vec<(i32, i32)>], placer: &mut Placer) -> Result<(), ReportError> {
    let style = Style::new(11.0).color(MUTED);
    let mut written: Vec<String> = Vec::new();
    for (roof, line) in roofs.iter().zip(lines) {
        if let Some(ops) = roof.ops {
            let peak = format!("peak {}", units::op_rate(ops));
            // Whole words: with whom the roof is for, where there is room for that.
            let whom = match roof.kernels.as_slice() {
                _ if roofs.len() == 1 => vec![peak],
                [one] => vec![format!("{peak} ({one})"), peak],
                [one, others @ ..] => {
                    vec![format!("{peak} ({one}, {} more)", others.len()), format!("{peak} ({one}, …)"), peak]
                }
                [] => vec![peak],
            };
            peak_label(c, &whom, line, placer, style)?;
        }
        let Some(words) = roof.bytes.map(units::byte_rate).filter(|w| !written.contains(w)) else { continue };
        let w = text::width(&words, 11.0);
        for (x, y) in line.iter().skip(2).filter(|(x, _)| *x > PLOT.0 + w + 12) {
            let space = (x - w - 10, y - 14, x - 6, y - 2);
            if placer.fits(space) {
                placer.take(space);
                c.text(x - 8, y - 8, At::Right, style, &words)?;
                break;
            }
        }
        written.push(words);
    }
    Ok(())
}

/// The first of some words for a peak that has room along the level part of its roof, as far right as there is; else the last
/// of them off it, with a line to it.
fn peak_label(
    c: &Canvas,
    whom: &[String],
    line: &[(i32, i32)],
    placer: &mut Placer,
    style: Style,
) -> Result<(), ReportError> {
    let Some((_, level)) = line.last().copied() else { return Ok(()) };
    for words in whom {
        let w = text::width(words, 11.0);
        for dy in [-10, 11, -24, 25] {
            for (x, _) in line.iter().rev().filter(|(_, y)| *y == level) {
                let space = (x - w - 4, level + dy - 6, *x, level + dy + 6);
                if placer.fits(space) {
                    placer.take(space);
                    return c.text(x - 2, level + dy, At::Right, style, words);
                }
            }
        }
    }
    let (Some(words), Some(end)) = (whom.last(), line.last()) else { return Ok(()) };
    let Some(place) = placer.near(*end, words, 11.0) else { return Ok(()) };
    if let Some(leader) = place.leader {
        c.line(&[*end, leader], GRID, 1)?;
    }
    c.text(place.x, place.y, At::Left, style, words)
}

/// A thin line from naive to the best rung of a kernel.
fn stem(c: &Canvas, axes: &Axes, k: usize, points: &[Point]) -> Result<(), ReportError> {
    let own: Vec<(i32, i32)> =
        points.iter().filter(|p| p.kernel == k).map(|p| (axes.x.px(p.intensity), axes.y.px(p.rate))).collect();
    if own.len() < 2 { Ok(()) } else { c.line(&own, NAIVE, 1) }
}

fn point(c: &Canvas, axes: &Axes, p: &Point) -> Result<(), ReportError> {
    let (x, y) = (axes.x.px(p.intensity), axes.y.px(p.rate));
    let bound = timing(p.record).and_then(|t| t.bound);
    if p.best {
        let kind = Kind::of(bound);
        marker(c, kind, (x, y), 5, kind.color())?;
    } else {
        c.disc(x, y, 4, NAIVE)?;
        c.disc(x, y, 2, PAPER)?;
    }
    let bound = bound.map(|b| format!(", bound by {}", b.name())).unwrap_or_default();
    let (kernel, variant) = (&p.record.kernel, &p.record.variant);
    c.tip_of(p.place, [x - 6, y - 6, 12, 12], &format!("{kernel} {variant}: {}{bound}", units::op_rate(p.rate)));
    Ok(())
}

/// Shapes differ as well as colours.
fn marker(c: &Canvas, kind: Kind, (x, y): (i32, i32), r: i32, color: RGBColor) -> Result<(), ReportError> {
    match kind {
        Kind::Memory | Kind::Unknown => c.disc(x, y, r, color),
        Kind::Compute => c.fill(x - r + 1, y - r + 1, 2 * r - 2, 2 * r - 2, color),
        Kind::Latency => c.polygon(&[(x, y - r - 1), (x + r + 1, y + r - 1), (x - r - 1, y + r - 1)], color),
        Kind::Overhead => c.polygon(&[(x, y - r - 1), (x + r + 1, y), (x, y + r + 1), (x - r - 1, y)], color),
    }
}

fn labels(c: &Canvas, axes: &Axes, points: &[Point], placer: &mut Placer) -> Result<(), ReportError> {
    for p in points.iter().filter(|p| p.best).take(LABELLED) {
        let words = text::fit(&format!("{} {}", p.record.kernel, p.record.variant), 10.5, 200);
        let at = (axes.x.px(p.intensity), axes.y.px(p.rate));
        let Some(place) = placer.near(at, &words, 10.5) else { continue };
        if let Some(end) = place.leader {
            c.line(&[at, end], GRID, 1)?;
        }
        c.fill(place.x - 2, place.y - 6, text::width(&words, 10.5) + 2, 13, PAPER.mix(0.8))?;
        c.text(place.x, place.y, At::Left, Style::new(10.5), &words)?;
    }
    Ok(())
}

fn legend(c: &Canvas, points: &[Point]) -> Result<(), ReportError> {
    let style = Style::new(11.0).color(MUTED);
    let (mut x, y) = (20, PLOT.3 + 52);
    c.disc(x, y, 4, NAIVE)?;
    c.disc(x, y, 2, PAPER)?;
    c.text(x + 10, y, At::Left, style, "naive")?;
    x += 60;
    let bound = |p: &Point| Kind::of(timing(p.record).and_then(|t| t.bound));
    for kind in KINDS.into_iter().filter(|k| points.iter().any(|p| p.best && bound(p) == *k)) {
        marker(c, kind, (x, y), 5, kind.color())?;
        let words = if kind == Kind::Unknown { "best rung" } else { kind.name() };
        c.text(x + 10, y, At::Left, style, words)?;
        x += text::width(words, 11.0) + 30;
    }
    Ok(())
}
