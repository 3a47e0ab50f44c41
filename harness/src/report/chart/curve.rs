//! Curves of one figure over another, one a series, with what each is named beside its last point, and marks where something
//! happens on the way. Figures are given, not records: for studies and sweeps.

use plotters::style::Color;

use super::super::{ReportError, units};
use super::scale::Scale;
use super::{At, Canvas, GRID, INK, KERNELS, MUTED, Picture, Style, draw, fitted};

const WIDTH: i32 = 620;
const PLOT: (i32, i32, i32, i32) = (60, 54, 470, 330);
/// Pixels between the names of series whose curves end together.
const NAME_PX: i32 = 14;
/// Points up to which each has a mark.
const MARKED: usize = 60;
/// Pixels of a mark's sentence below the plot.
const MARK_PX: i32 = 17;

/// How values lie on an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// From zero.
    Linear,
    /// Logarithmic.
    Log,
}

/// What is drawn.
pub struct Curves<'a> {
    /// Heading.
    pub title: &'a str,
    /// Line below it: tier and conditions.
    pub under: &'a str,
    /// Name of the horizontal axis, with its unit.
    pub x: &'a str,
    /// Name of the vertical axis, with its unit.
    pub y: &'a str,
    /// How they are divided, x first.
    pub axes: (Axis, Axis),
    /// Name and points of each series, ascending in x.
    pub series: &'a [(String, Vec<(f64, f64)>)],
    /// Places on the horizontal axis, each with what happens there; lettered, and told below the plot.
    pub marks: &'a [(f64, String)],
}

/// Draws the curves.
///
/// # Errors
/// [`ReportError::Draw`] if the drawing library refuses.
pub fn picture(curves: &Curves) -> Result<Picture, ReportError> {
    let points = || curves.series.iter().flat_map(|(_, points)| points);
    let x = scale(curves.axes.0, points().map(|p| p.0), 1.0, PLOT.0, PLOT.2 - PLOT.0);
    let y = scale(curves.axes.1, points().map(|p| p.1), 1.2, PLOT.3, PLOT.1 - PLOT.3);
    let told: String = curves.marks.iter().map(|(_, what)| format!(" {what}.")).collect();
    let label = format!("{}: {} over {}.{told}", curves.title, curves.y, curves.x);
    let height = PLOT.3 + 46 + MARK_PX * curves.marks.len() as i32;
    draw((WIDTH, height), 480, &label, |c| {
        fitted(c, (12, 18), At::Left, Style::new(14.0).bold(), WIDTH - 24, curves.title)?;
        fitted(c, (12, 36), At::Left, Style::new(11.0).color(MUTED), WIDTH - 24, curves.under)?;
        grid(c, curves, &x, &y)?;
        marks(c, curves.marks, &x)?;
        let names = name_places(curves, &y);
        for (i, (name, points)) in curves.series.iter().enumerate() {
            let color = KERNELS[i % KERNELS.len()];
            let at: Vec<(i32, i32)> = points.iter().map(|p| (x.px(p.0), y.px(p.1))).collect();
            c.line(&at, color, 2)?;
            // Where points stand closer than their marks are wide, the line alone is clearer.
            let marked = at.len() <= MARKED;
            for (place, (px, value)) in at.iter().zip(points) {
                c.tip(place.0 - 6, place.1 - 6, 12, 12, &format!("{name}: {} at {px}", units::plain(*value)));
                if !marked {
                    continue;
                }
                // Colours come round again: then the points are square.
                if (i / KERNELS.len()).is_multiple_of(2) {
                    c.disc(place.0, place.1, 3, color)?;
                } else {
                    c.fill(place.0 - 3, place.1 - 3, 6, 6, color)?;
                }
            }
            if let Some(last) = at.last() {
                // Right of the plot, where no other curve passes.
                let left = PLOT.2.max(last.0) + 10;
                if left > last.0 + 10 {
                    c.line(&[(last.0 + 6, last.1), (left - 4, names[i])], color.mix(0.4), 1)?;
                }
                fitted(c, (left, names[i]), At::Left, Style::new(11.0).color(color), WIDTH - left - 4, name)?;
            }
        }
        Ok(())
    })
}

/// An axis that shows all values, with `room` (a ratio) beyond them where it is logarithmic.
fn scale(axis: Axis, values: impl Iterator<Item = f64> + Clone, room: f64, at: i32, pixels: i32) -> Scale {
    let highest = values.clone().fold(0.0, f64::max);
    let lowest = values.filter(|v| *v > 0.0).fold(highest, f64::min);
    match axis {
        Axis::Linear => Scale::linear(highest, at, pixels),
        Axis::Log => Scale::log((lowest / room).max(1e-12), highest * room, at, pixels),
    }
}

/// A lettered line for each mark, and its sentence below.
fn marks(c: &Canvas, marks: &[(f64, String)], x: &Scale) -> Result<(), ReportError> {
    for (i, (place, what)) in marks.iter().enumerate() {
        let letter = char::from(b'A' + (i % 26) as u8);
        let at = x.px(*place);
        for dash in (PLOT.1..PLOT.3).step_by(8) {
            c.line(&[(at, dash), (at, (dash + 4).min(PLOT.3))], INK, 1)?;
        }
        c.text(at, PLOT.1 - 7, At::Middle, Style::new(11.0).bold(), &letter.to_string())?;
        let below = PLOT.3 + 50 + MARK_PX * i as i32;
        fitted(c, (12, below), At::Left, Style::new(11.5), WIDTH - 24, &format!("{letter}  {what}"))?;
    }
    Ok(())
}

/// Where each name stands: beside the end of its curve, moved down where another stands there.
fn name_places(curves: &Curves, y: &Scale) -> Vec<i32> {
    let ends = curves.series.iter().map(|(_, points)| points.last().map_or(PLOT.3, |p| y.px(p.1)));
    let mut order: Vec<(usize, i32)> = ends.enumerate().collect();
    order.sort_by_key(|(_, at)| *at);
    let mut places = vec![0; order.len()];
    let mut free = i32::MIN;
    for (series, at) in order {
        places[series] = at.max(free);
        free = places[series] + NAME_PX;
    }
    places
}

fn grid(c: &Canvas, curves: &Curves, x: &Scale, y: &Scale) -> Result<(), ReportError> {
    let style = Style::new(10.5).color(MUTED);
    for tick in x.ticks(7) {
        let at = x.px(tick);
        c.line(&[(at, PLOT.1), (at, PLOT.3)], GRID, 1)?;
        c.text(at, PLOT.3 + 12, At::Middle, style, &units::plain(tick))?;
    }
    for tick in y.ticks(7) {
        let at = y.px(tick);
        c.line(&[(PLOT.0, at), (PLOT.2, at)], GRID, 1)?;
        c.text(PLOT.0 - 6, at, At::Right, style, &units::plain(tick))?;
    }
    c.line(&[(PLOT.0, PLOT.1), (PLOT.0, PLOT.3), (PLOT.2, PLOT.3)], MUTED, 1)?;
    let axis = Style::new(11.0).color(MUTED);
    c.text((PLOT.0 + PLOT.2) / 2, PLOT.3 + 30, At::Middle, axis, curves.x)?;
    fitted(c, (PLOT.2 + 8, PLOT.1 - 4), At::Left, axis, WIDTH - PLOT.2 - 12, curves.y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_is_drawn_and_named_whatever_the_figures() {
        let series = [
            ("first".to_string(), vec![(0.25, 1.0), (0.5, 2.0), (1.5, 8.0)]),
            ("second".to_string(), vec![(0.25, 1.0), (1.5, 8.0)]),
            ("empty".to_string(), Vec::new()),
            ("odd".to_string(), vec![(0.0, 0.0), (f64::NAN, f64::INFINITY)]),
        ];
        let marks = [(0.7, "first wins up to there".to_string()), (f64::NAN, "odd".to_string())];
        let (title, under, x, y) = ("Title", "tier", "cap", "GB/s");
        let of = |axes| Curves { title, under, x, y, axes, series: &series, marks: &marks };
        let curves = of((Axis::Linear, Axis::Log));
        let drawn = picture(&curves).expect("drawn").file();
        for word in ["Title", "first", "second", "odd", "GB/s", "first wins up to there", "<svg", "</svg>"] {
            assert!(drawn.contains(word), "{word}");
        }
        assert_eq!(drawn, picture(&curves).expect("drawn").file());
        assert_ne!(drawn, picture(&of((Axis::Log, Axis::Log))).expect("drawn").file());
        assert!(picture(&Curves { series: &[], ..curves }).is_ok());
    }
}
