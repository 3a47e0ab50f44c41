//! All records once: tables of names and rows of places in them, as a script that a page from disk can load (it may not fetch).

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde_json::{Value, json};

use super::super::group::{Book, Site, band, floor, speedup, status, timing, withheld};
use super::{Frame, parts};
use crate::record::{Environment, Record, Tier};

pub(super) fn sections(frame: &Frame) -> Vec<Markup> {
    let heads = [
        "kernel",
        "shape",
        "rung",
        "machine",
        "tier",
        "status",
        "time",
        "band or reason",
        "speedup",
        "bound",
        "command",
    ];
    vec![html! {
        p { "Every cell as it was measured, modelled or emulated. What the filter leaves can be taken away as CSV or JSON, figures \
             to every digit, units in the names of the columns. The same records, one a line, are in " code { "records.jsonl" }
            " of the run." }
        noscript { p.flag { "This table is made by a script. Without one, read records.jsonl, or use `retrobench report -o csv`." } }
        (parts::controls(&frame.book.tiers()))
        p #count role="status" {}
        div.scroll { table #records .data.wrap-table {
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody {}
        } }
    }]
}

/// Names, each once, by their places.
#[derive(Default)]
struct Names(Vec<String>, BTreeMap<String, usize>);

impl Names {
    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.1.get(name) {
            return *place;
        }
        self.0.push(name.to_string());
        self.1.insert(name.to_string(), self.0.len() - 1);
        self.0.len() - 1
    }
}

/// What a row of records shares with others.
#[derive(Default)]
struct Tables {
    variants: Names,
    isas: Names,
    statuses: Names,
    reasons: Names,
    bounds: Names,
    made: Names,
    shapes: Names,
}

/// The script: one call with everything. Rows stand in the order of the book, so a place in it is a row's number.
pub(super) fn script(book: &Book) -> String {
    let mut tables = Tables::default();
    // Timed is 0, whether or not the first record is.
    tables.statuses.place("timed");
    let rows: Vec<Value> = book.records.iter().map(|r| row(book, &mut tables, r)).collect();
    let kernels: Vec<&String> = book.kernels.iter().map(|(name, _)| name).collect();
    let texts =
        |names: &Names| names.0.iter().map(|t| serde_json::from_str(t).unwrap_or_default()).collect::<Vec<Value>>();
    let data = json!({
        "kernels": kernels,
        "sites": book.sites.iter().map(site).collect::<Vec<_>>(),
        "shapes": texts(&tables.shapes),
        "variants": tables.variants.0,
        "isas": tables.isas.0,
        "statuses": tables.statuses.0,
        "reasons": tables.reasons.0,
        "bounds": tables.bounds.0,
        "made": texts(&tables.made),
        "rows": rows,
    });
    // What would end a script element cannot occur in one that is a file, but these two once ended a line of JavaScript.
    format!("retrobench({})\n", data.to_string().replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029"))
}

fn site(s: &Site) -> Value {
    json!({ "id": s.id, "name": s.name, "year": s.year, "tier": s.tier.name(), "command": command(s) })
}

/// The command that makes a cell of this site again; `{cell}` stands for the cell. None where only the command of the whole
/// does, as with limits.
fn command(s: &Site) -> Option<String> {
    match s.tier {
        Tier::Native => Some("retrobench measure '^{cell}$'".into()),
        Tier::Modelled | Tier::Emulated => Some(format!("retrobench measure '^{{cell}}$' --hw {}", s.id)),
        Tier::Capped | Tier::Published => None,
    }
}

fn environment(e: &Environment) -> Value {
    json!({ "commit": e.commit, "rustc": e.rustc, "cpu": e.cpu, "seed": e.seed, "command": e.command })
}

fn row(book: &Book, tables: &mut Tables, r: &Record) -> Value {
    let kernel = book.kernels.iter().position(|(name, _)| *name == r.kernel).unwrap_or(0);
    let site = book.sites.iter().position(|s| s.tier == r.tier && s.id == r.machine.id).unwrap_or(0);
    let shape = json!([kernel, r.shape, r.dims, r.cost.operations, r.cost.bytes]).to_string();
    let t = timing(r);
    let bound = t.and_then(|t| t.bound).map_or(-1, |b| tables.bounds.place(b.name()) as i64);
    let mut row = vec![
        json!(site),
        json!(tables.shapes.place(&shape)),
        json!(tables.variants.place(&r.variant)),
        json!(r.rung),
        json!(tables.isas.place(&r.machine.isa)),
        json!(r.machine.threads),
        json!(tables.made.place(&environment(&r.environment).to_string())),
        json!(tables.statuses.place(status(r))),
        json!(i32::from(t.is_some_and(|t| t.warm))),
        json!(bound),
    ];
    match (t, withheld(r)) {
        (Some(t), _) => {
            let (low, high) = band(t).unwrap_or((t.time_ns, t.time_ns));
            let gain = speedup(r);
            row.extend([json!(t.time_ns), json!(low), json!(high)]);
            row.extend([json!(gain.map(|g| g.ratio)), json!(gain.map(|g| g.low)), json!(gain.map(|g| g.high))]);
            row.extend([json!(floor(r)), json!(t.nmse), json!(t.backward_error)]);
        }
        (None, why) => row.push(json!(tables.reasons.place(why.map_or("", |w| w.1)))),
    }
    Value::Array(row)
}
