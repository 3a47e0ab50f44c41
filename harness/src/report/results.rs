//! What a README says of the results, as Markdown: a block that `document` fills.

use super::chart::strip::Row;
use super::group::Book;
use super::table::markdown as table;
use super::{Report, finding, site, text, units};
use crate::record::Tier;

/// The finding, and what the ladders are worth on each machine.
pub fn results(report: &Report) -> String {
    let book = Book::new(report.records);
    let rows = site::rows(&book);
    let mut out = finding::story(&rows).map(|s| format!("**{}.**\n\n", text::markdown(&s))).unwrap_or_default();
    for claim in finding::lead(&book) {
        out += &format!("- {}\n", text::markdown(&claim));
    }
    out += "\n<details><summary>Every machine: what the best rung is worth over naive, median of its kernels</summary>\n\n";
    let heads = ["machine", "tier", "kernels", "median", "least", "most"];
    out += &table(&heads, rows.iter().filter(|r| !r.dots.is_empty()).map(row));
    out + &format!("\n</details>\n\nMade by {}{}.\n", text::code(report.command), made(&book))
}

/// Of which commit, and where what was measured was measured.
fn made(book: &Book) -> String {
    let native = book.records.iter().find(|r| r.tier == Tier::Native);
    let commit = native.or(book.records.first()).map(|r| r.environment.commit.as_str());
    let commit = commit.map_or(String::new(), |commit| format!(" at commit {}", text::markdown(commit)));
    let host = native.map(|r| (text::markdown(&r.environment.cpu), text::markdown(&r.environment.host)));
    commit + &host.map_or(String::new(), |(cpu, host)| format!("; this host: {cpu}, {host}"))
}

fn row(row: &Row) -> Vec<String> {
    let by = |a: &&(f64, String, usize), b: &&(f64, String, usize)| a.0.total_cmp(&b.0);
    let end = |dot: Option<&(f64, String, usize)>| {
        dot.map_or(units::NONE.to_string(), |(ratio, what, _)| format!("{} ({what})", units::ratio(*ratio)))
    };
    let (site, measured) = (row.site, row.site.tier == Tier::Native);
    vec![
        // A reader elsewhere has another host.
        if measured && site.name != site.short() { format!("{}, {}", site.dated(), site.name) } else { site.dated() },
        row.site.tier.name().to_string(),
        row.dots.len().to_string(),
        row.median().map_or(units::NONE.to_string(), units::ratio),
        end(row.dots.iter().min_by(by)),
        end(row.dots.iter().max_by(by)),
    ]
}
