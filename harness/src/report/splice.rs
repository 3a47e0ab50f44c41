//! A block of Markdown between two markers of a text: what a README says of the results is made of records.

use super::chart::strip::Row;
use super::group::Book;
use super::table::markdown as table;
use super::{Report, finding, site, text, units};

/// The line that the block begins with.
pub const BEGIN: &str = "<!-- retrobench:begin -->";
/// The line that it ends with.
pub const END: &str = "<!-- retrobench:end -->";

/// Why a block could not be put into a text.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpliceError {
    /// A marker is missing.
    #[error("no line {0}: put the two lines {BEGIN} and {END} where the block is to stand")]
    Missing(&'static str),
    /// A marker occurs twice, or they stand the wrong way round.
    #[error("{BEGIN} and {END} must each occur once, in this order")]
    Order,
}

/// The text with what stands between its markers replaced by `block`; all else stays as it is.
///
/// # Errors
/// [`SpliceError`] if the markers are not there once each and in order.
pub fn splice(text: &str, block: &str) -> Result<String, SpliceError> {
    let places = |marker: &'static str| {
        let mut at = 0;
        let mut found = Vec::new();
        for line in text.split_inclusive('\n') {
            if line.trim() == marker {
                found.push((at, at + line.len()));
            }
            at += line.len();
        }
        found
    };
    let (begin, end) = (places(BEGIN), places(END));
    let [(_, from)] = begin[..] else {
        return Err(if begin.is_empty() { SpliceError::Missing(BEGIN) } else { SpliceError::Order });
    };
    let [(to, _)] = end[..] else {
        return Err(if end.is_empty() { SpliceError::Missing(END) } else { SpliceError::Order });
    };
    if to < from {
        return Err(SpliceError::Order);
    }
    Ok(format!("{}{}\n{}", &text[..from], block.trim_end(), &text[to..]))
}

/// The block: the finding, and what the ladders are worth on each machine.
pub fn block(report: &Report) -> String {
    let book = Book::new(report.records);
    let rows = site::rows(&book);
    let mut out = finding::story(&rows).map(|s| format!("**{}.**\n\n", text::markdown(&s))).unwrap_or_default();
    for claim in finding::lead(&book) {
        out += &format!("- {}\n", text::markdown(&claim));
    }
    out += "\n<details><summary>Every machine: what the best rung is worth over naive, median of its kernels</summary>\n\n";
    let heads = ["machine", "tier", "kernels", "median", "least", "most"];
    out += &table(&heads, rows.iter().filter(|r| !r.dots.is_empty()).map(row));
    out + &format!("\n</details>\n\nMade by {}.\n", text::code(report.command))
}

fn row(row: &Row) -> Vec<String> {
    let by = |a: &&(f64, String, usize), b: &&(f64, String, usize)| a.0.total_cmp(&b.0);
    let end = |dot: Option<&(f64, String, usize)>| {
        dot.map_or(units::NONE.to_string(), |(ratio, what, _)| format!("{} ({what})", units::ratio(*ratio)))
    };
    vec![
        row.site.dated(),
        row.site.tier.name().to_string(),
        row.dots.len().to_string(),
        row.median().map_or(units::NONE.to_string(), units::ratio),
        end(row.dots.iter().min_by(by)),
        end(row.dots.iter().max_by(by)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_replaced_and_a_second_time_changes_nothing() {
        let text = format!("# Title\n\n{BEGIN}\nold\n{END}\n\nafter\n");
        let once = splice(&text, "new\nlines\n\n").expect("markers");
        assert_eq!(once, format!("# Title\n\n{BEGIN}\nnew\nlines\n{END}\n\nafter\n"));
        assert_eq!(splice(&once, "new\nlines").expect("markers"), once);
    }

    #[test]
    fn a_text_without_its_markers_is_refused() {
        assert_eq!(splice("nothing", "x"), Err(SpliceError::Missing(BEGIN)));
        assert_eq!(splice(&format!("{BEGIN}\n"), "x"), Err(SpliceError::Missing(END)));
        assert_eq!(splice(&format!("{END}\n{BEGIN}\n"), "x"), Err(SpliceError::Order));
        assert_eq!(splice(&format!("{BEGIN}\n{END}\n{BEGIN}\n{END}\n"), "x"), Err(SpliceError::Order));
        // A marker in running text is no marker.
        assert_eq!(splice(&format!("between {BEGIN} and\n{END}\n"), "x"), Err(SpliceError::Missing(BEGIN)));
    }
}
