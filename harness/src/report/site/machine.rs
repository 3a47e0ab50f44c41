//! A machine's page: what it is, what its records say, what binds the best rungs, and every kernel's ladder on it.

use maud::{Markup, PreEscaped, html};

use super::super::chart::{roofline, spark};
use super::super::group::{Book, Ladder, floor, timing, withheld};
use super::super::{ReportError, finding, units};
use super::{Frame, figure, parts};
use crate::record::Record;

pub(super) fn sections(frame: &Frame, i: usize) -> Result<Vec<Markup>, ReportError> {
    let ladders = main_ladders(frame.book, i);
    let site = &frame.book.sites[i];
    let here = |r: &Record| r.tier == site.tier && r.machine.id == site.id;
    // Without peaks there is no roof to draw.
    let limits = records(frame.book, i)
        .any(|r| r.machine.peak_ops_per_s.is_some() || timing(r).is_some_and(|t| t.bound.is_some()));
    Ok(vec![
        facts(frame, i),
        if limits {
            roof(frame, i, &ladders)?
        } else {
            html! {}
        },
        kernels(frame, i, &ladders)?,
        super::worth::of(frame.book, "The ladder that gains most, step by step", &["waterfall"], here)?,
    ])
}

/// The ladder of each kernel at its main shape, with the kernel's place.
fn main_ladders(book: &Book, i: usize) -> Vec<(usize, Ladder<'_>)> {
    (0..book.kernels.len()).filter_map(|k| Some((k, book.main_ladder(k, i)?))).collect()
}

fn records(book: &Book, i: usize) -> impl Iterator<Item = &Record> {
    let site = &book.sites[i];
    book.records.iter().filter(move |r| r.tier == site.tier && r.machine.id == site.id)
}

fn facts(frame: &Frame, i: usize) -> Markup {
    let site = &frame.book.sites[i];
    let most = |of: fn(&Record) -> Option<f64>| {
        records(frame.book, i).filter_map(of).filter(|x| x.is_finite() && *x > 0.0).fold(0.0, f64::max)
    };
    let (ops, bytes) = (most(|r| r.machine.peak_ops_per_s), most(|r| r.machine.peak_bytes_per_s));
    let cells = records(frame.book, i).count();
    let timed = records(frame.book, i).filter(|r| timing(r).is_some()).count();
    let caps = records(frame.book, i).find(|r| !r.caps.is_empty()).map(|r| r.caps.as_slice()).unwrap_or_default();
    html! {
        dl {
            dt { "name" } dd { (site.name) }
            dt { "id" } dd { code { (site.id) } }
            dt { "tier" } dd { span.tag { (site.tier.name()) } }
            @if ops > 0.0 { dt { "highest peak" } dd { (units::op_rate(ops)) } }
            @if bytes > 0.0 { dt { "memory" } dd { (units::byte_rate(bytes)) } }
            dt { "cells" } dd { (cells) ", " (timed) " of them timed" }
        }
        @if !caps.is_empty() {
            h2 { "Limits, and what proves them" }
            ul { @for cap in caps { li {
                (cap.resource) " to " (cap.limit) " by " (cap.mechanism)
                ul { @for proof in &cap.proof { li.muted { (proof) } } }
            } } }
        }
    }
}

fn roof(frame: &Frame, i: usize, ladders: &[(usize, Ladder)]) -> Result<Markup, ReportError> {
    let site = &frame.book.sites[i];
    let named: Vec<(&str, Ladder)> =
        ladders.iter().map(|(k, l)| (frame.book.kernels[*k].0.as_str(), l.clone())).collect();
    let svg = roofline::picture(site, &named)?.inline();
    Ok(html! {
        h2 { "What limits it" }
        div.fit { (figure(&finding::roofline(site, &named), &svg, None)) }
    })
}

fn kernels(frame: &Frame, i: usize, ladders: &[(usize, Ladder)]) -> Result<Markup, ReportError> {
    let mut rows = Vec::new();
    for (k, l) in ladders {
        rows.push(row(frame, *k, l)?);
    }
    let site = &frame.book.sites[i];
    let heads =
        ["kernel", "sizes", "ladder", "naive", "best", "speedup", "best rung", "technique", "bound", "of the limit"];
    Ok(html! {
        h2 { "Every kernel, from naive to its best rung" }
        p.muted {
            "Each kernel at the shape that moves most bytes. Bars: the rate of each rung, from naive on, log scale. "
            a href={ "../data.html#" (format!("{} {}", site.id, site.tier.name())) } { "All cells of this machine" }
        }
        (parts::controls(&[]))
        div.scroll { table.data data-name={ (frame.links.sites[i]) } {
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody { @for row in &rows { (row) } }
        } }
    })
}

fn row(frame: &Frame, k: usize, l: &Ladder) -> Result<Markup, ReportError> {
    let time = |r: Option<&Record>| {
        let place = r.and_then(|r| l.place(r));
        match (r, r.and_then(timing)) {
            (_, Some(t)) => {
                html! { td.n data-r=[place] data-v=(format!("{:.4e}", t.time_ns)) { (units::time(t.time_ns)) } }
            }
            (Some(r), None) => html! { td.n data-r=[place] { (withheld(r).map_or(units::NONE, |w| w.0)) } },
            (None, None) => html! { td.n { (units::NONE) } },
        }
    };
    let best = l.best();
    let gain = best.zip(l.gain());
    let dims = l.rungs.first().map_or("", |r| &r.dims);
    let bars = spark::picture(l)?.inline();
    let first_reason = || l.rungs.iter().find_map(|r| withheld(r)).map_or("", |(_, why)| why);
    Ok(html! {
        tr data-t=(l.site.tier.name()) {
            th scope="row" { a href=(frame.kernel(k)) { (frame.book.kernels[k].0) } }
            td { (dims) }
            td { (PreEscaped(bars)) }
            (time(l.naive()))
            (time(best))
            @match gain {
                Some((r, gain)) => {
                    (parts::ratio(gain.ratio, r.rung == 0 || gain.clear(), false, l.place(r).unwrap_or(0)))
                }
                None => td.n { (units::NONE) },
            }
            @match best {
                Some(r) => { td { code { (r.variant) } } td { (parts::technique(r)) } }
                None => td colspan="2" { (first_reason()) },
            }
            td { (best.and_then(timing).and_then(|t| t.bound).map_or(units::NONE, |b| b.name())) }
            td.n { (best.and_then(|r| Some(units::percent(floor(r)? / timing(r)?.time_ns))).unwrap_or(units::NONE.into())) }
        }
    })
}
