//! `study`: what is known of kernels beside a time on a machine, computed here.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::cells::parse_time;
use super::measure::parse_caps;
use super::output::{Format, listing_text, print, ready};
use super::{Failure, bands, copies, fp8_promotion, limits, links, published, speculation, streaming, verdicts};
use crate::capped::Caps;
use crate::crossover::{Cell, QUESTIONS, Question};
use crate::report::listing::Listing;
use crate::report::units;

/// Flags of `study`.
#[derive(Debug, Args)]
pub struct StudyArgs {
    /// What to study.
    #[arg(value_enum)]
    what: What,
    /// Format of standard output.
    #[arg(long, short, value_enum, default_value_t = Format::Table, env = "RETROBENCH_OUTPUT")]
    output: Format,
    /// Seed of the numbers (fp8-promotion, streaming, verdicts) [default: 1].
    #[arg(long, env = "RETROBENCH_SEED")]
    seed: Option<u64>,
    /// Limit on storage while streaming, such as storage=500MB/s.
    #[arg(long, value_name = "LIMITS", env = "RETROBENCH_CAP", value_parser = parse_caps)]
    cap: Option<Caps>,
    /// Also draws the curves of streaming, links, speculation or fp8-promotion, as SVG.
    #[arg(long, value_name = "FILE", env = "RETROBENCH_CHART")]
    chart: Option<PathBuf>,
    /// Trials of two that are the same; of planted slowdowns a quarter as many, of twice the time (verdicts) [default:
    /// 200].
    #[arg(long, env = "RETROBENCH_TRIALS", value_parser = clap::value_parser!(u32).range(4..=10_000))]
    trials: Option<u32>,
    /// Time of a trial of two that are the same (verdicts) [default: 5s].
    #[arg(long, env = "RETROBENCH_TIME", value_parser = parse_time)]
    time: Option<Duration>,
    /// Processors and GPUs (speculation), as `measure --hw` takes them [default: nine from 1999 to 2024].
    #[arg(long, env = "RETROBENCH_HW")]
    hw: Option<String>,
    /// Class of the published rows: gpu, shaders (the project's own on a real GPU) or cpu [default: gpu].
    #[arg(long, value_name = "CLASS", env = "RETROBENCH_CLASS")]
    class: Option<String>,
    /// Prints the constants that published rows are predicted with, fitted anew: -o csv is the file that keeps them.
    #[arg(long, env = "RETROBENCH_FIT", value_parser = super::switch)]
    fit: bool,
    /// Records of a host natively and modelled on its own profile, to make its bands of (bands).
    #[arg(long, value_name = "FILE", env = "RETROBENCH_RECORDS")]
    records: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// How far modelled times lie from measured ones: the bands that modelled records carry.
    Bands,
    /// What moving bytes costs a Commodore 64, a ZX Spectrum and a PlayStation: LDIR against unrolled PUSH, shared memory
    /// against its own, a RAM expansion by registers against DMA; emulated.
    Copies,
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
    /// What one pass over several tokens takes over a pass for one, by format and machine, and how often guesses of
    /// speculative decoding must be right for it to pay; modelled.
    Speculation,
    /// How often `cmp` calls two different that are the same, and finds a planted slowdown of 3 %, beside criterion's rule on
    /// samples taken one after the other; measured here, in most of an hour.
    Verdicts,
}

/// Computes and prints.
pub fn run(args: &StudyArgs) -> Result<(), Failure> {
    use What::{Bands, Fp8Promotion, Links, Published, Speculation, Streaming, Verdicts};
    let belongs = [
        ("--cap", args.cap.is_some(), matches!(args.what, Streaming), "streaming"),
        (
            "--chart",
            args.chart.is_some(),
            matches!(args.what, Streaming | Links | Speculation),
            "streaming`, `links` and `speculation",
        ),
        ("--hw", args.hw.is_some(), matches!(args.what, Speculation), "speculation"),
        ("--fit", args.fit, matches!(args.what, Published), "published"),
        ("--records", !args.records.is_empty(), matches!(args.what, Bands), "bands"),
        ("--class", args.class.is_some(), matches!(args.what, Published), "published"),
        ("--trials", args.trials.is_some(), matches!(args.what, Verdicts), "verdicts"),
        ("--time", args.time.is_some(), matches!(args.what, Verdicts), "verdicts"),
        (
            "--seed",
            args.seed.is_some(),
            matches!(args.what, Fp8Promotion | Streaming | Verdicts),
            "fp8-promotion`, `streaming` and `verdicts",
        ),
    ];
    if let Some((flag, .., study)) = belongs.iter().find(|(_, given, fits, _)| *given && !fits) {
        return Err(Failure::input(format!("{flag} belongs to `retrobench study {study}`")));
    }
    let (seed, chart) = (args.seed.unwrap_or(1), args.chart.as_deref());
    chart.map_or(Ok(()), ready)?;
    let study = match args.what {
        Bands => bands::study(&args.records)?,
        What::Copies => copies::study()?,
        What::Crossovers => crossovers()?,
        Fp8Promotion => fp8_promotion::study(seed, chart)?,
        What::Limits => limits::study()?,
        Verdicts => {
            let time = args.time.unwrap_or(Duration::from_secs(5));
            verdicts::study(args.trials.unwrap_or(200) as usize, time, seed)?
        }
        Links => links::study(chart)?,
        Published => published::study(args.class.as_deref().unwrap_or("gpu"), args.fit)?,
        Speculation => speculation::study(args.hw.as_deref(), chart)?,
        Streaming => streaming::study(seed, &args.cap.clone().unwrap_or_default(), chart)?,
    };
    print(&listing_text(args.output, &[study])?)
}

/// Where the faster of two variants changes.
pub fn crossovers() -> Result<Listing, Failure> {
    let row = |q: &Question| {
        let found = q.ask().map_err(Failure::input)?;
        let name = |c: &Cell| format!("{}/{}", c.kernel, c.variant);
        let winner = |ratio: f64| name(if ratio < 1.0 { &q.first } else { &q.second });
        Ok(vec![
            q.name.into(),
            q.lesson.into(),
            q.machine.into(),
            q.vary().label(),
            wins(winner(found.ratio_low), found.ratio_low, found.told_apart[0], q.range.0),
            found.at.map_or("no change".into(), units::plain),
            wins(winner(found.ratio_high), found.ratio_high, found.told_apart[1], q.range.1),
            found.balance.map_or(String::new(), units::plain),
        ])
    };
    let rows: Result<Vec<_>, Failure> = QUESTIONS.iter().map(row).collect();
    Ok(Listing::of_words(
        "Where the faster of two variants changes (modelled tier): the figure varies with what follows from it (a bandwidth \
                with the prefetches that draw it), all others stay as the profile has them. Not told apart: the bands of the two \
                times hold the other order too. The balance is a core's best rate of operations over that bandwidth."
            .into(),
        &["crossover", "lesson", "machine", "figure", "wins_below", "at", "wins_above", "balance"],
        rows?,
    ))
}

/// Who wins at an end of a range, by how much, and whether the model can tell.
fn wins(winner: String, ratio: f64, told_apart: bool, at: f64) -> String {
    let doubt = if told_apart { "" } else { ", not told apart" };
    format!("{winner} ({} at {at}{doubt})", units::ratio(ratio.max(1.0 / ratio)))
}
