//! Pictures as PNG, twice as many pixels as the SVG has, drawn by plotters' bitmap backend. The typeface is in the
//! program (a subset of DejaVu Sans), so that a machine without fonts writes the same bytes.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};
use plotters_backend::DrawingErrorKind;

use super::super::ReportError;
use super::picture::{Ink, Picture, Shape, Side};

/// Pixels for one of the layout.
const SCALE: i32 = 2;
/// Name under which plotters knows the typeface.
const FACE: &str = "retrobench";
/// Ascent and descent of the typeface, em.
const HEIGHT: f64 = 1.164;
static REGULAR: &[u8] = include_bytes!("fonts/DejaVuSans.ttf");
static BOLD: &[u8] = include_bytes!("fonts/DejaVuSans-Bold.ttf");

impl Picture {
    /// As the bytes of a PNG file, light.
    ///
    /// # Errors
    /// [`ReportError::Draw`] if the drawing library or the encoder refuses.
    pub fn png(&self) -> Result<Vec<u8>, ReportError> {
        let failed = |reason: String| ReportError::Draw { chart: self.label.clone(), reason };
        let faces = [(FontStyle::Normal, REGULAR), (FontStyle::Bold, BOLD)];
        for (style, face) in faces {
            register_font(FACE, style, face).map_err(|_| failed("its typeface is damaged".into()))?;
        }
        let size = (self.width * SCALE as u32, self.height * SCALE as u32);
        let mut pixels = vec![0xff; (size.0 * size.1 * 3) as usize];
        {
            let mut sheet = BitMapBackend::with_buffer(&mut pixels, size);
            for shape in &self.shapes {
                put(&mut sheet, shape).map_err(|e| failed(e.to_string()))?;
            }
            sheet.present().map_err(|e| failed(e.to_string()))?;
        }
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, size.0, size.1);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().map_err(|e| failed(e.to_string()))?;
        writer.write_image_data(&pixels).map_err(|e| failed(e.to_string()))?;
        writer.finish().map_err(|e| failed(e.to_string()))?;
        Ok(out)
    }
}

fn put<B: DrawingBackend>(sheet: &mut B, shape: &Shape) -> Result<(), DrawingErrorKind<B::ErrorType>> {
    let color = |ink: &Ink| RGBAColor(ink.rgb.0, ink.rgb.1, ink.rgb.2, ink.alpha);
    let at = |(x, y): (i32, i32)| (x * SCALE, y * SCALE);
    match shape {
        Shape::Rect(ink, [x, y, w, h]) => {
            // Both corners belong to a rectangle of pixels.
            let (x, y) = at((*x, *y));
            let corner = (x + w * SCALE - 1, y + h * SCALE - 1);
            sheet.draw_rect((x, y), corner, &color(ink).filled(), true)
        }
        Shape::Line(ink, width, points) => {
            let style = color(ink).stroke_width(width * SCALE as u32);
            sheet.draw_path(points.iter().copied().map(at), &style)
        }
        Shape::Polygon(ink, points) => sheet.fill_polygon(points.iter().copied().map(at), &color(ink).filled()),
        Shape::Disc(ink, middle, r) => sheet.draw_circle(at(*middle), r * SCALE as u32, &color(ink).filled(), true),
        Shape::Words { ink, at: place, side, size, bold, words } => {
            let h = match side {
                Side::Start => HPos::Left,
                Side::Middle => HPos::Center,
                Side::End => HPos::Right,
            };
            let style = if *bold { FontStyle::Bold } else { FontStyle::Normal };
            // Sizes are of a face's whole height to plotters, and of an em to everyone else.
            let em = size * f64::from(SCALE);
            let font = FontDesc::new(FontFamily::Name(FACE), em * HEIGHT, style);
            let color = color(ink);
            let look = TextStyle::from(font).color(&color).pos(Pos::new(h, VPos::Center));
            // plotters puts the middle of its box there; half the height of figures and capitals is to stand below it.
            let (x, y) = at(*place);
            sheet.draw_text(words, &look, (x, y + (0.24 * em) as i32))
        }
    }
}
