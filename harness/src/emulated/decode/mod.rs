//! One token of a small model on an emulated machine, all of it in the machine's code: `model` says what is computed,
//! `step` in which order, `sequencer` does it with the kernels' rungs and what stands between them (`glue.*.asm`),
//! `reference` does the same in f64. The records are those of a kernel called `decode_step_fixed`.

mod model;
mod reference;
mod sequencer;
mod step;
#[cfg(test)]
mod tests;

use kernels::compare;
use kernels::kernel::{RowReference, Tolerance};
use rayon::prelude::*;

use super::cells;
use crate::plan::Step;
use crate::profile::{Emulated, Loaded};
use crate::record::{CostRef, Environment, Outcome, Record, SCHEMA, Speedup, Tier, Timing};
use model::Model;
use sequencer::{Sequencer, Stopped};

/// What activations of eight bits with shifts for scales may cost against f64: of 16 models of other seeds and positions the
/// worst had an NMSE of 0.03. Each operation is checked by itself, products and what is between the kernels to the bit.
const TOLERANCE: Tolerance = Tolerance { nmse: 0.05, backward: f64::INFINITY };

/// What the last variant streams from.
const DISK: &str = "disk";

/// What the variants of [`Step::RUNGS`] are.
const IDEAS: [&str; 3] = [
    "the first rung of every kernel in the machine's code, one after the other",
    "of the products the rung that takes the fewest cycles with its weights brought, of the others the last rung",
    "the same, with the weights on a disk instead of the machine's first store",
];

/// The step's records on a machine.
pub fn cells(environment: &Environment, step: &Step, machine: &Loaded<Emulated>) -> Vec<Record> {
    let model = Model::seeded(environment.seed, step.position);
    // Rung 0 is what every speedup is taken from, wanted or not.
    let run = |rung: usize| rung == 0 || step.names.contains(&Step::RUNGS[rung]);
    let outcome = |rung: usize| {
        // Not every machine has a disk.
        let profile = if rung == 2 { machine.profile.streaming_from(DISK)? } else { machine.profile.clone() };
        run(rung).then(|| outcome(&model, &profile, rung == 0))
    };
    let outcomes: Vec<Option<Outcome>> = (0..Step::RUNGS.len()).into_par_iter().map(outcome).collect();
    let mut naive_ns = None;
    let mut records = Vec::new();
    for (rung, (name, outcome)) in Step::RUNGS.into_iter().zip(outcomes).enumerate() {
        let Some(mut outcome) = outcome else { continue };
        if let Outcome::Timed(timing) = &mut outcome {
            naive_ns = naive_ns.or((rung == 0).then_some(timing.time_ns));
            let ratio = naive_ns.map(|naive| naive / timing.time_ns);
            timing.speedup = ratio.map(|ratio| Speedup { ratio, low: ratio, high: ratio });
        }
        if step.names.contains(&name) {
            records.push(Record {
                schema: SCHEMA,
                tier: Tier::Emulated,
                kernel: Step::KERNEL.into(),
                shape: step.shape(),
                dims: format!("5 layers of 64, position {}", step.position),
                variant: name.into(),
                rung: rung as u32,
                after: (rung > 0).then(|| Step::RUNGS[rung - 1].into()),
                idea: IDEAS[rung].into(),
                machine: cells::machine_ref(machine),
                outcome,
                cost: CostRef {
                    operations: model.operations(),
                    bytes: (model.weight_bytes() + model.cache_bytes()) as u64,
                },
                caps: Vec::new(),
                environment: environment.clone(),
            });
        }
    }
    records
}

fn outcome(model: &Model, profile: &Emulated, naive: bool) -> Outcome {
    let timed = timed(model, profile, naive).and_then(|mut timing| {
        for edge in profile.edges() {
            let at_edge = self::timed(model, &edge, naive)?;
            timing.low_ns = timing.low_ns.min(at_edge.low_ns);
            timing.high_ns = timing.high_ns.max(at_edge.high_ns);
        }
        Ok(timing)
    });
    match timed {
        Ok(timing) => Outcome::Timed(timing),
        Err(Stopped::TooLarge(reason)) => Outcome::DoesNotFit { reason },
        Err(Stopped::Wrong(reason)) => Outcome::Wrong { reason },
    }
}

fn timed(model: &Model, profile: &Emulated, naive: bool) -> Result<Timing, Stopped> {
    let programs = sequencer::programs(profile, model, naive)?;
    let mut sequencer = Sequencer::new(profile, model, programs)?;
    let logits = step::step(model, &mut sequencer)?;
    let truth = reference::logits(model);
    let verdict = compare::verify(&TOLERANCE, &[0], |_| {
        let reference = RowReference { values: truth.clone(), magnitudes: truth.iter().map(|x| x.abs()).collect() };
        (reference, logits.iter().map(|x| *x as f32).collect())
    });
    if let Some(failure) = verdict.failure {
        return Err(Stopped::Wrong(format!("logits: {failure}")));
    }
    let timing = cells::timing(&sequencer.spent, profile, programs.bytes() as u64);
    Ok(Timing { nmse: verdict.nmse, backward_error: verdict.backward, ..timing })
}
