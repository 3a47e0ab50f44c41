//! How a program and the harness agree on where things are: by the program's labels.
//!
//! - `run`: the routine that does the kernel's work once, called as often as wanted.
//! - `data_<operand>` … `data_<operand>_end`: room for an operand; an output is read from there afterwards.
//! - `data_<operand>_<arrangement>` … `_end`: the same in another order, see [`Arrangement`].
//! - `store_<operand>[_<arrangement>]`: the operand goes into the machine's store, and its offset there to this label, in
//!   four bytes.
//! - `size_m`, `size_n`, `size_k`, `size_parts`: a size of the shape is written there, in a word of the machine.
//! - `most_m` and so on: the largest such size that the program can do; `multiple_n` and so on: it must be one of this.
//!
//! What a program has no label for, it is not given. Words are little-endian.

use kernels::kernel::Shape;
use kernels::operand::Operand;

use super::arrange::Arrangement;
use super::console::Console;
use super::program::Program;

/// What a program cannot be given on this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The shape or an operand is too large.
    #[error("{0}")]
    TooLarge(String),
    /// The program breaks the convention.
    #[error("{0}")]
    Program(String),
}

/// An operand's place in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its number.
    pub operand: usize,
    /// First address.
    pub address: u32,
    /// Bytes, in the order that the program wants.
    pub bytes: usize,
}

/// A program in a machine's memory with its operands.
pub struct Loaded {
    run: u32,
    places: Vec<Place>,
    /// Bytes of operands that went into the store.
    pub stored_bytes: usize,
}

impl Loaded {
    /// The routine to call.
    pub fn run(&self) -> u32 {
        self.run
    }

    /// Where the operands are that are in memory.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Copies what the program left to the case's outputs.
    pub fn take_outputs(&self, console: &dyn Console, operands: &mut [Operand<'_>]) {
        for place in &self.places {
            if let Some(bytes) = operands[place.operand].bytes_mut() {
                let left = console.read(place.address, bytes.len());
                bytes.copy_from_slice(&left);
            }
        }
    }
}

/// Puts a program and the operands of a case into a machine.
pub fn load(
    console: &mut dyn Console,
    program: &Program,
    names: &[&str],
    operands: &mut [Operand<'_>],
    shape: &Shape,
) -> Result<Loaded, Misfit> {
    if names.len() != operands.len() {
        return Err(Misfit::Program(format!("{} names for {} operands", names.len(), operands.len())));
    }
    let run = program.label("run").ok_or_else(|| Misfit::Program("it has no label 'run'".into()))?;
    sizes(program, shape)?;
    console.load(&program.segments()).map_err(Misfit::Program)?;
    let mut places = Vec::new();
    let mut stored = 0;
    for (i, (name, operand)) in names.iter().zip(operands.iter_mut()).enumerate() {
        for arrangement in Arrangement::ALL {
            let name = format!("{name}{}", arrangement.suffix());
            if let Some(address) = program.label(&format!("data_{name}")) {
                let bytes = arranged(arrangement, &name, operand.bytes(), shape, program)?;
                room(console, program, &name, address, bytes.len())?;
                console.write(address, &bytes);
                places.push(Place { operand: i, address, bytes: bytes.len() });
            }
            if let Some(label) = program.label(&format!("store_{name}")) {
                let bytes = arranged(arrangement, &name, operand.bytes(), shape, program)?;
                let size = console.store().len();
                let place = console.store().get_mut(stored..stored + bytes.len()).ok_or_else(|| {
                    Misfit::TooLarge(format!("{name} needs {} bytes of a store of {size}", stored + bytes.len()))
                })?;
                place.copy_from_slice(&bytes);
                console.write(label, &(stored as u32).to_le_bytes());
                stored += bytes.len();
            }
        }
    }
    let word = console.word_bytes();
    for (name, size) in named_sizes(shape) {
        if let Some(label) = program.label(&format!("size_{name}")) {
            console.write(label, &(size as u64).to_le_bytes()[..word]);
        }
    }
    Ok(Loaded { run, places, stored_bytes: stored })
}

fn named_sizes(shape: &Shape) -> [(&'static str, usize); 4] {
    [("m", shape.m), ("n", shape.n), ("k", shape.k), ("parts", shape.parts)]
}

/// Whether the program can do the shape.
fn sizes(program: &Program, shape: &Shape) -> Result<(), Misfit> {
    for (name, size) in named_sizes(shape) {
        if let Some(most) = program.symbol(&format!("most_{name}")).filter(|&most| size as i64 > most) {
            return Err(Misfit::TooLarge(format!("{name} = {size}, this program does at most {most}")));
        }
        if let Some(of) = program.symbol(&format!("multiple_{name}")).filter(|&of| of > 0 && size as i64 % of != 0) {
            return Err(Misfit::TooLarge(format!("{name} = {size}, this program does multiples of {of}")));
        }
    }
    Ok(())
}

fn arranged(
    arrangement: Arrangement,
    name: &str,
    bytes: &[u8],
    shape: &Shape,
    program: &Program,
) -> Result<Vec<u8>, Misfit> {
    arrangement
        .apply(bytes, shape, &|name| program.symbol(name))
        .map_err(|reason| Misfit::Program(format!("{name}: {reason}")))
}

/// Whether an operand fits where the program wants it.
fn room(console: &dyn Console, program: &Program, name: &str, address: u32, bytes: usize) -> Result<(), Misfit> {
    let end = program.label(&format!("data_{name}_end"));
    let end = end.ok_or_else(|| Misfit::Program(format!("it has a label 'data_{name}' and no 'data_{name}_end'")))?;
    let room = end.saturating_sub(address) as usize;
    if bytes > room {
        return Err(Misfit::TooLarge(format!("{name} needs {bytes} bytes, this program has {room} for it")));
    }
    console.holds(address, bytes).map_err(Misfit::TooLarge)
}
