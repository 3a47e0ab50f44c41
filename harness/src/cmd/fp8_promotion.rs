//! `study fp8-promotion`: what each interval of promotion costs in accuracy, and in work of the units that promote.

use std::path::Path;

use kernels::gemm_fp8::promotion::{self, INTERVALS, Rounding, Row, Sign};

use super::Failure;
use super::output::write_file;
use crate::profile::{GpuProfile, Loaded};
use crate::report::chart::curve::{self, Axis, Curves};
use crate::report::listing::Listing;

/// The machine whose accumulator is modelled.
const MACHINE: &str = "h800";

/// The table, and the chart where it is asked for.
pub fn study(seed: u64, chart: Option<&Path>) -> Result<Listing, Failure> {
    let rows = promotion::study(seed);
    let share = busy()?;
    if let Some(path) = chart {
        write_file(path, drawn(&rows, share)?.as_bytes())?;
    }
    let about = format!(
        "{} products of e4m3, summed in {} bits after every {} (software model, not H800 hardware); worst of 40, over the sum \
         of absolute products. A promotion is a multiply-add of the f32 lanes for each output: the last column is the time \
         they take for it over what the matrix units take for the products meanwhile, both at the H800's peaks (a roofline, \
         no shader; both can work at once)",
        promotion::K,
        promotion::BITS,
        promotion::AT_ONCE
    );
    let cells = |row: &Row| {
        let (sign, rounding) = words(row);
        let interval = row.interval.map_or("none".into(), |i| i.to_string());
        let busy = format!("{:.1}", 100.0 * row.additions * share);
        vec![
            interval,
            sign.into(),
            rounding.into(),
            format!("{:.1e}", row.worst),
            format!("{:.5}", row.additions),
            busy,
        ]
    };
    let heads =
        ["promotion_interval", "data", "rounding", "worst_error", "additions_per_product", "h800_f32_lanes_busy_pct"];
    Ok(Listing::of_words(about, &heads, rows.iter().map(cells).collect()))
}

fn words(row: &Row) -> (&'static str, &'static str) {
    let sign = match row.sign {
        Sign::Positive => "positive",
        Sign::ZeroMean => "zero-mean",
    };
    let rounding = match row.rounding {
        Rounding::Nearest => "nearest",
        Rounding::Truncated => "truncated",
    };
    (sign, rounding)
}

/// Time of the f32 lanes for a multiply-add over that of the matrix units for one.
fn busy() -> Result<f64, Failure> {
    let all = Loaded::<GpuProfile>::embedded().map_err(Failure::input)?;
    let gpu = all.iter().map(|m| &m.profile).find(|gpu| gpu.id == MACHINE);
    let fp8 = gpu.and_then(|gpu| Some((gpu, gpu.matrix.as_ref()?.fp8_tflops.as_ref()?.value)));
    let (gpu, fp8) = fp8.ok_or_else(|| Failure::input(format!("no profile {MACHINE} with matrix units for FP8")))?;
    Ok(fp8 * 1e12 / gpu.peak_f32_ops_per_s())
}

fn drawn(rows: &[Row], share: f64) -> Result<String, Failure> {
    let cases: Vec<&[Row]> = rows.chunks(INTERVALS.len()).collect();
    let point = |row: &Row| (100.0 * row.additions * share, row.worst);
    let series: Vec<(String, Vec<(f64, f64)>)> = cases
        .iter()
        .filter_map(|case| {
            let (sign, rounding) = words(case.first()?);
            Some((format!("{sign}, {rounding}"), case.iter().map(point).collect()))
        })
        .collect();
    let marks: Vec<(f64, String)> = INTERVALS
        .iter()
        .map(|interval| {
            let additions = 1.0 / interval.unwrap_or(promotion::K) as f64;
            (100.0 * additions * share, interval.map_or("never".into(), |i| format!("every {i}")))
        })
        .collect();
    let title = finding(rows, share)?;
    let picture = curve::picture(&Curves {
        title: &title,
        under: "software model of a 14-bit accumulator, 4096 products; the H800's peaks",
        x: "time of f32 lanes over that of matrix units, %",
        y: "worst error over the sum of absolute products",
        axes: (Axis::Log, Axis::Log),
        series: &series,
        marks: &marks,
    });
    Ok(picture.map_err(Failure::input)?.file())
}

/// What DeepSeek's interval is worth where it is worth most.
fn finding(rows: &[Row], share: f64) -> Result<String, Failure> {
    let worst = |interval| rows.iter().find(|r| r.interval == interval && r.sign == Sign::Positive).map(|r| r.worst);
    let (never, own) = worst(None).zip(worst(Some(128))).ok_or_else(|| Failure::input("no interval of 128"))?;
    let busy = 100.0 * share / 128.0;
    Ok(format!(
        "Promotion every 128 products cuts the error {:.0} times for {busy:.0} % of the f32 lanes' time",
        never / own
    ))
}
