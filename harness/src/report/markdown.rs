//! The report as Markdown, for a pull request or a terminal pager.

use std::fmt::Write as _;

use super::group::Book;
use super::table::{HEADS, full_row, markdown as table};
use super::{Report, ceilings, finding, summary, text};

/// The report as Markdown: claims, summary and, folded, every record.
pub fn markdown(report: &Report) -> String {
    let book = Book::new(report.records);
    let mut out = format!("# {}\n\n", text::markdown(report.title));
    let mut line = |s: String| {
        let _ = writeln!(out, "{s}");
    };
    line(format!("Made by {}", text::code(report.command)));
    line(String::new());
    for claim in finding::lead(&book) {
        line(format!("- {}", text::markdown(&claim)));
    }
    for flag in ceilings::beaten(&book) {
        line(format!("- {}", text::markdown(&flag)));
    }
    for note in report.notes {
        line(format!("- Note: {}", text::markdown(note)));
    }
    line(String::new());
    let heads = ["kernel", "shape", "tier", "machines", "naive", "best", "best rung", "speedup", "remark"];
    let rows = summary::rows(&book).into_iter().map(|r| {
        let shape = format!("{} ({})", r.shape, r.dims);
        vec![r.kernel, shape, r.tier.name().into(), r.machines, r.naive, r.best, r.rung, r.speedup, r.remark]
    });
    line(table(&heads, rows));
    for (k, (kernel, _)) in book.kernels.iter().enumerate() {
        line(format!("## {}\n", text::markdown(kernel)));
        for claim in finding::kernel(&book, k) {
            line(format!("- {}", text::markdown(&claim)));
        }
        line(String::new());
    }
    line("<details><summary>All records</summary>\n".into());
    line(table(&HEADS, book.records.iter().map(|r| full_row(r).to_vec())));
    line("</details>".into());
    out
}
