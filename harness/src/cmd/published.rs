//! `study published`: rows that others measured beside what the model says, the errors by group, and the fitted constants;
//! of processors, whole tokens as `generate` gives them.

use std::collections::BTreeMap;

use super::Failure;
use crate::gate::Gate;
use crate::generate::published::{self as processors, Predicted as Token};
use crate::profile::band::{Band, Machines, Work};
use crate::profile::gpu::Generation;
use crate::profile::{GpuProfile, Hardware, Loaded};
use crate::published::predict::{Predicted, predict};
use crate::published::prediction::Prediction;
use crate::published::{Task, bands, fit, gap_ns, gaps, rows, score, shaders};
use crate::record::Environment;
use crate::report::listing::{Datum, Listing};
use crate::simt::gate::ShaderGate;
use crate::timed::cells::Context;
use crate::validate::{Pair, Validation};

/// Every row of a class; with `refit`, the constants as a fit on these rows finds them, in the form in which they are kept.
pub fn study(class: &str, refit: bool) -> Result<Listing, Failure> {
    match class {
        "gpu" => {}
        "cpu" if refit => return Err(Failure::input("--fit: nothing is fitted to processors; --class gpu")),
        "cpu" => return of_processors(),
        "shaders" if refit => return Err(Failure::input("--fit: nothing is fitted to shaders; --class gpu")),
        "shaders" => return own_shaders(),
        other => {
            return Err(Failure::input(format!(
                "no published rows of class {other:?} here: --class gpu, shaders or cpu"
            )));
        }
    }
    let predicted = of_gpus()?;
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

/// Every row of processors.
fn of_processors() -> Result<Listing, Failure> {
    let predicted = tokens()?;
    let line = |p: &Token| {
        let (value, bound, note) = match &p.said {
            Ok((value, bound)) => (format!("{value:.4}"), bound.map_or("", |b| b.name()), ""),
            Err(reason) => (String::new(), "", reason.as_str()),
        };
        let error = p.error().map_or(String::new(), |e| format!("{:+.0}", 100.0 * e));
        let r = &p.row;
        let words = [&r.id, &r.machine, &r.model, &r.storage, &r.software, &r.rung].map(String::clone);
        let figures = [r.threads.to_string(), r.tokens_per_s.to_string(), value, error, bound.into(), note.into()];
        [&words[..], &figures].concat()
    };
    let mut about = String::from(
        "Tokens a second of processors that have a profile as others measured them (published tier) beside what `generate` says \
         on as many cores (modelled tier). Nothing is fitted. Files of mixed types are taken for the closest type here: ollama's \
         Q4_K_M for q4_k, 7 % fewer bytes.\n",
    );
    for (rung, (errors, pairs)) in by_rung(&predicted) {
        let twice = errors.iter().filter(|e| (0.5..=2.0).contains(&(1.0 + **e))).count();
        let mape = score::mape(&errors).map_or("-".into(), |m| format!("{m:.1} %"));
        let order = score::spearman(&pairs).map_or("-".into(), |s| format!("{s:.2}"));
        about +=
            &format!("\n{rung}: MAPE {mape}, Spearman {order}, {twice} of {} within a factor of two", errors.len());
    }
    let heads =
        ["id", "profile", "model", "storage", "software", "rung", "threads", "measured", "predicted", "error_pct"];
    let heads: Vec<&'static str> = heads.into_iter().chain(["bound", "not_predicted"]).collect();
    Ok(Listing::of_words(about, &heads, predicted.iter().map(line).collect()))
}

/// Rows of processors with what is predicted.
fn tokens() -> Result<Vec<Token>, Failure> {
    let environment = Environment::build("retrobench study published", 1);
    let (gate, shaders) = (Gate::default(), ShaderGate::default());
    let context = Context { gate: &gate, environment: &environment };
    processors::predict(&context, &shaders, &Hardware::built_in().map_err(Failure::input)?).map_err(Failure::input)
}

/// Errors, and what was measured beside what is predicted.
type Rows = (Vec<f64>, Vec<(f64, f64)>);

/// By the way of a token.
fn by_rung(predicted: &[Token]) -> BTreeMap<&str, Rows> {
    let mut rungs: BTreeMap<&str, Rows> = BTreeMap::new();
    for p in predicted {
        if let (Some(error), Ok((value, _))) = (p.error(), &p.said) {
            let of = rungs.entry(&p.row.rung).or_default();
            of.0.push(error);
            of.1.push((p.row.tokens_per_s, *value));
        }
    }
    rungs
}

/// The bands that these rows make.
pub fn bands() -> Result<Vec<Band>, Failure> {
    let (predicted, kept) = (of_gpus()?, gaps().map_err(Failure::input)?);
    let shaders = of_shaders()?;
    let mut bands = bands::of_gpus(&predicted, |p| gap_ns(&kept, p.generation, p.launch_ns), &shaders);
    let tokens = tokens()?;
    for machines in [Machines::Cpu, Machines::Retro] {
        let of = tokens.iter().filter(|p| Machines::of(p.class) == machines);
        let ratios: Vec<f64> = of.filter_map(|p| Some(1.0 / (1.0 + p.error()?))).collect();
        bands.extend(Band::of(machines, Work::Token, &ratios, "published rows: whole tokens"));
    }
    Ok(bands)
}

fn of_shaders() -> Result<Vec<Pair>, Failure> {
    let machines = Loaded::<GpuProfile>::embedded().map_err(Failure::input)?;
    shaders::pairs(&shaders::cells().map_err(Failure::input)?, &machines).map_err(Failure::input)
}

/// Every cell of the project's shaders that a real GPU ran, worst first.
fn own_shaders() -> Result<Listing, Failure> {
    let found = Validation::of(of_shaders()?).ok_or_else(|| Failure::input("no rows of shaders"))?;
    let row = |p: &Pair| {
        let figures = [p.native_ns / 1e3, p.modelled_ns / 1e3, p.ratio()].map(|v| format!("{v:.4}"));
        [&[p.group.clone(), p.variant.clone()][..], &figures].concat()
    };
    let held = found.pairs.iter().filter(|p| p.held).count();
    let about = format!(
        "{}. The bands that records carry hold the measurement in {held} of them.",
        found.sentence_of("The GPU model against an H200 that ran the project's own shaders")
    );
    let heads = ["kernel_shape", "shader", "measured_us", "modelled_us", "ratio"];
    Ok(Listing::of_words(about, &heads, found.pairs.iter().map(row).collect()))
}

fn of_gpus() -> Result<Vec<Predicted>, Failure> {
    let machines = Loaded::<GpuProfile>::embedded().map_err(Failure::input)?;
    predict(rows().map_err(Failure::input)?, &machines).map_err(Failure::input)
}

/// The errors by group, of those that are predicted at all: for a text.
pub fn errors() -> Result<Listing, Failure> {
    let predicted = of_gpus()?;
    let kept = gaps().map_err(Failure::input)?;
    let gap = |p: &Predicted| gap_ns(&kept, p.generation, p.launch_ns);
    let mut groups: BTreeMap<&str, Vec<&Predicted>> = BTreeMap::new();
    predicted.iter().for_each(|p| groups.entry(&p.row.group).or_default().push(p));
    let line = |name: String, rows: usize, errors: &[f64], pairs: &[(f64, f64)]| {
        let counts = [rows, errors.len()].map(|n| Datum::Plain(n as f64));
        let mean = Datum::Share(score::mape(errors)? / 100.0);
        Some([&[Datum::text(name)][..], &counts, &[mean, Datum::opt(score::spearman(pairs), Datum::Plain)]].concat())
    };
    let of_group = |(group, rows): (&&str, &Vec<&Predicted>)| {
        let errors: Vec<f64> = rows.iter().filter_map(|p| p.error(gap(p))).collect();
        let pairs: Vec<(f64, f64)> = rows.iter().filter_map(|p| Some((p.row.measured, p.value(gap(p))?))).collect();
        line(group.to_string(), rows.len(), &errors, &pairs)
    };
    let same_machine = |p: &Predicted, q: &Predicted| p.row.profile == q.row.profile;
    let left_out = score::mape(&fit::left_out(&predicted, same_machine)).unwrap_or(f64::NAN);
    let about = format!(
        "Machines as others measured them (published tier) beside the model (modelled tier), by what was measured: the mean \
         error, and the rank correlation of predicted with measured. Rows of kernels that are not here are not predicted. \
         Decoding on GPUs has one constant for each generation, fitted on these rows; on machines left out of the fit its mean \
         error is {left_out:.0} %. Nothing is fitted to processors, nor to the project's own shaders, which an H200 ran. Every \
         row: `retrobench study published --class gpu`, `--class shaders` and `--class cpu`."
    );
    let heads = vec!["measured", "rows", "predicted", "mean_error", "rank_correlation"];
    let tokens = tokens()?;
    let of_processors = by_rung(&tokens).into_iter().filter_map(|(rung, (errors, pairs))| {
        let rows = tokens.iter().filter(|p| p.row.rung == rung).count();
        line(format!("processors, {rung}"), rows, &errors, &pairs)
    });
    let shaders = of_shaders()?;
    let errors: Vec<f64> = shaders.iter().map(|p| p.ratio() - 1.0).collect();
    let times: Vec<(f64, f64)> = shaders.iter().map(|p| (p.native_ns, p.modelled_ns)).collect();
    let of_shaders = line("shaders of this project".into(), shaders.len(), &errors, &times);
    let rows = groups.iter().filter_map(of_group).chain(of_shaders).chain(of_processors).collect();
    Ok(Listing { about, heads, rows })
}

fn summary(predicted: &[Predicted], gap: impl Fn(&Predicted) -> f64) -> String {
    let mut groups: BTreeMap<&str, Vec<&Predicted>> = BTreeMap::new();
    predicted.iter().for_each(|p| groups.entry(&p.row.group).or_default().push(p));
    let mut text = String::from(
        "Published measurements of GPUs that have a profile (published tier) beside the model's prediction (modelled tier). \
         A generated token is the sum of its kernels at their shapes, each by the rung named, the profile's host time and \
         one gap between kernels for each generation (profiles/published/gpu-gaps.csv, by --fit). The cache of keys and \
         values is f32 here and f16 there. A prompt (prefill) is the sum of its products, 512 tokens at a time, and of its \
         attention, by the second rung named, which keeps scores where the software kept them: activations in f16, weights \
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
