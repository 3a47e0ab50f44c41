//! Charts: each a function from ladders to one [`Picture`]. What all of them share lives here: the canvas (plotters on a
//! sheet, text alternatives, what is said where it is pointed at) and the palette. Layout is in whole pixels; the page
//! scales the picture.

use std::cell::RefCell;

use plotters::coord::Shift;
use plotters::element::{Drawable, PointCollection};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{ReportError, text};

pub mod curve;
pub mod decode;
pub mod field;
mod label;
pub mod ladder;
pub mod pairs;
mod picture;
mod png;
pub mod ranges;
pub mod roofline;
mod scale;
pub mod spark;
pub mod stairs;
pub mod strip;
pub(super) mod svg;

pub use picture::Picture;
use picture::{Sheet, Tip};

/// The ground.
pub(super) const PAPER: RGBColor = WHITE;

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

    /// The size that takes as much room without bold: bold letters are wider.
    pub(super) fn set_size(self) -> f64 {
        self.size * if self.bold { 1.06 } else { 1.0 }
    }
}

/// A sheet to draw on.
pub(super) struct Canvas<'a> {
    area: DrawingArea<Sheet, Shift>,
    tips: RefCell<Vec<Tip>>,
    chart: &'a str,
}

type Drawn = Result<(), ReportError>;

impl Canvas<'_> {
    fn put<'e, E>(&self, element: &'e E) -> Drawn
    where
        &'e E: PointCollection<'e, (i32, i32)>,
        E: Drawable<Sheet>,
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
        let mut font = ("sans-serif", style.size).into_font();
        if style.bold {
            font = font.style(FontStyle::Bold);
        }
        let look = TextStyle::from(font).color(&style.color).pos(Pos::new(h, VPos::Center));
        self.put(&Text::new(text.to_string(), (x, y), look))
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

    /// A rectangle that shows `words` when pointed at.
    pub(super) fn tip(&self, x: i32, y: i32, w: i32, h: i32, words: &str) {
        self.tips.borrow_mut().push(Tip { area: [x, y, w, h], words: words.to_string(), record: None });
    }

    /// A rectangle that tells of record number `record` when pointed at; `words` where nothing knows the records.
    pub(super) fn tip_of(&self, record: usize, [x, y, w, h]: [i32; 4], words: &str) {
        self.tips.borrow_mut().push(Tip { area: [x, y, w, h], words: words.to_string(), record: Some(record) });
    }
}

/// Draws a chart of `w` × `h` px; `label` is its text alternative, `readable` the least width at which it can be read.
pub(super) fn draw(
    (w, h): (i32, i32),
    readable: i32,
    label: &str,
    paint: impl FnOnce(&Canvas) -> Drawn,
) -> Result<Picture, ReportError> {
    let (width, height) = (w.max(1) as u32, h.max(1) as u32);
    let sheet = Sheet::new((width, height));
    let canvas = Canvas { area: sheet.clone().into_drawing_area(), tips: RefCell::default(), chart: label };
    canvas.fill(0, 0, w, h, PAPER)?;
    paint(&canvas)?;
    let tips = canvas.tips.into_inner();
    // Type of 10.5 px is not to fall below 8.
    let readable = readable.max(w * 3 / 4);
    Ok(Picture { width, height, readable, label: label.to_string(), shapes: sheet.take(), tips })
}

/// Text cut to `room` px and put at a point.
pub(super) fn fitted(canvas: &Canvas, (x, y): (i32, i32), at: At, style: Style, room: i32, words: &str) -> Drawn {
    canvas.text(x, y, at, style, &text::fit(words, style.set_size(), room))
}
