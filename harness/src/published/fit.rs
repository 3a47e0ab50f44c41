//! The one constant of each generation of GPUs: the gap between one kernel and the next while a token is generated. It
//! holds what the model knows nothing of: launches by the host, kernels that fill and drain, adds and copies that programs
//! run beside the listed kernels. Fitted on rows of decoding alone, by the least mean error in percent.

use std::collections::BTreeMap;

use super::predict::Predicted;
use super::prediction::Prediction;
use super::{GapRow, Task};
use crate::profile::gpu::Generation;

/// Gaps that are tried, ns: every 50 from 0 to 50 µs.
const STEP_NS: f64 = 50.0;
const STEPS: u32 = 1000;

/// Rows that the constant is fitted on: tokens generated with a known rung.
pub fn fits(p: &Predicted) -> bool {
    matches!(p.row.task, Task::Decode { .. }) && matches!(p.prediction, Prediction::Time { .. }) && p.row.rung == "best"
}

/// The gap with the least mean absolute error over these rows, ns; none without rows. Each gap that is tried ranks the rungs
/// by itself.
pub fn gap<'a>(rows: impl Iterator<Item = &'a Predicted>) -> Option<f64> {
    let rows: Vec<&Predicted> = rows.collect();
    if rows.is_empty() {
        return None;
    }
    let error = |gap_ns: f64| rows.iter().filter_map(|p| p.error(gap_ns)).map(f64::abs).sum::<f64>();
    let gaps = (0..=STEPS).map(|i| f64::from(i) * STEP_NS);
    gaps.map(|gap| (gap, error(gap))).min_by(|a, b| a.1.total_cmp(&b.1)).map(|best| best.0)
}

/// Every generation's constant.
pub fn all(predicted: &[Predicted]) -> BTreeMap<Generation, GapRow> {
    let mut rows: BTreeMap<Generation, Vec<&Predicted>> = BTreeMap::new();
    predicted.iter().filter(|p| fits(p)).for_each(|p| rows.entry(p.generation).or_default().push(p));
    let fitted = rows.into_iter().filter_map(|(generation, rows)| {
        let ids: Vec<&str> = rows.iter().map(|p| p.row.id.as_str()).collect();
        Some((generation, GapRow { gap_ns: gap(rows.iter().copied())?, fitted_on: ids.join(" ") }))
    });
    fitted.collect()
}

/// The error of each row that is fitted on, by a constant fitted without those that `left_out` says belong to it; where none
/// is left, by the launch that the profile states.
pub fn left_out(predicted: &[Predicted], left_out: impl Fn(&Predicted, &Predicted) -> bool) -> Vec<f64> {
    let all = || predicted.iter().filter(|p| fits(p));
    all()
        .filter_map(|p| {
            let others = all().filter(|q| q.generation == p.generation && !left_out(p, q));
            p.error(gap(others).unwrap_or(p.launch_ns))
        })
        .collect()
}
