//! `study`: what is known of a kernel beside its time, computed here.

use clap::{Args, ValueEnum};
use kernels::gemm_fp8::promotion::{self, Rounding, Row, Sign};

use super::Failure;
use super::output::{Format, plain_table, print};

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
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// Error of FP8 dot products in a 14-bit accumulator, by how often the sum is promoted to f32: a software model, not
    /// H800 hardware.
    Fp8Promotion,
}

/// Columns of the table.
const HEADS: [&str; 5] = ["promotion_interval", "data", "rounding", "worst_error", "additions_per_product"];

/// Computes and prints.
pub fn run(args: &StudyArgs) -> Result<(), Failure> {
    let What::Fp8Promotion = args.what;
    let rows: Vec<[String; 5]> = promotion::study(args.seed).iter().map(cells).collect();
    let joined = |cells: &[String], by: &str| cells.join(by);
    let heads = HEADS.map(String::from);
    let model = format!(
        "{} products of e4m3, summed in {} bits after every {} (software model, not H800 hardware); worst of 40, over the sum of absolute products",
        promotion::K,
        promotion::BITS,
        promotion::AT_ONCE
    );
    print(&match args.output {
        Format::Table => {
            let mut table = plain_table(&HEADS.map(|head| head.replace('_', " ")).each_ref().map(String::as_str));
            table.add_rows(rows);
            format!("{model}\n\n{table}\n")
        }
        Format::Md => {
            let mut lines =
                vec![format!("{model}\n"), format!("| {} |", joined(&heads, " | ")), "|---".repeat(5) + "|"];
            lines.extend(rows.iter().map(|row| format!("| {} |", joined(row, " | "))));
            lines.join("\n") + "\n"
        }
        Format::Csv => {
            let lines = std::iter::once(&heads).chain(&rows);
            lines.map(|row| joined(row, ",") + "\n").collect()
        }
        Format::Json | Format::Jsonl => return Err(Failure::input("a study has no records: -o table, md or csv")),
    })
}

fn cells(row: &Row) -> [String; 5] {
    [
        row.interval.map_or("none".into(), |i| i.to_string()),
        match row.sign {
            Sign::Positive => "positive",
            Sign::ZeroMean => "zero-mean",
        }
        .into(),
        match row.rounding {
            Rounding::Nearest => "nearest",
            Rounding::Truncated => "truncated",
        }
        .into(),
        format!("{:.1e}", row.worst),
        format!("{:.5}", row.additions),
    ]
}
