//! How many cells gain how much: the share of ladders whose best rung is at least p times naive, as a curve over p (a performance
//! profile after Dolan and Moré, Mathematical Programming 91, 2002, turned round: theirs falls short of the best, this gains on the
//! worst).

use super::super::ReportError;
use super::super::chart::Picture;
use super::super::chart::curve::{self, Axis, Curves};
use super::super::group::Book;
use super::super::listing::{Datum, Listing};
use crate::record::Tier;

/// Where the listing reads the curves.
const AT: [f64; 12] = [1.0, 1.1, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];

/// What each ladder of a tier is worth, ascending; ladders without a naive time or without any are not among them.
fn gains(book: &Book, tier: Tier) -> Vec<f64> {
    let mut gains = Vec::new();
    for (k, (_, shapes)) in book.kernels.iter().enumerate() {
        for s in 0..shapes.len() {
            let of_tier = book.ladders(k, s).into_iter().filter(|l| l.site.tier == tier);
            gains.extend(of_tier.filter(|l| l.naive().is_some()).filter_map(|l| Some(l.gain()?.ratio)));
        }
    }
    gains.sort_by(f64::total_cmp);
    gains
}

/// Share of ascending values that are at least `p`.
fn share(gains: &[f64], p: f64) -> f64 {
    (gains.len() - gains.partition_point(|g| *g < p)) as f64 / gains.len().max(1) as f64
}

/// The curves at some p, one row each.
pub fn listing(book: &Book) -> Listing {
    let mut rows = Vec::new();
    for tier in book.tiers() {
        let gains = gains(book, tier);
        for p in AT.into_iter().filter(|_| !gains.is_empty()) {
            let count = Datum::Plain(gains.len() as f64);
            rows.push(vec![Datum::text(tier.name()), Datum::Ratio(p), Datum::Share(share(&gains, p)), count]);
        }
    }
    Listing {
        about: "Share of ladders (kernel, shape, machine) whose best rung is at least so many times naive.".into(),
        heads: vec!["tier", "at_least", "share", "ladders"],
        rows,
    }
}

/// The curves, one a tier.
///
/// # Errors
/// [`ReportError::Draw`].
pub fn chart(book: &Book) -> Result<Option<Picture>, ReportError> {
    let curve = |tier: Tier| {
        let gains = gains(book, tier);
        let points: Vec<(f64, f64)> = gains.iter().map(|g| (*g, 100.0 * share(&gains, *g))).collect();
        (format!("{} ({})", tier.name(), gains.len()), points)
    };
    let series: Vec<(String, Vec<(f64, f64)>)> =
        book.tiers().into_iter().map(curve).filter(|(_, points)| !points.is_empty()).collect();
    if series.is_empty() {
        return Ok(None);
    }
    let curves = Curves {
        title: "How many ladders are worth how much",
        under: "share of ladders whose best rung is at least so many times naive, by tier (number of ladders)",
        x: "times naive, log scale",
        y: "% of ladders",
        axes: (Axis::Log, Axis::Linear),
        series: &series,
        marks: &[],
    };
    curve::picture(&curves).map(Some)
}
