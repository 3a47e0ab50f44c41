//! `rank`: variants or machines in order, over the cells that all of them have.

use std::collections::BTreeMap;

use clap::Args;

use super::cells::{CellArgs, files_or_filter, read_whole};
use super::cmp::By;
use super::output::{self, Format, OutputArgs, listing_text};
use super::{Failure, command_line};
use crate::compare::rank::{CAUTION, Ranking, rank};
use crate::plan::Plan;
use crate::record::{Record, Tier};
use crate::report::listing::{Datum, Listing};

/// Flags of `rank`.
#[derive(Debug, Args)]
pub struct RankArgs {
    /// Regular expression on kernel/shape/variant, or files of records.
    #[arg(env = "RETROBENCH_FILTER")]
    what: Vec<String>,
    /// What is ranked.
    #[arg(long, value_enum, default_value = "variant", env = "RETROBENCH_BY")]
    by: By,
    #[command(flatten)]
    cells: CellArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Ranks and prints.
pub fn run(args: &RankArgs) -> Result<(), Failure> {
    args.output.ready()?;
    let records: Vec<Record> = match files_or_filter(&args.what)? {
        Ok(files) => files.iter().map(|f| read_whole(f)).collect::<Result<Vec<_>, _>>()?.concat(),
        Err(filter) => args.cells.records(&Plan::select(filter).map_err(Failure::input)?)?,
    };
    output::verdict(&records)?;
    one_host(&records, args.by)?;
    let rankings = rank(&records, args.by.into());
    if rankings.is_empty() {
        return Err(Failure::input(format!(
            "nothing to rank: two or more with a time are needed in one tier and kernel ({})",
            command_line()
        )));
    }
    args.output.write_as(|format| rendered(format, &rankings))
}

/// Refuses measurements of two hosts under one name.
fn one_host(records: &[Record], by: By) -> Result<(), Failure> {
    let host = |r: &Record| (r.environment.cpu.clone(), r.environment.host.clone());
    let mut known: BTreeMap<(Tier, String), (String, String)> = BTreeMap::new();
    for r in records.iter().filter(|r| matches!(r.tier, Tier::Native | Tier::Capped)) {
        let name = if matches!(by, By::Machine) { r.machine.name.clone() } else { r.machine.id.clone() };
        let here = host(r);
        let first = known.entry((r.tier, name)).or_insert_with(|| here.clone());
        if *first != here {
            return Err(Failure::input(format!(
                "measured on two hosts, \"{}, {}\" and \"{}, {}\": rank each by itself; `retrobench cmp A B --across-hosts` \
                 compares them",
                first.0, first.1, here.0, here.1
            )));
        }
    }
    Ok(())
}

const HEADS: &[&str] = &["kernel", "tier", "machine", "place", "name", "geometric_mean", "cells", "notes"];

fn rendered(format: Format, rankings: &[Ranking]) -> Result<String, Failure> {
    let about = format!(
        "Geometric mean of the time, over that of the first, in the cells that all of one ranking have.\n{CAUTION}{}",
        rankings.iter().map(omissions).collect::<String>()
    );
    listing_text(format, &[Listing { about, heads: HEADS.to_vec(), rows: rankings.iter().flat_map(rows).collect() }])
}

fn rows(ranking: &Ranking) -> Vec<Vec<Datum>> {
    let row = |(i, place): (usize, &crate::compare::rank::Place)| {
        vec![
            Datum::text(&ranking.kernel),
            Datum::text(ranking.tier.name()),
            ranking.machine.as_ref().map_or(Datum::None, Datum::text),
            Datum::Plain((i + 1) as f64),
            Datum::text(&place.name),
            Datum::Ratio(place.ratio),
            Datum::Plain(ranking.cells.len() as f64),
            Datum::text(if place.tied { "not told apart from the one above" } else { "" }),
        ]
    };
    ranking.places.iter().enumerate().map(row).collect()
}

/// What a ranking leaves out, in a line.
fn omissions(ranking: &Ranking) -> String {
    let machine = ranking.machine.as_ref().map_or(String::new(), |m| format!(" on {m}"));
    let of = format!("{}{machine}, {}", ranking.kernel, ranking.tier.name());
    let mut out = String::new();
    if let Some((cell, who)) = ranking.left_out.first() {
        let all = ranking.left_out.len() + ranking.cells.len();
        let all_of_them = if ranking.cells.is_empty() { ": no order" } else { "" };
        out += &format!(
            "\n{of}: {} of {all} cells are left out{all_of_them}, such as {cell}, of which {who} has no time.",
            ranking.left_out.len()
        );
    }
    if !ranking.without.is_empty() {
        out += &format!("\n{of}: without any time: {}.", ranking.without.join(", "));
    }
    out
}
