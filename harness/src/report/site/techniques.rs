//! Techniques: an overview, and a page for each that shows what its step pays over the rung before it, machine by machine.

use std::ops::Range;

use maud::{Markup, html};

use super::super::chart::strip::{self, Row, Strip, Width};
use super::super::group::Book;
use super::super::technique::{self, Technique};
use super::super::{ReportError, units};
use super::{Frame, figure, parts, used};
use crate::record::{Record, Tier};

pub(super) fn overview(frame: &Frame) -> Vec<Markup> {
    let book = frame.book;
    let of = |t: &'static Technique| (t, steps(book, 0..book.kernels.len(), |r| Technique::of(r) == t));
    let steps: Vec<(&Technique, Vec<Row>)> = used(frame).map(of).collect();
    let tiers = timed_tiers(book, steps.iter().flat_map(|(_, rows)| rows));
    vec![html! {
        p { "Rungs grouped by idea, over all kernels. What a step pays is the time of the rung that it improves on over its own: by \
             tier the median of all steps on all machines, the least and the most in brackets. Below 1× a step costs time there." }
        div.scroll { table.data.wrap-table data-name="techniques" {
            thead { tr {
                @for head in ["technique", "rungs"] { th scope="col" { (head) } }
                @for t in &tiers { th scope="col" { (t.name()) } }
                th.idea scope="col" { "what it does" }
            } }
            tbody { @for (technique, rows) in &steps { tr {
                th scope="row" { a href={ "../techniques/" (technique.slug) ".html" } { (technique.name) } }
                td.n { (rungs(frame, technique).len()) }
                @for t in &tiers { (range(rows, *t)) }
                td.idea { (technique.about) }
            } } }
        } }
    }]
}

fn rungs<'a>(frame: &'a Frame, technique: &Technique) -> Vec<&'a Record> {
    frame.rungs.iter().copied().filter(|r| Technique::of(r) == technique).collect()
}

/// Tiers in which any of the rows has a step; others would be columns of dashes.
fn timed_tiers<'a>(book: &Book, rows: impl Iterator<Item = &'a Row<'a>> + Clone) -> Vec<Tier> {
    let some = |t: &Tier| rows.clone().any(|r| r.site.tier == *t && !r.dots.is_empty());
    book.tiers().into_iter().filter(some).collect()
}

pub(super) fn sections(frame: &Frame, technique: &Technique) -> Result<Vec<Markup>, ReportError> {
    Ok(vec![html! { p.lead { (technique.about) } }, strips(frame.book, technique)?, table(frame, technique)])
}

/// What the wanted rungs of some kernels pay over those before them on each site, at each kernel's main shape there.
fn steps<'a>(book: &'a Book, kernels: Range<usize>, wanted: impl Fn(&Record) -> bool) -> Vec<Row<'a>> {
    let on = |i: usize| {
        let ladders = kernels.clone().filter_map(|k| book.main_ladder(k, i));
        let dots = ladders.flat_map(|l| {
            let rungs: Vec<_> = l.rungs.iter().zip(l.at).map(|(r, at)| (*r, *at)).collect();
            let dot = |(r, at): (&Record, usize)| {
                let step = technique::step(&l, r).filter(|_| wanted(r))?;
                let after = r.after.as_deref().unwrap_or("naive");
                Some((step, format!("{} {} after {after}", r.kernel, r.variant), at))
            };
            rungs.into_iter().filter_map(dot).collect::<Vec<_>>()
        });
        Row { site: &book.sites[i], dots: dots.collect() }
    };
    (0..book.sites.len()).map(on).collect()
}

fn strips(book: &Book, technique: &Technique) -> Result<Markup, ReportError> {
    let rows = steps(book, 0..book.kernels.len(), |r| Technique::of(r) == technique);
    if rows.iter().all(|r| r.dots.is_empty()) {
        return Ok(html! {});
    }
    let title = finding(technique, &rows);
    let axis = "time of the rung before over time of this rung, log scale";
    let of = Strip { rows: &rows, axis, label: &title, heading: None };
    let drawn = |width| Ok::<_, ReportError>(strip::picture(&of, width)?.inline());
    let (desk, phone) = (drawn(Width::Desk)?, drawn(Width::Phone)?);
    Ok(html! {
        div.desk { (figure(&title, &desk, None)) }
        div.phone { (figure(&title, &phone, None)) }
    })
}

/// Where the median step pays most and least, in the tier of most machines.
fn finding(technique: &Technique, rows: &[Row]) -> String {
    let of = |tier: Tier| rows.iter().filter(move |r| r.site.tier == tier && !r.dots.is_empty());
    let tiers = [Tier::Modelled, Tier::Native, Tier::Emulated, Tier::Capped, Tier::Published];
    let most = tiers.into_iter().max_by_key(|t| (of(*t).count(), std::cmp::Reverse(*t)));
    let mut medians: Vec<(f64, &Row)> = most.into_iter().flat_map(of).filter_map(|r| Some((r.median()?, r))).collect();
    medians.sort_by(|a, b| a.0.total_cmp(&b.0));
    let on = |(median, row): &(f64, &Row)| format!("{} on {}", units::ratio(*median), row.site.dated());
    let name = technique.name;
    match medians.as_slice() {
        [] => format!("{name}: no step has a time"),
        [one] => format!("{name}: the median step pays {} ({})", on(one), one.1.site.tier.name()),
        [low, .., high] => {
            format!("{name}: the median step pays from {} to {} ({})", on(low), on(high), low.1.site.tier.name())
        }
    }
}

fn table(frame: &Frame, technique: &Technique) -> Markup {
    let book = frame.book;
    let kernel = |r: &Record| book.kernels.iter().position(|(name, _)| *name == r.kernel).unwrap_or(0);
    let of = |r: &'_ Record| steps(book, kernel(r)..kernel(r) + 1, |o| o.variant == r.variant && o.idea == r.idea);
    let rungs: Vec<(&Record, Vec<Row>)> = rungs(frame, technique).into_iter().map(|r| (r, of(r))).collect();
    let tiers = timed_tiers(book, rungs.iter().flat_map(|(_, rows)| rows));
    html! {
        h2 { "Its rungs" }
        p.muted { "What each pays over the rung it comes after"
            @if tiers.is_empty() { ": none was timed on these machines." }
            @else { ", by tier: the median over machines, least and most in brackets." }
        }
        (parts::controls(&[]))
        div.scroll { table.data.wrap-table data-name={ "technique-" (technique.slug) } {
            thead { tr {
                @for head in ["kernel", "rung", "idea", "after"] { th scope="col" { (head) } }
                @for t in &tiers { th scope="col" { (t.name()) } }
            } }
            tbody { @for (r, rows) in &rungs { tr {
                th scope="row" { a href=(frame.kernel(kernel(r))) { (r.kernel) } }
                td { code { (r.variant) } }
                td.idea { (r.idea) }
                td { (r.after.as_deref().unwrap_or("")) }
                @for t in &tiers { (range(rows, *t)) }
            } } }
        } }
    }
}

fn range(rows: &[Row], tier: Tier) -> Markup {
    let dots = rows.iter().filter(|r| r.site.tier == tier).flat_map(|r| r.dots.iter().cloned());
    let mut dots: Vec<(f64, String, usize)> = dots.collect();
    dots.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (Some(low), Some(high)) = (dots.first(), dots.last()) else {
        return html! { td.n { (units::NONE) } };
    };
    let middle = &dots[(dots.len() - 1) / 2];
    html! {
        td.n data-r=(middle.2) {
            (units::ratio(middle.0))
            @if dots.len() > 1 { " (" (units::ratio_range(low.0, high.0)) ")" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::timed;

    #[test]
    fn the_finding_names_the_machines_where_a_step_pays_least_and_most() {
        let rung = |id: &str, variant: &str, rung, ns| Record { rung, ..timed(Tier::Modelled, id, variant, ns) };
        let records = [
            rung("old", "naive", 0, 100.0),
            rung("old", "simd", 1, 50.0),
            rung("new", "naive", 0, 100.0),
            rung("new", "simd", 1, 12.5),
        ];
        let book = Book::new(&records);
        let simd = Technique::of(&records[1]);
        let rows = steps(&book, 0..1, |r| Technique::of(r) == simd);
        let said = finding(simd, &rows);
        assert!(said.contains("from 2.0× on") && said.contains("to 8.0× on") && said.ends_with("(modelled)"), "{said}");
    }
}
