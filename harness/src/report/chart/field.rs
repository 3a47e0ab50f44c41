//! A field of two varied figures: which contestant is fastest at each point, as a letter on a colour that fades where the second
//! is as fast. Figures are given, not records: for sweeps.

use plotters::style::RGBColor;

use super::super::{ReportError, units};
use super::{At, BLANK, Canvas, INK, KERNELS, MUTED, Picture, Style, draw, fitted};

const LEFT: i32 = 78;
const TOP: i32 = 54;
const CELL: (i32, i32) = (34, 26);

/// What is drawn.
pub struct Field<'a> {
    /// Heading.
    pub title: &'a str,
    /// Line below it: tier and conditions.
    pub under: &'a str,
    /// Name and ascending values of the horizontal axis.
    pub x: (&'a str, &'a [f64]),
    /// Of the vertical axis.
    pub y: (&'a str, &'a [f64]),
    /// Names of the contestants.
    pub names: &'a [String],
    /// By value of `y`, then of `x`: the fastest and by how much it beats the next (1 = not at all); none where nothing runs.
    pub cells: &'a [Vec<Option<(usize, f64)>>],
}

/// Draws the field; the greatest `y` is on top.
///
/// # Errors
/// [`ReportError::Draw`] if the drawing library refuses.
pub fn picture(field: &Field) -> Result<Picture, ReportError> {
    let (columns, rows) = (field.x.1.len() as i32, field.y.1.len() as i32);
    let shown = shown(field);
    let bottom = TOP + rows * CELL.1;
    let width = (LEFT + columns * CELL.0 + 16).max(620);
    let height = bottom + 52 + 18 * shown.len() as i32;
    let label = format!("{}: the fastest by {} and {}.", field.title, field.x.0, field.y.0);
    draw((width, height), 420, &label, |c| {
        fitted(c, (12, 16), At::Left, Style::new(14.0).bold(), width - 24, field.title)?;
        fitted(c, (12, 33), At::Left, Style::new(11.0).color(MUTED), width - 24, field.under)?;
        for (row, cells) in field.cells.iter().enumerate() {
            let y = bottom - (row as i32 + 1) * CELL.1;
            for (column, one) in cells.iter().enumerate() {
                cell(c, field, (column, row), (LEFT + column as i32 * CELL.0, y), *one, &shown)?;
            }
            let style = Style::new(10.5).color(MUTED);
            c.text(LEFT - 6, y + CELL.1 / 2, At::Right, style, &units::plain(field.y.1[row]))?;
        }
        for (column, value) in field.x.1.iter().enumerate() {
            let at = LEFT + column as i32 * CELL.0 + CELL.0 / 2;
            c.text(at, bottom + 10, At::Middle, Style::new(9.5).color(MUTED), &units::plain(*value))?;
        }
        let axis = Style::new(11.0).color(MUTED);
        fitted(c, (LEFT, bottom + 27), At::Left, axis, width - LEFT - 8, &format!("→ {}", field.x.0))?;
        fitted(c, (8, TOP - 6), At::Left, axis, width - 16, &format!("↑ {}", field.y.0))?;
        for (i, contestant) in shown.iter().enumerate() {
            let y = bottom + 50 + 18 * i as i32;
            c.fill(LEFT, y - 8, 20, 15, color(i, f64::INFINITY))?;
            c.text(LEFT + 10, y, At::Middle, Style::new(11.0).bold(), &letter(i))?;
            fitted(c, (LEFT + 28, y), At::Left, Style::new(11.5), width - LEFT - 36, &field.names[*contestant])?;
        }
        Ok(())
    })
}

/// Contestants that win somewhere, in their order.
fn shown(field: &Field) -> Vec<usize> {
    let wins = |i: &usize| field.cells.iter().flatten().flatten().any(|(winner, _)| winner == i);
    (0..field.names.len()).filter(wins).collect()
}

fn letter(i: usize) -> String {
    char::from(b'A' + (i % 26) as u8).to_string()
}

/// A contestant's colour, lighter than its line so that letters are legible on it, and fading to white at a tie.
fn color(i: usize, margin: f64) -> RGBColor {
    let RGBColor(r, g, b) = KERNELS[i % KERNELS.len()];
    let share = 0.25 + 0.4 * ((margin - 1.0) / 0.5).clamp(0.0, 1.0);
    let mixed = |v: u8| (255.0 + (f64::from(v) - 255.0) * share).round() as u8;
    RGBColor(mixed(r), mixed(g), mixed(b))
}

fn cell(
    c: &Canvas,
    field: &Field,
    (column, row): (usize, usize),
    (x, y): (i32, i32),
    cell: Option<(usize, f64)>,
    shown: &[usize],
) -> Result<(), ReportError> {
    let (w, h) = (CELL.0 - 1, CELL.1 - 1);
    let place =
        format!("{} {}, {} {}", field.x.0, units::plain(field.x.1[column]), field.y.0, units::plain(field.y.1[row]));
    let Some((winner, margin)) = cell else {
        c.fill(x, y, w, h, BLANK)?;
        c.hatch(x, y, w, h)?;
        c.tip(x, y, w, h, &format!("nothing runs: {place}"));
        return Ok(());
    };
    let number = shown.iter().position(|s| *s == winner).unwrap_or(0);
    c.fill(x, y, w, h, color(number, margin))?;
    c.text(x + w / 2, y + h / 2, At::Middle, Style::new(11.0).color(INK), &letter(number))?;
    c.tip(x, y, w, h, &format!("{}, {} the next: {place}", field.names[winner], units::ratio(margin)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn winners_are_named_and_places_where_nothing_runs_are_hatched() {
        let names = ["naive".to_string(), "simd".to_string(), "never".to_string()];
        let cells = [vec![Some((0, 1.2)), None], vec![Some((1, f64::INFINITY)), Some((1, 1.0))]];
        let (x, y) = ([1.0, 2.0], [0.5, 4.0]);
        let field = Field {
            title: "Title",
            under: "modelled",
            x: ("bandwidth, GB/s", &x),
            y: ("clock, MHz", &y),
            names: &names,
            cells: &cells,
        };
        let drawn = picture(&field).expect("drawn").file();
        for word in ["Title", "modelled", "bandwidth, GB/s", "clock, MHz", "naive", "simd", "nothing runs"] {
            assert!(drawn.contains(word), "{word}");
        }
        assert!(!drawn.contains("never"));
        assert_eq!(drawn, picture(&field).expect("drawn").file());
    }
}
