//! Ranges: one row a subject, in it a mark and a line from least to greatest for each series. Series differ by colour and by the
//! shape of the mark. Figures are given, not records.

use super::super::{ReportError, text};
use super::scale::Scale;
use super::{At, Canvas, GRID, INK, KERNELS, MUTED, Picture, Style, draw, fitted};

const WIDTH: i32 = 800;
const NAMES: i32 = 264;
const PLOT: i32 = 420;
const TOP: i32 = 78;
const LANE: i32 = 11;

/// A value with its range.
pub struct Mark {
    /// Which series.
    pub series: usize,
    /// The mark.
    pub at: f64,
    /// Least.
    pub low: f64,
    /// Greatest.
    pub high: f64,
    /// Shown when pointed at.
    pub note: String,
}

/// A subject.
pub struct Row {
    /// Its name.
    pub name: String,
    /// What is said of it at the right edge; may be empty.
    pub beside: String,
    /// At most one of each series.
    pub marks: Vec<Mark>,
}

/// What is drawn.
pub struct Ranges<'a> {
    /// Heading.
    pub title: &'a str,
    /// Line below it.
    pub under: &'a str,
    /// Name of the axis.
    pub x: &'a str,
    /// Names of the series.
    pub series: &'a [String],
    /// From top to bottom.
    pub rows: &'a [Row],
    /// True for a logarithmic axis with a line at 1, else linear from zero.
    pub one: bool,
    /// How figures are written.
    pub label: fn(f64) -> String,
    /// How those on the axis are.
    pub tick: fn(f64) -> String,
}

/// Draws the ranges; none where there are no rows.
///
/// # Errors
/// [`ReportError::Draw`] if the drawing library refuses.
pub fn picture(ranges: &Ranges) -> Result<Option<Picture>, ReportError> {
    if ranges.rows.is_empty() {
        return Ok(None);
    }
    let heights: Vec<i32> = ranges.rows.iter().map(|r| LANE * r.marks.len().max(1) as i32 + 9).collect();
    let bottom = TOP + heights.iter().sum::<i32>();
    let axis = axis(ranges);
    let label = format!("{} ({}).", ranges.title, ranges.under);
    let drawn = draw((WIDTH, bottom + 44), 520, &label, |c| {
        fitted(c, (12, 18), At::Left, Style::new(14.0).bold(), WIDTH - 24, ranges.title)?;
        fitted(c, (12, 36), At::Left, Style::new(11.0).color(MUTED), WIDTH - 24, ranges.under)?;
        legend(c, ranges)?;
        for tick in axis.ticks(7) {
            let x = axis.px(tick);
            c.line(&[(x, TOP - 4), (x, bottom)], GRID, 1)?;
            c.text(x, bottom + 12, At::Middle, Style::new(10.5).color(MUTED), &(ranges.tick)(tick))?;
        }
        if ranges.one {
            c.line(&[(axis.px(1.0), TOP - 4), (axis.px(1.0), bottom)], INK, 1)?;
        }
        c.text(NAMES + PLOT / 2, bottom + 30, At::Middle, Style::new(11.0).color(MUTED), ranges.x)?;
        let mut top = TOP;
        for (row, height) in ranges.rows.iter().zip(&heights) {
            draw_row(c, ranges, &axis, row, (top, *height))?;
            top += height;
        }
        Ok(())
    });
    drawn.map(Some)
}

fn axis(ranges: &Ranges) -> Scale {
    let marks = || ranges.rows.iter().flat_map(|r| &r.marks);
    let least = marks().map(|m| m.low).filter(|v| *v > 0.0).fold(f64::INFINITY, f64::min);
    let greatest = marks().map(|m| m.high).fold(0.0, f64::max);
    if ranges.one {
        Scale::log(least.min(1.0) / 1.1, greatest.max(1.0) * 1.1, NAMES, PLOT)
    } else {
        Scale::linear(greatest * 1.04, NAMES, PLOT)
    }
}

fn legend(c: &Canvas, ranges: &Ranges) -> Result<(), ReportError> {
    let used = |i: &usize| ranges.rows.iter().flat_map(|r| &r.marks).any(|m| m.series == *i);
    let mut x = NAMES;
    for i in (0..ranges.series.len()).filter(used) {
        mark(c, (x, 57), i)?;
        c.text(x + 10, 57, At::Left, Style::new(11.0), &ranges.series[i])?;
        x += 34 + text::width(&ranges.series[i], 11.0);
    }
    Ok(())
}

fn draw_row(
    c: &Canvas,
    ranges: &Ranges,
    axis: &Scale,
    row: &Row,
    (top, height): (i32, i32),
) -> Result<(), ReportError> {
    let middle = top + height / 2;
    fitted(c, (NAMES - 10, middle), At::Right, Style::new(11.5), NAMES - 16, &row.name)?;
    c.text(WIDTH - 8, middle, At::Right, Style::new(11.0).color(MUTED), &row.beside)?;
    let first = middle - LANE * (row.marks.len() as i32 - 1) / 2;
    for (lane, m) in row.marks.iter().enumerate() {
        let y = first + LANE * lane as i32;
        let (from, to) = (axis.px(m.low), axis.px(m.high));
        c.line(&[(from, y), (to, y)], KERNELS[m.series % KERNELS.len()], 2)?;
        mark(c, (axis.px(m.at), y), m.series)?;
        let of = ranges.label;
        let range = if m.low < m.high { format!(" ({} to {})", of(m.low), of(m.high)) } else { String::new() };
        c.tip(from - 5, y - LANE / 2, (to - from) + 10, LANE, &format!("{}: {}{range}", m.note, of(m.at)));
    }
    Ok(())
}

/// A disc, a square, a triangle, a diamond or a cross.
fn mark(c: &Canvas, (x, y): (i32, i32), series: usize) -> Result<(), ReportError> {
    let color = KERNELS[series % KERNELS.len()];
    match series % 5 {
        0 => c.disc(x, y, 4, color),
        1 => c.fill(x - 4, y - 4, 8, 8, color),
        2 => c.polygon(&[(x - 5, y + 4), (x + 5, y + 4), (x, y - 5)], color),
        3 => c.polygon(&[(x - 5, y), (x, y - 5), (x + 5, y), (x, y + 5)], color),
        _ => c
            .line(&[(x - 4, y - 4), (x + 4, y + 4)], color, 2)
            .and_then(|()| c.line(&[(x - 4, y + 4), (x + 4, y - 4)], color, 2)),
    }
}
