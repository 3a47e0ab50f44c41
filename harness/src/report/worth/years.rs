//! Years of hardware: how many years newer a machine of the same line must be for naive code to match an older machine's best
//! rung. Lines are processors of desks and servers (classes `retro`, `cpu`), and each other class by itself; years are those of the
//! profiles. A machine matches likely where its time is no longer, surely where the bands leave no doubt, and possibly where they leave
//! it open; "none in the set" where no newer machine does.

use super::super::chart::Picture;
use super::super::chart::ranges::{self, Mark, Ranges, Row};
use super::super::group::{Book, Ladder, band, timing};
use super::super::listing::{Datum, Listing};
use super::super::{ReportError, units};
use super::gains::{PLACE, place};
use crate::record::{Tier, Timing};

/// The line of a machine's class: machines that succeed each other.
fn line<'a>(l: &Ladder<'a>) -> &'a str {
    match l.rungs.first().map_or("", |r| r.machine.class.as_str()) {
        "retro" | "cpu" => "desk",
        class => class,
    }
}

/// How many years later naive matches; none where no machine of the set does.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Years {
    likely: Option<u16>,
    possibly: Option<u16>,
    surely: Option<u16>,
    /// Newer machines that were asked.
    newer: usize,
}

fn years(old: &Ladder, ladders: &[Ladder]) -> Option<Years> {
    let year = old.site.year?;
    let best = old.best().filter(|r| r.rung > 0).and_then(timing)?;
    let mut newer: Vec<(u16, &Timing)> = ladders
        .iter()
        .filter(|l| l.site.tier == Tier::Modelled && line(l) == line(old))
        .filter_map(|l| Some((l.site.year?, timing(l.naive()?)?)))
        .filter(|(y, _)| *y > year)
        .collect();
    newer.sort_by_key(|(y, _)| *y);
    let first = |matches: &dyn Fn(&Timing) -> bool| newer.iter().find(|(_, t)| matches(t)).map(|(y, _)| y - year);
    let (fast, slow) = band(best).unwrap_or((best.time_ns, best.time_ns));
    let ends = |t: &Timing| band(t).unwrap_or((t.time_ns, t.time_ns));
    Some(Years {
        likely: first(&|t| t.time_ns <= best.time_ns),
        possibly: first(&|t| ends(t).0 <= slow),
        surely: first(&|t| ends(t).1 <= fast),
        newer: newer.len(),
    })
}

/// Modelled ladders with the years of hardware that their best rungs stand for.
fn all(book: &Book, k: usize, s: usize) -> Vec<(Ladder<'_>, Years)> {
    let ladders = book.ladders(k, s);
    let modelled = ladders.iter().filter(|l| l.site.tier == Tier::Modelled);
    modelled.filter_map(|old| Some((old.clone(), years(old, &ladders)?))).filter(|(_, y)| y.newer > 0).collect()
}

fn shown(years: Option<u16>) -> Datum {
    years.map_or(Datum::text("none in the set"), |y| Datum::Plain(y.into()))
}

/// One row a kernel, shape and machine that has newer ones of its line.
pub fn listing(book: &Book) -> Listing {
    let mut rows = Vec::new();
    for (k, (_, shapes)) in book.kernels.iter().enumerate() {
        for s in 0..shapes.len() {
            for (old, years) in all(book, k, s) {
                let mut row = place(book, k, s, &old);
                let best = old.best().map_or(Datum::None, |r| Datum::text(&r.variant));
                row.extend([best, shown(years.likely), shown(years.possibly), shown(years.surely)]);
                row.push(Datum::Plain(years.newer as f64));
                rows.push(row);
            }
        }
    }
    Listing {
        about: "Years of hardware: how many years newer a machine of the same line must be for naive code to match this machine's \
                best rung (modelled tier): by the times, at the least and at the most that their bands allow."
            .into(),
        heads: [&PLACE[..], &["best", "years", "years_possibly", "years_surely", "newer_machines"]].concat(),
        rows,
    }
}

/// The years by machine, over all kernels at their main shapes. What no machine of the set matches is counted, not drawn.
///
/// # Errors
/// [`ReportError::Draw`].
pub fn chart(book: &Book) -> Result<Option<Picture>, ReportError> {
    let mut rows = Vec::new();
    for site in book.sites.iter().filter(|s| s.tier == Tier::Modelled) {
        let of_site =
            |k: usize| all(book, k, book.main_shape_of(k, site.gpu)).into_iter().find(|(l, _)| l.site == site);
        let found: Vec<Years> = (0..book.kernels.len()).filter_map(|k| Some(of_site(k)?.1)).collect();
        let mut years: Vec<f64> = found.iter().filter_map(|y| y.likely).map(f64::from).collect();
        years.sort_by(f64::total_cmp);
        if let (Some(low), Some(high)) = (years.first(), years.last()) {
            let never = found.len() - years.len();
            let note =
                format!("{}: {} kernels, {never} that no newer machine of the set matches", site.dated(), found.len());
            let mark = Mark { series: usize::from(site.gpu), at: years[years.len() / 2], low: *low, high: *high, note };
            let none = if never > 0 { format!("{never} of {} never", found.len()) } else { String::new() };
            rows.push(Row { name: site.dated(), beside: none, marks: vec![mark] });
        }
    }
    let title = "How many years newer a machine must be for naive code to match the best rung";
    let under = match book.kernels.len() {
        0 | 1 => "modelled; never: no machine of the set",
        _ => "modelled; mark: the middle kernel, line: from the least to the greatest; never: no machine of the set",
    };
    let kinds = ["processor", "GPU"].map(str::to_string);
    ranges::picture(&Ranges {
        title,
        under,
        x: "years",
        series: &kinds,
        rows: &rows,
        one: false,
        label: units::plain,
        tick: units::plain,
    })
}
