//! What several pages show: controls, a cell of a ratio, the matrix of machines and rungs.

use maud::{Markup, html};

use super::super::group::{Book, Ladder, Site, speedup, timing, withheld};
use super::super::technique::Technique;
use super::super::{heat, units};
use super::Frame;
use crate::record::{Record, Tier};

/// Filter and tiers, for the tables below; they are there where there is a script.
pub(super) fn controls(tiers: &[Tier]) -> Markup {
    html! {
        div.controls {
            input #filter type="search" placeholder="Filter rows" aria-label="Filter rows";
            @if !tiers.is_empty() { fieldset {
                legend { "Tiers" }
                @for tier in tiers { label { input type="checkbox" value=(tier.name()) checked; " " (tier.name()) } }
            } }
        }
    }
}

/// A ratio on its colour; `place` is its record's.
pub(super) fn ratio(value: f64, sure: bool, best: bool, place: usize) -> Markup {
    let class = format!("{}{}", heat::class(value), if best { " best" } else { "" });
    html! { td class=(class) data-r=(place) { @if !sure { "~" } (units::ratio(value)) } }
}

/// A link to a rung's technique.
pub(super) fn technique(r: &Record) -> Markup {
    let technique = Technique::of(r);
    html! { a href={ "../techniques/" (technique.slug) ".html" } { (technique.name) } }
}

/// The name of a site, linked to its page, with its year and tier.
pub(super) fn site_name(frame: &Frame, i: usize) -> Markup {
    let site = &frame.book.sites[i];
    html! {
        a href=(frame.site(i)) { (site.short()) }
        @if let Some(year) = site.year { " " span.muted { (year) } }
    }
}

/// Ladders whose rungs are the same kind of code: one matrix for each.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Code {
    Source,
    Shader,
    Machine,
}

impl Code {
    fn of(site: &Site) -> Self {
        match (site.tier, site.gpu) {
            (Tier::Emulated, _) => Code::Machine,
            (_, true) => Code::Shader,
            _ => Code::Source,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Code::Source => "Processors",
            Code::Shader => "GPUs",
            Code::Machine => "Machine code of its time",
        }
    }
}

/// What each rung of a kernel is worth on each machine at one shape: machines down, rungs across.
pub(super) fn matrices(frame: &Frame, k: usize, s: usize) -> Markup {
    let book = frame.book;
    let ladders = book.ladders(k, s);
    let of = |code: Code| ladders.iter().filter(move |l| Code::of(l.site) == code).collect::<Vec<_>>();
    html! {
        @for code in [Code::Source, Code::Shader, Code::Machine] {
            @let some = of(code);
            @if !some.is_empty() {
                @if ladders.len() > some.len() { h3 { (code.name()) } }
                (matrix(frame, k, s, &some, code))
            }
        }
    }
}

fn matrix(frame: &Frame, k: usize, s: usize, ladders: &[&Ladder], code: Code) -> Markup {
    let has = |variant: &str| ladders.iter().any(|l| l.rungs.iter().any(|r| r.variant == variant));
    let variants: Vec<String> = frame.book.variants(k).into_iter().map(|(_, v)| v).filter(|v| has(v)).collect();
    let name = format!("{} {} {}", frame.book.kernels[k].0, frame.book.kernels[k].1[s], code.name().to_lowercase());
    html! {
        div.scroll { table.data.matrix data-name=(name.replace(['/', ' '], "-")) {
            thead { tr { th scope="col" { "times naive" } @for v in &variants { th scope="col" { (v) } } } }
            tbody { @for l in ladders.iter().rev() { tr data-t=(l.site.tier.name()) {
                th scope="row" {
                    (site_name(frame, site_place(frame.book, l.site))) " " span.tag { (l.site.tier.name()) }
                }
                @for v in &variants { (cell(l, v)) }
            } } }
        } }
    }
}

fn site_place(book: &Book, site: &Site) -> usize {
    book.sites.iter().position(|s| s == site).unwrap_or(0)
}

fn cell(l: &Ladder, variant: &str) -> Markup {
    let Some(i) = l.rungs.iter().position(|r| r.variant == variant) else {
        return html! { td.w { (units::NONE) } };
    };
    let (r, place) = (l.rungs[i], l.at[i]);
    if let Some((word, _)) = withheld(r) {
        return html! { td.w data-r=(place) { (word) } };
    }
    let best = l.best().is_some_and(|b| b.variant == variant);
    match (speedup(r), timing(r)) {
        (Some(gain), _) => {
            let doubt = gain.low < gain.high && gain.low <= 1.0 && gain.high >= 1.0;
            ratio(gain.ratio, !doubt, best, place)
        }
        (None, Some(t)) => html! { td data-r=(place) { (units::time(t.time_ns)) } },
        _ => html! { td.w data-r=(place) { (units::NONE) } },
    }
}

/// What the colours of ratios mean.
pub(super) fn legend() -> Markup {
    html! {
        div.scale {
            @for ratio in [0.5, 0.8, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0] {
                span class=(heat::class(ratio)) { (units::plain(ratio)) "×" }
            }
        }
        p.muted { "Times naive on the same machine. Framed: the fastest rung there. ~: the interval holds 1×. n/a: the machine \
                   lacks an instruction; no fit: the operands exceed its memory." }
    }
}
