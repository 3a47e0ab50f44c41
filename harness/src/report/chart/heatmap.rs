//! Heat map: what each rung of a kernel is worth on each site, as text on a colour that diverges round 1×.
//! Cells without a speedup are hatched and say why.

use plotters::style::RGBColor;

use super::super::finding;
use super::super::group::{Book, Ladder, Site, speedup, timing, withheld};
use super::super::{ReportError, text, units};
use super::{At, BLANK, Canvas, INK, MUTED, Style, draw, fitted};
use crate::record::Record;

const NAMES: i32 = 132;
const CELL_W: i32 = 74;
const CELL_H: i32 = 34;
const TOP: i32 = 96;
const LEGEND: i32 = 56;
/// Gap between tiers, and between processors and GPUs.
const GAP: i32 = 12;

/// Orange (losses), grey (nothing), blue (gains); luminance falls monotonically on both sides.
const LOSS: RGBColor = RGBColor(0xb3, 0x58, 0x06);
const EVEN: RGBColor = RGBColor(0xf5, 0xf5, 0xf3);
const GAIN: [RGBColor; 3] = [RGBColor(0xa9, 0xcf, 0xe6), RGBColor(0x2b, 0x7b, 0xb9), RGBColor(0x08, 0x30, 0x6b)];

/// Draws the heat map of kernel `k` and shape `s`.
pub fn svg(book: &Book, k: usize, s: usize) -> Result<String, ReportError> {
    let ladders = book.ladders(k, s);
    // Rungs of other machines' shapes have no row.
    let mut variants = book.variants(k);
    variants.retain(|(_, v)| ladders.iter().any(|l| l.rungs.iter().any(|r| r.variant == *v)));
    let columns = columns(&ladders);
    let right = columns.last().map_or(NAMES, |x| x + CELL_W);
    let (width, height) = ((right + 12).max(420), TOP + CELL_H * variants.len() as i32 + LEGEND);
    let top = ladders.iter().flat_map(|l| &l.rungs).filter_map(|r| speedup(r)).map(|s| s.ratio).fold(8.0, f64::max);
    let label = format!("{}: speedup over naive by rung and machine.", finding::heatmap(book, k, s));
    draw((width, height), width * 4 / 5, &label, |c| {
        tiers(c, &ladders, &columns)?;
        for (l, x) in ladders.iter().zip(&columns) {
            head(c, l.site, *x)?;
        }
        for (i, (_, variant)) in variants.iter().enumerate() {
            let y = TOP + CELL_H * i as i32;
            fitted(c, (NAMES - 8, y + CELL_H / 2), At::Right, Style::new(12.0), NAMES - 14, variant)?;
            for (l, x) in ladders.iter().zip(&columns) {
                let r = l.rungs.iter().copied().find(|r| r.variant == *variant);
                let best = l.best().is_some_and(|b| b.variant == *variant);
                cell(c, (*x, y), l.site, r, best, top)?;
            }
        }
        legend(c, height - LEGEND + 22, top)
    })
}

fn columns(ladders: &[Ladder]) -> Vec<i32> {
    let mut x = NAMES;
    let mut out = Vec::new();
    for (i, l) in ladders.iter().enumerate() {
        let kind = |l: &Ladder| (l.site.tier, l.site.gpu);
        if i > 0 && kind(&ladders[i - 1]) != kind(l) {
            x += GAP;
        }
        out.push(x);
        x += CELL_W;
    }
    out
}

/// A bracket with the tier's name over the columns of each tier.
fn tiers(c: &Canvas, ladders: &[Ladder], columns: &[i32]) -> Result<(), ReportError> {
    let mut first = 0;
    for i in 0..ladders.len() {
        let tier = ladders[i].site.tier;
        if ladders.get(i + 1).is_some_and(|next| next.site.tier == tier) {
            continue;
        }
        let (from, to) = (columns[first], columns[i] + CELL_W - 2);
        let style = Style::new(11.0).color(MUTED).bold();
        c.text((from + to) / 2, 12, At::Middle, style, tier.name())?;
        c.line(&[(from, 26), (from, 22), (to, 22), (to, 26)], MUTED, 1)?;
        first = i + 1;
    }
    Ok(())
}

fn head(c: &Canvas, site: &Site, x: i32) -> Result<(), ReportError> {
    let lines = text::wrap(site.short(), 10.5, CELL_W - 4, 4);
    for (i, line) in lines.iter().enumerate() {
        c.text(x + CELL_W / 2, 37 + 13 * i as i32, At::Middle, Style::new(10.5), line)?;
    }
    if let Some(year) = site.year {
        c.text(x + CELL_W / 2, TOP - 8, At::Middle, Style::new(10.5).color(MUTED), &year.to_string())?;
    }
    c.tip(x, 28, CELL_W, TOP - 28, &format!("{}, {}", site.name, site.tier.name()));
    Ok(())
}

fn cell(
    c: &Canvas,
    (x, y): (i32, i32),
    site: &Site,
    r: Option<&Record>,
    best: bool,
    top: f64,
) -> Result<(), ReportError> {
    let (w, h) = (CELL_W - 2, CELL_H - 2);
    let middle = (x + w / 2, y + h / 2);
    let Some(r) = r else {
        c.text(middle.0, middle.1, At::Middle, Style::new(11.0).color(MUTED), units::NONE)?;
        c.tip(x, y, w, h, &format!("{}: no record", site.short()));
        return Ok(());
    };
    let place = format!("{} on {}, {}", r.variant, site.short(), site.tier.name());
    if let Some((word, why)) = withheld(r) {
        c.fill(x, y, w, h, BLANK)?;
        c.hatch(x, y, w, h)?;
        let half = text::width(word, 11.0) / 2 + 4;
        c.fill(middle.0 - half, middle.1 - 8, 2 * half, 16, BLANK)?;
        c.text(middle.0, middle.1, At::Middle, Style::new(11.0).color(MUTED), word)?;
        c.tip(x, y, w, h, &format!("{place}\n{word}: {why}"));
        return Ok(());
    }
    let time = timing(r).map_or(units::NONE.to_string(), |t| units::time(t.time_ns));
    let bound = timing(r).and_then(|t| t.bound).map(|b| format!(", bound by {}", b.name())).unwrap_or_default();
    let Some(gain) = speedup(r) else {
        c.fill(x, y, w, h, BLANK)?;
        c.text(middle.0, middle.1, At::Middle, Style::new(11.0), &time)?;
        c.tip(x, y, w, h, &format!("{place}\n{time}{bound}; naive has no time to compare with"));
        return Ok(());
    };
    let back = color(gain.ratio, top);
    c.fill(x, y, w, h, back)?;
    if best {
        c.line(
            &[(x + 1, y + 1), (x + w - 1, y + 1), (x + w - 1, y + h - 1), (x + 1, y + h - 1), (x + 1, y + 1)],
            INK,
            2,
        )?;
    }
    let doubt = gain.low < gain.high && gain.low <= 1.0 && gain.high >= 1.0;
    let words = format!("{}{}", if doubt { "~" } else { "" }, units::ratio(gain.ratio));
    let style = Style::new(12.5).color(over(back));
    c.text(middle.0, middle.1, At::Middle, if best { style.bold() } else { style }, &words)?;
    let interval = units::ratio_range(gain.low, gain.high);
    c.tip(x, y, w, h, &format!("{place}\n{} ({interval}), {time}{bound}", units::ratio(gain.ratio)));
    Ok(())
}

fn legend(c: &Canvas, y: i32, top: f64) -> Result<(), ReportError> {
    let style = Style::new(10.5).color(MUTED);
    let mut x = NAMES;
    for ratio in [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0] {
        if ratio > top * 1.01 || x + 40 > NAMES + 300 {
            break;
        }
        let back = color(ratio, top);
        c.fill(x, y - 9, 36, 18, back)?;
        c.text(x + 18, y, At::Middle, Style::new(10.5).color(over(back)), &units::plain(ratio))?;
        x += 36;
    }
    c.text(NAMES - 8, y, At::Right, style, "times naive")?;
    c.text(NAMES, y + 22, At::Left, style, "framed: fastest rung · ~: interval holds 1×")
}

/// Colour of a ratio; `top` is the deepest blue, a quarter the deepest orange.
fn color(ratio: f64, top: f64) -> RGBColor {
    if ratio < 1.0 {
        return mix(EVEN, LOSS, (-ratio.log2() / 2.0).clamp(0.0, 1.0));
    }
    let depth = (ratio.ln() / top.ln()).clamp(0.0, 1.0) * 3.0;
    match depth {
        d if d < 1.0 => mix(EVEN, GAIN[0], d),
        d if d < 2.0 => mix(GAIN[0], GAIN[1], d - 1.0),
        d => mix(GAIN[1], GAIN[2], d - 2.0),
    }
}

fn mix(a: RGBColor, b: RGBColor, share: f64) -> RGBColor {
    let blend = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
    RGBColor(blend(a.0, b.0), blend(a.1, b.1), blend(a.2, b.2))
}

/// Black or white, whichever contrasts more with `back`: one of them reaches 4.5 on any colour.
fn over(back: RGBColor) -> RGBColor {
    let (black, white) = (RGBColor(0, 0, 0), RGBColor(0xff, 0xff, 0xff));
    if contrast(black, back) >= contrast(white, back) { black } else { white }
}

/// Contrast ratio of two colours as WCAG 2 defines it.
fn contrast(a: RGBColor, b: RGBColor) -> f64 {
    let linear = |v: u8| match f64::from(v) / 255.0 {
        v if v <= 0.04045 => v / 12.92,
        v => ((v + 0.055) / 1.055).powf(2.4),
    };
    let luminance = |c: RGBColor| 0.2126 * linear(c.0) + 0.7152 * linear(c.1) + 0.0722 * linear(c.2);
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_legible_on_every_cell() {
        for i in -40..=120 {
            let back = color(2f64.powf(f64::from(i) / 10.0), 4096.0);
            assert!(contrast(over(back), back) >= 4.5, "2^{} on {back:?}", f64::from(i) / 10.0);
        }
        assert!(contrast(MUTED, BLANK) >= 4.5);
    }
}
