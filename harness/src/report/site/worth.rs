//! Worth: the figures that a table of times does not show, over all records on a page of their own, and of one kernel or
//! machine as a section of its page.

use maud::{Markup, PreEscaped, html};

use super::super::ReportError;
use super::super::chart::pairs;
use super::super::group::Book;
use super::super::listing::Listing;
use super::super::worth::{METRICS, Metric};
use super::{Frame, figure};
use crate::record::Record;

/// Rows up to which a table stands on the page: a tour has thousands, which are megabytes.
const MOST: usize = 400;

/// The page: a chart and its definition for each figure.
pub(super) fn sections(frame: &Frame) -> Result<Vec<Markup>, ReportError> {
    let mut out = vec![html! {
        p { "What optimization is worth, in figures over all kernels and machines. Each has a table: "
            code { "retrobench worth records.jsonl" } ", and one of them with " code { "--only" } " and its name." }
    }];
    for metric in METRICS {
        out.push(section(metric, frame.book, true)?);
    }
    if let Some(picture) = pairs::picture(frame.book)? {
        let finding = "Old machines' tricks have descendants: the idea is the same, what it is worth is not";
        out.push(html! { h2 { "Then and now" } div.fit { (figure(finding, &picture.inline(), None)) } });
    }
    Ok(out)
}

/// What the records of one kernel or machine say by the named figures; nothing where they hold nothing to draw.
pub(super) fn of(
    book: &Book,
    heading: &str,
    names: &[&str],
    wanted: impl Fn(&Record) -> bool,
) -> Result<Markup, ReportError> {
    let records: Vec<Record> = book.records.iter().filter(|r| wanted(r)).cloned().collect();
    let part = Book::new(&records);
    let mut drawn = Vec::new();
    for metric in METRICS.iter().filter(|m| names.contains(&m.name)) {
        drawn.push(section(metric, &part, false)?);
    }
    let some = drawn.iter().any(|d| !d.0.is_empty());
    Ok(html! { @if some { h2 { (heading) } @for d in &drawn { (d) } } })
}

fn section(metric: &Metric, book: &Book, headed: bool) -> Result<Markup, ReportError> {
    let Some(mut picture) = (metric.chart)(book)? else {
        return Ok(html! {});
    };
    // The places of records in a part of the book are not those in the data of the site: tips keep their words.
    picture.tips.iter_mut().for_each(|t| t.record = None);
    let listing = (metric.listing)(book);
    Ok(html! {
        @if headed { h2 #(metric.name) { (metric.title) } }
        p.muted { (listing.about) }
        div.fit { figure { div.scroll { (PreEscaped(picture.inline())) } } }
        @if headed && listing.rows.len() <= MOST { (table(metric.name, &listing)) }
        @if headed && listing.rows.len() > MOST {
            p.muted { (listing.rows.len()) " rows: " code { "retrobench worth records.jsonl -o csv --only " (metric.name) } }
        }
    })
}

fn table(name: &str, listing: &Listing) -> Markup {
    html! {
        @if !listing.rows.is_empty() { details {
            summary { (listing.rows.len()) " rows" }
            div.scroll { table.data data-name=(name) {
                thead { tr { @for head in listing.shown_heads() { th scope="col" { (head) } } } }
                tbody { @for row in &listing.rows { tr {
                    @for datum in row {
                        @match datum.number() {
                            Some(value) => td.n data-v=(value) { (datum.shown()) },
                            None => td { (datum.shown()) },
                        }
                    }
                } } }
            } }
        } }
    }
}
