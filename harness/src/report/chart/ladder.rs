//! Ladder bars: the time of each rung on one site, its band, and the floor. Figures stand in columns of their own at
//! the right, so no label ever meets a bar.

use super::super::finding;
use super::super::group::{Ladder, band, floor, speedup, timing, withheld};
use super::super::text::width;
use super::super::{ReportError, units};
use super::scale::Scale;
use super::{At, BEST, BLANK, Canvas, FLOOR, GRID, INK, MUTED, NAIVE, Picture, RUNG, Style, draw, fitted};
use crate::record::Record;

const WIDTH: i32 = 420;
const NAMES: i32 = 166;
const BARS: i32 = 136;
const TOP: i32 = 62;
const PITCH: i32 = 26;
/// Sizes of a rung's name; the first that fits is taken.
const NAME_SIZES: [f64; 3] = [12.0, 10.5, 9.5];
/// Ranges wider than this get a logarithmic axis.
const LOG_FROM: f64 = 20.0;

/// Draws one ladder; `heading` is its first line, `subject` what else identifies it (the tier is added).
pub fn picture(l: &Ladder, heading: &str, subject: &str) -> Result<Picture, ReportError> {
    let height = TOP + PITCH * l.rungs.len() as i32 + 34;
    let axis = axis(l);
    let label = format!("{} ({}, {heading}, {subject}).", finding::ladder(l), l.site.tier.name());
    draw((WIDTH, height), 310, &label, |c| {
        let large = Style::new(14.0).bold();
        let style = if width(heading, large.set_size()) > WIDTH - 24 { Style::new(12.0).bold() } else { large };
        fitted(c, (12, 18), At::Left, style, WIDTH - 24, heading)?;
        let under = format!("{} · {subject}", l.site.tier.name());
        fitted(c, (12, 36), At::Left, Style::new(11.0).color(MUTED), WIDTH - 24, &under)?;
        let kind = if axis.is_log() { "time per run, log scale" } else { "time per run" };
        c.text(NAMES + BARS / 2, height - 6, At::Middle, Style::new(10.5).color(MUTED), kind)?;
        grid(c, &axis, l.rungs.len() as i32)?;
        let best = l.best().map(|r| r.variant.as_str());
        for (i, r) in l.rungs.iter().enumerate() {
            row(c, &axis, (r, l.at[i]), TOP + PITCH * i as i32, best == Some(&r.variant))?;
        }
        floor_line(c, &axis, l)
    })
}

fn axis(l: &Ladder) -> Scale {
    let (mut low, mut high) = (f64::INFINITY, 0f64);
    for (r, t) in l.timed() {
        let (from, to) = band(t).unwrap_or((t.time_ns, t.time_ns));
        low = low.min(from).min(floor(r).unwrap_or(from));
        high = high.max(to);
    }
    if low.is_finite() && high / low > LOG_FROM {
        Scale::log(low / 1.6, high * 1.1, NAMES, BARS)
    } else {
        Scale::linear(high * 1.06, NAMES, BARS)
    }
}

fn grid(c: &Canvas, axis: &Scale, rows: i32) -> Result<(), ReportError> {
    let bottom = TOP + PITCH * rows + 2;
    let mut free = i32::MIN;
    for tick in axis.ticks(5) {
        let x = axis.px(tick);
        c.line(&[(x, TOP - 4), (x, bottom)], GRID, 1)?;
        let words = if tick == 0.0 { "0".to_string() } else { units::tick_time(tick) };
        let half = width(&words, 10.5) / 2;
        if x - half > free {
            c.text(x, bottom + 12, At::Middle, Style::new(10.5).color(MUTED), &words)?;
            free = x + half + 6;
        }
    }
    c.line(&[(NAMES, TOP - 4), (NAMES, bottom)], MUTED, 1)
}

fn row(c: &Canvas, axis: &Scale, (r, place): (&Record, usize), y: i32, best: bool) -> Result<(), ReportError> {
    let middle = y + PITCH / 2;
    let styles = NAME_SIZES.map(|size| if best { Style::new(size).bold() } else { Style::new(size) });
    let fits = |style: &Style| width(&r.variant, style.set_size()) <= NAMES - 18;
    let name = styles.into_iter().find(fits).unwrap_or(styles[2]);
    fitted(c, (NAMES - 8, middle), At::Right, name, NAMES - 18, &r.variant)?;
    let idea = if r.idea.is_empty() { String::new() } else { format!(": {}", r.idea) };
    let head = format!("rung {} {}{idea}", r.rung, r.variant);
    if let Some((word, why)) = withheld(r) {
        c.fill(NAMES + 1, y + 5, BARS, PITCH - 10, BLANK)?;
        c.hatch(NAMES + 1, y + 5, BARS, PITCH - 10)?;
        let style = Style::new(11.0).color(MUTED);
        fitted(c, (WIDTH - 10, middle), At::Right, style, WIDTH - NAMES - BARS - 14, word)?;
        c.tip_of(place, [0, y, WIDTH, PITCH], &format!("{head}\n{word}: {why}"));
        return Ok(());
    }
    let Some(t) = timing(r) else { return Ok(()) };
    let color = match (best, r.rung) {
        (true, _) => BEST,
        (_, 0) => NAIVE,
        _ => RUNG,
    };
    let end = axis.px(t.time_ns);
    c.fill(NAMES + 1, y + 5, (end - NAMES - 1).max(2), PITCH - 10, color)?;
    let mut tip = format!("{head}\n{}", units::time(t.time_ns));
    if let Some((low, high)) = band(t) {
        let (from, to) = (axis.px(low), axis.px(high));
        if to > from + 1 {
            c.line(&[(from, middle), (to, middle)], INK, 1)?;
            c.line(&[(from, middle - 3), (from, middle + 3)], INK, 1)?;
            c.line(&[(to, middle - 3), (to, middle + 3)], INK, 1)?;
        }
        tip += &format!(" (band {} – {})", units::time(low), units::time(high));
    }
    let bound = t.bound.map(|b| format!("\nbound by {}", b.name())).unwrap_or_default();
    c.tip_of(place, [0, y, WIDTH, PITCH], &(tip + &bound));
    c.text(WIDTH - 62, middle, At::Right, Style::new(12.0), &units::time(t.time_ns))?;
    let gain = speedup(r).map_or(units::NONE.to_string(), |s| units::ratio(s.ratio));
    let style = if best { Style::new(12.0).bold().color(BEST) } else { Style::new(12.0).color(MUTED) };
    c.text(WIDTH - 10, middle, At::Right, style, &gain)
}

/// The floor, one segment per row: where all rungs share it, the segments join to a line.
fn floor_line(c: &Canvas, axis: &Scale, l: &Ladder) -> Result<(), ReportError> {
    let mut named = false;
    for (i, r) in l.rungs.iter().enumerate() {
        let Some(f) = floor(r) else { continue };
        let (x, y) = (axis.px(f), TOP + PITCH * i as i32);
        c.line(&[(x, y), (x, y + PITCH)], FLOOR, 2)?;
        if !named {
            let at = (x - NAMES).max(0);
            let side = if at > BARS - 60 { At::Right } else { At::Left };
            c.text(x, TOP - 12, side, Style::new(11.0).color(FLOOR), &format!("floor {}", units::time(f)))?;
            c.line(&[(x, TOP - 5), (x, y)], FLOOR, 2)?;
            named = true;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_every_rung_is_written_whole_where_it_wins_too() {
        let rungs = kernels::KERNELS.iter().flat_map(|kernel| kernel.variants());
        let smallest = Style::new(NAME_SIZES[2]).bold().set_size();
        for name in rungs.map(|rung| rung.name) {
            assert!(width(name, smallest) <= NAMES - 18, "{name} is cut");
        }
    }
}
