//! Tokens a second of one model on every machine: naive against optimized, and what others measured on the same machine.
//! The years of hardware between two machines and what code is worth on each are on one axis.

use super::super::group::Site;
use super::super::{ReportError, text, units};
use super::scale::Scale;
use super::{At, BEST, Canvas, GRID, INK, MUTED, NAIVE, PAPER, Picture, Style, draw, fitted};
use crate::record::{Outcome, Record, Tier};

const WIDTH: i32 = 860;
const NAMES: i32 = 300;
const FIGURES: i32 = 170;
const TOP: i32 = 74;
const PITCH: i32 = 26;

/// The kernels of end-to-end records: one token through a whole model, by the core or, in fixed point, in machine code; their
/// shapes are `model/...`.
const DECODE: [&str; 2] = ["decode", "decode_step_fixed"];

/// True of those kernels.
pub fn is_token(kernel: &str) -> bool {
    DECODE.contains(&kernel)
}

/// One machine in one tier, at one shape: a model whose weights come from another store has a row of its own.
struct Row<'a> {
    record: &'a Record,
    /// What tells its shape from the machine's first.
    apart: String,
    naive: Option<f64>,
    best: Option<f64>,
    published: Vec<(&'a str, f64)>,
}

/// The models that end-to-end records are of, in their order.
pub fn models(records: &[Record]) -> Vec<&str> {
    let mut models = Vec::new();
    for model in records.iter().filter(|r| is_token(&r.kernel)).filter_map(|r| Some(r.shape.split_once('/')?.0)) {
        if !models.contains(&model) {
            models.push(model);
        }
    }
    models
}

fn tokens_per_s(record: &Record) -> Option<f64> {
    match &record.outcome {
        Outcome::Timed(timing) if timing.time_ns > 0.0 => Some(1e9 / timing.time_ns),
        _ => None,
    }
}

/// Rows of machines that ran the model at all, by tier and then by what is best there, slowest first.
fn rows<'a>(records: &'a [Record], model: &str) -> Vec<Row<'a>> {
    let of_model = |r: &&Record| is_token(&r.kernel) && r.shape.split_once('/').is_some_and(|(name, _)| name == model);
    let all: Vec<&Record> = records.iter().filter(of_model).collect();
    let mut rows: Vec<Row> = Vec::new();
    for record in all.iter().filter(|r| r.tier != Tier::Published) {
        let there = |row: &&Row| (row.record.tier, &row.record.machine.id) == (record.tier, &record.machine.id);
        let at = rows.iter().position(|row| there(&row) && row.record.shape == record.shape).unwrap_or_else(|| {
            let first = rows.iter().find(there).map_or(record.shape.as_str(), |row| &row.record.shape);
            let apart = apart(first, &record.shape).to_string();
            rows.push(Row { record, apart, naive: None, best: None, published: Vec::new() });
            rows.len() - 1
        });
        let (row, rate) = (&mut rows[at], tokens_per_s(record));
        match record.rung {
            0 => row.naive = row.naive.or(rate),
            _ => row.best = [row.best, rate].into_iter().flatten().reduce(f64::max),
        }
    }
    for record in all.iter().filter(|r| r.tier == Tier::Published) {
        let same = |row: &&mut Row| row.record.machine.id == record.machine.id;
        if let (Some(row), Some(rate)) = (rows.iter_mut().find(same), tokens_per_s(record)) {
            row.published.push((&record.variant, rate));
        }
    }
    rows.retain(|row| row.naive.is_some() || row.best.is_some());
    rows.sort_by(|a, b| {
        let rate = |row: &Row| row.best.or(row.naive).unwrap_or(0.0);
        b.record.tier.cmp(&a.record.tier).then(rate(a).total_cmp(&rate(b)))
    });
    rows
}

/// What a shape has that the first of its machine has not: `disk` of `m/position-31-disk`.
fn apart<'a>(first: &str, shape: &'a str) -> &'a str {
    let whole = || shape.split_once('/').map_or(shape, |(_, place)| place);
    shape.strip_prefix(first).map_or_else(whole, |rest| rest.trim_start_matches('-'))
}

/// What optimized code is worth on the machines, least and most.
fn finding(rows: &[Row], model: &str) -> String {
    let worth = rows.iter().filter_map(|row| Some(row.best? / row.naive?));
    let (low, high) = worth.fold((f64::INFINITY, 0f64), |(low, high), worth| (low.min(worth), high.max(worth)));
    match (units::ratio(low), units::ratio(high)) {
        _ if high == 0.0 => format!("Tokens a second of {model}"),
        (low, high) if low == high => format!("Optimized code makes tokens of {model} {high} as fast"),
        (low, high) => format!("Optimized code makes tokens of {model} {low} to {high} as fast"),
    }
}

/// A rate, or the time of a token where it is long.
fn pace(rate: f64) -> String {
    if rate < 0.1 { units::time(1e9 / rate) } else { units::plain(rate) }
}

/// Draws the chart of a model; none where no record has its time.
///
/// # Errors
/// [`ReportError::Draw`] if the drawing library refuses.
pub fn picture(records: &[Record], model: &str) -> Result<Option<Picture>, ReportError> {
    let rows = rows(records, model);
    let Some(first) = rows.first() else { return Ok(None) };
    let rates = || rows.iter().flat_map(|r| r.naive.into_iter().chain(r.best).chain(r.published.iter().map(|p| p.1)));
    let (low, high) = rates().fold((f64::INFINITY, 0f64), |(low, high), rate| (low.min(rate), high.max(rate)));
    let axis = Scale::log(low / 1.5, high * 1.5, NAMES, WIDTH - NAMES - FIGURES);
    let title = finding(&rows, model);
    let under = format!("{} · one token at a time · log scale", first.record.dims);
    let bottom = TOP + PITCH * rows.len() as i32;
    let label = format!("{title}, on {} machines.", rows.len());
    let drawn = draw((WIDTH, bottom + 34), 560, &label, |c| {
        fitted(c, (12, 18), At::Left, Style::new(14.0).bold(), WIDTH - 24, &title)?;
        fitted(c, (12, 36), At::Left, Style::new(11.0).color(MUTED), WIDTH - 24, &under)?;
        key(c, rows.iter().any(|row| !row.published.is_empty()))?;
        for tick in axis.ticks(8) {
            let x = axis.px(tick);
            c.line(&[(x, TOP - 6), (x, bottom)], GRID, 1)?;
            c.text(x, bottom + 12, At::Middle, Style::new(10.5).color(MUTED), &tick.to_string())?;
        }
        for (i, row) in rows.iter().enumerate() {
            machine(c, &axis, row, TOP + PITCH * i as i32 + PITCH / 2)?;
        }
        c.text((NAMES + WIDTH - FIGURES) / 2, bottom + 27, At::Middle, Style::new(10.5).color(MUTED), "tokens/s")
    })?;
    Ok(Some(drawn))
}

fn key(c: &Canvas, published: bool) -> Result<(), ReportError> {
    let style = Style::new(11.0).color(MUTED);
    let y = 55;
    ring(c, NAMES + 4, y)?;
    c.text(NAMES + 14, y, At::Left, style, "naive")?;
    c.disc(NAMES + 74, y, 5, BEST)?;
    c.text(NAMES + 84, y, At::Left, style, "optimized")?;
    if published {
        diamond(c, NAMES + 164, y)?;
        c.text(NAMES + 174, y, At::Left, style, "published, others' code")?;
    }
    Ok(())
}

fn ring(c: &Canvas, x: i32, y: i32) -> Result<(), ReportError> {
    c.disc(x, y, 5, NAIVE)?;
    c.disc(x, y, 3, PAPER)
}

fn diamond(c: &Canvas, x: i32, y: i32) -> Result<(), ReportError> {
    c.polygon(&[(x - 5, y), (x, y - 5), (x + 5, y), (x, y + 5)], INK)
}

fn machine(c: &Canvas, axis: &Scale, row: &Row, y: i32) -> Result<(), ReportError> {
    let site = Site::of(row.record);
    let apart = if row.apart.is_empty() { String::new() } else { format!(", {}", row.apart) };
    let name = format!("{}{apart} · {}", site.dated(), row.record.tier.name());
    let room = NAMES - 18;
    // Where a name does not fit, its maker is what a reader misses least.
    let shown = match name.split_once(' ') {
        Some((_, rest)) if text::width(&name, 11.5) > room => rest,
        _ => &name,
    };
    fitted(c, (NAMES - 10, y), At::Right, Style::new(11.5), room, shown)?;
    if let (Some(naive), Some(best)) = (row.naive, row.best) {
        c.line(&[(axis.px(naive), y), (axis.px(best), y)], BEST, 2)?;
    }
    if let Some(naive) = row.naive {
        ring(c, axis.px(naive), y)?;
    }
    if let Some(best) = row.best {
        c.disc(axis.px(best), y, 5, BEST)?;
    }
    for (_, rate) in &row.published {
        diamond(c, axis.px(*rate), y)?;
    }
    let worth = row.naive.zip(row.best).map_or(String::new(), |(n, b)| format!(" ({})", units::ratio(b / n)));
    let from = row.naive.map_or(String::new(), |n| format!("{} → ", pace(n)));
    let to = row.best.map_or("–".to_string(), pace);
    let figures = format!("{from}{to}{worth}");
    fitted(c, (WIDTH - 10, y), At::Right, Style::new(11.0), FIGURES - 14, &figures)?;
    let published = row.published.iter().map(|(who, rate)| format!("\n{who}: {} (published)", units::plain(*rate)));
    c.tip(
        0,
        y - PITCH / 2,
        WIDTH,
        PITCH,
        &format!("{name}\n{figures}, tokens/s or time of a token{}", published.collect::<String>()),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::timed;

    fn end_to_end(tier: Tier, machine: &str, variant: &str, rung: u32, ns: f64) -> Record {
        let mut r = timed(tier, machine, variant, ns);
        (r.kernel, r.shape) = (DECODE[0].into(), "tiny/t64".into());
        r.machine.name = machine.into();
        r.rung = rung;
        r
    }

    #[test]
    fn machines_have_both_ends_and_what_was_published() {
        let records = [
            end_to_end(Tier::Modelled, "old", "naive", 0, 4e7),
            end_to_end(Tier::Modelled, "old", "best", 1, 1e7),
            end_to_end(Tier::Published, "old", "theirs", 0, 2e7),
            end_to_end(Tier::Published, "absent", "nobodys", 0, 2e7),
            end_to_end(Tier::Native, "here", "naive", 0, 1e6),
            end_to_end(Tier::Native, "here", "best", 1, 1e5),
        ];
        assert_eq!(models(&records), ["tiny"]);
        let slow = [("naive", 0, 600e9), ("disk", 1, 60e9), ("best", 2, 30e9)]
            .map(|(variant, rung, ns)| end_to_end(Tier::Emulated, "older", variant, rung, ns));
        let drawn = picture(&slow, "tiny").expect("drawn").expect("a chart").file();
        assert!(drawn.contains("10.0 min → 30.0 s (20×)") && drawn.contains("tiny 20× as fast"), "{drawn}");
        // Weights from another store are another row, and no gain of the first.
        let disk = [("naive", 0, 60e9), ("best", 1, 40e9)].map(|(variant, rung, ns)| Record {
            shape: "tiny/t64-disk".into(),
            ..end_to_end(Tier::Emulated, "older", variant, rung, ns)
        });
        let drawn = picture(&[&slow[..], &disk].concat(), "tiny").expect("drawn").expect("a chart").file();
        assert!(
            drawn.contains("older (1990), disk · emulated") && drawn.contains("60.0 s → 40.0 s (1.50×)"),
            "{drawn}"
        );
        assert!(drawn.contains("10.0 min → 30.0 s (20×)"), "{drawn}");
        let drawn = picture(&records, "tiny").expect("drawn").expect("a chart").file();
        for words in ["old", "25 → 100 (4.0×)", "theirs: 50", "here"] {
            assert!(drawn.contains(words), "{words}: {drawn}");
        }
        assert!(!drawn.contains("absent"));
        assert!(picture(&records, "other").expect("drawn").is_none());
    }
}
