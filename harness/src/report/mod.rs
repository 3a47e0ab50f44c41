//! Reports: records in, bytes out. Nothing here reads a file, a clock or the environment, so the same records give the
//! same bytes. `group` indexes the records, `finding` turns them into sentences, `ceilings` says which of them
//! contradict a ceiling, `chart` into pictures, `worth` into what optimization is worth; `html`,
//! `markdown`, `table` and `listing` put them on a page, in a text and on a terminal.

use crate::record::Record;

pub mod blocks;
mod ceilings;
pub mod chart;
mod finding;
pub mod group;
mod html;
pub mod listing;
mod markdown;
mod summary;
mod table;
mod text;
pub mod units;
pub mod worth;

pub use html::html;
pub use markdown::markdown;
pub use table::{csv, summary_table};

/// What a report is made of.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// Title of the page.
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

/// The charts of a report by name, for those who want the pictures alone: `(name, svg)`.
///
/// # Errors
/// [`ReportError::Draw`] if the drawing library refuses.
pub fn charts(records: &[Record]) -> Result<Vec<(String, String)>, ReportError> {
    html::charts(&group::Book::new(records))
}
