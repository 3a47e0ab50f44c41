//! The bands of modelled GPUs, of rows that others measured and of the project's shaders on a real one. Most products of others
//! were measured as libraries of the vendors do them, which a rung here only stands for: their bands hold that difference too.

use std::collections::BTreeMap;

use super::Task;
use super::predict::Predicted;
use crate::profile::band::{Band, Machines, Work};
use crate::validate::{self, Pair};

/// What a row is of; none where it is no kernel's.
fn work(p: &Predicted) -> Option<Work> {
    match &p.row.task {
        Task::Decode { .. } => Some(Work::Token),
        Task::Prefill { .. } => Some(Work::Gemm),
        Task::Kernel { kernel, .. } => Some(Work::of(kernel)),
        Task::AllReduce { .. } | Task::None(_) => None,
    }
}

/// Predicted over measured time, with so long a gap.
fn ratio(p: &Predicted, gap_ns: f64) -> Option<f64> {
    let value = 1.0 + p.error(gap_ns)?;
    Some(if p.row.unit == "ms" { value } else { 1.0 / value })
}

/// A band for each kind of work that has rows, `shaders` being those of `super::shaders`.
pub fn of_gpus(predicted: &[Predicted], gap: impl Fn(&Predicted) -> f64, shaders: &[Pair]) -> Vec<Band> {
    let mut by_work: BTreeMap<Work, Vec<f64>> = BTreeMap::new();
    for p in predicted {
        if let Some((work, ratio)) = work(p).zip(ratio(p, gap(p))) {
            by_work.entry(work).or_default().push(ratio);
        }
    }
    for pair in shaders {
        by_work.entry(Work::of(pair.kernel())).or_default().push(pair.ratio());
    }
    let own = validate::speedups(shaders, |kernel| Some(kernel.shaders().first()?.name));
    by_work.insert(Work::Speedup, [speedups(predicted, gap), own].concat());
    let from = |work| match work {
        Work::Token => "published rows: tokens",
        Work::Gemv => "shaders on an H200; published rows: products of one token",
        Work::Gemm => {
            "shaders on an H200; published rows: products and prompts, most by vendors' libraries and llama.cpp"
        }
        Work::Attention => "shaders on an H200; published rows: FlashMLA",
        Work::Rest => "shaders on an H200; published rows: operations of one token in vLLM",
        Work::Speedup => "shaders on an H200; published rows: rungs of SGEMM that one author measured",
    };
    by_work.iter().filter_map(|(work, ratios)| Band::of(Machines::Gpu, *work, ratios, from(*work))).collect()
}

/// Of rows of one source at one shape, each rung over the one before it: what is predicted over what was measured.
fn speedups(predicted: &[Predicted], gap: impl Fn(&Predicted) -> f64) -> Vec<f64> {
    let sgemm: Vec<&Predicted> = predicted.iter().filter(|p| p.row.group == "sgemm").collect();
    let of_one = |w: &&[&Predicted]| {
        let key = |p: &Predicted| (p.row.profile.clone(), p.row.source.clone(), p.row.differs, p.row.task.clone());
        key(w[0]) == key(w[1]) && w[0].row.rung != w[1].row.rung
    };
    let pair = |w: &[&Predicted]| Some(ratio(w[0], gap(w[0]))? / ratio(w[1], gap(w[1]))?);
    sgemm.windows(2).filter(of_one).filter_map(pair).collect()
}
