//! Curves of one figure over another, one a series, with what each is named beside its last point. Figures are given, not
//! records: for studies.

use super::super::{ReportError, units};
use super::scale::Scale;
use super::{At, Canvas, GRID, KERNELS, MUTED, Picture, Style, draw, fitted};

const WIDTH: i32 = 620;
const PLOT: (i32, i32, i32, i32) = (60, 54, 470, 330);
/// Pixels between the names of series whose curves end together.
const NAME_PX: i32 = 14;

/// What is drawn.
pub struct Curves<'a> {
    /// Heading.
    pub title: &'a str,
    /// Line below it: tier and conditions.
    pub under: &'a str,
    /// Name of the horizontal axis, with its unit; linear from zero.
    pub x: &'a str,
    /// Name of the vertical axis, with its unit; logarithmic.
    pub y: &'a str,
    /// Name and points of each series, ascending in x.
    pub series: &'a [(String, Vec<(f64, f64)>)],
}

/// Draws the curves.
///
/// # Errors
/// [`ReportError::Draw`] if the drawing library refuses.
pub fn picture(curves: &Curves) -> Result<Picture, ReportError> {
    let points = || curves.series.iter().flat_map(|(_, points)| points);
    let highest = points().map(|p| p.1).fold(0.0, f64::max);
    let lowest = points().map(|p| p.1).filter(|y| *y > 0.0).fold(highest, f64::min);
    let x = Scale::linear(points().map(|p| p.0).fold(0.0, f64::max), PLOT.0, PLOT.2 - PLOT.0);
    let y = Scale::log((lowest / 1.2).max(1e-12), highest * 1.2, PLOT.3, PLOT.1 - PLOT.3);
    let label = format!("{}: {} over {}.", curves.title, curves.y, curves.x);
    draw((WIDTH, PLOT.3 + 46), 480, &label, |c| {
        fitted(c, (12, 18), At::Left, Style::new(14.0).bold(), WIDTH - 24, curves.title)?;
        fitted(c, (12, 36), At::Left, Style::new(11.0).color(MUTED), WIDTH - 24, curves.under)?;
        grid(c, curves, &x, &y)?;
        let names = name_places(curves, &y);
        for (i, (name, points)) in curves.series.iter().enumerate() {
            let color = KERNELS[i % KERNELS.len()];
            let at: Vec<(i32, i32)> = points.iter().map(|p| (x.px(p.0), y.px(p.1))).collect();
            c.line(&at, color, 2)?;
            for (place, (px, value)) in at.iter().zip(points) {
                c.disc(place.0, place.1, 3, color)?;
                c.tip(place.0 - 6, place.1 - 6, 12, 12, &format!("{name}: {} at {px}", units::plain(*value)));
            }
            if let Some(last) = at.last() {
                fitted(c, (last.0 + 10, names[i]), At::Left, Style::new(11.0).color(color), WIDTH - last.0 - 14, name)?;
            }
        }
        Ok(())
    })
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
        let curves = Curves { title: "Title", under: "tier", x: "cap", y: "GB/s", series: &series };
        let drawn = picture(&curves).expect("drawn").file();
        for word in ["Title", "first", "second", "odd", "GB/s", "<svg", "</svg>"] {
            assert!(drawn.contains(word), "{word}");
        }
        assert_eq!(drawn, picture(&curves).expect("drawn").file());
        assert!(picture(&Curves { series: &[], ..curves }).is_ok());
    }
}
