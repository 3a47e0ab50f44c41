//! Pictures as SVG, short: colours, widths and type are classes, neighbours that look alike share a path or a group, and
//! coordinates have at most one decimal. In a page the classes are the page's, so that a chart is dark where the page is;
//! a file brings its own.

use std::fmt::Write as _;

use super::picture::{Ink, Picture, Shape, Side, Tip};
use super::{BEST, BLANK, FLOOR, GRID, HATCH, INK, KERNELS, MUTED, NAIVE, PAPER, RUNG};
use plotters::style::RGBColor;

/// Where a picture goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    File,
    Page,
}

/// The colours of charts: class, colour on light ground, colour on dark ground. Both sets are told apart by people who
/// see no red or no green: they differ in lightness, and no chart says anything by colour alone.
pub(in crate::report) const PALETTE: [(&str, RGBColor, RGBColor); 16] = [
    ("kp", PAPER, RGBColor(0x14, 0x18, 0x1d)),
    ("ki", INK, RGBColor(0xe6, 0xed, 0xf3)),
    ("km", MUTED, RGBColor(0xa3, 0xad, 0xb8)),
    ("kg", GRID, RGBColor(0x2c, 0x33, 0x3b)),
    ("kb", BLANK, RGBColor(0x22, 0x28, 0x2f)),
    ("kh", HATCH, RGBColor(0x46, 0x4e, 0x58)),
    ("kf", FLOOR, RGBColor(0xff, 0x95, 0x3d)),
    ("kn", NAIVE, RGBColor(0x84, 0x8f, 0x9b)),
    ("kr", RUNG, RGBColor(0x3b, 0x74, 0x9b)),
    ("kt", BEST, RGBColor(0x6c, 0xb8, 0xee)),
    ("k0", KERNELS[0], RGBColor(0x4a, 0xa8, 0xe0)),
    ("k1", KERNELS[1], RGBColor(0xf0, 0x84, 0x38)),
    ("k2", KERNELS[2], RGBColor(0x2f, 0xc2, 0x98)),
    ("k3", KERNELS[3], RGBColor(0xdc, 0x93, 0xba)),
    ("k4", KERNELS[4], RGBColor(0xf2, 0xb8, 0x3a)),
    ("k5", KERNELS[5], RGBColor(0x8f, 0xd0, 0xf5)),
];

/// How shapes look, whatever their colour: filled shapes take the colour of their class, lines are stroked with it.
pub(in crate::report) const LOOK: &str = "\
svg text,svg rect,svg circle,svg .f{fill:currentColor}svg .s{fill:none;stroke:currentColor}\
svg .s2{stroke-width:2}svg text,svg g{font-family:system-ui,sans-serif}svg .m{text-anchor:middle}svg .e{text-anchor:end}svg .b{font-weight:700}\
svg .t rect{fill:transparent}";

impl Picture {
    /// As a file of its own, light. Its parts say what they are in `<title>`s.
    pub fn file(&self) -> String {
        let colors: String =
            PALETTE.iter().map(|(class, light, _)| format!(".{class}{{color:{}}}", hex(*light))).collect();
        self.write(Place::File, &format!("<style>{LOOK}{colors}</style>"))
    }

    /// As part of a page, which has the classes, and a script that tells of the records that parts name.
    pub fn inline(&self) -> String {
        self.write(Place::Page, "")
    }

    fn write(&self, place: Place, style: &str) -> String {
        let (w, h) = (self.width, self.height);
        let words = escaped(&self.label);
        let mut out = format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" role=\"img\"");
        if place == Place::File {
            let _ = write!(out, " width=\"{w}\" height=\"{h}\"");
        } else {
            let _ = write!(out, " style=\"min-width:{}px;max-width:{}px\"", self.readable, w * 5 / 4);
            out = out.replace(" xmlns=\"http://www.w3.org/2000/svg\"", "");
        }
        // A title of the whole would be shown wherever no part has one: a page's pictures have the label alone.
        let title = if place == Place::File { format!("<title>{words}</title>") } else { String::new() };
        let _ = write!(out, " aria-label=\"{words}\">{title}{style}");
        let mut open = String::new();
        let mut path = String::new();
        for shape in &self.shapes {
            let group = Group::of(shape);
            // Where colours shine through, two in one path are not two on each other.
            let class = group.class();
            if class != open || group.alpha() < 1.0 {
                close(&mut out, &mut path, &open);
                open = class;
            }
            match group {
                Group::Path(..) => outline(&mut path, shape),
                Group::Words { .. } => word(&mut path, shape),
            }
        }
        close(&mut out, &mut path, &open);
        if !self.tips.is_empty() {
            out.push_str("<g class=\"t\">");
            self.tips.iter().for_each(|t| tip(&mut out, place, t));
            out.push_str("</g>");
        }
        out + "</svg>\n"
    }
}

/// What neighbours share.
enum Group {
    Path(Ink, u32),
    Words { ink: Ink, side: Side, size: f64, bold: bool },
}

impl Group {
    fn of(shape: &Shape) -> Self {
        match shape {
            Shape::Rect(ink, _) | Shape::Polygon(ink, _) | Shape::Disc(ink, ..) => Group::Path(*ink, 0),
            Shape::Line(ink, width, _) => Group::Path(*ink, *width),
            Shape::Words { ink, side, size, bold, .. } => {
                Group::Words { ink: *ink, side: *side, size: *size, bold: *bold }
            }
        }
    }

    fn alpha(&self) -> f64 {
        match self {
            Group::Path(ink, _) | Group::Words { ink, .. } => ink.alpha,
        }
    }

    /// The opening tag without its bracket, up to the coordinates.
    fn class(&self) -> String {
        let (ink, more) = match self {
            Group::Path(ink, 0) => (ink, " f".to_string()),
            Group::Path(ink, 1) => (ink, " s".to_string()),
            Group::Path(ink, _) => (ink, " s s2".to_string()),
            Group::Words { ink, side, bold, .. } => {
                let side = match side {
                    Side::Start => "",
                    Side::Middle => " m",
                    Side::End => " e",
                };
                (ink, format!("{side}{}", if *bold { " b" } else { "" }))
            }
        };
        let known = PALETTE.iter().find(|(_, light, _)| (light.0, light.1, light.2) == ink.rgb);
        let mut out = match known {
            Some((class, ..)) => format!("class=\"{class}{more}\""),
            None => format!("class=\"{}\" color=\"{}\"", more.trim(), hex(RGBColor(ink.rgb.0, ink.rgb.1, ink.rgb.2))),
        };
        if ink.alpha < 1.0 {
            let _ = write!(out, " opacity=\"{:.2}\"", ink.alpha);
        }
        match self {
            Group::Path(..) => format!("path {out} d=\""),
            Group::Words { size, .. } => format!("g {out} font-size=\"{}\"", tenth(*size)),
        }
    }
}

fn close(out: &mut String, body: &mut String, open: &str) {
    if !body.is_empty() {
        let (from, to) = if open.starts_with("path") { ("", "\"/>") } else { (">", "</g>") };
        let _ = write!(out, "<{open}{from}{body}{to}");
        body.clear();
    }
}

/// The shape as a piece of a path.
fn outline(path: &mut String, shape: &Shape) {
    let through = |path: &mut String, points: &[(i32, i32)]| {
        for (i, (x, y)) in points.iter().enumerate() {
            let before = if i == 0 { None } else { Some(points[i - 1]) };
            let _ = match before {
                None => write!(path, "M{x} {y}"),
                Some((_, above)) if above == *y => write!(path, "H{x}"),
                Some((beside, _)) if beside == *x => write!(path, "V{y}"),
                Some(_) => write!(path, "L{x} {y}"),
            };
        }
    };
    match shape {
        Shape::Rect(_, [x, y, w, h]) => {
            let _ = write!(path, "M{x} {y}h{w}v{h}h-{w}z");
        }
        Shape::Disc(_, (x, y), r) => {
            let _ = write!(path, "M{} {y}a{r} {r} 0 1 0 {} 0a{r} {r} 0 1 0 -{} 0z", x - *r as i32, 2 * r, 2 * r);
        }
        Shape::Line(_, _, points) => through(path, points),
        Shape::Polygon(_, points) => {
            through(path, points);
            path.push('z');
        }
        Shape::Words { .. } => {}
    }
}

fn word(body: &mut String, shape: &Shape) {
    if let Shape::Words { at, size, words, .. } = shape {
        // Half the height of figures and capitals below the middle.
        let y = tenth(f64::from(at.1) + 0.35 * size);
        let _ = write!(body, "<text x=\"{}\" y=\"{y}\">{}</text>", at.0, escaped(words));
    }
}

fn tip(out: &mut String, place: Place, tip: &Tip) {
    let [x, y, w, h] = tip.area;
    let rect = format!("rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"");
    let _ = match (place, tip.record) {
        (Place::Page, Some(record)) => write!(out, "<{rect} data-r=\"{record}\"/>"),
        _ => write!(out, "<{rect}><title>{}</title></rect>", escaped(&tip.words)),
    };
}

/// At most one decimal, and none where it is zero.
fn tenth(x: f64) -> String {
    let text = format!("{x:.1}");
    text.strip_suffix(".0").map(str::to_string).unwrap_or(text)
}

pub(in crate::report) fn hex(c: RGBColor) -> String {
    format!("#{:02x}{:02x}{:02x}", c.0, c.1, c.2)
}

fn escaped(words: &str) -> String {
    maud::html! { (words) }.into_string()
}

#[cfg(test)]
mod tests {
    use super::super::picture::Picture;
    use super::*;

    fn picture(shapes: Vec<Shape>) -> Picture {
        let tips = vec![Tip { area: [1, 2, 3, 4], words: "a < b".into(), record: Some(7) }];
        Picture { width: 100, height: 50, readable: 80, label: "What \"it\" shows".into(), shapes, tips }
    }

    fn ink(c: RGBColor, alpha: f64) -> Ink {
        Ink { rgb: (c.0, c.1, c.2), alpha }
    }

    #[test]
    fn neighbours_that_look_alike_share_a_path_and_order_is_kept() {
        let line = |x| Shape::Line(ink(GRID, 1.0), 1, vec![(x, 0), (x, 9)]);
        let rect = Shape::Rect(ink(BEST, 1.0), [5, 6, 7, 8]);
        let out = picture(vec![line(1), line(2), rect, line(3)]).inline();
        let first = out.find("<path class=\"kg s\" d=\"M1 0V9M2 0V9\"/>").expect("one path of two lines");
        let second = out.find("<path class=\"kt f\" d=\"M5 6h7v8h-7z\"/>").expect("the bar");
        let third = out.find("<path class=\"kg s\" d=\"M3 0V9\"/>").expect("the line over it");
        assert!(first < second && second < third, "{out}");
    }

    #[test]
    fn what_shines_through_stays_apart_and_foreign_colours_are_written_out() {
        let pale = Shape::Rect(ink(INK, 0.5), [0, 0, 1, 1]);
        let odd = Shape::Disc(Ink { rgb: (1, 2, 3), alpha: 1.0 }, (10, 10), 4);
        let out = picture(vec![pale.clone(), pale, odd]).inline();
        assert_eq!(out.matches("opacity=\"0.50\"").count(), 2, "{out}");
        assert!(out.contains("color=\"#010203\"") && out.contains("M6 10a4 4 0 1 0 8 0"), "{out}");
    }

    #[test]
    fn a_file_says_its_parts_and_brings_its_colours_where_a_page_names_records() {
        let words = |words: &str| Shape::Words {
            ink: ink(INK, 1.0),
            at: (4, 10),
            side: Side::End,
            size: 10.0,
            bold: true,
            words: words.into(),
        };
        let picture = picture(vec![words("<a>"), words("b")]);
        let (file, page) = (picture.file(), picture.inline());
        let text = "<g class=\"ki e b\" font-size=\"10\"><text x=\"4\" y=\"13.5\">&lt;a&gt;</text><text";
        assert!(file.contains(text) && page.contains(text), "{page}");
        assert!(file.contains("<title>a &lt; b</title>") && file.contains(".ki{color:#1b1f24}"));
        assert!(file.contains("aria-label=\"What &quot;it&quot; shows\""));
        assert!(page.contains("data-r=\"7\"") && !page.contains("<title>") && !page.contains("<style>"));
    }

    #[test]
    fn colours_stand_out_from_their_ground_in_both_themes() {
        use super::super::super::heat::contrast;
        let (_, paper, night) = PALETTE[0];
        for (class, light, dark) in &PALETTE[1..] {
            let least = match *class {
                "ki" | "km" | "kt" | "k0" => 4.5,
                // Grids, blanks and their hatching are background; bars carry their figures in words beside them.
                "kg" | "kb" | "kh" => 1.1,
                _ => 2.0,
            };
            assert!(contrast(*light, paper) >= least, "{class} on light: {}", contrast(*light, paper));
            assert!(contrast(*dark, night) >= least, "{class} on dark: {}", contrast(*dark, night));
        }
    }
}
