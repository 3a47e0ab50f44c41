//! The summary: one row per kernel, shape and tier, shared by the page, the Markdown and the terminal.

use std::collections::BTreeMap;

use super::group::{Book, Ladder, floor, timing, withheld};
use super::units;
use crate::record::Tier;

/// One row of the summary, as text.
#[derive(Clone, Debug)]
pub struct Row {
    /// Kernel.
    pub kernel: String,
    /// Shape.
    pub shape: String,
    /// Its sizes.
    pub dims: String,
    /// How the numbers came to be.
    pub tier: Tier,
    /// The machine, or how many there are.
    pub machines: String,
    /// Time of naive, or its range over the machines.
    pub naive: String,
    /// Time of the best rung, or its range.
    pub best: String,
    /// The best rung, or the one that is best on most machines.
    pub rung: String,
    /// Speedup of the best rung with its interval, or its range over the machines.
    pub speedup: String,
    /// On one machine: the share of the limit reached. On several: where the speedup is least and most.
    pub remark: String,
    /// True for several machines together.
    pub several: bool,
}

/// All rows, kernels and shapes in order, this host's tiers first.
pub fn rows(book: &Book) -> Vec<Row> {
    let mut rows = Vec::new();
    for (k, (kernel, shapes)) in book.kernels.iter().enumerate() {
        for (s, shape) in shapes.iter().enumerate() {
            let all = book.ladders(k, s);
            for tier in book.tiers() {
                let ladders: Vec<&Ladder> = all.iter().filter(|l| l.site.tier == tier).collect();
                let fill = match ladders.as_slice() {
                    [] => continue,
                    [one] => single(one),
                    many => several(many),
                };
                let dims = book.dims(k, s);
                rows.push(Row { kernel: kernel.clone(), shape: shape.clone(), dims, tier, ..fill });
            }
        }
    }
    rows
}

fn blank() -> Row {
    let none = || units::NONE.to_string();
    Row {
        kernel: String::new(),
        shape: String::new(),
        dims: String::new(),
        tier: Tier::Native,
        machines: none(),
        naive: none(),
        best: none(),
        rung: none(),
        speedup: none(),
        remark: String::new(),
        several: false,
    }
}

fn single(l: &Ladder) -> Row {
    let mut row = Row { machines: l.site.short().to_string(), ..blank() };
    if let Some(naive) = l.naive() {
        row.naive = match (timing(naive), withheld(naive)) {
            (Some(t), _) => units::time(t.time_ns),
            (None, Some((word, _))) => word.to_string(),
            _ => row.naive,
        };
    }
    let Some((best, t)) = l.best().and_then(|r| timing(r).map(|t| (r, t))) else {
        row.remark = "no rung has a time".to_string();
        return row;
    };
    row.best = units::time(t.time_ns);
    row.rung = best.variant.clone();
    if let Some(gain) = l.gain() {
        row.speedup = units::ratio(gain.ratio);
        if gain.low < gain.high {
            row.speedup += &format!(" ({})", units::ratio_range(gain.low, gain.high));
        }
    }
    let share = floor(best).map(|f| format!("{} of the limit", units::percent(f / t.time_ns)));
    let bound = t.bound.map(|b| format!("bound by {}", b.name()));
    row.remark = [share, bound].into_iter().flatten().collect::<Vec<_>>().join(", ");
    row
}

fn several(ladders: &[&Ladder]) -> Row {
    let mut row = Row { machines: format!("{} machines", ladders.len()), several: true, ..blank() };
    let naive = ladders.iter().filter_map(|l| Some(timing(l.naive()?)?.time_ns));
    let best = ladders.iter().filter_map(|l| Some(timing(l.best()?)?.time_ns));
    row.naive = time_range(naive);
    row.best = time_range(best);
    let mut wins: BTreeMap<&str, usize> = BTreeMap::new();
    // Rung 0 wins nothing where it is alone, unless it is alone everywhere.
    let contested = ladders.iter().any(|l| l.gain().is_some());
    let counted = ladders.iter().filter(|l| !contested || l.gain().is_some());
    for best in counted.filter_map(|l| l.best()) {
        *wins.entry(&best.variant).or_default() += 1;
    }
    let timed: usize = wins.values().sum();
    if let Some((variant, n)) = wins.iter().max_by_key(|(_, n)| **n) {
        row.rung = if *n == timed { variant.to_string() } else { format!("{variant} on {n} of {timed}") };
    }
    let mut gains: Vec<_> = ladders.iter().filter_map(|l| Some((l.site, l.gain()?))).collect();
    gains.sort_by(|a, b| a.1.ratio.total_cmp(&b.1.ratio));
    match gains.as_slice() {
        [] => {}
        [(site, one)] => {
            row.speedup = units::ratio(one.ratio);
            row.remark = format!("on {} alone", site.short());
        }
        [low, .., high] => {
            row.speedup = format!("{} – {}", units::ratio(low.1.ratio), units::ratio(high.1.ratio));
            row.remark = format!("least on {}, most on {}", low.0.short(), high.0.short());
        }
    }
    row
}

fn time_range(times: impl Iterator<Item = f64>) -> String {
    let (mut low, mut high) = (f64::INFINITY, 0f64);
    for t in times {
        (low, high) = (low.min(t), high.max(t));
    }
    match (units::time(low), units::time(high)) {
        (a, _) if a == units::NONE => a,
        (a, b) if a == b => a,
        (a, b) => format!("{a} – {b}"),
    }
}

/// What the ladder of each kernel is worth on each site of a tier, at the kernel's main shape there or, where no rung has a
/// time at it, at the largest of those that fit, which is named: `(site, cells)`.
/// A cell is the speedup and the rung, or why there is none.
pub fn by_site(book: &Book, tier: Tier) -> Vec<(String, Vec<(String, String)>)> {
    let cell = |k: usize, i: usize| match book.fitting_ladder(k, i) {
        None => (units::NONE.to_string(), String::new()),
        Some((shape, l)) => match (l.best(), l.gain()) {
            (Some(best), Some(gain)) => {
                let sure = if best.rung == 0 || gain.clear() { "" } else { "~" };
                let sizes = shape.map(|s| book.dims(k, s));
                let rung = sizes.map_or(best.variant.clone(), |sizes| format!("{} at {sizes}", best.variant));
                (format!("{sure}{}", units::ratio(gain.ratio)), rung)
            }
            // Nothing to choose from.
            (Some(_), None) => (units::NONE.to_string(), String::new()),
            _ => (l.rungs.iter().find_map(|r| withheld(r)).map_or(units::NONE, |w| w.0).to_string(), String::new()),
        },
    };
    let sites = book.sites.iter().enumerate().filter(|(_, s)| s.tier == tier);
    sites.map(|(i, s)| (s.dated(), (0..book.kernels.len()).map(|k| cell(k, i)).collect())).collect()
}
