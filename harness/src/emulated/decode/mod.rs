//! One token of a small model on an emulated machine, all of it in the machine's code: `model` says what is computed,
//! `step` in which order, `sequencer` does it with the kernels' rungs and what stands between them (`glue.*.asm`),
//! `programs` chooses them, `packed` is weights in fewer bytes, `reference` does the same in f64. The records are those of a kernel called `decode_step_fixed`.

mod model;
mod packed;
mod programs;
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
use crate::record::{Base, CostRef, Environment, Outcome, Record, SCHEMA, Tier, Timing};
use model::Model;
use packed::Packed;
use sequencer::{Sequencer, Stopped};

pub use model::Sizes;
pub use sequencer::Part;

/// What activations of eight bits with shifts for scales may cost against f64: of 16 models of other seeds, with weights of
/// bytes and ternary ones, with heads of 8 and of 16, at five positions from 3 to 255, the worst had an NMSE of 0.048. Each
/// operation is checked by itself, products and what is between the kernels to the bit.
const TOLERANCE: Tolerance = Tolerance { nmse: 0.05, backward: f64::INFINITY };

/// The store that a step on a disk streams from.
const DISK: &str = "disk";

/// A variant.
pub struct Way {
    idea: &'static str,
    /// Whether it is the first rung of every kernel.
    naive: bool,
}

/// What the variants of [`Step::RUNGS`] are, the second over the first.
const WAYS: [Way; 2] = [
    Way { idea: "the first rung of every kernel in the machine's code, one after the other", naive: true },
    Way {
        idea: "of the products the rung that takes the fewest cycles with its weights brought, of the others the last rung",
        naive: false,
    },
];

/// A step on a machine.
pub struct Done {
    /// Its record.
    pub record: Record,
    /// What it went into, in the order of the first calls; nothing where there is no time.
    pub parts: Vec<Part>,
}

/// The step's records on a machine, of the tour's model.
pub fn cells(environment: &Environment, step: &Step, machine: &Loaded<Emulated>) -> Vec<Record> {
    steps(environment, &Sizes::stories260k(), step, machine).into_iter().map(|done| done.record).collect()
}

/// The same of any model, with what each went into.
pub fn steps(environment: &Environment, sizes: &Sizes, step: &Step, machine: &Loaded<Emulated>) -> Vec<Done> {
    let model = if step.ternary { Model::ternary } else { Model::seeded };
    let model = model(sizes, environment.seed, step.position);
    let setting = setting(step, &machine.profile);
    // Rung 0 is what every speedup is taken from, wanted or not.
    let wanted = |rung: usize| rung == 0 || step.names.contains(&Step::RUNGS[rung]);
    let outcome = |rung: usize| {
        wanted(rung).then(|| match &setting {
            Ok(profile) => outcome(&model, profile, step.ternary, &WAYS[rung]),
            Err(reason) => (Outcome::NotAvailable { reason: (*reason).into() }, Vec::new()),
        })
    };
    let outcomes: Vec<_> = (0..Step::RUNGS.len()).into_par_iter().map(outcome).collect();
    let weights = if step.ternary { Packed::bytes_of(&model) } else { model.weight_bytes() };
    let kind = if step.ternary { ", ternary weights" } else { "" };
    let store = if step.disk { ", from a disk" } else { "" };
    let mut base = Base::default();
    let mut done = Vec::new();
    for (rung, ((name, way), outcome)) in Step::RUNGS.into_iter().zip(&WAYS).zip(outcomes).enumerate() {
        let Some((mut outcome, parts)) = outcome else { continue };
        base.put_speedup(rung, &mut outcome);
        if step.names.contains(&name) {
            let record = Record {
                schema: SCHEMA,
                tier: Tier::Emulated,
                kernel: Step::KERNEL.into(),
                shape: step.shape_of(&sizes.name),
                dims: format!("{} layers of {}, position {}{kind}{store}", sizes.layers, sizes.dim, step.position),
                variant: name.into(),
                rung: rung as u32,
                after: (rung > 0).then(|| Step::RUNGS[0].into()),
                idea: way.idea.into(),
                machine: cells::machine_ref(machine),
                outcome,
                cost: CostRef { operations: model.operations(), bytes: (weights + model.cache_bytes()) as u64 },
                caps: Vec::new(),
                environment: environment.clone(),
            };
            done.push(Done { record, parts });
        }
    }
    done
}

/// True where a machine has the step's store, and programs for its weights.
pub fn has(step: &Step, profile: &Emulated) -> bool {
    setting(step, profile).is_ok()
}

/// The machine with its weights in the step's store, or what it lacks for the step.
fn setting(step: &Step, profile: &Emulated) -> Result<Emulated, &'static str> {
    if step.ternary && programs::unpack(profile).is_none() {
        return Err("all weights fit its memory as bytes: no program there unpacks them");
    }
    match step.disk {
        true => profile.streaming_from(DISK).ok_or("the machine has no disk"),
        false => Ok(profile.clone()),
    }
}

fn outcome(model: &Model, profile: &Emulated, ternary: bool, way: &Way) -> (Outcome, Vec<Part>) {
    let timed = timed(model, profile, ternary, way).and_then(|(mut timing, parts)| {
        for edge in profile.edges() {
            let (at_edge, _) = self::timed(model, &edge, ternary, way)?;
            timing.low_ns = timing.low_ns.min(at_edge.low_ns);
            timing.high_ns = timing.high_ns.max(at_edge.high_ns);
        }
        Ok((timing, parts))
    });
    match timed {
        Ok((timing, parts)) => (Outcome::Timed(timing), parts),
        Err(Stopped::TooLarge(reason)) => (Outcome::DoesNotFit { reason }, Vec::new()),
        Err(Stopped::Wrong(reason)) => (Outcome::Wrong { reason }, Vec::new()),
    }
}

fn timed(model: &Model, profile: &Emulated, ternary: bool, way: &Way) -> Result<(Timing, Vec<Part>), Stopped> {
    let programs = programs::programs(profile, model, ternary, way.naive)?;
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
    let timing = cells::timing(&sequencer.spent(), profile, programs.bytes() as u64);
    let timing = Timing { nmse: verdict.nmse, backward_error: verdict.backward, ..timing };
    Ok((timing, sequencer.parts))
}
