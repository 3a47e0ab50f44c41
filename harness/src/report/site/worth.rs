//! What optimization is worth: every figure of [`METRICS`], each as a picture with its table below.

use maud::{Markup, html};

use super::super::ReportError;
use super::super::listing::Listing;
use super::super::worth::{METRICS, Metric};
use super::{Frame, figure};

pub(super) fn sections(frame: &Frame) -> Result<Vec<Markup>, ReportError> {
    let lead = html! {
        p.lead { "What a table of times does not show: where gains come from, what a constraint makes them worth, and how many \
             years of hardware they are. Each is defined above its table." }
    };
    let all = METRICS.iter().map(|metric| section(frame, metric));
    std::iter::once(Ok(lead)).chain(all).collect()
}

fn section(frame: &Frame, metric: &Metric) -> Result<Markup, ReportError> {
    let listing = (metric.listing)(frame.book);
    let picture = (metric.chart)(frame.book)?;
    Ok(html! {
        h2 #(metric.name) { (metric.title) }
        p { (listing.about) }
        @if let Some(picture) = picture { (figure(&picture.label, &picture.inline(), None)) }
        (table(metric.name, &listing))
    })
}

fn table(name: &str, listing: &Listing) -> Markup {
    html! {
        @if listing.rows.is_empty() { p.muted { "The records hold nothing to compute this from." } }
        @else { details {
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
