//! Charts: each a function from ladders to one SVG. What all of them share lives here: the canvas (plotters' SVG backend,
//! text alternatives, tooltips) and the palette. Layout is in whole pixels; the page scales the picture.

use std::cell::RefCell;

use plotters::coord::Shift;
use plotters::element::{Drawable, PointCollection};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{ReportError, text};

pub mod curve;
pub mod field;
pub mod heatmap;
mod label;
pub mod ladder;
pub mod pairs;
pub mod ranges;
pub mod roofline;
mod scale;
pub mod stairs;

/// Text and lines.
pub(super) const INK: RGBColor = RGBColor(0x1b, 0x1f, 0x24);
/// Secondary text.
pub(super) const MUTED: RGBColor = RGBColor(0x57, 0x60, 0x6a);
/// Grid lines.
pub(super) const GRID: RGBColor = RGBColor(0xe2, 0xe6, 0xea);
/// Cells and bars without a time.
pub(super) const BLANK: RGBColor = RGBColor(0xec, 0xee, 0xf0);
/// Hatch on them.
pub(super) const HATCH: RGBColor = RGBColor(0xc4, 0xc9, 0xcf);
/// The floor.
pub(super) const FLOOR: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
/// Naive.
pub(super) const NAIVE: RGBColor = RGBColor(0x9a, 0xa3, 0xad);
/// A rung between naive and best.
pub(super) const RUNG: RGBColor = RGBColor(0x7f, 0xb6, 0xdb);
/// The best rung.
pub(super) const BEST: RGBColor = RGBColor(0x00, 0x60, 0xa0);
/// Okabe and Ito's colours without yellow and black, darkest contrast first: one per kernel.
pub(super) const KERNELS: [RGBColor; 6] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
];

/// Where text hangs from its point.
#[derive(Clone, Copy)]
pub(super) enum At {
    /// Starts there.
    Left,
    /// Is centred there.
    Middle,
    /// Ends there.
    Right,
}

/// How text looks.
#[derive(Clone, Copy)]
pub(super) struct Style {
    size: f64,
    color: RGBColor,
    bold: bool,
}

impl Style {
    /// Ink of `size` px.
    pub(super) fn new(size: f64) -> Self {
        Style { size, color: INK, bold: false }
    }

    /// In another colour.
    pub(super) fn color(self, color: RGBColor) -> Self {
        Style { color, ..self }
    }

    /// In bold.
    pub(super) fn bold(self) -> Self {
        Style { bold: true, ..self }
    }
}

/// A white sheet to draw on.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    tips: RefCell<String>,
    chart: &'a str,
}

type Drawn = Result<(), ReportError>;

impl Canvas<'_> {
    fn put<'e, E>(&self, element: &'e E) -> Drawn
    where
        &'e E: PointCollection<'e, (i32, i32)>,
        E: for<'b> Drawable<SVGBackend<'b>>,
    {
        self.area.draw(element).map_err(|e| self.failed(e))
    }

    fn failed(&self, e: impl std::fmt::Display) -> ReportError {
        ReportError::Draw { chart: self.chart.to_string(), reason: e.to_string() }
    }

    /// A filled rectangle.
    pub(super) fn fill(&self, x: i32, y: i32, w: i32, h: i32, color: impl Color) -> Drawn {
        self.put(&Rectangle::new([(x, y), (x + w, y + h)], color.filled()))
    }

    /// A line through points.
    pub(super) fn line(&self, points: &[(i32, i32)], color: impl Color, width: u32) -> Drawn {
        self.put(&PathElement::new(points.to_vec(), color.stroke_width(width)))
    }

    /// A filled polygon.
    pub(super) fn polygon(&self, points: &[(i32, i32)], color: impl Color) -> Drawn {
        self.put(&Polygon::new(points.to_vec(), color.filled()))
    }

    /// A circle, filled.
    pub(super) fn disc(&self, x: i32, y: i32, r: i32, color: impl Color) -> Drawn {
        self.put(&Circle::new((x, y), r, color.filled()))
    }

    /// Text whose vertical middle is at `y`.
    pub(super) fn text(&self, x: i32, y: i32, at: At, style: Style, text: &str) -> Drawn {
        let h = match at {
            At::Left => HPos::Left,
            At::Middle => HPos::Center,
            At::Right => HPos::Right,
        };
        // The SVG backend divides sizes by 1.24 and centres on the x-height, hence both corrections.
        let mut font = ("sans-serif", style.size * 1.24).into_font();
        if style.bold {
            font = font.style(FontStyle::Bold);
        }
        let look = TextStyle::from(font).color(&style.color).pos(Pos::new(h, VPos::Center));
        self.put(&Text::new(text.to_string(), (x, y + 1), look))
    }

    /// Diagonal hatching of a rectangle.
    pub(super) fn hatch(&self, x: i32, y: i32, w: i32, h: i32) -> Drawn {
        for start in (-h..w).step_by(7).skip(1) {
            let (from, to) = (start.max(0), (start + h).min(w));
            if from < to {
                self.line(&[(x + from, y + h - (from - start)), (x + to, y + h - (to - start))], HATCH, 1)?;
            }
        }
        Ok(())
    }

    /// A rectangle that shows `tip` when pointed at.
    pub(super) fn tip(&self, x: i32, y: i32, w: i32, h: i32, tip: &str) {
        let mut tips = self.tips.borrow_mut();
        let tip = maud::html! { rect x=(x) y=(y) width=(w) height=(h) fill="transparent" { title { (tip) } } };
        tips.push_str(&tip.into_string());
        tips.push('\n');
    }
}

/// Draws a chart of `w` × `h` px; `label` is its text alternative, `readable` the least width at which it can be read.
pub(super) fn draw(
    (w, h): (i32, i32),
    readable: i32,
    label: &str,
    paint: impl FnOnce(&Canvas) -> Drawn,
) -> Result<String, ReportError> {
    let (w, h) = (w.max(1) as u32, h.max(1) as u32);
    let mut svg = String::new();
    let tips = {
        let area = SVGBackend::with_string(&mut svg, (w, h)).into_drawing_area();
        let canvas = Canvas { area, tips: RefCell::default(), chart: label };
        canvas.fill(0, 0, w as i32, h as i32, WHITE)?;
        paint(&canvas)?;
        canvas.area.present().map_err(|e| canvas.failed(e))?;
        canvas.tips.into_inner()
    };
    let body = svg.split_once('>').map_or("", |(_, rest)| rest);
    let body = body.trim_end().trim_end_matches("</svg>");
    let body = body.replace(" opacity=\"1\"", "").replace(" stroke=\"none\"", "").replace("\n</text>", "</text>");
    let style = format!("min-width:{readable}px;max-width:{}px", w * 5 / 4);
    let open = maud::html! { title { (label) } };
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\" \
         aria-label=\"{}\" style=\"{style}\">{}{body}{tips}</svg>\n",
        maud::html! { (label) }.into_string(),
        open.into_string()
    ))
}

/// Text cut to `room` px and put at a point.
pub(super) fn fitted(canvas: &Canvas, (x, y): (i32, i32), at: At, style: Style, room: i32, words: &str) -> Drawn {
    canvas.text(x, y, at, style, &text::fit(words, style.size * if style.bold { 1.06 } else { 1.0 }, room))
}
