//! Emulated cells: one kernel and shape on one machine, every rung in its machine code, as records.

use kernels::compare::Verdict;
use kernels::foreign::MachineCode;
use kernels::input::Input;
use kernels::kernel::{Kernel, Shape, ShapeError};

use super::console::{Fault, Spent};
use super::convention::{self, Misfit};
use super::program::Program;
use super::{processor, switch_on};
use crate::profile::{Emulated, Loaded};
use crate::record::{Base, Bound, CostRef, Cycles, Environment, MachineRef, Outcome, Record, SCHEMA, Tier, Timing};

/// Most cycles of one run: a program that takes more is taken for one that does not end.
const MOST_CYCLES: u64 = 20_000_000_000;

/// The rungs of a kernel in a machine's code, rung 0 first.
pub fn rungs(kernel: &dyn Kernel, profile: &Emulated) -> Vec<MachineCode> {
    kernel.machine_code().iter().filter(|code| code.processor == processor(profile)).copied().collect()
}

/// Runs the rungs whose names `wanted` accepts at `shape` on the machine.
pub fn cells(
    environment: &Environment,
    kernel: &dyn Kernel,
    shape: &Shape,
    wanted: impl Fn(&str) -> bool,
    machine: &Loaded<Emulated>,
) -> Result<Vec<Record>, ShapeError> {
    let rungs = rungs(kernel, &machine.profile);
    if !rungs.iter().any(|code| wanted(code.name)) {
        return Ok(Vec::new());
    }
    let cost = kernel.cost(shape);
    let mut base = Base::default();
    let mut records = Vec::new();
    for (rung, code) in rungs.iter().enumerate() {
        // Rung 0 is what every speedup is taken from, wanted or not.
        if !wanted(code.name) && rung != 0 {
            continue;
        }
        let mut outcome = outcome(environment.seed, kernel, shape, code, &machine.profile)?;
        base.put_speedup(rung, &mut outcome);
        if wanted(code.name) {
            records.push(Record {
                schema: SCHEMA,
                tier: Tier::Emulated,
                kernel: kernel.name().into(),
                shape: shape.name.to_string(),
                dims: kernel.dims(shape),
                variant: code.name.into(),
                rung: rung as u32,
                idea: code.idea.into(),
                after: code.after.map(Into::into),
                machine: machine_ref(machine),
                outcome,
                cost: CostRef { operations: cost.operations, bytes: cost.bytes },
                caps: Vec::new(),
                environment: environment.clone(),
            });
        }
    }
    Ok(records)
}

fn outcome(
    seed: u64,
    kernel: &dyn Kernel,
    shape: &Shape,
    code: &MachineCode,
    profile: &Emulated,
) -> Result<Outcome, ShapeError> {
    let mut run = match prepare(&Input::typical(seed), kernel, shape, code, profile)? {
        Ok(run) => run,
        Err(outcome) => return Ok(outcome),
    };
    let spent = match run.run() {
        Ok(spent) => spent,
        Err(fault) => return Ok(Outcome::Wrong { reason: fault.to_string() }),
    };
    let verdict = run.verify();
    if let Some(reason) = verdict.failure {
        return Ok(Outcome::Wrong { reason });
    }
    let mut timing = timing(&spent, profile, run.program.bytes() as u64);
    for edge in profile.edges() {
        let spent = match prepare(&Input::typical(seed), kernel, shape, code, &edge)? {
            Ok(mut run) => run.run(),
            Err(outcome) => return Ok(outcome),
        };
        let spent = match spent {
            Ok(spent) => spent,
            Err(fault) => {
                let load = edge.memory.load_cycles.map_or(0.0, |figure| figure.value);
                let reason = format!("no band: with loads of {load} cycles it stops, {fault}");
                return Ok(Outcome::Void { reason });
            }
        };
        let at_edge = self::timing(&spent, &edge, run.program.bytes() as u64);
        timing.low_ns = timing.low_ns.min(at_edge.low_ns);
        timing.high_ns = timing.high_ns.max(at_edge.high_ns);
    }
    (timing.nmse, timing.backward_error) = (verdict.nmse, verdict.backward);
    Ok(Outcome::Timed(timing))
}

/// A machine that was switched on, with a program and its operands in it.
pub struct Ready {
    /// The machine.
    pub console: Box<dyn super::console::Console>,
    /// The operands.
    pub case: Box<dyn kernels::kernel::Case>,
    /// Where they are.
    pub loaded: convention::Loaded,
    /// The program.
    pub program: &'static Program,
}

/// Puts a rung and its operands into a machine; what else comes of the cell where it cannot.
pub fn prepare(
    input: &Input,
    kernel: &dyn Kernel,
    shape: &Shape,
    code: &MachineCode,
    profile: &Emulated,
) -> Result<Result<Ready, Outcome>, ShapeError> {
    let Some(program) = Program::of(kernel.folder(), code) else {
        let reason = format!("no {}.{}.asm was assembled", code.name, code.processor.suffix());
        return Ok(Err(Outcome::NotAvailable { reason }));
    };
    prepare_program(input, kernel, shape, program, profile)
}

/// The same of any program that keeps to the convention.
pub fn prepare_program(
    input: &Input,
    kernel: &dyn Kernel,
    shape: &Shape,
    program: &'static Program,
    profile: &Emulated,
) -> Result<Result<Ready, Outcome>, ShapeError> {
    let mut console = match switch_on(profile) {
        Ok(console) => console,
        Err(reason) => return Ok(Err(Outcome::NotAvailable { reason })),
    };
    let mut case = kernel.prepare(shape, input)?;
    case.poison();
    let names = kernel.operand_names();
    let loaded = convention::load(console.as_mut(), program, names, &mut case.operands(), shape);
    Ok(match loaded {
        Ok(loaded) => Ok(Ready { console, case, loaded, program }),
        Err(Misfit::TooLarge(reason)) => Err(Outcome::DoesNotFit { reason }),
        Err(Misfit::Program(reason)) => Err(Outcome::Wrong { reason }),
    })
}

impl Ready {
    /// Runs it once more.
    ///
    /// # Errors
    /// What stopped it.
    pub fn run(&mut self) -> Result<Spent, Fault> {
        self.console.call(self.loaded.run(), MOST_CYCLES)
    }

    /// Compares what the last run left with the kernel's reference.
    pub fn verify(&mut self) -> Verdict {
        self.loaded.take_outputs(self.console.as_ref(), &mut self.case.operands());
        self.case.verify_foreign(1, 0.0)
    }
}

/// A record's times of a run by a program of so many bytes; its errors are not known here.
pub(super) fn timing(spent: &Spent, profile: &Emulated, program_bytes: u64) -> Timing {
    let time_ns = spent.cycles as f64 / profile.machine.clock_hz.value * 1e9;
    let band = 1.0 + profile.machine.error_pct.value / 100.0;
    let shares = shares(spent);
    Timing {
        time_ns,
        low_ns: time_ns / band,
        high_ns: time_ns * band,
        speedup: None,
        ratio_within: None,
        samples_ns: Vec::new(),
        warm: true,
        floor_ns: None,
        bound: shares.first().map(|s| s.0),
        shares,
        paced_share: None,
        counts: None,
        cycles: Some(Cycles {
            cycles: spent.cycles,
            instructions: spent.instructions,
            streamed_bytes: spent.transferred_bytes,
            program_bytes,
        }),
        nmse: 0.0,
        backward_error: 0.0,
    }
}

/// What the cycles went into, largest first.
fn shares(spent: &Spent) -> Vec<(Bound, f64)> {
    let waiting = spent.contention + spent.memory + spent.transfer;
    let parts = [
        (Bound::Compute, spent.cycles - waiting),
        (Bound::Contention, spent.contention),
        (Bound::MemoryLatency, spent.memory),
        (Bound::Storage, spent.transfer),
    ];
    let share = |cycles: u64| cycles as f64 / spent.cycles.max(1) as f64;
    let mut shares: Vec<_> = parts.into_iter().filter(|p| p.1 > 0).map(|(bound, c)| (bound, share(c))).collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    shares
}

pub(super) fn machine_ref(machine: &Loaded<Emulated>) -> MachineRef {
    let p = &machine.profile;
    MachineRef {
        id: p.id.clone(),
        name: p.name.clone(),
        class: p.class.as_str().into(),
        year: Some(p.year),
        profile_hash: Some(machine.hash.clone()),
        isa: processor(p).suffix().into(),
        threads: 1,
        peak_ops_per_s: None,
        peak_bytes_per_s: None,
    }
}
