//! The PlayStation of 1994: an R3000A at 33.8688 MHz without floating point, 4 KiB of instruction cache, no data cache but
//! 1 KiB of fast memory in its place, 2 MiB of RAM, and a coprocessor that multiplies 3×3 matrices of 16-bit numbers.
//! No system software and no interrupts: a program is put into RAM and called.
//!
//! Two published figures of a load from RAM differ, 7 cycles and 5.14. They are the same machine: loads back to back take 7,
//! and where four independent instructions follow, two of those are hidden. That is what is emulated; the edges of a
//! record's band are 7 always and 5 always.

mod cpu;
mod fault;
mod gte;
mod hi_lo;
mod memory;
#[cfg(test)]
mod tests;

use super::console::{self, Console, Spent};
use crate::profile::Emulated;
use cpu::Cpu;
use memory::{Memory, RAM_BYTES, SCRATCHPAD, SCRATCHPAD_BYTES, Timing};

/// The first 64 KiB of RAM belong to the BIOS.
const FIRST: u32 = 0x8001_0000;
const END: u32 = 0x8000_0000 + RAM_BYTES as u32;
/// Where the stack begins, downwards.
const STACK: u32 = END - 16;
/// Bytes left to it.
const STACK_BYTES: u32 = 0x8000;
/// Bytes of a sector of data on a CD.
const SECTOR_BYTES: usize = 2048;

/// See the file's first line.
pub struct Playstation {
    cpu: Cpu,
    memory: Memory,
    clock_hz: f64,
    /// The CD; empty until something asks for it.
    disc: Vec<u8>,
    disc_bytes: usize,
    disc_bytes_per_s: f64,
}

impl Playstation {
    /// Switched on.
    ///
    /// # Errors
    /// What its profile lacks.
    pub fn new(profile: &Emulated) -> Result<Self, String> {
        let figures = &profile.memory;
        let load = figures.load_cycles.as_ref().ok_or("the profile has no memory.load_cycles")?.value;
        let hidden = figures.hidden_load_cycles.as_ref().map_or(0.0, |figure| figure.value);
        let whole = |value: f64| (value.fract() == 0.0 && (0.0..1000.0).contains(&value)).then_some(value as u64);
        let timing = match (whole(load), whole(hidden)) {
            (Some(load_cycles @ 2..), Some(hidden_cycles)) if hidden_cycles < load_cycles => {
                Timing { load_cycles, hidden_cycles }
            }
            _ => {
                return Err(format!(
                    "a load of {load} cycles with {hidden} hidden: whole numbers are wanted, 2 or more and fewer than those"
                ));
            }
        };
        Ok(Self {
            cpu: Cpu::default(),
            memory: Memory::new(timing),
            clock_hz: profile.machine.clock_hz.value,
            disc: Vec::new(),
            disc_bytes: (profile.store().store_kib.value * 1024.0) as usize,
            disc_bytes_per_s: profile.store().bytes_per_s.value,
        })
    }
}

impl Console for Playstation {
    fn clock_hz(&self) -> f64 {
        self.clock_hz
    }

    fn word_bytes(&self) -> usize {
        4
    }

    fn holds(&self, address: u32, bytes: usize) -> Result<(), String> {
        let (first, end) = (u64::from(address), u64::from(address) + bytes as u64);
        let inside = |from: u32, to: u32| first >= from.into() && end <= to.into();
        if inside(FIRST, END - STACK_BYTES) || inside(SCRATCHPAD, SCRATCHPAD + SCRATCHPAD_BYTES as u32) {
            return Ok(());
        }
        Err(format!(
            "{first:#010x}..{end:#010x} is not within {FIRST:#010x}..{:#010x}, RAM between the BIOS's and the stack",
            END - STACK_BYTES
        ))
    }

    fn write(&mut self, address: u32, bytes: &[u8]) {
        self.memory.put(address, bytes).expect("the caller has asked whether it is memory");
        self.memory.flush_cache();
    }

    fn read(&self, address: u32, bytes: usize) -> Vec<u8> {
        self.memory.get(address, bytes).expect("the caller has asked whether it is memory")
    }

    fn store(&mut self) -> &mut [u8] {
        if self.disc.len() != self.disc_bytes {
            // Zeros from the operating system: pages that nothing touches cost nothing.
            self.disc = vec![0; self.disc_bytes];
        }
        &mut self.disc
    }

    /// Whole sectors, at the drive's rate; the head is there already.
    fn stream(&mut self, from: usize, to: u32, bytes: usize) -> Spent {
        let data = self.disc[from..from + bytes].to_vec();
        self.write(to, &data);
        let sectors = (from + bytes).div_ceil(SECTOR_BYTES) - from / SECTOR_BYTES;
        let seconds = if bytes == 0 { 0.0 } else { (sectors * SECTOR_BYTES) as f64 / self.disc_bytes_per_s };
        let cycles = (seconds * self.clock_hz).round() as u64;
        self.cpu.cycles += cycles;
        Spent { cycles, transfer: cycles, transferred_bytes: bytes as u64, ..Spent::default() }
    }

    fn call(&mut self, address: u32, most_cycles: u64) -> Result<Spent, console::Fault> {
        let (cycles, instructions, waited) = (self.cpu.cycles, self.cpu.instructions, self.cpu.memory_cycles);
        self.cpu.registers[29] = STACK;
        self.cpu.call(&mut self.memory, address, most_cycles).map_err(|stopped| match stopped.fault {
            fault::Fault::Endless { cycles } => console::Fault::Runaway { cycles },
            fault => console::Fault::Machine { at: stopped.pc, reason: fault.to_string() },
        })?;
        if self.cpu.registers[29] != STACK {
            let reason = "it returned with another stack than it was called with".to_owned();
            return Err(console::Fault::Machine { at: address, reason });
        }
        Ok(Spent {
            cycles: self.cpu.cycles - cycles,
            memory: self.cpu.memory_cycles - waited,
            instructions: self.cpu.instructions - instructions,
            ..Spent::default()
        })
    }
}
