//! One token of a whole model on this host, naive against best, in interleaved rounds.

use std::path::Path;
use std::time::{Duration, Instant};

use kernels::core::{Core, CoreError, Options, Rungs, Sampler, Watch};
use kernels::model::Types;
use kernels::model::config::Config;

use super::{DECODE, GenerateError, modelled, open};
use crate::environment::Host;
use crate::native::pool;
use crate::record::{CostRef, Environment, MachineRef, Outcome, Record, SCHEMA, Speedup, Tier, Timing};
use crate::stats::{median_interval, ratio_interval};

/// Least rounds.
const ROUNDS: usize = 5;
/// Most that the logits of the best rungs may differ from those of the naive ones, NMSE: f32 rounds some hundred times on
/// the way, and where activations become i8 one near a boundary may become the other.
const MOST_NMSE: f64 = 1e-2;

/// Tokens that a round feeds one by one, and how long all rounds may take.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    /// Tokens of a round, the first at position 0.
    pub tokens: usize,
    /// Time for all rounds; at least five are taken.
    pub budget: Duration,
    /// Threads.
    pub threads: usize,
}

/// The two records of a model: the mean time of a token at the middle of a round's text. The best rungs' time is withheld
/// where their logits are not those of the naive ones.
///
/// # Errors
/// [`GenerateError`] where the model cannot be opened or run.
pub fn records(model: Option<&Path>, rounds: Rounds, environment: &Environment) -> Result<Vec<Record>, GenerateError> {
    let file = open(model)?;
    let config = Config::from_file(&file)?;
    let pool = pool(rounds.threads)?;
    pool.install(|| {
        let core = |rungs: Rungs| {
            let (threads, tokens) = (rounds.threads, rounds.tokens);
            Core::open(&file, config.clone(), &Options { rungs, threads, tokens, batch: 1, ..Options::default() })
        };
        let mut cores = [core(Rungs::naive())?, core(Rungs::best())?];
        let logits = [pass(&mut cores[0], rounds.tokens)?, pass(&mut cores[1], rounds.tokens)?];
        let nmse = nmse(&logits[1], &logits[0]);
        let mut samples = [Vec::new(), Vec::new()];
        let start = Instant::now();
        while samples[0].len() < ROUNDS || start.elapsed() < rounds.budget {
            // ABBA: what drifts meets both alike.
            let turn = samples[0].len() % 2;
            for way in [turn, 1 - turn] {
                let begun = Instant::now();
                pass(&mut cores[way], rounds.tokens)?;
                samples[way].push(begun.elapsed().as_nanos() as f64 / rounds.tokens as f64);
            }
        }
        let [naive, best] = samples;
        let ratio = ratio_interval(&naive, &best).ok();
        let one = Some(Speedup { ratio: 1.0, low: 1.0, high: 1.0 });
        let worth = ratio.map(|r| Speedup { ratio: r.value, low: r.low, high: r.high });
        let types = Types::of_file(&file, &config);
        let record = |way: usize, samples: Vec<f64>, speedup, nmse| {
            let outcome = outcome(samples, speedup, nmse);
            record(&config, &types, way, outcome, rounds, environment)
        };
        Ok(vec![record(0, naive, one, 0.0), record(1, best, worth, nmse)])
    })
}

/// One text, token by token; the logits after it.
fn pass(core: &mut Core, tokens: usize) -> Result<Vec<f32>, CoreError> {
    let (vocab, watch): (_, &mut dyn Watch) = (core.config().vocab as u32, &mut ());
    let mut sampler = Sampler::greedy();
    core.clear();
    for i in 0..tokens as u32 {
        core.feed(&[i * 7 % vocab], watch)?;
        core.next(&mut sampler, watch);
    }
    Ok(core.logits(watch).to_vec())
}

fn nmse(is: &[f32], wanted: &[f32]) -> f64 {
    let square = |x: f64| x * x;
    let error: f64 = is.iter().zip(wanted).map(|(a, b)| square(f64::from(*a) - f64::from(*b))).sum();
    error / wanted.iter().map(|x| square(f64::from(*x))).sum::<f64>().max(f64::MIN_POSITIVE)
}

fn outcome(samples: Vec<f64>, speedup: Option<Speedup>, nmse: f64) -> Outcome {
    // A NaN is no small error.
    if nmse.is_nan() || nmse > MOST_NMSE {
        return Outcome::Wrong { reason: format!("logits differ from those of the naive rungs: NMSE {nmse:.1e}") };
    }
    match median_interval(&samples) {
        Err(error) => Outcome::Void { reason: error.to_string() },
        Ok(time) => Outcome::Timed(Timing {
            time_ns: time.value,
            low_ns: time.low,
            high_ns: time.high,
            speedup,
            ratio_within: None,
            samples_ns: samples,
            warm: true,
            floor_ns: None,
            bound: None,
            shares: Vec::new(),
            paced_share: None,
            cycles: None,
            counts: None,
            nmse,
            backward_error: 0.0,
        }),
    }
}

fn record(
    config: &Config,
    types: &Types,
    way: usize,
    outcome: Outcome,
    rounds: Rounds,
    environment: &Environment,
) -> Record {
    let (variant, rung, idea) = modelled::WAYS[way];
    let (host, tokens) = (Host::read(), rounds.tokens / 2);
    let (operations, bytes) = modelled::cost(config, types, tokens);
    Record {
        schema: SCHEMA,
        tier: Tier::Native,
        kernel: DECODE.into(),
        shape: modelled::shape_name(&config.name, tokens),
        dims: modelled::dims(config, types, tokens),
        variant: variant.into(),
        rung,
        idea: idea.into(),
        after: (rung > 0).then(|| "naive".into()),
        machine: MachineRef {
            id: "this-host".into(),
            name: host.cpu,
            class: "host".into(),
            year: None,
            profile_hash: None,
            isa: if way == 0 { "scalar" } else { "best" }.into(),
            threads: if way == 0 { 1 } else { rounds.threads as u32 },
            peak_ops_per_s: None,
            peak_bytes_per_s: None,
        },
        outcome,
        cost: CostRef { operations, bytes },
        caps: Vec::new(),
        environment: environment.clone(),
    }
}
