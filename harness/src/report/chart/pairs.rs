//! Tricks of old machines beside what became of them: what each was worth then, in the machine's own code, and is worth
//! now, each over the rung without it.

use super::super::group::{Book, timing};
use super::super::{ReportError, text, units};
use super::scale::Scale;
use super::{At, BEST, Canvas, GRID, MUTED, Picture, RUNG, Style, draw, fitted};
use crate::record::{Record, Tier};

/// A rung with the trick and one without it.
struct Trick {
    name: &'static str,
    kernel: &'static str,
    with: &'static str,
    without: &'static str,
}

impl Trick {
    const fn new(name: &'static str, kernel: &'static str, with: &'static str, without: &'static str) -> Self {
        Self { name, kernel, with, without }
    }
}

/// A trick of the time and its descendant.
const PAIRS: [[Trick; 2]; 7] = [
    [
        Trick::new("products from a table of quarter squares", "dot_fixed", "quarter_square", "shift_add"),
        Trick::new("products from a table in a register", "gemv_ternary", "lut_shuffle", "add_sub"),
    ],
    [
        Trick::new("sums of seven weights' bits from a page", "dot_fixed", "subset_sums", "quarter_square_code"),
        Trick::new("sums of several weights from a table", "gemv_ternary", "lut", "add_sub"),
    ],
    [
        Trick::new("fixed point", "dot_fixed", "fixed_point", "soft_float"),
        Trick::new("int8", "gemv_q8", "dot4", "naive"),
    ],
    [
        Trick::new("activations in the scratchpad", "dot_fixed", "scratchpad", "fixed_point"),
        Trick::new("tiles that stay in the cache", "gemm_f32", "cache_tiles", "simd"),
    ],
    [
        Trick::new("eight steps written out", "dot_fixed", "shift_add_unrolled", "shift_add_upper"),
        Trick::new("loops unrolled for sizes known to the compiler", "gemv_f32", "unrolled", "naive"),
    ],
    [
        Trick::new("one division a row, for its root", "rmsnorm_fixed", "reciprocal", "divide"),
        Trick::new("one division a row, for its sum", "softmax", "reciprocal", "naive"),
    ],
    [
        Trick::new("weights by DMA, a block at a time", "dot_fixed", "zero_page_dma", "zero_page_bytes"),
        Trick::new("weights in several streams at once", "gemv_f32", "multi_row", "simd"),
    ],
];

/// What a trick was worth somewhere.
struct Worth<'a> {
    record: &'a Record,
    machine: String,
    ratio: f64,
}

const WIDTH: i32 = 760;
const HALF: i32 = WIDTH / 2;
const TOP: i32 = 64;
const PITCH: i32 = 70;
const BAR: i32 = 150;

/// Draws the pairs of which both sides have records; none where there is no such pair.
///
/// # Errors
/// [`ReportError::Draw`] if the drawing library refuses.
pub fn picture(book: &Book) -> Result<Option<Picture>, ReportError> {
    let both =
        |[then, now]: &'static [Trick; 2]| Some([(then, worth(book, then, true)?), (now, worth(book, now, false)?)]);
    let pairs: Vec<[(&Trick, Worth<'_>); 2]> = PAIRS.iter().filter_map(both).collect();
    if pairs.is_empty() {
        return Ok(None);
    }
    let most = pairs.iter().flatten().map(|(_, worth)| worth.ratio).fold(1.0, f64::max);
    let label =
        "Tricks of old machines beside what became of them, each with what it is worth over the rung without it.";
    let height = TOP + PITCH * pairs.len() as i32 + 10;
    draw((WIDTH, height), 480, label, |c| {
        let heading = "What a trick was worth then, and what became of it is worth now";
        fitted(c, (12, 18), At::Left, Style::new(14.0).bold(), WIDTH - 24, heading)?;
        for (x, words) in [(12, "then · emulated"), (HALF + 12, "now")] {
            let under = format!("{words} · times faster than without, log scale");
            fitted(c, (x, 42), At::Left, Style::new(11.0).color(MUTED), HALF - 24, &under)?;
        }
        for (i, pair) in pairs.iter().enumerate() {
            let y = TOP + PITCH * i as i32;
            c.line(&[(12, y - 6), (WIDTH - 12, y - 6)], GRID, 1)?;
            for (side, (trick, worth)) in pair.iter().enumerate() {
                half(c, (12 + HALF * side as i32, y), trick, worth, most, if side == 0 { RUNG } else { BEST })?;
            }
        }
        Ok(())
    })
    .map(Some)
}

fn half(
    c: &Canvas,
    (x, y): (i32, i32),
    trick: &Trick,
    worth: &Worth<'_>,
    most: f64,
    color: plotters::style::RGBColor,
) -> Result<(), ReportError> {
    let r = worth.record;
    fitted(c, (x, y + 8), At::Left, Style::new(12.5).bold(), HALF - 24, trick.name)?;
    let detail = format!("{} {} over {}", trick.kernel, trick.with, trick.without);
    fitted(c, (x, y + 25), At::Left, Style::new(11.0).color(MUTED), HALF - 24, &detail)?;
    // A trick that costs time has a bar of the least width.
    let end = Scale::log(1.0, (most * 1.05).max(1.1), x, BAR).px(worth.ratio.max(1.0)).max(x + 2);
    c.fill(x, y + 38, end - x, 14, color)?;
    let ratio = units::ratio(worth.ratio);
    c.text(end + 8, y + 45, At::Left, Style::new(12.5).bold(), &ratio)?;
    let beside = end + 18 + text::width(&ratio, 13.0);
    fitted(c, (beside, y + 45), At::Left, Style::new(11.0).color(MUTED), x + HALF - 20 - beside, &worth.machine)?;
    let tip = format!("{}\n{} {}, {}\n{}", r.idea, r.shape, r.dims, r.tier.name(), units::ratio(worth.ratio));
    c.tip(x, y, HALF - 24, PITCH - 8, &tip);
    Ok(())
}

/// Then: on its emulated machine. Now: on this host where that was measured, else on the newest machine that was modelled.
/// At the largest shape that both rungs have there.
fn worth<'a>(book: &'a Book, trick: &Trick, then: bool) -> Option<Worth<'a>> {
    let of = |name: &'static str| book.records.iter().filter(move |r| r.kernel == trick.kernel && r.variant == name);
    let place = |tier: Tier| match tier {
        Tier::Emulated if then => Some(0),
        Tier::Modelled if !then => Some(0),
        Tier::Native if !then => Some(1),
        _ => None,
    };
    let mut best: Option<(_, &Record, f64)> = None;
    for record in of(trick.with).filter(|r| r.machine.class != "gpu") {
        let same = |r: &&Record| r.tier == record.tier && r.machine.id == record.machine.id && r.shape == record.shape;
        let other = of(trick.without).find(same);
        let (Some(place), Some(with), Some(without)) = (place(record.tier), timing(record), other.and_then(timing))
        else {
            continue;
        };
        let key = (place, record.machine.year, record.cost.operations);
        if best.is_none_or(|(known, ..)| known < key) {
            best = Some((key, record, without.time_ns / with.time_ns));
        }
    }
    let (_, record, ratio) = best?;
    let site = book.sites.iter().find(|s| s.tier == record.tier && s.id == record.machine.id);
    let machine = site.map_or_else(|| record.machine.name.clone(), |s| s.dated());
    let machine = if then { machine } else { format!("{machine}, {}", record.tier.name()) };
    Some(Worth { record, machine, ratio })
}
