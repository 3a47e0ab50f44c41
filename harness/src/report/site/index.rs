//! The index: the finding, the chart that shows it, how to read it, and the way to everything else.

use maud::{Markup, PreEscaped, html};

use super::super::chart::decode;
use super::super::chart::strip::{self, Row, Strip, Width};
use super::super::group::Book;
use super::super::{ReportError, ceilings, finding, glance, units};
use super::{Frame, parts, used};
use crate::record::{Record, Tier};

pub(super) fn sections(frame: &Frame) -> Result<Vec<Markup>, ReportError> {
    let rows = rows(frame.book);
    Ok(vec![
        head(frame, &rows)?,
        how_to_read(frame.book),
        kernels(frame),
        machines(frame, &rows),
        whole_models(frame)?,
        rest(frame),
    ])
}

/// A row for each site: what the best rung of each kernel is worth over naive there, at the kernel's main shape.
pub(in crate::report) fn rows(book: &Book) -> Vec<Row<'_>> {
    let dot = |k: usize, i: usize| {
        let l = book.main_ladder(k, i)?;
        let (best, gain) = (l.best()?, l.gain()?);
        Some((gain.ratio, format!("{} {}", best.kernel, best.variant), l.place(best)?))
    };
    let row =
        |i: usize| Row { site: &book.sites[i], dots: (0..book.kernels.len()).filter_map(|k| dot(k, i)).collect() };
    (0..book.sites.len()).map(row).collect()
}

fn head(frame: &Frame, rows: &[Row]) -> Result<Markup, ReportError> {
    let title = finding::story(rows).unwrap_or_else(|| frame.report.title.to_string());
    let label = format!("{title}. A row for each machine, a dot for each kernel, the median marked.");
    let axis = "the best rung over naive on the same machine, log scale";
    let of = Strip { rows, axis, label: &label, heading: None };
    let drawn = |width| Ok::<_, ReportError>(strip::picture(&of, width)?.inline());
    let (desk, phone) = (drawn(Width::Desk)?, drawn(Width::Phone)?);
    let counted = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let kernels = frame.book.kernels.iter().filter(|(name, _)| !decode::is_token(name)).count();
    let claims = glance::claims(frame.book, rows);
    Ok(html! {
        h1 { (title) }
        p.lead {
            (counted(kernels, "hot kernel")) " of an LLM inference core, each a ladder of variants from textbook-naive to \
             hand-optimized, on " (machines_by_tier(rows)) ". What the optimization is worth, who wins, and, where the tier \
             tells, which resource binds and how far the limit is."
        }
        (flags(frame))
        @if !claims.is_empty() { dl.glance { @for c in &claims {
            dt { a href={ "../" (c.page) } { (c.about) } }
            dd { (c.said) "." }
        } } }
        figure {
            figcaption { "What the best rung is worth on each machine, kernel by kernel" }
            div.desk { div.scroll { (PreEscaped(&desk)) } }
            div.phone { (PreEscaped(&phone)) }
        }
    })
}

/// What the reader must know before any figure.
fn flags(frame: &Frame) -> Markup {
    let flags: Vec<String> =
        ceilings::beaten(frame.book).into_iter().chain(frame.report.notes.iter().cloned()).collect();
    html! {
        @match flags.as_slice() {
            [] => {}
            [one] => p.flag { (one) },
            [first, rest @ ..] => details.flag {
                summary { (first) " (and " (rest.len()) " more)" }
                @for flag in rest { p { (flag) } }
            },
        }
    }
}

fn how_to_read(book: &Book) -> Markup {
    let means = |tier: Tier| match tier {
        Tier::Native => "this host, free: variants in interleaved rounds; the median, with its 95 % interval",
        Tier::Capped => "this host under limits that probes before and after the run have proven",
        Tier::Modelled => {
            "a timing model runs the same source on a machine's figures; the band is the model's expected error"
        }
        Tier::Emulated => "the machine's own code, counted to the cycle",
        Tier::Published => "someone's measurement, cited",
    };
    html! {
        h2 { "How to read it" }
        p { "Each dot is a kernel: the time of rung 0, the textbook's code, over the time of the fastest rung on the same machine. \
             A row's mark and figure are the median of its dots. Machines stand in the order of their years. A ratio compares code \
             on one machine and never two machines; a slow machine may have a long row." }
        p { "Every number has a tier, which says how it came to be. Tiers are never averaged together:" }
        dl { @for tier in book.tiers() { dt { (tier.name()) } dd { (means(tier)) } } }
        p { "Point at a dot or a number for its time, band, bound and the command that makes it again. \
             \"Not available\", \"does not fit\" and \"wrong\" are results too, with their reasons." }
    }
}

/// Machines that have a ratio, by tier: `this host, 35 modelled machines and 3 emulated ones`.
fn machines_by_tier(rows: &[Row]) -> String {
    let count = |tier: Tier| rows.iter().filter(|r| r.site.tier == tier && !r.dots.is_empty()).count();
    let tiers = [Tier::Native, Tier::Capped, Tier::Modelled, Tier::Emulated, Tier::Published];
    let words = |tier: Tier| match (tier, count(tier)) {
        (_, 0) => None,
        (Tier::Native, 1) => Some("this host".to_string()),
        (_, 1) => Some(format!("1 {} machine", tier.name())),
        (_, n) => Some(format!("{n} {} machines", tier.name())),
    };
    let all: Vec<String> = tiers.into_iter().filter_map(words).collect();
    match all.as_slice() {
        [] => "no machine yet".into(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn kernels(frame: &Frame) -> Markup {
    let book = frame.book;
    let gains = |k: usize, tier: Tier| -> Vec<f64> {
        let here = (0..book.sites.len()).filter(|i| book.sites[*i].tier == tier);
        here.filter_map(|i| Some(book.main_ladder(k, i)?.gain()?.ratio)).collect()
    };
    let some = |tier: &Tier| (0..book.kernels.len()).any(|k| !gains(k, *tier).is_empty());
    let tiers: Vec<Tier> = book.tiers().into_iter().filter(some).collect();
    let range = |k: usize, tier: Tier| {
        let gains = gains(k, tier);
        let (low, high) = (gains.iter().copied().fold(f64::MAX, f64::min), gains.iter().copied().fold(0.0, f64::max));
        match gains.len() {
            0 => (units::NONE.to_string(), 0.0),
            1 => (units::ratio(high), high),
            _ => (format!("{} – {}", units::ratio(low), units::ratio(high)), high),
        }
    };
    // The rung that is fastest on most machines, of those where there is a choice.
    let wins = |k: usize| {
        let mut wins: Vec<(&Record, usize)> = Vec::new();
        for l in (0..book.sites.len()).filter_map(|i| book.main_ladder(k, i)).filter(|l| l.gain().is_some()) {
            let Some(best) = l.best() else { continue };
            match wins.iter_mut().find(|(r, _)| r.variant == best.variant && r.idea == best.idea) {
                Some((_, n)) => *n += 1,
                None => wins.push((best, 1)),
            }
        }
        let all: usize = wins.iter().map(|w| w.1).sum();
        // The first of those that are equal.
        let most = wins.into_iter().rev().max_by_key(|w| w.1)?;
        Some((most.0, format!(" on {} of {all}: ", most.1)))
    };
    html! {
        h2 #kernels { "Kernels" }
        p { "What the best rung is worth over naive, from the machine where that is least to the one where it is most, by tier; and the \
             rung that is fastest on most of those machines." }
        (parts::controls(&tiers))
        div.scroll { table.data.wrap-table data-name="kernels" {
            thead { tr {
                th scope="col" { "kernel" }
                @for t in &tiers { th scope="col" { (t.name()) } }
                th.idea scope="col" { "fastest on most machines" }
            } }
            tbody { @for (k, (name, _)) in book.kernels.iter().enumerate() { tr {
                th scope="row" { a href=(frame.kernel(k)) { (name) } }
                @for t in &tiers { @let (words, high) = range(k, *t); td.n data-v=(format!("{high:.3}")) { (words) } }
                td.idea { @if let Some((r, on)) = wins(k) { code { (r.variant) } (on) (r.idea) } }
            } } }
        } }
    }
}

fn machines(frame: &Frame, rows: &[Row]) -> Markup {
    html! {
        h2 #machines { "Machines" }
        p { "What the best rungs are worth on each: the median of its kernels, the kernel that gains least and the one that gains \
             most." }
        div.scroll { table.data data-name="machines" {
            thead { tr { @for head in ["machine", "year", "tier", "kernels timed", "median", "least", "most"] { th scope="col" { (head) } } } }
            tbody { @for (i, row) in rows.iter().enumerate().rev().filter(|(_, r)| !r.dots.is_empty()) { tr data-t=(row.site.tier.name()) {
                @let by = |a: &&(f64, String, usize), b: &&(f64, String, usize)| a.0.total_cmp(&b.0);
                th scope="row" { a href=(frame.site(i)) { (row.site.short()) } }
                td { (row.site.year.map_or(units::NONE.to_string(), |y| y.to_string())) }
                td { span.tag { (row.site.tier.name()) } }
                td.n { (row.dots.len()) }
                td.n { (row.median().map_or(units::NONE.to_string(), units::ratio)) }
                @for end in [row.dots.iter().min_by(by), row.dots.iter().max_by(by)] {
                    @match end {
                        Some((ratio, what, place)) => td data-r=(place) { (units::ratio(*ratio)) " " span.muted { (what) } },
                        None => td { (units::NONE) },
                    }
                }
            } } }
        } }
    }
}

/// Tokens a second of whole models, where there are records of them.
fn whole_models(frame: &Frame) -> Result<Markup, ReportError> {
    let mut drawn = Vec::new();
    for model in decode::models(&frame.book.records) {
        let picture = decode::picture(&frame.book.records, model)?;
        drawn
            .extend(picture.map(|picture| (model, html! { figure { div.scroll { (PreEscaped(picture.inline())) } } })));
    }
    Ok(html! {
        @if !drawn.is_empty() {
            h2 #models { "Whole models" }
            p { "One token through every kernel of a model, each at its naive and at its best rung: what the ladders are worth \
                 together. Machines from the slowest to the fastest." }
            @for (i, (model, figure)) in drawn.iter().enumerate() {
                @if i == 0 { (figure) } @else { details { summary { "Tokens a second of " (model) } (figure) } }
            }
        }
    })
}

fn rest(frame: &Frame) -> Markup {
    html! {
        h2 { "Techniques" }
        ul { @for t in used(frame) { li { a href={ "../techniques/" (t.slug) ".html" } { (t.name) } ": " (t.about) } } }
        h2 { "More" }
        ul {
            li { a href="../worth.html" { "Worth" } ": in times naive, in shares of the limit, in years of hardware." }
            li { a href="../method.html" { "Method" } ": how each tier comes to its numbers, and how they are checked." }
            li { a href="../bias.html" { "Bias" } ": in which direction they are likely to be wrong." }
            li { a href="../data.html" { "Data" } ": all " (frame.book.records.len()) " records, to filter, sort and take away." }
        }
    }
}
