//! Speedup of the best rung by tier with its band, and which share of the floor naive and the best rung reach.

use super::super::chart::Picture;
use super::super::chart::ranges::{self, Mark, Ranges, Row};
use super::super::group::{self, Book, Ladder, floor as floor_of, timing};
use super::super::listing::{Datum, Listing};
use super::super::{ReportError, units};
use crate::record::{Record, Speedup};

/// Naive and the best rung of a ladder of several.
fn ends<'a>(l: &Ladder<'a>) -> Option<(&'a Record, &'a Record)> {
    l.gain()?;
    Some((l.naive().filter(|r| timing(r).is_some())?, l.best()?))
}

/// Every ladder with a naive time: kernel and shape by number.
fn ladders(book: &Book) -> impl Iterator<Item = (usize, usize, Ladder<'_>)> {
    let all = (0..book.kernels.len()).flat_map(|k| (0..book.kernels[k].1.len()).map(move |s| (k, s)));
    all.flat_map(|(k, s)| book.ladders(k, s).into_iter().map(move |l| (k, s, l)))
}

/// Who and where: the first columns of every listing of ladders.
pub(super) const PLACE: [&str; 5] = ["kernel", "shape", "tier", "machine", "year"];

/// The cells of [`PLACE`].
pub(super) fn place(book: &Book, k: usize, s: usize, l: &Ladder) -> Vec<Datum> {
    let (kernel, shapes) = &book.kernels[k];
    vec![
        Datum::text(kernel),
        Datum::text(&shapes[s]),
        Datum::text(l.site.tier.name()),
        Datum::text(l.site.short()),
        l.site.year.map_or(Datum::None, |y| Datum::text(y.to_string())),
    ]
}

/// Speedup of the best rung over naive with its band, one row a ladder.
pub fn speedup(book: &Book) -> Listing {
    let row = |(k, s, l): (usize, usize, Ladder)| {
        let (naive, best) = ends(&l)?;
        let Speedup { ratio, low, high } = group::speedup(best)?;
        let time = |r| Datum::opt(timing(r).map(|t| t.time_ns), Datum::TimeNs);
        let mut row = place(book, k, s, &l);
        row.extend([Datum::text(&best.variant), time(naive), time(best), Datum::Ratio(ratio)]);
        row.extend([Datum::Ratio(low), Datum::Ratio(high)]);
        Some(row)
    };
    Listing {
        about: "What the best rung is worth over naive. The band is the 95 % interval (native, capped) or what the bands of both \
                times leave (modelled, emulated), as if their errors were independent."
            .into(),
        heads: [&PLACE[..], &["best", "naive_ns", "best_ns", "speedup", "low", "high"]].concat(),
        rows: ladders(book).filter_map(row).collect(),
    }
}

/// The floor over the time, of naive and of the best rung, and what binds each.
pub fn floor(book: &Book) -> Listing {
    let row = |(k, s, l): (usize, usize, Ladder)| {
        let (naive, best) = ends(&l)?;
        let share = |r| Some(floor_of(r)? / timing(r)?.time_ns);
        let bound = |r| timing(r).and_then(|t| t.bound).map_or(Datum::None, |b| Datum::text(b.name()));
        let mut row = place(book, k, s, &l);
        row.extend([Datum::text(&best.variant), Datum::opt(share(naive), Datum::Share), bound(naive)]);
        row.extend([Datum::Share(share(best)?), bound(best)]);
        Some(row)
    };
    Listing {
        about:
            "How much of what physics allows is reached: the floor (the larger of operations over peak and bytes over \
                bandwidth) over the time. Where operands stay in a cache only operations count, so those shares are small. Above \
                100 %: the ceiling is too low, and the report says so."
                .into(),
        heads: [&PLACE[..], &["best", "naive_share", "naive_bound", "best_share", "best_bound"]].concat(),
        rows: ladders(book).filter_map(row).collect(),
    }
}

/// One row a kernel, one mark a tier: the middle of the tier's machines, from the least to the greatest; of one machine its band.
fn by_tier(book: &Book, value: impl Fn(&Ladder) -> Option<Speedup>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (k, (kernel, _)) in book.kernels.iter().enumerate() {
        let mut marks = Vec::new();
        for (series, tier) in book.tiers().into_iter().enumerate() {
            let sites = (0..book.sites.len()).filter(|i| book.sites[*i].tier == tier);
            let mut values: Vec<Speedup> = sites.filter_map(|i| value(&book.main_ladder(k, i)?)).collect();
            values.sort_by(|a, b| a.ratio.total_cmp(&b.ratio));
            let (low, high) = match &values[..] {
                [] => continue,
                [one] => (one.low, one.high),
                [first, .., last] => (first.ratio, last.ratio),
            };
            let at = values[values.len() / 2].ratio;
            let note = format!("{kernel}, {}: {} machines", tier.name(), values.len());
            marks.push(Mark { series, at, low, high, note });
        }
        if !marks.is_empty() {
            rows.push(Row { name: kernel.clone(), beside: String::new(), marks });
        }
    }
    rows
}

fn tiers(book: &Book) -> Vec<String> {
    book.tiers().iter().map(|t| t.name().to_string()).collect()
}

/// Speedups of all kernels at their main shapes by tier.
///
/// # Errors
/// [`ReportError::Draw`].
pub fn speedup_chart(book: &Book) -> Result<Option<Picture>, ReportError> {
    let rows = by_tier(book, |l| ends(l).and_then(|(_, best)| group::speedup(best)));
    let (title, under) = (
        "What the best rung of each kernel is worth",
        "times naive; mark: the middle machine of the tier, line: from the least to the greatest, of one machine its band",
    );
    ranges::picture(&Ranges {
        title,
        under,
        x: "times naive",
        series: &tiers(book),
        rows: &rows,
        one: true,
        label: units::ratio,
        tick: units::tick_ratio,
    })
}

/// Shares of the floor of the best rungs by tier.
///
/// # Errors
/// [`ReportError::Draw`].
pub fn floor_chart(book: &Book) -> Result<Option<Picture>, ReportError> {
    let rows = by_tier(book, |l| {
        let (_, best) = ends(l)?;
        let ratio = floor_of(best)? / timing(best)?.time_ns;
        Some(Speedup { ratio, low: ratio, high: ratio })
    });
    let (title, under) = (
        "How near the best rung of each kernel comes to the floor",
        "floor over time; mark: the middle machine of the tier, line: from the least to the greatest",
    );
    let x = "share of what physics allows";
    ranges::picture(&Ranges {
        title,
        under,
        x,
        series: &tiers(book),
        rows: &rows,
        one: true,
        label: units::percent,
        tick: units::tick_percent,
    })
}
