//! The terminal's tables and the flat table of all records (CSV).

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width};

use super::group::{Book, status, timing, withheld};
use super::{ceilings, group, summary, text, units};
use crate::record::{Record, Tier};

/// Widest line of a terminal table, in columns.
const COLUMNS: u16 = 118;
/// Kernels side by side in the table of machines, where their names leave room; more go into further tables.
const KERNELS_ABREAST: usize = 6;
/// Least width of the column of machines, whose names are of several words.
const MACHINES: usize = 24;

/// Summary for a terminal: kernel × shape × tier, then one table per tier of several machines, machine by kernel.
pub fn summary_table(records: &[Record]) -> String {
    let book = Book::new(records);
    if book.records.is_empty() {
        return "no records\n".to_string();
    }
    let heads = ["kernel", "shape", "tier", "naive", "best", "rung", "speedup"].map(String::from);
    let (mut rows, mut last) = (Vec::new(), String::new());
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
        rows.push(vec![kernel, format!("{place} {}", row.dims), tier, naive, best, row.rung, row.speedup]);
    }
    let mut out = format!("{}\n", plain(&heads, &rows, 0));
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
    let head = |k: usize| book.kernels[k].0.clone();
    let cell = |cells: &[(String, String)], k: usize| format!("{} {}", cells[k].0, cells[k].1).trim().to_string();
    let width =
        |k: usize| 2 + rows.iter().map(|(_, cells)| longest(&cell(cells, k))).fold(longest(&head(k)), usize::max);
    for shown in abreast(&there, width) {
        let heads: Vec<String> =
            std::iter::once(tier.name().to_string()).chain(shown.iter().map(|k| head(*k))).collect();
        let row = |(site, cells): &(String, Vec<(String, String)>)| {
            std::iter::once(site.clone()).chain(shown.iter().map(|k| cell(cells, *k))).collect::<Vec<_>>()
        };
        let table = plain(&heads, &rows.iter().map(row).collect::<Vec<_>>(), MACHINES);
        out.push_str(&format!("\nbest speedup over naive per machine, {}\n{table}\n", tier.name()));
    }
    out
}

/// Columns in groups that stand side by side with no word broken.
fn abreast(all: &[usize], width: impl Fn(usize) -> usize) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut taken = 0;
    for k in all {
        let fits = taken + width(*k) <= usize::from(COLUMNS);
        match groups.last_mut().filter(|group| fits && group.len() < KERNELS_ABREAST) {
            Some(group) => group.push(*k),
            None => {
                groups.push(vec![*k]);
                taken = MACHINES;
            }
        }
        taken += width(*k);
    }
    groups
}

/// Length of the longest word: a cell is broken between words.
fn longest(text: &str) -> usize {
    text.split(' ').map(|word| word.chars().count()).max().unwrap_or(0)
}

/// A table with no word broken, where there is room for the longest of each column; `first` is the least width of the first, if
/// there is room for that too.
fn plain(heads: &[String], rows: &[Vec<String>], first: usize) -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(COLUMNS).set_header(heads);
    table.add_rows(rows);
    let widths = widths(heads, rows, first);
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if i == 0 { 0 } else { 1 }, 1));
        column.set_cell_alignment(CellAlignment::Left);
        if let Some(width) = widths.get(i) {
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(*width as u16)));
        }
    }
    table
}

/// Widths of columns, blanks beside the words included: the longest word of each, and of what is left as much as puts cells on
/// one line, where that takes least first. None where the words are too wide together.
fn widths(heads: &[String], rows: &[Vec<String>], first: usize) -> Vec<usize> {
    let most = |i: usize, of: fn(&str) -> usize| rows.iter().map(|row| of(&row[i])).fold(of(&heads[i]), usize::max);
    let blanks = |i: usize| if i == 0 { 1 } else { 2 };
    let whole = |i: usize| most(i, |text| text.chars().count()) + blanks(i);
    let mut widths: Vec<usize> = (0..heads.len()).map(|i| most(i, longest) + blanks(i)).collect();
    // Between two columns is one more.
    let taken = widths.iter().sum::<usize>() + heads.len() - 1;
    let Some(mut room) = usize::from(COLUMNS).checked_sub(taken) else { return Vec::new() };
    let mut widen = |i: usize, to: usize| {
        let more = to.saturating_sub(widths[i]).min(room);
        widths[i] += more;
        room -= more;
    };
    widen(0, first.min(whole(0)));
    let mut order: Vec<usize> = (0..heads.len()).collect();
    order.sort_by_key(|i| whole(*i) - most(*i, longest));
    order.into_iter().for_each(|i| widen(i, whole(i)));
    widths
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_is_broken_and_no_line_is_too_wide() {
        let words = |text: &str| text.split('|').map(str::to_string).collect::<Vec<_>>();
        let heads = words("emulated|dot_fixed|gemm_fixed|dot_ternary|softmax_fixed|rmsnorm_fixed|decode_step_fixed");
        let rows = [
            words(
                "Sinclair ZX Spectrum 48K (1982)|8.7× subset_sums|–|3.6× index_lists|6.1× logs|1.91× table|1.03× optimized",
            ),
            words("Commodore 64 (1982)|31× x86_scales_parallel|–|7.4× compiled|6.9× logs|3.5× table|26× optimized"),
        ];
        let shown = plain(&heads, &rows, MACHINES).to_string();
        for word in heads.iter().chain(rows.iter().flatten()).flat_map(|cell| cell.split(' ')) {
            assert!(shown.contains(word), "{word} is broken in\n{shown}");
        }
        assert!(shown.lines().all(|line| line.chars().count() <= usize::from(COLUMNS)), "{shown}");
        // Where they do not fit they are broken, and the table still fits.
        let shown = plain(&[heads.clone(), heads].concat(), &[], 0).to_string();
        assert!(shown.lines().all(|line| line.chars().count() <= usize::from(COLUMNS)), "{shown}");
    }

    #[test]
    fn kernels_stand_side_by_side_as_far_as_their_names_leave_room() {
        let all: Vec<usize> = (0..8).collect();
        assert_eq!(abreast(&all, |_| 10), [vec![0, 1, 2, 3, 4, 5], vec![6, 7]]);
        assert_eq!(abreast(&all[..4], |k| if k == 1 { 80 } else { 10 }), [vec![0, 1], vec![2, 3]]);
        assert_eq!(abreast(&all[..2], |_| 500), [vec![0], vec![1]]);
    }
}
