//! A kernel's page: what its records say, its ladder, what each rung is worth on each machine, and its ladders measured
//! here and run on emulated machines.

use maud::{Markup, html};

use super::super::group::Ladder;
use super::super::{ReportError, finding, ladder_picture};
use super::{Frame, figure, parts};
use crate::record::{Record, Tier};

pub(super) fn sections(frame: &Frame, k: usize) -> Result<Vec<Markup>, ReportError> {
    let here = |t: Tier| matches!(t, Tier::Native | Tier::Capped);
    let there = |t: Tier| matches!(t, Tier::Emulated | Tier::Published);
    Ok(vec![
        html! { ul { @for claim in finding::kernel(frame.book, k) { li { (claim) } } } },
        ladder(frame, k),
        worth(frame, k),
        super::worth::of(frame.book, "What that comes to", &["waterfall", "dividend"], |r| {
            r.kernel == frame.book.kernels[k].0
        })?,
        charts(frame, k, "The ladder on this host", here)?,
        charts(frame, k, "The ladder in machine code of its time", there)?,
    ])
}

/// The rungs in order: what each does, after which, by which technique.
fn ladder(frame: &Frame, k: usize) -> Markup {
    let rungs = frame.rungs.iter().filter(|r| r.kernel == frame.book.kernels[k].0);
    html! {
        h2 { "The ladder" }
        div.scroll { table.wrap-table {
            thead { tr { @for head in ["rung", "written for", "idea", "after", "technique"] { th scope="col" { (head) } } } }
            tbody { @for r in rungs { tr {
                th scope="row" { (r.rung) " " code { (r.variant) } }
                td { (written_for(r)) }
                td.idea { (r.idea) }
                td { (r.after.as_deref().unwrap_or("")) }
                td { (parts::technique(r)) }
            } } }
        } }
    }
}

fn written_for(r: &Record) -> &str {
    match (r.tier, r.machine.class.as_str()) {
        (Tier::Emulated, _) => &r.machine.isa,
        (_, "gpu") => "GPUs",
        _ => "processors",
    }
}

fn worth(frame: &Frame, k: usize) -> Markup {
    let mains = frame.book.main_shapes(k);
    let shapes = &frame.book.kernels[k].1;
    let title = |s: usize| format!("{} ({})", shapes[s], frame.book.dims(k, s));
    html! {
        h2 { "What each rung is worth on each machine" }
        @for (i, s) in mains.iter().enumerate() {
            p { strong { (finding::heatmap(frame.book, k, *s)) "." } }
            p.muted { (title(*s)) }
            @if i == 0 {
                (parts::controls(&tiers_of(frame, k)))
                (parts::legend())
            }
            (parts::matrices(frame, k, *s))
        }
        @for s in (0..shapes.len()).filter(|s| !mains.contains(s)) {
            details { summary { (title(s)) } (parts::matrices(frame, k, s)) }
        }
    }
}

/// Tiers that the kernel has records of.
fn tiers_of(frame: &Frame, k: usize) -> Vec<Tier> {
    let of = |t: &Tier| frame.book.records.iter().any(|r| r.tier == *t && r.kernel == frame.book.kernels[k].0);
    frame.book.tiers().into_iter().filter(of).collect()
}

fn charts(frame: &Frame, k: usize, heading: &str, of: impl Fn(Tier) -> bool) -> Result<Markup, ReportError> {
    let mut drawn = Vec::new();
    for s in 0..frame.book.kernels[k].1.len() {
        // What has no time at all is in the tables above, with its reasons.
        for l in frame.book.ladders(k, s).iter().filter(|l| of(l.site.tier) && l.best().is_some()) {
            drawn.push((finding::ladder(l), picture(frame, k, s, l)?, l.site.tier));
        }
    }
    Ok(html! {
        @if !drawn.is_empty() {
            h2 { (heading) }
            div.grid { @for (finding, svg, tier) in &drawn { (figure(finding, svg, Some(*tier))) } }
        }
    })
}

fn picture(frame: &Frame, k: usize, s: usize, l: &Ladder) -> Result<String, ReportError> {
    Ok(ladder_picture(frame.book, k, s, l)?.inline())
}
