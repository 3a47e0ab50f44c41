//! What optimization is worth, in figures that a table of times does not show: pure functions of records, each a listing and a
//! picture. `gains`: speedup by tier, and the share of the floor; `waterfall`: what each rung gains and by what; `dividend`: what
//! a constraint makes optimization worth; `years`: in years of hardware; `shares`: how many cells gain how much.

pub mod dividend;
pub mod gains;
pub mod shares;
#[cfg(test)]
mod tests;
pub mod waterfall;
pub mod years;

use super::ReportError;
use super::chart::Picture;
use super::group::{Book, band, speedup, timing};
use super::listing::Listing;
use crate::record::{Record, Speedup, Tier};

/// One figure of worth.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// What the command line calls it.
    pub name: &'static str,
    /// What a page calls it.
    pub title: &'static str,
    /// Its table.
    pub listing: fn(&Book) -> Listing,
    /// Its picture; none where the records hold nothing to draw.
    pub chart: fn(&Book) -> Result<Option<Picture>, ReportError>,
}

/// All of them, in the order in which they are shown.
pub const METRICS: &[Metric] = &[
    Metric {
        name: "speedup",
        title: "Speedup by tier, with its band",
        listing: gains::speedup,
        chart: gains::speedup_chart,
    },
    Metric { name: "floor", title: "Share of the floor", listing: gains::floor, chart: gains::floor_chart },
    Metric {
        name: "waterfall",
        title: "What each rung gains, and by what",
        listing: waterfall::listing,
        chart: waterfall::chart,
    },
    Metric { name: "dividend", title: "Constraint dividend", listing: dividend::listing, chart: dividend::chart },
    Metric { name: "years", title: "Years of hardware", listing: years::listing, chart: years::chart },
    Metric {
        name: "shares",
        title: "Share of cells that gain so much",
        listing: shares::listing,
        chart: shares::chart,
    },
];

/// What the best rung of a ladder is worth over naive, with a band. Where the record has an interval (native, capped) that is it.
/// Elsewhere each of the two times may lie anywhere in its own band, as if their errors were independent: wider than the truth,
/// because a model errs alike on neighbouring rungs.
pub fn gain(naive: &Record, best: &Record) -> Option<Speedup> {
    let of = speedup(best)?;
    if of.low < of.high || best.rung == naive.rung || !matches!(best.tier, Tier::Modelled | Tier::Emulated) {
        return Some(of);
    }
    let (slow, fast) = (timing(naive).and_then(band)?, timing(best).and_then(band)?);
    Some(Speedup { ratio: of.ratio, low: slow.0 / fast.1, high: slow.1 / fast.0 })
}
