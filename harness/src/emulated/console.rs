//! What the emulated machines have in common: memory that a program and its operands are put into, a store beside it, and
//! a processor that runs a routine until it returns.

use super::asm::Segment;

/// An emulated machine, as it is after it was switched on. Two runs from the same state take the same cycles everywhere.
pub trait Console: Send {
    /// Cycles of the processor's clock per second.
    fn clock_hz(&self) -> f64;
    /// Bytes of a pointer and of a size in the convention of [`super::convention`].
    fn word_bytes(&self) -> usize;
    /// Whether a program and its operands may lie in these addresses; the reason where they may not.
    fn holds(&self, address: u32, bytes: usize) -> Result<(), String>;
    /// Puts bytes into memory; the caller has asked [`Console::holds`].
    fn write(&mut self, address: u32, bytes: &[u8]);
    /// Takes bytes out of memory.
    fn read(&self, address: u32, bytes: usize) -> Vec<u8>;
    /// The store that programs stream from (REU, tape, disk, CD), of its full size.
    fn store(&mut self) -> &mut [u8];
    /// Moves bytes from the store into memory as fast as the machine can while it does nothing else: what a program that
    /// cannot reach the store itself waits for. The caller has asked [`Console::holds`], and the store has the bytes.
    fn stream(&mut self, from: usize, to: u32, bytes: usize) -> Spent;
    /// Calls a routine and runs it until it returns. A state of the machine that the emulation does not cover, an opcode
    /// that is none, or more cycles than `most_cycles` are faults.
    fn call(&mut self, address: u32, most_cycles: u64) -> Result<Spent, Fault>;

    /// Puts a program into memory.
    fn load(&mut self, segments: &[Segment]) -> Result<(), String> {
        for segment in segments {
            self.holds(segment.address, segment.bytes.len())?;
            self.write(segment.address, &segment.bytes);
        }
        Ok(())
    }
}

/// What bytes take from a store of so many bytes a second while the machine waits.
pub fn at_rate(bytes: usize, bytes_per_s: f64, clock_hz: f64) -> Spent {
    let cycles = (bytes as f64 / bytes_per_s * clock_hz).round() as u64;
    Spent { cycles, transfer: cycles, transferred_bytes: bytes as u64, ..Spent::default() }
}

/// What a call took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Cycles of the processor's clock, all told.
    pub cycles: u64,
    /// Of these, waiting for the bus while the picture is fetched.
    pub contention: u64,
    /// Of these, waiting for memory: reads that have no cache, a full write queue.
    pub memory: u64,
    /// Of these, stopped while the store or a DMA channel moves bytes.
    pub transfer: u64,
    /// Bytes moved from or to the store.
    pub transferred_bytes: u64,
    /// Instructions.
    pub instructions: u64,
}

impl std::ops::AddAssign for Spent {
    fn add_assign(&mut self, more: Self) {
        self.cycles += more.cycles;
        self.contention += more.contention;
        self.memory += more.memory;
        self.transfer += more.transfer;
        self.transferred_bytes += more.transferred_bytes;
        self.instructions += more.instructions;
    }
}

/// Why a program did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It runs on.
    #[error("it did not return within {cycles} cycles")]
    Runaway {
        /// Cycles that it was given.
        cycles: u64,
    },
    /// Something that this machine does not do or that the emulation leaves out.
    #[error("at ${at:04x}: {reason}")]
    Machine {
        /// Address of the instruction.
        at: u32,
        /// What.
        reason: String,
    },
}
