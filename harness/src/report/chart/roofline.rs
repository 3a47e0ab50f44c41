//! Roofline of one site: attained rate over intensity, both logarithmic, under the roofs its records name. A column of
//! points is a kernel's ladder: hollow is naive, large is the best rung.

use plotters::style::{Color, RGBColor, WHITE};

use super::super::finding;
use super::super::group::{Ladder, Site, timing};
use super::super::{ReportError, text, units};
use super::label::Placer;
use super::scale::Scale;
use super::{At, Canvas, GRID, INK, KERNELS, MUTED, Style, draw, fitted};
use crate::record::Record;

const WIDTH: i32 = 620;
const PLOT: (i32, i32, i32, i32) = (78, 54, 606, 370);
/// Points whose names are written beside them; the table below the chart has the rest.
const LABELLED: usize = 8;

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

/// Draws the roofline of `site` for the given ladders, each with its kernel's name.
pub fn svg(site: &Site, ladders: &[(&str, Ladder)]) -> Result<String, ReportError> {
    let (points, roofs) = (points(ladders), roofs(ladders));
    let axes = axes(&points, &roofs);
    let legend_rows = ladders.len().div_ceil(4).max(1) as i32;
    let label = format!("Roofline, {}: {}.", site.tier.name(), finding::roofline(site, ladders));
    draw((WIDTH, PLOT.3 + 46 + 18 * legend_rows), 500, &label, |c| {
        fitted(c, (12, 18), At::Left, Style::new(14.0).bold(), WIDTH - 24, &site.dated())?;
        let under = format!("{} · attained rate over intensity, log scales · limits as labelled", site.tier.name());
        fitted(c, (12, 36), At::Left, Style::new(11.0).color(MUTED), WIDTH - 24, &under)?;
        grid(c, &axes)?;
        let mut placer = Placer::new((PLOT.0 + 2, PLOT.1, PLOT.2, PLOT.3));
        for p in &points {
            let (x, y) = (axes.x.px(p.intensity), axes.y.px(p.rate));
            placer.take((x - 6, y - 6, x + 6, y + 6));
        }
        let lines = roofs.iter().map(|r| roof_line(c, &axes, r, &mut placer)).collect::<Result<Vec<_>, _>>()?;
        roof_labels(c, &roofs, &lines, &mut placer)?;
        for (k, _) in ladders.iter().enumerate() {
            stems(c, &axes, k, &points)?;
        }
        for p in &points {
            point(c, &axes, p)?;
        }
        labels(c, &axes, ladders, &points, &mut placer)?;
        legend(c, ladders)
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

/// The rate the roof of a record allows at its intensity.
pub fn allowed(r: &Record) -> Option<f64> {
    let slope = known(r.machine.peak_bytes_per_s).zip(intensity(r)).map(|(b, i)| b * i);
    match (known(r.machine.peak_ops_per_s), slope) {
        (Some(flat), Some(slope)) => Some(flat.min(slope)),
        (flat, slope) => flat.or(slope),
    }
}

fn known(x: Option<f64>) -> Option<f64> {
    x.filter(|x| x.is_finite() && *x > 0.0)
}

fn points<'a>(ladders: &[(&str, Ladder<'a>)]) -> Vec<Point<'a>> {
    let mut out = Vec::new();
    for (kernel, (_, l)) in ladders.iter().enumerate() {
        let best = l.best().map(|r| &r.variant);
        for (record, _) in l.timed() {
            if let (Some(intensity), Some(rate)) = (intensity(record), attained(record)) {
                out.push(Point { kernel, record, intensity, rate, best: best == Some(&record.variant) });
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

fn grid(c: &Canvas, axes: &Axes) -> Result<(), ReportError> {
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
    c.text(
        (PLOT.0 + PLOT.2) / 2,
        PLOT.3 + 29,
        At::Middle,
        Style::new(11.0).color(MUTED),
        "intensity, operations per byte",
    )
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
        let whom = if roofs.len() > 1 { format!(" ({})", roof.kernels.join(", ")) } else { String::new() };
        if let (Some(ops), Some((x, y))) = (roof.ops, line.last().copied()) {
            let full = format!("peak {}{whom}", units::op_rate(ops));
            let offsets = [-10, 11, -24, 25];
            let places = [300, 220, 160].into_iter().flat_map(|room| offsets.map(|dy| (room, y + dy)));
            for (room, middle) in places {
                let words = text::fit(&full, 11.0, room);
                let space = (x - text::width(&words, 11.0) - 4, middle - 6, x, middle + 6);
                if placer.fits(space) {
                    placer.take(space);
                    c.text(x - 2, middle, At::Right, style, &words)?;
                    break;
                }
            }
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

/// A thin line from the slowest to the fastest rung of a kernel.
fn stems(c: &Canvas, axes: &Axes, k: usize, points: &[Point]) -> Result<(), ReportError> {
    let own: Vec<(i32, i32)> =
        points.iter().filter(|p| p.kernel == k).map(|p| (axes.x.px(p.intensity), axes.y.px(p.rate))).collect();
    match (own.iter().min_by_key(|p| p.1), own.iter().max_by_key(|p| p.1)) {
        (Some(high), Some(low)) if high != low => c.line(&[*low, *high], color(k).mix(0.45), 1),
        _ => Ok(()),
    }
}

fn point(c: &Canvas, axes: &Axes, p: &Point) -> Result<(), ReportError> {
    let (x, y) = (axes.x.px(p.intensity), axes.y.px(p.rate));
    let size = if p.best || p.record.rung == 0 { 6 } else { 4 };
    marker(c, p.kernel, (x, y), size, color(p.kernel))?;
    if p.record.rung == 0 && !p.best {
        marker(c, p.kernel, (x, y), size - 2, WHITE)?;
    }
    let bound = timing(p.record).and_then(|t| t.bound).map(|b| format!(", bound by {}", b.name())).unwrap_or_default();
    let (kernel, variant) = (&p.record.kernel, &p.record.variant);
    c.tip(x - 6, y - 6, 12, 12, &format!("{kernel} {variant}: {}{bound}", units::op_rate(p.rate)));
    Ok(())
}

/// Shapes differ as well as colours; after the last shape and colour they repeat out of step.
fn marker(c: &Canvas, k: usize, (x, y): (i32, i32), r: i32, color: RGBColor) -> Result<(), ReportError> {
    match k % 5 {
        0 => c.disc(x, y, r, color),
        1 => c.fill(x - r + 1, y - r + 1, 2 * r - 2, 2 * r - 2, color),
        2 => c.polygon(&[(x, y - r - 1), (x + r + 1, y + r - 1), (x - r - 1, y + r - 1)], color),
        3 => c.polygon(&[(x, y - r - 1), (x + r + 1, y), (x, y + r + 1), (x - r - 1, y)], color),
        _ => c.polygon(&[(x, y + r + 1), (x + r + 1, y - r + 1), (x - r - 1, y - r + 1)], color),
    }
}

fn labels(
    c: &Canvas,
    axes: &Axes,
    ladders: &[(&str, Ladder)],
    points: &[Point],
    placer: &mut Placer,
) -> Result<(), ReportError> {
    let best = points.iter().filter(|p| p.best).take(2 * LABELLED);
    let naive = points.iter().filter(|p| !p.best && p.record.rung == 0 && ladders.len() <= LABELLED);
    for p in best.chain(naive) {
        let bound = timing(p.record).and_then(|t| t.bound).map(|b| format!(": {}", b.name())).unwrap_or_default();
        let words = match p.best {
            true => format!("{} {}{bound}", p.record.kernel, p.record.variant),
            false => format!("{}{bound}", p.record.variant),
        };
        let words = text::fit(&words, 11.0, 240);
        let at = (axes.x.px(p.intensity), axes.y.px(p.rate));
        let Some(place) = placer.near(at, &words, 11.0) else { continue };
        if let Some(end) = place.leader {
            c.line(&[at, end], color(p.kernel).mix(0.6), 1)?;
        }
        c.fill(place.x - 2, place.y - 6, text::width(&words, 11.0) + 2, 13, WHITE.mix(0.8))?;
        let style = Style::new(11.0);
        c.text(place.x, place.y, At::Left, if p.best { style.bold() } else { style.color(MUTED) }, &words)?;
    }
    Ok(())
}

fn legend(c: &Canvas, ladders: &[(&str, Ladder)]) -> Result<(), ReportError> {
    let room = (PLOT.2 - 20) / 4;
    for (k, (kernel, _)) in ladders.iter().enumerate() {
        let (x, y) = (20 + room * (k as i32 % 4), PLOT.3 + 50 + 18 * (k as i32 / 4));
        marker(c, k, (x, y), 5, color(k))?;
        fitted(c, (x + 11, y), At::Left, Style::new(11.0), room - 22, kernel)?;
    }
    Ok(())
}

fn color(k: usize) -> RGBColor {
    KERNELS[k % KERNELS.len()]
}
