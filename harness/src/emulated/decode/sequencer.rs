//! The step's operations in machine code on one machine, one after the other, each checked against what it must give.
//!
//! Programs are put into the machine where they were assembled for, one at a time. That is no more than a machine can do as
//! long as all of them, the cache of keys and values and what one operation works on fit its memory together: the room that
//! is left for an operation is what the memory has beyond programs and cache, and a product that needs more is done in
//! several parts of rows. Weights that do not fit beside all that come from the store, each time they are used. Not counted
//! is what a program that was laid out as one would not do: handing the result of one operation to the next.

use kernels::compare;
use kernels::dot_fixed::{self, DotFixed};
use kernels::input::Buffer;
use kernels::kernel::{Contract, Entry, Kernel, RowReference, Shape, Tolerance};
use kernels::operand::Operand;
use kernels::rmsnorm_fixed::{self, RmsNormFixed};
use kernels::softmax_fixed::{self, SoftmaxFixed};

use super::super::console::{Console, Fault, Spent};
use super::super::convention::{self, Misfit};
use super::super::program::Program;
use super::super::{cells, switch_on};
use super::model::{Matrix, Model};
use super::step::{self, Operations, Place};
use crate::profile::Emulated;

/// Most cycles of one operation.
const MOST_CYCLES: u64 = 20_000_000_000;
/// Bytes that are left to the stack, variables, chips and the picture.
const RESERVED: usize = 5 << 10;

/// Why a step cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// It needs more memory than there is.
    #[error("{0}")]
    TooLarge(String),
    /// A program faulted or gave something else than it must.
    #[error("{0}")]
    Wrong(String),
}

impl From<Misfit> for Stopped {
    fn from(misfit: Misfit) -> Self {
        match misfit {
            Misfit::TooLarge(reason) => Stopped::TooLarge(reason),
            Misfit::Program(reason) => Stopped::Wrong(reason),
        }
    }
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Stopped::Wrong(fault.to_string())
    }
}

/// The programs of a step.
#[derive(Clone, Copy)]
pub struct Programs {
    /// Of `dot_fixed`.
    pub product: &'static Program,
    /// Of `rmsnorm_fixed`.
    pub norm: &'static Program,
    /// Of `softmax_fixed`.
    pub softmax: &'static Program,
    /// What is between them.
    pub glue: &'static Program,
}

impl Programs {
    /// Bytes of code and tables.
    pub fn bytes(&self) -> usize {
        [self.product, self.norm, self.softmax, self.glue].iter().map(|p| p.bytes()).sum()
    }
}

/// See the file's first line.
pub struct Sequencer {
    console: Box<dyn Console>,
    programs: Programs,
    /// Whether weights stay in memory.
    resident: bool,
    /// Bytes of memory for what one operation works on.
    room: usize,
    /// Where the next bytes go in the store.
    next: usize,
    /// All told.
    pub spent: Spent,
}

impl Sequencer {
    /// A machine that was switched on, with its memory given out.
    pub fn new(profile: &Emulated, model: &Model, programs: Programs) -> Result<Self, Stopped> {
        let console = switch_on(profile).map_err(Stopped::Wrong)?;
        let memory = (profile.machine.memory_kib.value * 1024.0) as usize;
        let fixed = RESERVED + programs.bytes() + model.cache_bytes();
        let room = memory.checked_sub(fixed).ok_or_else(|| {
            Stopped::TooLarge(format!(
                "programs of {} bytes and {} of keys and values leave nothing of {memory} bytes",
                programs.bytes(),
                model.cache_bytes()
            ))
        })?;
        let mut made = Self {
            console,
            programs,
            resident: model.weight_bytes() < room,
            room: if model.weight_bytes() < room { room - model.weight_bytes() } else { room },
            next: 0,
            spent: Spent::default(),
        };
        let store = made.console.store().len();
        if !made.resident && model.weight_bytes() > store {
            return Err(Stopped::TooLarge(format!("weights of {} bytes, a store of {store}", model.weight_bytes())));
        }
        Ok(made)
    }

    /// Runs a program that keeps to the convention. `weights` are the operands that come from the store.
    fn run(
        &mut self,
        program: &'static Program,
        names: &[&str],
        operands: &mut [Operand<'_>],
        shape: &Shape,
        weights: &[usize],
    ) -> Result<(), Stopped> {
        let loaded = convention::load(self.console.as_mut(), program, names, operands, shape)?;
        let needed: usize = loaded.places().iter().map(|place| place.bytes).sum();
        if needed > self.room {
            return Err(Stopped::TooLarge(format!("an operation on {needed} bytes, {} are left for one", self.room)));
        }
        for place in loaded.places() {
            if !self.resident && weights.contains(&place.operand) {
                self.bring(place.address, place.bytes);
            }
        }
        self.spent += self.console.call(loaded.run(), MOST_CYCLES)?;
        loaded.take_outputs(self.console.as_ref(), operands);
        Ok(())
    }

    /// Lets bytes that are in memory come there from the store.
    fn bring(&mut self, address: u32, bytes: usize) {
        let data = self.console.read(address, bytes);
        let size = self.console.store().len();
        if self.next + bytes > size {
            self.next = 0;
        }
        let (from, to) = (self.next, self.next + bytes);
        self.console.store()[from..to].copy_from_slice(&data);
        self.next = to;
        self.spent += self.console.stream(from, address, bytes);
    }

    /// Rows of a product.
    fn rows(&mut self, place: Place, w: &Matrix, x: &[i8]) -> Result<Vec<i32>, Stopped> {
        let biased = |bytes: &[i8], bias: i32| Buffer::filled(bytes.len(), |i| (i32::from(bytes[i]) + bias) as i8);
        let plain = |bytes: &[i8]| Buffer::filled(bytes.len(), |i| bytes[i]);
        let (mut weights, mut weights_biased) = (plain(&w.w), biased(&w.w, dot_fixed::W_BIAS));
        let (mut x_plain, mut x_biased) = (plain(x), biased(x, dot_fixed::X_BIAS));
        let (mut squares, mut y) = (Buffer::<i32>::zeroed(0), Buffer::<i32>::zeroed(w.n));
        let mut operands = [
            Operand::Input(&mut weights),
            Operand::Input(&mut weights_biased),
            Operand::Input(&mut x_plain),
            Operand::Input(&mut x_biased),
            Operand::Input(&mut squares),
            Operand::Output(&mut y),
        ];
        let shape = Shape::new("step", 1, w.n, w.k);
        let brought: &[usize] = if place == Place::Model { &[0, 1] } else { &[] };
        self.run(self.programs.product, DotFixed::OPERAND_NAMES, &mut operands, &shape, brought)?;
        let y = y.as_slice().to_vec();
        if y != step::product(w, x) {
            return Err(Stopped::Wrong(format!("a product of {}×{} is not exact", w.n, w.k)));
        }
        Ok(y)
    }

    /// Calls a routine of the glue.
    fn glue(&mut self, routine: &str, inputs: &[(&str, &[u8])], shift: u8, n: usize) -> Result<(), Stopped> {
        let program = self.programs.glue;
        let label = |name: &str| {
            program.label(name).ok_or_else(|| Stopped::Wrong(format!("what is between has no label '{name}'")))
        };
        self.console.load(&program.segments()).map_err(Stopped::Wrong)?;
        let word = self.console.word_bytes();
        self.console.write(label("size_n")?, &(n as u64).to_le_bytes()[..word]);
        self.console.write(label("shift")?, &[shift]);
        for (name, bytes) in inputs {
            self.console.write(label(name)?, bytes);
        }
        self.spent += self.console.call(label(routine)?, MOST_CYCLES)?;
        Ok(())
    }

    fn result(&self, name: &str, bytes: usize) -> Vec<u8> {
        self.programs.glue.label(name).map_or_else(Vec::new, |at| self.console.read(at, bytes))
    }

    /// What the glue left, where it is what it must be.
    fn bytes(&self, routine: &str, exact: Vec<i8>) -> Result<Vec<i8>, Stopped> {
        let left: Vec<i8> = self.result("data_bytes", exact.len()).iter().map(|byte| *byte as i8).collect();
        if left == exact { Ok(left) } else { Err(Stopped::Wrong(format!("{routine} is not exact"))) }
    }
}

fn little_endian(numbers: &[i32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn unsigned(bytes: &[i8]) -> Vec<u8> {
    bytes.iter().map(|x| *x as u8).collect()
}

/// Whether rows are as near to their references as a kernel's rungs must be.
fn near(tolerance: &Tolerance, what: &str, rows: Vec<(RowReference, Vec<f32>)>) -> Result<(), Stopped> {
    let all: Vec<usize> = (0..rows.len()).collect();
    let row = |r: usize| {
        let (reference, left) = &rows[r];
        let reference = RowReference { values: reference.values.clone(), magnitudes: reference.magnitudes.clone() };
        (reference, left.clone())
    };
    match compare::verify(tolerance, &all, row).failure {
        None => Ok(()),
        Some(failure) => Err(Stopped::Wrong(format!("{what}: {failure}"))),
    }
}

impl Operations for Sequencer {
    type Error = Stopped;

    fn product(&mut self, place: Place, w: &Matrix, x: &[i8]) -> Result<Vec<i32>, Stopped> {
        let mut rows = w.n;
        loop {
            let parts: Result<Vec<_>, _> = (0..w.n)
                .step_by(rows)
                .map(|first| self.rows(place, &w.rows(first..w.n.min(first + rows)), x))
                .collect();
            match parts {
                // It is refused before anything is run or brought.
                Err(Stopped::TooLarge(_)) if rows > 1 => rows = rows.div_ceil(2),
                done => return Ok(done?.concat()),
            }
        }
    }

    fn norm(&mut self, x: &[i8], w: &[i8]) -> Result<Vec<i8>, Stopped> {
        let (mut x_in, mut w_in) = (Buffer::filled(x.len(), |i| x[i]), Buffer::filled(w.len(), |i| w[i]));
        let (mut roots, mut y) = (rmsnorm_fixed::roots(x.len()), Buffer::<i8>::zeroed(x.len()));
        let mut operands =
            [Operand::Input(&mut x_in), Operand::Input(&mut w_in), Operand::Input(&mut roots), Operand::Output(&mut y)];
        let shape = Shape::new("step", 1, x.len(), 1);
        self.run(self.programs.norm, RmsNormFixed::OPERAND_NAMES, &mut operands, &shape, &[])?;
        let tolerance = RmsNormFixed::tolerance(&shape, 1);
        let left = y.as_slice().iter().map(|y| f32::from(*y)).collect();
        near(&tolerance, "a norm", vec![(rmsnorm_fixed::reference::row(x, w), left)])?;
        Ok(y.as_slice().to_vec())
    }

    fn softmax(&mut self, x: &[i8], n: usize) -> Result<Vec<i32>, Stopped> {
        let (mut x_in, mut y) = (Buffer::filled(x.len(), |i| x[i]), Buffer::<i32>::zeroed(x.len()));
        let (mut exps, mut logs) = (softmax_fixed::exps(), softmax_fixed::logs());
        let mut operands =
            [Operand::Input(&mut x_in), Operand::Input(&mut exps), Operand::Input(&mut logs), Operand::Output(&mut y)];
        let shape = Shape::new("step", x.len() / n, n, 1);
        self.run(self.programs.softmax, SoftmaxFixed::OPERAND_NAMES, &mut operands, &shape, &[])?;
        let tolerance = SoftmaxFixed::tolerance(&shape, 1);
        let row = |(x, y): (&[i8], &[i32])| (softmax_fixed::reference::row(x), y.iter().map(|y| *y as f32).collect());
        near(&tolerance, "a softmax", x.chunks(n).zip(y.as_slice().chunks(n)).map(row).collect())?;
        Ok(y.as_slice().to_vec())
    }

    fn narrow(&mut self, sums: &[i32], shift: u8) -> Result<Vec<i8>, Stopped> {
        self.glue("run_narrow", &[("data_sums", &little_endian(sums))], shift, sums.len())?;
        self.bytes("narrow", step::narrow(sums, shift))
    }

    fn add(&mut self, residual: &[i32], sums: &[i32], shift: u8) -> Result<Vec<i32>, Stopped> {
        let inputs = [("data_sums", &*little_endian(sums)), ("data_residual", &*little_endian(residual))];
        self.glue("run_add", &inputs, shift, sums.len())?;
        let exact = step::add(residual, sums, shift);
        if self.result("data_residual", 4 * exact.len()) != little_endian(&exact) {
            return Err(Stopped::Wrong("add is not exact".to_owned()));
        }
        Ok(exact)
    }

    fn rope(&mut self, x: &[i8], turn: &[i8]) -> Result<Vec<i8>, Stopped> {
        let inputs = [("data_first", &*unsigned(x)), ("data_second", &*unsigned(turn))];
        self.glue("run_rope", &inputs, 0, x.len())?;
        self.bytes("rope", step::rope(x, turn))
    }

    fn swiglu(&mut self, gate: &[i8], up: &[i8], silu: &[i8]) -> Result<Vec<i8>, Stopped> {
        let inputs =
            [("data_first", &*unsigned(gate)), ("data_second", &*unsigned(up)), ("data_silu", &*unsigned(silu))];
        self.glue("run_swiglu", &inputs, 0, gate.len())?;
        self.bytes("swiglu", step::swiglu(gate, up, silu))
    }
}

/// The programs of a machine: rung 0 of every kernel, or the rung of `dot_fixed` that takes the fewest cycles for a product
/// of the model with its weights brought, and the last of the others.
pub fn programs(profile: &Emulated, model: &Model, naive: bool) -> Result<Programs, Stopped> {
    let lacking = |what: &str| Stopped::Wrong(format!("no program of {what} was assembled"));
    let of = |kernel: &dyn Kernel| -> Vec<&'static Program> {
        let codes = cells::rungs(kernel, profile);
        codes.iter().filter_map(|code| Program::of(kernel.folder(), code)).collect()
    };
    let products = of(&Entry::<DotFixed>::new());
    let norms = of(&Entry::<RmsNormFixed>::new());
    let softmaxes = of(&Entry::<SoftmaxFixed>::new());
    let pick = |all: &[&'static Program], what| {
        (if naive { all.first() } else { all.last() }).copied().ok_or_else(|| lacking(what))
    };
    let first = *products.first().ok_or_else(|| lacking("dot_fixed"))?;
    let glue = Program::find("decode", "glue", super::super::processor(profile)).ok_or_else(|| lacking("the glue"))?;
    let mut made =
        Programs { product: first, norm: pick(&norms, "norms")?, softmax: pick(&softmaxes, "softmax")?, glue };
    if naive {
        return Ok(made);
    }
    let mut best = None;
    // Here it is the sequencer that brings weights: a program that reads the store itself would find something else in it.
    for product in products.into_iter().filter(|p| !p.reads_store()) {
        made.product = product;
        let Ok(mut probe) = Sequencer::new(profile, model, made) else { continue };
        let q = &model.layers[0].q;
        if probe.product(Place::Model, q, &model.token).is_ok() && best.is_none_or(|(c, _)| probe.spent.cycles < c) {
            best = Some((probe.spent.cycles, product));
        }
    }
    made.product = best.map_or(first, |(_, product)| product);
    Ok(made)
}
