//! Strips: a row for each machine, a dot for each of its kernels (or rungs) on one logarithmic axis of ratios, and the
//! median. It is drawn wide for a desk and narrow for a phone.

use super::super::group::Site;
use super::super::{ReportError, text, units};
use super::scale::Scale;
use super::{At, BEST, Canvas, GRID, INK, MUTED, Picture, RUNG, Style, draw, fitted};
use crate::record::Tier;

const TOP: i32 = 22;
/// Room for a heading above that.
const HEADING: i32 = 28;
const PITCH: i32 = 19;
const GROUP: i32 = 26;
const BOTTOM: i32 = 30;
/// Room for the median at the right.
const MEDIAN: i32 = 50;

/// Width of a strip, px.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// A page of a desk.
    Desk,
    /// A phone.
    Phone,
}

/// One machine and its ratios.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// Where.
    pub site: &'a Site,
    /// Ratio, what it is of, and its record's place.
    pub dots: Vec<(f64, String, usize)>,
}

impl Row<'_> {
    /// The middle of the ratios: the mean of the middle two where there is an even number.
    pub fn median(&self) -> Option<f64> {
        let mut all: Vec<f64> = self.dots.iter().map(|d| d.0).collect();
        all.sort_by(f64::total_cmp);
        let n = all.len();
        if n == 0 {
            return None;
        }
        Some((all[(n - 1) / 2] + all[n / 2]) / 2.0)
    }
}

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Strip<'a> {
    /// Rows, of which those that have a dot are drawn.
    pub rows: &'a [Row<'a>],
    /// What the ratios are of.
    pub axis: &'a str,
    /// Text alternative.
    pub label: &'a str,
    /// Heading, for a picture that stands alone.
    pub heading: Option<&'a str>,
}

/// Where the parts of a strip stand, px.
struct Layout {
    width: i32,
    names: i32,
    top: i32,
    bottom: i32,
    ticks: usize,
}

/// Draws the rows.
///
/// # Errors
/// [`ReportError::Draw`] if the drawing library refuses.
pub fn picture(of: &Strip, width: Width) -> Result<Picture, ReportError> {
    let rows: Vec<&Row> = of.rows.iter().filter(|r| !r.dots.is_empty()).collect();
    let kind = |r: &Row| (r.site.tier, r.site.gpu);
    let starts = |i: usize| i == 0 || kind(rows[i]) != kind(rows[i - 1]);
    let groups = (0..rows.len()).filter(|i| starts(*i)).count() as i32;
    let top = if of.heading.is_some() { TOP + HEADING } else { TOP };
    let bottom = top + PITCH * rows.len() as i32 + GROUP * groups;
    let (at, readable) = match width {
        Width::Desk => (Layout { width: 940, names: 250, top, bottom, ticks: 9 }, 700),
        Width::Phone => (Layout { width: 344, names: 142, top, bottom, ticks: 5 }, 280),
    };
    let all = || rows.iter().flat_map(|r| &r.dots).map(|d| d.0);
    let (low, high) = (all().fold(1.0, f64::min), all().fold(2.0, f64::max));
    let x = Scale::log(low / 1.15, high * 1.15, at.names, at.width - MEDIAN - at.names);
    draw((at.width, bottom + BOTTOM), readable, of.label, |c| {
        if let Some(heading) = of.heading {
            fitted(c, (8, 18), At::Left, Style::new(13.0).bold(), at.width - 16, heading)?;
        }
        grid(c, &x, &at, of.axis)?;
        let mut y = top;
        for (i, row) in rows.iter().enumerate() {
            if starts(i) {
                let style = Style::new(11.0).color(MUTED).bold();
                fitted(c, (8, y + GROUP / 2 + 2), At::Left, style, at.width - 70, &group(row.site))?;
                y += GROUP;
            }
            strip(c, &x, row, y + PITCH / 2, &at)?;
            y += PITCH;
        }
        Ok(())
    })
}

/// What a group of rows has in common.
fn group(site: &Site) -> String {
    let what = match (site.tier, site.gpu) {
        (Tier::Emulated, _) => "machine code of its time",
        (Tier::Modelled, false) => "processors",
        (Tier::Modelled, true) => "GPUs",
        (Tier::Native, _) => "measured here",
        (Tier::Capped, _) => "measured here under limits",
        (Tier::Published, _) => "measured by others",
    };
    format!("{}: {what}", site.tier.name())
}

fn grid(c: &Canvas, x: &Scale, at: &Layout, axis: &str) -> Result<(), ReportError> {
    let style = Style::new(10.5).color(MUTED);
    for tick in x.ticks(at.ticks) {
        let px = x.px(tick);
        c.line(&[(px, at.top), (px, at.bottom)], GRID, 1)?;
        let words = format!("{}×", units::plain(tick));
        c.text(px, at.bottom + 10, At::Middle, style, &words)?;
        if px + text::width(&words, 10.5) / 2 < at.width - MEDIAN - 6 {
            c.text(px, at.top - 10, At::Middle, style, &words)?;
        }
    }
    let one = x.px(1.0);
    c.line(&[(one, at.top), (one, at.bottom)], MUTED, 1)?;
    c.text(at.width - 8, at.top - 10, At::Right, style.bold(), "median")?;
    fitted(c, (at.width - 8, at.bottom + 23), At::Right, style, at.width - 16, axis)
}

fn strip(c: &Canvas, x: &Scale, row: &Row, y: i32, at: &Layout) -> Result<(), ReportError> {
    let (name, size) = if at.names > 200 { (row.site.dated(), 11.5) } else { (row.site.short().to_string(), 10.5) };
    let room = at.names - 14;
    let fits = |name: &str| text::width(name, size) <= room;
    // Where a name does not fit, its maker is what a reader misses least, and then the size of its memory.
    let name = match name.split_once(' ') {
        Some((_, rest)) if !fits(&name) && rest.contains(' ') => rest.to_string(),
        _ => name,
    };
    let name = match name.strip_suffix(" GB").and_then(|rest| rest.rsplit_once(' ')) {
        Some((rest, _)) if !fits(&name) => rest.to_string(),
        _ => name,
    };
    fitted(c, (at.names - 8, y), At::Right, Style::new(size), room, &name)?;
    let Some(median) = row.median() else { return Ok(()) };
    let (one, middle) = (x.px(1.0), x.px(median));
    c.fill(one.min(middle), y - 1, (middle - one).abs(), 3, BEST)?;
    for (ratio, words, record) in &row.dots {
        let px = x.px(*ratio);
        c.disc(px, y, 3, RUNG)?;
        c.tip_of(*record, [px - 4, y - 8, 8, 16], &format!("{words}: {}", units::ratio(*ratio)));
    }
    c.fill(middle - 2, y - 7, 4, 14, BEST)?;
    c.text(at.width - 8, y, At::Right, Style::new(12.0).color(INK).bold(), &units::ratio(median))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(tier: Tier, name: &str, gpu: bool) -> Site {
        Site { tier, id: name.into(), name: name.into(), year: Some(1999), gpu }
    }

    #[test]
    fn a_median_is_the_middle_or_between_two() {
        let here = site(Tier::Modelled, "A", false);
        let row = |ratios: &[f64]| Row { site: &here, dots: ratios.iter().map(|r| (*r, String::new(), 0)).collect() };
        assert_eq!(row(&[]).median(), None);
        assert_eq!(row(&[9.0, 1.0, 2.0]).median(), Some(2.0));
        assert_eq!(row(&[1.0, 4.0]).median(), Some(2.5));
    }

    #[test]
    fn every_machine_with_a_ratio_is_named_under_its_tier_at_both_widths() {
        let (old, new) = (site(Tier::Emulated, "Old", false), site(Tier::Modelled, "New", true));
        let none = site(Tier::Native, "None", false);
        let dots = vec![(3.0, "kernel rung".to_string(), 5), (0.5, "other".to_string(), 6)];
        let rows =
            [Row { site: &old, dots: dots.clone() }, Row { site: &new, dots }, Row { site: &none, dots: Vec::new() }];
        for width in [Width::Desk, Width::Phone] {
            let of = Strip { rows: &rows, axis: "times naive", label: "label", heading: Some("Heading") };
            let drawn = picture(&of, width).expect("drawn").file();
            for word in
                ["Heading", "Old", "New", "emulated: ", "modelled: GPUs", "times naive", "kernel rung: 3.0×", "1.75×"]
            {
                assert!(drawn.contains(word), "{word} in {drawn}");
            }
            assert!(!drawn.contains("None"));
        }
        assert!(picture(&Strip { rows: &[], axis: "a", label: "b", heading: None }, Width::Desk).is_ok());
    }
}
