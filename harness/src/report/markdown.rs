//! The report as Markdown, short enough for a comment on a pull request: the verdict as a table, the rest folded. All records
//! are listed where they are few.

use std::fmt::Write as _;

use super::group::{Book, status, timing, withheld};
use super::table::{HEADS, full_row, markdown as table};
use super::{Report, ceilings, finding, site, summary, text, units};
use crate::record::{Outcome, Record, Tier};

/// Records up to which each has a row.
const LISTED: usize = 120;
/// Rows of the folded table; GitHub takes 65536 characters in all.
const ROWS: usize = 200;
/// Bad records that are named.
const NAMED: usize = 20;

/// The report as Markdown: what happened, by tier; what the ladders are worth, folded.
pub fn markdown(report: &Report) -> String {
    let book = Book::new(report.records);
    let mut out = format!("# {}\n\n", text::markdown(report.title));
    let mut line = |s: String| {
        let _ = writeln!(out, "{s}");
    };
    line(verdict(&book));
    line(String::new());
    line(tiers(&book));
    for claim in finding::lead(&book).iter().chain(&ceilings::beaten(&book)) {
        line(format!("- {}", text::markdown(claim)));
    }
    for note in report.notes {
        line(format!("- Note: {}", text::markdown(note)));
    }
    line(String::new());
    let bad: Vec<&Record> = book.records.iter().filter(|r| is_bad(r)).collect();
    if !bad.is_empty() {
        line(table(&["cell", "machine", "status", "why"], bad.iter().take(NAMED).map(|r| reason(r))));
    }
    line("<details><summary>Every kernel at its largest shape</summary>\n".into());
    let heads = ["kernel", "sizes", "tier", "machines", "naive", "best", "best rung", "speedup"];
    let main = |r: &summary::Row| {
        let k = book.kernels.iter().position(|(name, _)| *name == r.kernel);
        let stands = |k: usize| book.main_shapes(k).into_iter().any(|s| book.kernels[k].1[s] == r.shape);
        k.is_some_and(|k| stands(k) || r.tier == Tier::Emulated)
    };
    let rows: Vec<summary::Row> = summary::rows(&book).into_iter().filter(main).collect();
    line(table(
        &heads,
        rows.iter()
            .take(ROWS)
            .cloned()
            .map(|r| vec![r.kernel, r.dims, r.tier.name().into(), r.machines, r.naive, r.best, r.rung, r.speedup]),
    ));
    if rows.len() > ROWS {
        line(format!("{} more rows are in the report.\n", rows.len() - ROWS));
    }
    line("</details>\n".into());
    if book.records.len() <= LISTED {
        line("<details><summary>All records</summary>\n".into());
        line(table(&HEADS, book.records.iter().map(|r| full_row(r).to_vec())));
        line("</details>\n".into());
    }
    line(format!("Made by {}", text::code(report.command)));
    out
}

fn is_bad(r: &Record) -> bool {
    matches!(r.outcome, Outcome::Wrong { .. } | Outcome::Refused { .. } | Outcome::Void { .. })
}

fn verdict(book: &Book) -> String {
    let bad = book.records.iter().filter(|r| is_bad(r)).count();
    let timed = book.records.iter().filter(|r| timing(r).is_some()).count();
    let cells = book.records.len();
    match bad {
        0 => format!("**Every output matches its reference**: {cells} cells, {timed} with a time."),
        1 => format!("**One cell is wrong, refused or void** of {cells}; {timed} have a time."),
        n => format!("**{n} cells are wrong, refused or void** of {cells}; {timed} have a time."),
    }
}

fn reason(r: &Record) -> Vec<String> {
    let why: String = withheld(r).map_or("", |w| w.1).chars().take(200).collect();
    vec![format!("{}/{}/{}", r.kernel, r.shape, r.variant), r.machine.name.clone(), status(r).to_string(), why]
}

/// A row for each tier: how many cells came to what, and what the ladders are worth.
fn tiers(book: &Book) -> String {
    let rows = site::rows(book);
    let row = |tier: Tier| {
        let of = |what: &dyn Fn(&Record) -> bool| book.records.iter().filter(|r| r.tier == tier && what(r)).count();
        let mut gains: Vec<f64> =
            rows.iter().filter(|r| r.site.tier == tier).flat_map(|r| r.dots.iter().map(|d| d.0)).collect();
        gains.sort_by(f64::total_cmp);
        let worth = match gains.as_slice() {
            [] => units::NONE.to_string(),
            [one] => units::ratio(*one),
            all => format!("{} ({})", units::ratio(all[all.len() / 2]), units::ratio_range(all[0], all[all.len() - 1])),
        };
        vec![
            tier.name().to_string(),
            rows.iter().filter(|r| r.site.tier == tier).count().to_string(),
            of(&|_| true).to_string(),
            of(&|r| timing(r).is_some()).to_string(),
            of(&|r| matches!(r.outcome, Outcome::NotAvailable { .. } | Outcome::DoesNotFit { .. })).to_string(),
            of(&|r| is_bad(r)).to_string(),
            worth,
        ]
    };
    let heads = [
        "tier",
        "machines",
        "cells",
        "timed",
        "n/a or no fit",
        "wrong, refused or void",
        "best over naive: middle (range)",
    ];
    table(&heads, book.tiers().into_iter().map(row))
}
