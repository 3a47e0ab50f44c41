//! The dividend of a constraint: how much more optimization is worth on a machine that has less.
//!
//! For one kernel and shape, `dividend = speedup under the constraint / speedup free`, each speedup that of the best rung over
//! naive *there*. Under the constraint is a capped run of this host or a modelled machine; free is this host natively where there
//! are native records, else the newest modelled machine of the kind (processor or GPU), of several the one of the highest peak.
//! Above 1, less hardware makes the trick worth more. The band divides the two speedups' bands end by end.

use super::super::chart::Picture;
use super::super::chart::ranges::{self, Mark, Ranges, Row};
use super::super::group::{Book, Ladder};
use super::super::listing::{Datum, Listing};
use super::super::{ReportError, units};
use super::gains::{PLACE, place};
use crate::record::{Speedup, Tier};

/// One constraint's dividend for a kernel and shape.
struct Dividend<'a> {
    under: Ladder<'a>,
    gain: Speedup,
    free: Ladder<'a>,
    free_gain: Speedup,
    value: Speedup,
}

fn gain_of(l: &Ladder) -> Option<Speedup> {
    l.naive()?;
    l.gain()
}

/// What free means for ladders of this kind.
fn free<'a>(ladders: &[Ladder<'a>], gpu: bool) -> Option<Ladder<'a>> {
    let of_kind = || ladders.iter().filter(|l| l.site.gpu == gpu && gain_of(l).is_some());
    let native = of_kind().find(|l| l.site.tier == Tier::Native);
    // Of those of one year the one that can do most.
    let peak = |l: &Ladder| l.rungs.iter().filter_map(|r| r.machine.peak_ops_per_s).fold(0.0, f64::max);
    let newer = |a: &&Ladder, b: &&Ladder| a.site.year.cmp(&b.site.year).then(peak(a).total_cmp(&peak(b)));
    let newest = || of_kind().filter(|l| l.site.tier == Tier::Modelled).max_by(newer);
    native.or_else(newest).cloned()
}

fn dividends(book: &Book, k: usize, s: usize) -> Vec<Dividend<'_>> {
    let ladders = book.ladders(k, s);
    let constrained = ladders.iter().filter(|l| matches!(l.site.tier, Tier::Capped | Tier::Modelled));
    let of = |under: &Ladder<'_>| {
        let free = free(&ladders, under.site.gpu).filter(|f| f.site != under.site)?;
        let (gain, free_gain) = (gain_of(under)?, gain_of(&free)?);
        let value = Speedup {
            ratio: gain.ratio / free_gain.ratio,
            low: gain.low / free_gain.high,
            high: gain.high / free_gain.low,
        };
        Some((free, gain, free_gain, value))
    };
    let all = constrained.filter_map(|under| {
        let (free, gain, free_gain, value) = of(under)?;
        let under = under.clone();
        Some(Dividend { under, gain, free, free_gain, value })
    });
    all.collect()
}

/// One row for each constraint, kernel and shape.
pub fn listing(book: &Book) -> Listing {
    let mut rows = Vec::new();
    for (k, (_, shapes)) in book.kernels.iter().enumerate() {
        for s in 0..shapes.len() {
            for d in dividends(book, k, s) {
                let mut row = place(book, k, s, &d.under);
                let free = format!("{}, {}", d.free.site.dated(), d.free.site.tier.name());
                row.extend([Datum::Ratio(d.gain.ratio), Datum::text(free), Datum::Ratio(d.free_gain.ratio)]);
                row.extend([d.value.ratio, d.value.low, d.value.high].map(Datum::Ratio));
                rows.push(row);
            }
        }
    }
    Listing {
        about: "The dividend of a constraint: speedup of the best rung over naive under it, over the speedup free (this host \
                natively, else the newest modelled machine of the kind, of several the one of the highest peak). Above 1, less hardware makes optimization worth more."
            .into(),
        heads: [&PLACE[..], &["speedup", "free", "free_speedup", "dividend", "low", "high"]].concat(),
        rows,
    }
}

/// Dividends over all kernels at their main shapes, by machine.
///
/// # Errors
/// [`ReportError::Draw`].
pub fn chart(book: &Book) -> Result<Option<Picture>, ReportError> {
    let kinds = ["capped", "modelled processor", "modelled GPU"].map(str::to_string);
    let mut rows = Vec::new();
    for site in &book.sites {
        let of_site = |k: usize| {
            let all = dividends(book, k, book.main_shape_of(k, site.gpu));
            all.into_iter().find(|d| d.under.site == site)
        };
        let mut values: Vec<f64> = (0..book.kernels.len()).filter_map(|k| Some(of_site(k)?.value.ratio)).collect();
        values.sort_by(f64::total_cmp);
        if let (Some(low), Some(high)) = (values.first(), values.last()) {
            let series = if site.tier == Tier::Capped { 0 } else { 1 + usize::from(site.gpu) };
            let note = format!("{}: {} kernel{}", site.dated(), values.len(), if values.len() == 1 { "" } else { "s" });
            let mark = Mark { series, at: values[values.len() / 2], low: *low, high: *high, note };
            rows.push(Row { name: site.dated(), beside: String::new(), marks: vec![mark] });
        }
    }
    let title = "What optimization is worth on each machine, over what it is worth free";
    let under = match book.kernels.len() {
        0 | 1 => "speedup there over speedup free",
        _ => "speedup there over speedup free; mark: the middle kernel, line: from the least to the greatest",
    };
    ranges::picture(&Ranges {
        title,
        under,
        x: "dividend",
        series: &kinds,
        rows: &rows,
        one: true,
        label: units::ratio,
        tick: units::tick_ratio,
    })
}
