//! The step's operations in machine code on one machine, one after the other, each checked against what it must give.
//!
//! Programs are put into the machine where they were assembled for, one at a time. That is no more than a machine can do as
//! long as all of them, the cache of keys and values and what one operation works on fit its memory together: the room that
//! is left for an operation is what the memory has beyond programs and cache, and a product that needs more is done in
//! several parts of rows. Weights that do not fit beside all that come from the store, each time they are used; those of a
//! ternary model come packed, and what fits of them stays. Not counted is what a program that was laid out as one would not do: handing the result of one operation to the next.

use kernels::compare;
use kernels::dot_fixed::{self, DotFixed};
use kernels::input::Buffer;
use kernels::kernel::{Contract, RowReference, Shape, Tolerance};
use kernels::operand::Operand;
use kernels::rmsnorm_fixed::{self, RmsNormFixed};
use kernels::softmax_fixed::{self, SoftmaxFixed};

use super::super::console::{Console, Fault, Spent};
use super::super::convention::{self, Loaded, Misfit};
use super::super::program::Program;
use super::super::switch_on;
use super::model::{Matrix, Model};
use super::packed::{self, Packed, Taken};
use super::programs::Programs;
use super::step::{self, Operations, Place};
use crate::profile::Emulated;

/// Most cycles of one operation.
const MOST_CYCLES: u64 = 20_000_000_000;
/// Bytes that are left to the stack, variables, chips and the picture.
const RESERVED: usize = 5 << 10;
/// Bytes for what one operation works on, beside packed weights.
const WORKING: usize = 8 << 10;

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

/// What a kind of operation took.
#[derive(Clone, Debug)]
pub struct Part {
    /// Which.
    pub name: &'static str,
    /// How often.
    pub calls: u64,
    /// All calls together.
    pub spent: Spent,
}

/// See the file's first line.
pub struct Sequencer {
    console: Box<dyn Console>,
    programs: Programs,
    /// Weights of a ternary model.
    packed: Option<Packed>,
    /// Whether weights stay in memory.
    resident: bool,
    /// Bytes of memory for what one operation works on.
    room: usize,
    /// Where the next bytes go in the store.
    next: usize,
    /// What it went into, in the order of the first calls.
    pub parts: Vec<Part>,
}

impl Sequencer {
    /// A machine that was switched on, with its memory given out.
    pub fn new(profile: &Emulated, model: &Model, programs: Programs) -> Result<Self, Stopped> {
        let mut console = switch_on(profile).map_err(Stopped::Wrong)?;
        let memory = (profile.machine.memory_kib.value * 1024.0) as usize;
        let ternary = programs.unpack.is_some();
        let for_packed = if ternary { packed::BLOCK + packed::digits(0).len() + WORKING } else { 0 };
        let fixed = RESERVED + programs.bytes() + model.cache_bytes() + for_packed;
        let room = memory.checked_sub(fixed).ok_or_else(|| {
            Stopped::TooLarge(format!(
                "programs of {} bytes and {} of keys and values leave nothing of {memory} bytes",
                programs.bytes(),
                model.cache_bytes()
            ))
        })?;
        let weights = if ternary { Packed::bytes_of(model) } else { model.weight_bytes() };
        let (resident, store) = (weights < room, console.store().len());
        if !resident && weights > store {
            return Err(Stopped::TooLarge(format!("weights of {weights} bytes, a store of {store}")));
        }
        let packed = ternary.then(|| Packed::new(model, room));
        let room = match (ternary, resident) {
            (true, _) => WORKING,
            (false, true) => room - weights,
            (false, false) => room,
        };
        Ok(Self { console, programs, packed, resident, room, next: 0, parts: Vec::new() })
    }

    /// All that was spent.
    pub fn spent(&self) -> Spent {
        let mut all = Spent::default();
        self.parts.iter().for_each(|part| all += part.spent);
        all
    }

    /// What the packed weights that do not stay in memory take to come there, apart from what is spent.
    pub fn cycles_of_rest(&mut self) -> u64 {
        let (Some(packed), Some(program)) = (&self.packed, self.programs.unpack) else { return 0 };
        let Some(to) = program.label("data_packed") else { return 0 };
        let (rest, mut cycles) = (packed.rest().to_vec(), 0);
        for block in rest.chunks(packed::BLOCK) {
            self.console.store()[..block.len()].copy_from_slice(block);
            cycles += self.console.stream(0, to, block.len()).cycles;
        }
        cycles
    }

    fn spend(&mut self, name: &'static str, spent: Spent) {
        match self.parts.iter_mut().find(|part| part.name == name) {
            Some(part) => {
                part.calls += 1;
                part.spent += spent;
            }
            None => self.parts.push(Part { name, calls: 1, spent }),
        }
    }

    /// Puts a program that keeps to the convention into memory with its operands.
    fn load(
        &mut self,
        program: &'static Program,
        names: &[&str],
        operands: &mut [Operand<'_>],
        shape: &Shape,
    ) -> Result<Loaded, Stopped> {
        let loaded = convention::load(self.console.as_mut(), program, names, operands, shape)?;
        let needed: usize = loaded.places().iter().map(|place| place.bytes).sum();
        if needed > self.room {
            return Err(Stopped::TooLarge(format!("an operation on {needed} bytes, {} are left for one", self.room)));
        }
        Ok(loaded)
    }

    /// Runs what was loaded.
    fn run(&mut self, name: &'static str, loaded: &Loaded, operands: &mut [Operand<'_>]) -> Result<(), Stopped> {
        let spent = self.console.call(loaded.run(), MOST_CYCLES)?;
        self.spend(name, spent);
        loaded.take_outputs(self.console.as_ref(), operands);
        Ok(())
    }

    /// Lets bytes come from the store to an address.
    fn bring(&mut self, data: &[u8], address: u32) {
        let (bytes, size) = (data.len(), self.console.store().len());
        if self.next + bytes > size {
            self.next = 0;
        }
        let (from, to) = (self.next, self.next + bytes);
        self.console.store()[from..to].copy_from_slice(data);
        self.next = to;
        let spent = self.console.stream(from, address, bytes);
        self.spend("weights from the store", spent);
    }

    /// Lets packed weights come from the store, where they do not stay in memory, and makes bytes of them, which must be
    /// those of `rows` with a bias.
    fn unpack(&mut self, rows: &Matrix, bias: i32) -> Result<(), Stopped> {
        let wrong = |what: &str| Stopped::Wrong(format!("unpacking: {what}"));
        let (Some(program), Some(packed)) = (self.programs.unpack, &mut self.packed) else {
            return Err(wrong("no program"));
        };
        let Taken { weights, block } = packed.take(rows).ok_or_else(|| wrong("other weights than the next"))?;
        let (weights, block) = (packed.bytes()[weights].to_vec(), packed.bytes()[block].to_vec());
        let label = |name: &str| program.label(name).ok_or_else(|| wrong("a label is missing"));
        self.console.load(&program.segments()).map_err(Stopped::Wrong)?;
        if !block.is_empty() {
            self.bring(&block, label("data_packed")?);
        }
        self.console.write(label("data_packed")?, &weights);
        self.console.write(label("data_digits")?, &packed::digits(bias));
        for (name, size) in [("size_n", rows.n), ("size_k", rows.k)] {
            self.console.write(label(name)?, &(size as u64).to_le_bytes()[..self.console.word_bytes()]);
        }
        let spent = self.console.call(label("run")?, MOST_CYCLES)?;
        self.spend("weights unpacked", spent);
        let left = self.console.read(label("data_w")?, rows.w.len());
        let exact = rows.w.iter().zip(left).all(|(w, byte)| (i32::from(*w) + bias) as u8 == byte);
        if exact { Ok(()) } else { Err(wrong("not exact")) }
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
        let product = self.programs.product;
        let mut loaded = self.load(product, DotFixed::OPERAND_NAMES, &mut operands, &shape)?;
        let biases = [0, dot_fixed::W_BIAS];
        let from_model = |at: &&convention::Place| place == Place::Model && at.operand < biases.len();
        for at in loaded.places().to_vec().iter().filter(from_model) {
            let data = self.console.read(at.address, at.bytes);
            if self.packed.is_none() {
                if !self.resident {
                    self.bring(&data, at.address);
                }
                continue;
            }
            if data != operands[at.operand].bytes() {
                return Err(Stopped::Wrong(
                    "the product wants weights in an order that none are unpacked in".to_owned(),
                ));
            }
            self.unpack(w, biases[at.operand])?;
            loaded = self.load(product, DotFixed::OPERAND_NAMES, &mut operands, &shape)?;
        }
        self.run(
            if place == Place::Model { "products of weights" } else { "products of keys and values" },
            &loaded,
            &mut operands,
        )?;
        let y = y.as_slice().to_vec();
        if y != step::product(w, x) {
            return Err(Stopped::Wrong(format!("a product of {}×{} is not exact", w.n, w.k)));
        }
        Ok(y)
    }

    /// Calls a routine of the glue.
    fn glue(&mut self, routine: &'static str, inputs: &[(&str, &[u8])], shift: u8, n: usize) -> Result<(), Stopped> {
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
        let spent = self.console.call(label(routine)?, MOST_CYCLES)?;
        self.spend(routine.trim_start_matches("run_"), spent);
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
        let loaded = self.load(self.programs.norm, RmsNormFixed::OPERAND_NAMES, &mut operands, &shape)?;
        self.run("norms", &loaded, &mut operands)?;
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
        let loaded = self.load(self.programs.softmax, SoftmaxFixed::OPERAND_NAMES, &mut operands, &shape)?;
        self.run("softmax", &loaded, &mut operands)?;
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
