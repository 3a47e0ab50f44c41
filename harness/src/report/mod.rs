//! Reports: records in, bytes out. Nothing here reads a file, a clock or the environment, so the same records give the
//! same bytes. `group` indexes the records, `finding` turns them into sentences, `glance` into a few over all, `technique` groups rungs by idea, `worth`
//! says what optimization is worth, `ceilings` which records contradict a ceiling, `chart` draws; `site`, `markdown`,
//! `results`, `table` and `listing` put all that into a folder of pages, a pull request's comment, a README and a terminal.

use crate::record::Record;

pub mod blocks;
mod ceilings;
pub mod chart;
mod finding;
mod glance;
pub mod group;
mod heat;
pub mod listing;
mod markdown;
mod results;
mod site;
mod summary;
mod table;
mod technique;
mod text;
pub mod units;
pub mod worth;

use chart::Picture;
use group::{Book, Ladder};

pub use markdown::markdown;
pub use results::results;
pub use site::{File, site};
pub use table::{csv, summary_table};

/// What a report is made of.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// Title of the whole.
    pub title: &'a str,
    /// The command that makes the report again.
    pub command: &'a str,
    /// All results, in the order in which kernels and shapes are to be shown.
    pub records: &'a [Record],
    /// Lines for the reader that no record holds: errors, validation.
    pub notes: &'a [String],
}

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The drawing library refused.
    #[error("cannot draw the chart “{chart}”: {reason}; this is a defect of the report, not of the records")]
    Draw {
        /// Text alternative of the chart.
        chart: String,
        /// What the library said.
        reason: String,
    },
}

/// The charts of a report by name, for those who want the pictures alone: the story, ladders measured here and emulated, old
/// tricks and their descendants, what it is all worth, and what limits each machine.
///
/// # Errors
/// [`ReportError::Draw`] if the drawing library refuses.
pub fn charts(records: &[Record]) -> Result<Vec<(String, Picture)>, ReportError> {
    use crate::record::Tier;
    let book = Book::new(records);
    let rows = site::rows(&book);
    let title = finding::story(&rows).unwrap_or_else(|| "No rung has a speedup".into());
    let axis = "the best rung over naive on the same machine, log scale";
    let story = chart::strip::Strip { rows: &rows, axis, label: &title, heading: Some(&title) };
    let mut out = vec![("story".to_string(), chart::strip::picture(&story, chart::strip::Width::Desk)?)];
    for (k, (kernel, shapes)) in book.kernels.iter().enumerate() {
        for (s, shape) in shapes.iter().enumerate() {
            for l in book.ladders(k, s).iter().filter(|l| l.site.tier != Tier::Modelled) {
                out.push((format!("{kernel} {shape} on {}", l.site.id), ladder_picture(&book, k, s, l)?));
            }
        }
    }
    out.extend(chart::pairs::picture(&book)?.map(|picture| ("then and now".to_string(), picture)));
    for metric in worth::METRICS {
        out.extend((metric.chart)(&book)?.map(|picture| (format!("worth {}", metric.name), picture)));
    }
    // What others measured is of no roof.
    let of_roofs = |(_, site): &(usize, &group::Site)| site.tier != Tier::Published;
    for (i, site) in book.sites.iter().enumerate().filter(of_roofs) {
        let ladder = |k: usize| book.main_ladder(k, i).map(|l| (book.kernels[k].0.as_str(), l));
        let ladders: Vec<_> = (0..book.kernels.len()).filter_map(ladder).collect();
        out.push((format!("roofline {} {}", site.tier.name(), site.id), chart::roofline::picture(site, &ladders)?));
    }
    Ok(out.into_iter().map(|(name, picture)| (text::slug(&name), picture)).collect())
}

/// The chart of one ladder.
fn ladder_picture(book: &Book, k: usize, s: usize, l: &Ladder) -> Result<Picture, ReportError> {
    let (kernel, shapes) = &book.kernels[k];
    let subject = format!("{} ({})", shapes[s], book.dims(k, s));
    chart::ladder::picture(l, &format!("{kernel} on {}", l.site.short()), &subject)
}
