//! The terminal's tables and the flat table of all records (CSV).

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use super::group::{Book, status, timing, withheld};
use super::{ceilings, group, summary, text, units};
use crate::record::{Record, Tier};

/// Widest line of a terminal table, in columns.
const COLUMNS: u16 = 118;
/// Kernels side by side in the table of machines; more go into further tables.
const KERNELS_ABREAST: usize = 6;

/// Summary for a terminal: kernel × shape × tier, then one table per tier of several machines, machine by kernel.
pub fn summary_table(records: &[Record]) -> String {
    let book = Book::new(records);
    if book.records.is_empty() {
        return "no records\n".to_string();
    }
    let mut table = plain(&["kernel", "shape", "tier", "naive", "best", "rung", "speedup"]);
    let mut last = String::new();
    for row in summary::rows(&book) {
        let kernel = if row.kernel == last { String::new() } else { row.kernel.clone() };
        last = row.kernel;
        // The model's name is the same for most rows: what the shape is for tells them apart.
        let place = row.shape.rsplit('/').next().unwrap_or_default();
        let tier = match row.tier {
            Tier::Native => row.tier.name().into(),
            // The machine's name says that it is capped, and to what.
            Tier::Capped => row.machines,
            _ => format!("{}, {}", row.tier.name(), row.machines),
        };
        // Times of several machines are told apart in the table of machines.
        let time = |t: String| if row.several { String::new() } else { t };
        let (naive, best) = (time(row.naive), time(row.best));
        table.add_row([kernel, format!("{place} {}", row.dims), tier, naive, best, row.rung, row.speedup]);
    }
    let mut out = format!("{table}\n");
    for tier in book.tiers() {
        if book.sites.iter().filter(|s| s.tier == tier).count() > 1 {
            out.push_str(&machines(&book, tier));
        }
    }
    ceilings::beaten(&book).iter().for_each(|flag| out.push_str(&format!("{flag}\n")));
    out
}

fn machines(book: &Book, tier: Tier) -> String {
    let rows = summary::by_site(book, tier);
    let mut out = String::new();
    // Kernels that no machine of the tier has are left out.
    let there: Vec<usize> =
        (0..book.kernels.len()).filter(|k| rows.iter().any(|(_, cells)| cells[*k].0 != units::NONE)).collect();
    for shown in there.chunks(KERNELS_ABREAST) {
        let mut heads = vec![tier.name().to_string()];
        heads.extend(shown.iter().map(|k| book.kernels[*k].0.clone()));
        let mut table = plain(&heads.iter().map(String::as_str).collect::<Vec<_>>());
        for (site, cells) in &rows {
            let cells = shown.iter().map(|k| format!("{} {}", cells[*k].0, cells[*k].1).trim().to_string());
            table.add_row(std::iter::once(site.clone()).chain(cells));
        }
        out.push_str(&format!("\nbest speedup over naive per machine, {}\n{table}\n", tier.name()));
    }
    out
}

fn plain(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(COLUMNS).set_header(heads);
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if i == 0 { 0 } else { 1 }, 1));
        column.set_cell_alignment(CellAlignment::Left);
    }
    table
}

/// Columns of [`csv`].
const FIELDS: [&str; 33] = [
    "kernel",
    "shape",
    "dims",
    "variant",
    "rung",
    "machine",
    "machine_name",
    "year",
    "tier",
    "isa",
    "threads",
    "status",
    "reason",
    "time_ns",
    "low_ns",
    "high_ns",
    "speedup",
    "speedup_low",
    "speedup_high",
    "warm",
    "floor_ns",
    "bound",
    "operations",
    "bytes",
    "ops_per_s",
    "cycles",
    "cycles_per_mac",
    "nmse",
    "backward_error",
    "commit",
    "cpu",
    "seed",
    "command",
];

/// Every record as one row of comma-separated values (RFC 4180), numbers unrounded, units in the column names.
pub fn csv(records: &[Record]) -> String {
    let mut out = FIELDS.join(",") + "\n";
    for r in &Book::new(records).records {
        let fields: Vec<String> = csv_row(r).iter().map(|f| quoted(f)).collect();
        out.push_str(&(fields.join(",") + "\n"));
    }
    out
}

fn csv_row(r: &Record) -> [String; 33] {
    let t = timing(r);
    let number = |x: Option<f64>| x.filter(|x| x.is_finite()).map(|x| x.to_string()).unwrap_or_default();
    let speedup = t.and_then(|t| t.speedup);
    let (m, e) = (&r.machine, &r.environment);
    [
        r.kernel.clone(),
        r.shape.clone(),
        r.dims.clone(),
        r.variant.clone(),
        r.rung.to_string(),
        m.id.clone(),
        m.name.clone(),
        m.year.map(|y| y.to_string()).unwrap_or_default(),
        r.tier.name().to_string(),
        m.isa.clone(),
        m.threads.to_string(),
        status(r).to_string(),
        withheld(r).map(|(_, why)| why.to_string()).unwrap_or_default(),
        number(t.map(|t| t.time_ns)),
        number(t.map(|t| t.low_ns)),
        number(t.map(|t| t.high_ns)),
        number(speedup.map(|s| s.ratio)),
        number(speedup.map(|s| s.low)),
        number(speedup.map(|s| s.high)),
        t.map(|t| t.warm.to_string()).unwrap_or_default(),
        number(t.and_then(|t| t.floor_ns)),
        t.and_then(|t| t.bound).map(|b| b.name().to_string()).unwrap_or_default(),
        r.cost.operations.to_string(),
        r.cost.bytes.to_string(),
        number(t.map(|t| r.cost.operations as f64 / t.time_ns * 1e9)),
        t.and_then(|t| t.cycles).map(|c| c.cycles.to_string()).unwrap_or_default(),
        number(group::cycles_per_mac(r)),
        number(t.map(|t| t.nmse)),
        number(t.map(|t| t.backward_error)),
        e.commit.clone(),
        e.cpu.clone(),
        e.seed.to_string(),
        e.command.clone(),
    ]
}

pub(super) fn quoted(field: &str) -> String {
    let plain = !field.contains(['"', ',', '\n', '\r']) && field.trim() == field;
    if plain { field.to_string() } else { format!("\"{}\"", field.replace('"', "\"\"")) }
}

/// Cells of the full table of one record, shared by the page and the Markdown: see [`HEADS`].
pub(super) fn full_row(r: &Record) -> [String; 13] {
    let t = timing(r);
    let none = || units::NONE.to_string();
    let band = t.and_then(group::band).filter(|(low, high)| low < high);
    let gain = group::speedup(r);
    let time = match (t, band) {
        (Some(t), Some((low, high))) => {
            format!("{} ({} – {})", units::time(t.time_ns), units::time(low), units::time(high))
        }
        (Some(t), None) => units::time(t.time_ns),
        _ => none(),
    };
    let speedup = match gain {
        Some(s) if s.low < s.high => format!("{} ({})", units::ratio(s.ratio), units::ratio_range(s.low, s.high)),
        Some(s) => units::ratio(s.ratio),
        None => none(),
    };
    let warm = if t.is_some_and(|t| t.warm) { ", warm" } else { "" };
    [
        r.kernel.clone(),
        if r.dims.trim().is_empty() { r.shape.clone() } else { format!("{} ({})", r.shape, r.dims) },
        format!("{} {}", r.rung, r.variant),
        r.machine.name.clone(),
        r.tier.name().to_string(),
        format!("{} × {}", r.machine.isa, r.machine.threads),
        withheld(r).map_or(format!("timed{warm}"), |(_, why)| format!("{}: {why}", status(r))),
        time,
        t.and_then(|t| t.cycles)
            .zip(group::cycles_per_mac(r))
            .map_or_else(none, |(counted, each)| format!("{} ({})", counted.cycles, units::plain(each))),
        speedup,
        group::floor(r).zip(t).map_or_else(none, |(f, t)| units::percent(f / t.time_ns)),
        t.and_then(|t| t.bound).map_or_else(none, |b| b.name().to_string()),
        t.map_or_else(none, |t| units::error(t.nmse)),
    ]
}

/// Heads of [`full_row`].
pub(super) const HEADS: [&str; 13] = [
    "kernel",
    "shape",
    "rung",
    "machine",
    "tier",
    "isa × threads",
    "status",
    "time (band)",
    "cycles (per MAC)",
    "speedup (interval)",
    "of the limit",
    "bound",
    "NMSE",
];

/// One Markdown table.
pub(super) fn markdown(heads: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut out = format!("| {} |\n|{}\n", heads.join(" | "), "---|".repeat(heads.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|c| text::markdown(c)).collect();
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    out
}
