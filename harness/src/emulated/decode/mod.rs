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

/// What the last variant streams from.
const DISK: &str = "disk";

/// A variant.
pub struct Way {
    idea: &'static str,
    /// The variant that it improves on.
    after: Option<usize>,
    /// Whether it is the first rung of every kernel.
    naive: bool,
    /// Whether weights are -1, 0 or 1 times a power of two.
    ternary: bool,
    /// Whether weights come from a disk.
    disk: bool,
}

/// What the variants of [`Step::RUNGS`] are.
const WAYS: [Way; 5] = [
    Way {
        idea: "the first rung of every kernel in the machine's code, one after the other",
        after: None,
        naive: true,
        ternary: false,
        disk: false,
    },
    Way {
        idea: "of the products the rung that takes the fewest cycles with its weights brought, of the others the last rung",
        after: Some(0),
        naive: false,
        ternary: false,
        disk: false,
    },
    Way {
        idea: "the same, with the weights on a disk instead of the machine's first store",
        after: Some(1),
        naive: false,
        ternary: false,
        disk: true,
    },
    Way {
        idea: "fewer bytes: a model trained for weights of -1, 0 and 1 (BitNet b1.58) packs five to one, and those that fit stay",
        after: Some(1),
        naive: false,
        ternary: true,
        disk: false,
    },
    Way { idea: "the same fewer bytes from a disk", after: Some(3), naive: false, ternary: true, disk: true },
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
    let plain = Model::seeded(sizes, environment.seed, step.position);
    let ternary = Model::ternary(sizes, environment.seed, step.position);
    let model = |way: &Way| if way.ternary { &ternary } else { &plain };
    // Rung 0 is what every speedup is taken from, wanted or not.
    let wanted = |rung: usize| rung == 0 || step.names.contains(&Step::RUNGS[rung]);
    let outcome = |rung: usize| {
        let way = &WAYS[rung];
        // Not every machine has a disk, and one that keeps all weights in memory unpacks none.
        let profile = if way.disk { machine.profile.streaming_from(DISK)? } else { machine.profile.clone() };
        let there = !way.ternary || programs::unpack(&profile).is_some();
        (wanted(rung) && there).then(|| outcome(model(way), &profile, way))
    };
    let outcomes: Vec<_> = (0..Step::RUNGS.len()).into_par_iter().map(outcome).collect();
    let mut base = Base::default();
    let mut done = Vec::new();
    for (rung, ((name, way), outcome)) in Step::RUNGS.into_iter().zip(&WAYS).zip(outcomes).enumerate() {
        let Some((mut outcome, parts)) = outcome else { continue };
        base.put_speedup(rung, &mut outcome);
        let model = model(way);
        let weights = if way.ternary { Packed::bytes_of(model) } else { model.weight_bytes() };
        if step.names.contains(&name) {
            let record = Record {
                schema: SCHEMA,
                tier: Tier::Emulated,
                kernel: Step::KERNEL.into(),
                shape: step.shape_of(&sizes.name),
                dims: format!("{} layers of {}, position {}", sizes.layers, sizes.dim, step.position),
                variant: name.into(),
                rung: rung as u32,
                after: way.after.map(|rung| Step::RUNGS[rung].into()),
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

fn outcome(model: &Model, profile: &Emulated, way: &Way) -> (Outcome, Vec<Part>) {
    let timed = timed(model, profile, way).and_then(|(mut timing, parts)| {
        for edge in profile.edges() {
            let (at_edge, _) = self::timed(model, &edge, way)?;
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

fn timed(model: &Model, profile: &Emulated, way: &Way) -> Result<(Timing, Vec<Part>), Stopped> {
    let programs = programs::programs(profile, model, way)?;
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
