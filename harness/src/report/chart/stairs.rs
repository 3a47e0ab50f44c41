//! Stairs: what a ladder gains step by step on a logarithmic axis, each step in coloured parts by cause. Figures are given, not
//! records.

use super::super::{ReportError, text, units};
use super::scale::Scale;
use super::{At, Canvas, GRID, INK, KERNELS, MUTED, NAIVE, Picture, Style, draw, fitted};

const WIDTH: i32 = 860;
const NAMES: i32 = 132;
const PLOT: i32 = 380;
const TOP: i32 = 78;
const PITCH: i32 = 34;
/// Height of the strip of losses.
const LOSS: i32 = 6;

/// One step.
pub struct Stair {
    /// What steps.
    pub name: String,
    /// Where it starts: `ln` of times naive.
    pub from: f64,
    /// `ln` parts, by cause.
    pub parts: Vec<f64>,
    /// Written under the factors.
    pub note: String,
}

/// What is drawn.
pub struct Stairs<'a> {
    /// Heading.
    pub title: &'a str,
    /// Line below it.
    pub under: &'a str,
    /// Names of the causes.
    pub causes: &'a [&'static str],
    /// From the first step on.
    pub stairs: &'a [Stair],
}

/// Factors nearer to 1 than this are not written or drawn, being less than a percent.
const SMALL: f64 = 0.01;

/// Draws the stairs; none where there are no steps.
///
/// # Errors
/// [`ReportError::Draw`] if the drawing library refuses.
pub fn picture(stairs: &Stairs) -> Result<Option<Picture>, ReportError> {
    if stairs.stairs.is_empty() {
        return Ok(None);
    }
    let ends = |s: &Stair| {
        let losses: f64 = s.parts.iter().filter(|p| **p < 0.0).sum();
        (s.from + losses, s.from + losses + s.parts.iter().filter(|p| **p > 0.0).sum::<f64>())
    };
    let low = stairs.stairs.iter().map(|s| ends(s).0).fold(0.0, f64::min).exp();
    let high = stairs.stairs.iter().map(|s| ends(s).1).fold(0.0, f64::max).exp();
    let axis = Scale::log(low / 1.02, high * 1.05, NAMES, PLOT);
    let bottom = TOP + PITCH * stairs.stairs.len() as i32;
    let told: String = stairs.stairs.iter().map(|s| format!(" {}: {}.", s.name, factors(stairs, s))).collect();
    let label = format!("{} ({}).{told}", stairs.title, stairs.under);
    let drawn = draw((WIDTH, bottom + 44), 620, &label, |c| {
        fitted(c, (12, 18), At::Left, Style::new(14.0).bold(), WIDTH - 24, stairs.title)?;
        fitted(c, (12, 36), At::Left, Style::new(11.0).color(MUTED), WIDTH - 24, stairs.under)?;
        legend(c, stairs)?;
        for tick in axis.ticks(7) {
            let x = axis.px(tick);
            c.line(&[(x, TOP - 4), (x, bottom)], GRID, 1)?;
            c.text(x, bottom + 12, At::Middle, Style::new(10.5).color(MUTED), &units::tick_ratio(tick))?;
        }
        c.text(NAMES + PLOT / 2, bottom + 30, At::Middle, Style::new(11.0).color(MUTED), "times naive, log scale")?;
        stairs.stairs.iter().enumerate().try_for_each(|(i, s)| stair(c, stairs, &axis, s, TOP + PITCH * i as i32))
    });
    drawn.map(Some)
}

fn color(cause: usize) -> plotters::style::RGBColor {
    KERNELS.get(cause).copied().unwrap_or(NAIVE)
}

fn legend(c: &Canvas, stairs: &Stairs) -> Result<(), ReportError> {
    let mut x = 12;
    for (i, cause) in stairs.causes.iter().enumerate() {
        c.fill(x, 51, 12, 12, color(i))?;
        c.text(x + 17, 57, At::Left, Style::new(11.0), cause)?;
        x += 34 + text::width(cause, 11.0);
    }
    Ok(())
}

/// `lanes 3.9×, reuse 1.2×`, largest first.
fn factors(stairs: &Stairs, s: &Stair) -> String {
    let mut parts: Vec<(f64, &str)> = s.parts.iter().copied().zip(stairs.causes.iter().copied()).collect();
    parts.retain(|(part, _)| part.abs() >= SMALL);
    parts.sort_by(|a, b| b.0.total_cmp(&a.0));
    let words: Vec<String> =
        parts.iter().map(|(part, cause)| format!("{cause} {}", units::ratio(part.exp()))).collect();
    words.join(", ")
}

/// Gains from where losses leave off up to where the step ends; below them, hatched, the losses, back from where it starts.
fn stair(c: &Canvas, stairs: &Stairs, axis: &Scale, s: &Stair, y: i32) -> Result<(), ReportError> {
    let (h, mut at) = (PITCH - 12, s.from);
    fitted(c, (NAMES - 8, y + h / 2), At::Right, Style::new(12.0), NAMES - 14, &s.name)?;
    let drawn = || s.parts.iter().enumerate().filter(|(_, p)| p.abs() >= SMALL);
    for (cause, part) in drawn().filter(|(_, p)| **p < 0.0) {
        let (from, to) = (axis.px((at + part).exp()), axis.px(at.exp()));
        c.fill(from, y + h - LOSS, (to - from).max(1), LOSS, color(cause))?;
        c.hatch(from, y + h - LOSS, (to - from).max(1), LOSS)?;
        at += part;
    }
    for (cause, part) in drawn().filter(|(_, p)| **p > 0.0) {
        let (from, to) = (axis.px(at.exp()), axis.px((at + part).exp()));
        c.fill(from, y, (to - from).max(1), h - LOSS - 1, color(cause))?;
        at += part;
    }
    let end = axis.px((s.from + s.parts.iter().sum::<f64>()).exp());
    c.line(&[(end, y - 3), (end, y + h + 3)], INK, 2)?;
    let beside = NAMES + PLOT + 12;
    fitted(c, (beside, y + h / 2 - 6), At::Left, Style::new(11.0), WIDTH - beside - 8, &factors(stairs, s))?;
    fitted(c, (beside, y + h / 2 + 8), At::Left, Style::new(10.0).color(MUTED), WIDTH - beside - 8, &s.note)?;
    c.tip(NAMES, y, PLOT, h, &format!("{}: {}; {}", s.name, factors(stairs, s), s.note));
    Ok(())
}
