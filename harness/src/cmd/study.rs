//! `study`: what is known of kernels beside a time on a machine, computed here.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kernels::gemm_fp8::promotion::{self, Rounding, Sign};

use super::measure::parse_caps;
use super::output::{Format, plain_table, print};
use super::{Failure, limits, links, published, streaming};
use crate::capped::Caps;
use crate::crossover::{Cell, QUESTIONS, Question};
use crate::report::units;

/// Flags of `study`.
#[derive(Debug, Args)]
pub struct StudyArgs {
    /// What to study.
    #[arg(value_enum)]
    what: What,
    /// Format of standard output: table, md or csv.
    #[arg(long, short, value_enum, default_value_t = Format::Table, env = "RETROBENCH_OUTPUT")]
    output: Format,
    /// Seed of the numbers.
    #[arg(long, default_value_t = 1, env = "RETROBENCH_SEED")]
    seed: u64,
    /// Limit on storage while streaming, such as storage=500MB/s.
    #[arg(long, value_name = "LIMITS", env = "RETROBENCH_CAP", value_parser = parse_caps)]
    cap: Option<Caps>,
    /// Also draws the curves of streaming or of links, as SVG.
    #[arg(long, value_name = "FILE", env = "RETROBENCH_CHART")]
    chart: Option<PathBuf>,
    /// Class of the published rows.
    #[arg(long, value_name = "CLASS", default_value = "gpu", env = "RETROBENCH_CLASS")]
    class: String,
    /// Prints the constants that published rows are predicted with, fitted anew: -o csv is the file that keeps them.
    #[arg(long, env = "RETROBENCH_FIT")]
    fit: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// Where the faster of two variants changes as one figure of a machine varies; modelled.
    Crossovers,
    /// Error of FP8 dot products in a 14-bit accumulator, by how often the sum is promoted to f32: a software model, not
    /// H800 hardware.
    Fp8Promotion,
    /// Limits of the capped tier tried on their own: what enforces each here, and what a probe under it reaches.
    Limits,
    /// What several GPUs of DeepSeek-V3 wait for their links, by bandwidth, one after the other and overlapped; modelled.
    Links,
    /// Measurements that others published beside the model's predictions, with errors by group.
    Published,
    /// Decoding with weights that are read from storage under a memory cap, by policy and by how much memory there is;
    /// measured here, in a few minutes.
    Streaming,
}

/// A table and what it is of.
pub struct Study {
    /// What the table shows.
    pub about: String,
    /// Heads of its columns, with units.
    pub heads: &'static [&'static str],
    /// Its rows.
    pub rows: Vec<Vec<String>>,
}

/// Computes and prints.
pub fn run(args: &StudyArgs) -> Result<(), Failure> {
    if !matches!(args.what, What::Streaming) && args.cap.is_some() {
        return Err(Failure::input("--cap belongs to `retrobench study streaming`"));
    }
    if !matches!(args.what, What::Streaming | What::Links) && args.chart.is_some() {
        return Err(Failure::input("--chart belongs to `retrobench study streaming` and `links`"));
    }
    if !matches!(args.what, What::Published) && args.fit {
        return Err(Failure::input("--fit belongs to `retrobench study published`"));
    }
    let study = match args.what {
        What::Crossovers => crossovers()?,
        What::Fp8Promotion => fp8_promotion(args.seed),
        What::Limits => limits::study()?,
        What::Links => links::study(args.chart.as_deref())?,
        What::Published => published::study(&args.class, args.fit)?,
        What::Streaming => streaming::study(args.seed, &args.cap.clone().unwrap_or_default(), args.chart.as_deref())?,
    };
    print(&study.text(args.output)?)
}

impl Study {
    fn text(self, format: Format) -> Result<String, Failure> {
        let Self { about, heads, rows } = self;
        let heads: Vec<String> = heads.iter().map(|head| head.to_string()).collect();
        Ok(match format {
            Format::Table => {
                let shown: Vec<String> = heads.iter().map(|head| head.replace('_', " ")).collect();
                let mut table = plain_table(&shown.iter().map(String::as_str).collect::<Vec<_>>());
                table.add_rows(rows);
                format!("{about}\n\n{table}\n")
            }
            Format::Md => {
                let line = |cells: &Vec<String>| format!("| {} |\n", cells.join(" | "));
                let rule = "|---".repeat(heads.len()) + "|\n";
                format!("{about}\n\n{}{rule}{}", line(&heads), rows.iter().map(line).collect::<String>())
            }
            Format::Csv => {
                let quoted = |cell: &String| if cell.contains(',') { format!("\"{cell}\"") } else { cell.clone() };
                let line = |cells: &Vec<String>| cells.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n";
                std::iter::once(&heads).chain(&rows).map(line).collect()
            }
            Format::Json | Format::Jsonl => {
                return Err(Failure::input("a study has no records: -o table, md or csv"));
            }
        })
    }
}

fn crossovers() -> Result<Study, Failure> {
    let row = |q: &Question| {
        let found = q.ask().map_err(Failure::input)?;
        let name = |c: &Cell| format!("{}/{}", c.kernel, c.variant);
        let winner = |ratio: f64| name(if ratio < 1.0 { &q.first } else { &q.second });
        Ok(vec![
            q.name.into(),
            q.lesson.into(),
            q.machine.into(),
            q.figure.label().into(),
            format!("{} ({} at {})", winner(found.ratio_low), by(found.ratio_low), q.range.0),
            found.at.map_or("no change".into(), units::plain),
            format!("{} ({} at {})", winner(found.ratio_high), by(found.ratio_high), q.range.1),
            found.balance.map_or(String::new(), units::plain),
        ])
    };
    let rows: Result<Vec<_>, Failure> = QUESTIONS.iter().map(row).collect();
    Ok(Study {
        about: "Where the faster of two variants changes (modelled tier): the figure varies, all others stay as the profile \
                has them. The balance is a core's best rate of operations over that bandwidth."
            .into(),
        heads: &["crossover", "lesson", "machine", "figure", "wins_below", "at", "wins_above", "balance"],
        rows: rows?,
    })
}

/// By how much the winner wins.
fn by(ratio: f64) -> String {
    units::ratio(ratio.max(1.0 / ratio))
}

fn fp8_promotion(seed: u64) -> Study {
    let about = format!(
        "{} products of e4m3, summed in {} bits after every {} (software model, not H800 hardware); worst of 40, over the sum \
         of absolute products",
        promotion::K,
        promotion::BITS,
        promotion::AT_ONCE
    );
    let cells = |row: &promotion::Row| {
        let data = match row.sign {
            Sign::Positive => "positive",
            Sign::ZeroMean => "zero-mean",
        };
        let rounding = match row.rounding {
            Rounding::Nearest => "nearest",
            Rounding::Truncated => "truncated",
        };
        let interval = row.interval.map_or("none".into(), |i| i.to_string());
        vec![interval, data.into(), rounding.into(), format!("{:.1e}", row.worst), format!("{:.5}", row.additions)]
    };
    Study {
        about,
        heads: &["promotion_interval", "data", "rounding", "worst_error", "additions_per_product"],
        rows: promotion::study(seed).iter().map(cells).collect(),
    }
}
