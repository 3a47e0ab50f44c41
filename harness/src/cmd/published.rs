//! `study published`: rows that others measured beside what the model says, the errors by group, and the fitted constants.

use std::collections::BTreeMap;

use super::Failure;
use crate::profile::gpu::Generation;
use crate::profile::{GpuProfile, Loaded};
use crate::published::predict::{Predicted, predict};
use crate::published::prediction::Prediction;
use crate::published::{Task, fit, gap_ns, gaps, rows, score};
use crate::report::listing::{Datum, Listing};

/// Every row; with `refit`, the constants as a fit on these rows finds them, in the form in which they are kept.
pub fn study(class: &str, refit: bool) -> Result<Listing, Failure> {
    if class != "gpu" {
        return Err(Failure::input(format!("no published rows of class {class:?} here: --class gpu")));
    }
    let machines = Loaded::<GpuProfile>::embedded().map_err(Failure::input)?;
    let predicted = predict(rows().map_err(Failure::input)?, &machines).map_err(Failure::input)?;
    if refit {
        let row = |(generation, gap): (Generation, crate::published::GapRow)| {
            vec![generation.name().into(), gap.gap_ns.to_string(), gap.fitted_on]
        };
        return Ok(Listing::of_words(
            "The gap between two kernels of a token, by generation: the least mean error over these rows.".into(),
            &["generation", "kernel_gap_ns", "fitted_on"],
            fit::all(&predicted).into_iter().map(row).collect(),
        ));
    }
    let kept = gaps().map_err(Failure::input)?;
    let gap = |p: &Predicted| gap_ns(&kept, p.generation, p.launch_ns);
    let line = |p: &Predicted| {
        let (value, error, bound, note) = match &p.prediction {
            Prediction::Time { .. } => (
                p.value(gap(p)).map_or(String::new(), |v| format!("{v:.4}")),
                p.error(gap(p)).map_or(String::new(), |e| format!("{:+.0}", 100.0 * e)),
                p.prediction.bound(gap(p)).map_or("", |bound| bound.name()),
                "",
            ),
            Prediction::None(reason) => (String::new(), String::new(), "", reason.as_str()),
        };
        vec![
            p.row.id.clone(),
            p.row.group.clone(),
            p.row.profile.clone(),
            p.row.subject.clone(),
            p.row.software.clone(),
            p.row.rung.clone(),
            p.row.measured.to_string(),
            value,
            p.row.unit.clone(),
            error,
            bound.into(),
            note.into(),
        ]
    };
    Ok(Listing::of_words(
        summary(&predicted, gap),
        &[
            "id",
            "group",
            "profile",
            "subject",
            "software",
            "rung",
            "measured",
            "predicted",
            "unit",
            "error_pct",
            "bound",
            "not_predicted",
        ],
        predicted.iter().map(line).collect(),
    ))
}

/// The errors by group, of those that are predicted at all: for a text.
pub fn errors() -> Result<Listing, Failure> {
    let machines = Loaded::<GpuProfile>::embedded().map_err(Failure::input)?;
    let predicted = predict(rows().map_err(Failure::input)?, &machines).map_err(Failure::input)?;
    let kept = gaps().map_err(Failure::input)?;
    let gap = |p: &Predicted| gap_ns(&kept, p.generation, p.launch_ns);
    let mut groups: BTreeMap<&str, Vec<&Predicted>> = BTreeMap::new();
    predicted.iter().for_each(|p| groups.entry(&p.row.group).or_default().push(p));
    let row = |(group, rows): (&&str, &Vec<&Predicted>)| {
        let errors: Vec<f64> = rows.iter().filter_map(|p| p.error(gap(p))).collect();
        let pairs: Vec<(f64, f64)> = rows.iter().filter_map(|p| Some((p.row.measured, p.value(gap(p))?))).collect();
        let counts = [rows.len(), errors.len()].map(|n| Datum::Plain(n as f64));
        let mean = Datum::Share(score::mape(&errors)? / 100.0);
        Some([&[Datum::text(*group)][..], &counts, &[mean, Datum::opt(score::spearman(&pairs), Datum::Plain)]].concat())
    };
    let same_machine = |p: &Predicted, q: &Predicted| p.row.profile == q.row.profile;
    let left_out = score::mape(&fit::left_out(&predicted, same_machine)).unwrap_or(f64::NAN);
    let about = format!(
        "GPUs as others measured them (published tier) beside the model (modelled tier), by what was measured: the mean error, and \
         the rank correlation of predicted with measured. Rows of kernels that are not here are not predicted. \
         Decoding has one constant for each generation, fitted on these rows; on machines left out of the fit its mean error is \
         {left_out:.0} %. Every row: `retrobench study published`."
    );
    let heads = vec!["measured", "rows", "predicted", "mean_error", "rank_correlation"];
    Ok(Listing { about, heads, rows: groups.iter().filter_map(row).collect() })
}

fn summary(predicted: &[Predicted], gap: impl Fn(&Predicted) -> f64) -> String {
    let mut groups: BTreeMap<&str, Vec<&Predicted>> = BTreeMap::new();
    predicted.iter().for_each(|p| groups.entry(&p.row.group).or_default().push(p));
    let mut text = String::from(
        "Published measurements of GPUs that have a profile (published tier) beside the model's prediction (modelled tier). \
         A generated token is the sum of its kernels at their shapes, each by the rung named, the profile's host time and \
         one gap between kernels for each generation (profiles/published/gpu-gaps.csv, by --fit). The cache of keys and \
         values is f32 here and f16 there. A prompt is the sum of its products (prefill): activations in f16, weights \
         as they are stored, results in f32 here and f16 there; \
         FP8 (deepgemm) is f16 of half the depth at the profile's rate of FP8, without scales and promotion. FlashMLA's bf16 is \
         f16 here, its outputs f32, and every sequence of its batch is as long as the others.\n",
    );
    for (group, rows) in &groups {
        let errors: Vec<f64> = rows.iter().filter_map(|p| p.error(gap(p))).collect();
        let pairs: Vec<(f64, f64)> = rows.iter().filter_map(|p| Some((p.row.measured, p.value(gap(p))?))).collect();
        let shown =
            |value: Option<f64>, unit: &str, digits| value.map_or("-".into(), |v| format!("{v:.digits$}{unit}"));
        text += &format!(
            "\n{group}: {} of {} rows predicted, MAPE {}, Spearman {}",
            errors.len(),
            rows.len(),
            shown(score::mape(&errors), " %", 1),
            shown(score::spearman(&pairs), "", 2),
        );
        if *group == "decode" {
            let same_row = |p: &Predicted, q: &Predicted| p.row.id == q.row.id;
            let same_machine = |p: &Predicted, q: &Predicted| p.row.profile == q.row.profile;
            text += &format!(
                "; constants fitted without the row itself {}, without its machine {} (launches as the profile has them \
                 where a generation has no other); with the profiles' launches alone {}",
                shown(score::mape(&fit::left_out(predicted, same_row)), " %", 1),
                shown(score::mape(&fit::left_out(predicted, same_machine)), " %", 1),
                shown(score::mape(&fit::left_out(predicted, |_, _| true)), " %", 1),
            );
            text += &by_machine(rows, &gap);
        }
    }
    text
}

/// MAPE of each machine, for the group that is fitted.
fn by_machine(rows: &[&Predicted], gap: impl Fn(&Predicted) -> f64) -> String {
    let mut machines: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for p in rows.iter().filter(|p| matches!(p.row.task, Task::Decode { .. })) {
        if let Some(error) = p.error(gap(p)) {
            machines.entry(&p.row.profile).or_default().push(error);
        }
    }
    let each = machines.iter().filter_map(|(id, e)| Some(format!("{id} {:.0} %", score::mape(e)?)));
    format!("\n  by machine: {}", each.collect::<Vec<_>>().join(", "))
}
