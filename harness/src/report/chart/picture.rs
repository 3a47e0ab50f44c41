//! What a chart comes to: a list of shapes in whole pixels, its text alternative, and what is said where it is pointed
//! at. plotters draws its elements onto [`Sheet`]; a picture is then written as SVG, for a file or for a page, or drawn
//! once more onto a bitmap. Nothing is drawn twice by hand.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use plotters_backend::text_anchor::HPos;
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontStyle,
};

/// One thing on the sheet. Colours are red, green and blue, and how opaque they are.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// A filled rectangle: left, top, width, height.
    Rect(Ink, [i32; 4]),
    /// A line of a width, through points.
    Line(Ink, u32, Vec<BackendCoord>),
    /// A filled polygon.
    Polygon(Ink, Vec<BackendCoord>),
    /// A filled circle: its middle and radius.
    Disc(Ink, BackendCoord, u32),
    /// Words whose vertical middle is at the point.
    Words { ink: Ink, at: BackendCoord, side: Side, size: f64, bold: bool, words: String },
}

/// Where words stand to their point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Start,
    Middle,
    End,
}

/// A colour and its opacity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ink {
    pub(super) rgb: (u8, u8, u8),
    pub(super) alpha: f64,
}

/// Words for a part of the picture that is pointed at.
#[derive(Clone, Debug)]
pub(in crate::report) struct Tip {
    /// Left, top, width, height.
    pub(super) area: [i32; 4],
    /// What it says.
    pub(super) words: String,
    /// Place of the record that it tells of, where it is of one: a page says more of it.
    pub(in crate::report) record: Option<usize>,
}

/// A finished chart.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Width, px.
    pub width: u32,
    /// Height, px.
    pub height: u32,
    /// The least width at which it can be read, px.
    pub readable: i32,
    /// Text alternative: what the chart shows, as a sentence.
    pub label: String,
    pub(super) shapes: Vec<Shape>,
    pub(in crate::report) tips: Vec<Tip>,
}

/// What plotters draws onto: it keeps what it is told. Clones share one list.
#[derive(Clone)]
pub(super) struct Sheet {
    size: (u32, u32),
    shapes: Rc<RefCell<Vec<Shape>>>,
}

impl Sheet {
    pub(super) fn new(size: (u32, u32)) -> Self {
        Sheet { size, shapes: Rc::default() }
    }

    /// What was drawn so far.
    pub(super) fn take(&self) -> Vec<Shape> {
        self.shapes.take()
    }

    fn keep(&self, color: BackendColor, shape: impl FnOnce(Ink) -> Shape) -> Kept {
        if color.alpha > 0.0 {
            self.shapes.borrow_mut().push(shape(Ink { rgb: color.rgb, alpha: color.alpha }));
        }
        Ok(())
    }
}

type Kept = Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for Sheet {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Kept {
        Ok(())
    }

    fn present(&mut self) -> Kept {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> Kept {
        self.keep(color, |ink| Shape::Rect(ink, [x, y, 1, 1]))
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Kept {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S, fill: bool) -> Kept {
        if !fill {
            return self.draw_path([from, (to.0, from.1), to, (from.0, to.1), from], style);
        }
        self.keep(style.color(), |ink| Shape::Rect(ink, [from.0, from.1, to.0 - from.0, to.1 - from.1]))
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Kept {
        self.keep(style.color(), |ink| Shape::Line(ink, style.stroke_width(), path.into_iter().collect()))
    }

    fn draw_circle<S: BackendStyle>(&mut self, middle: BackendCoord, radius: u32, style: &S, _fill: bool) -> Kept {
        self.keep(style.color(), |ink| Shape::Disc(ink, middle, radius))
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Kept {
        self.keep(style.color(), |ink| Shape::Polygon(ink, path.into_iter().collect()))
    }

    fn draw_text<S: BackendTextStyle>(&mut self, words: &str, style: &S, at: BackendCoord) -> Kept {
        let side = match style.anchor().h_pos {
            HPos::Left => Side::Start,
            HPos::Center => Side::Middle,
            HPos::Right => Side::End,
        };
        let bold = matches!(style.style(), FontStyle::Bold);
        let (size, words) = (style.size(), words.to_string());
        self.keep(style.color(), |ink| Shape::Words { ink, at, side, size, bold, words })
    }
}
