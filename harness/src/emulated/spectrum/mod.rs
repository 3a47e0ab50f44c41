//! A ZX Spectrum 48K: a Z80A, 48 KB of RAM of which the ULA shares the lower 16 (`ula`), and a tape. No ROM: programs run
//! on the bare machine, with interrupts off, as programs that use the stack pointer for data have them.

#[cfg(test)]
mod cycles;
#[cfg(test)]
mod tests;
mod ula;

use rustzx_z80::{RegName16, Z80};

use super::console::{Console, Fault, Spent, at_rate};
use ula::Ula;

/// First address of RAM; below it is the ROM, which this machine does not have.
const RAM: u32 = 0x4000;
/// Where the stack begins, which no program may lie in.
const STACK: u32 = 0xff00;
/// Where a routine returns to: a place that no program may be at.
const RETURN: u16 = 0x0000;

/// See the file's first line.
pub struct Spectrum {
    cpu: Z80,
    ula: Ula,
    clock_hz: f64,
    tape: Vec<u8>,
    /// Of a store that is no tape, bytes/s.
    store_bytes_per_s: Option<f64>,
}

impl Spectrum {
    /// Switched on, at the first T-state of a frame, with so many bytes on a tape, or in a store of this rate in its place.
    pub fn new(clock_hz: f64, tape_bytes: usize, store_bytes_per_s: Option<f64>) -> Self {
        Self { cpu: Z80::default(), ula: Ula::new(), clock_hz, tape: vec![0; tape_bytes], store_bytes_per_s }
    }
}

impl Console for Spectrum {
    fn clock_hz(&self) -> f64 {
        self.clock_hz
    }

    fn word_bytes(&self) -> usize {
        2
    }

    fn holds(&self, address: u32, bytes: usize) -> Result<(), String> {
        let end = address as usize + bytes;
        if address < RAM || end > STACK as usize {
            Err(format!("${address:04x}..${end:05x} is not in RAM below the stack, ${RAM:04x}..${STACK:04x}"))
        } else {
            Ok(())
        }
    }

    fn write(&mut self, address: u32, bytes: &[u8]) {
        self.ula.memory[address as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    fn read(&self, address: u32, bytes: usize) -> Vec<u8> {
        self.ula.memory[address as usize..][..bytes].to_vec()
    }

    fn store(&mut self) -> &mut [u8] {
        &mut self.tape
    }

    fn stream(&mut self, from: usize, to: u32, bytes: usize) -> Spent {
        let moved = &self.tape[from..from + bytes];
        let cycles = block_t(moved);
        self.ula.memory[to as usize..][..bytes].copy_from_slice(moved);
        let spent = match self.store_bytes_per_s {
            Some(rate) => at_rate(bytes, rate, self.clock_hz),
            None => Spent { cycles, transfer: cycles, transferred_bytes: bytes as u64, ..Spent::default() },
        };
        self.ula.t += spent.cycles;
        spent
    }

    fn call(&mut self, address: u32, most_cycles: u64) -> Result<Spent, Fault> {
        let fault = |at: u16, reason: String| Fault::Machine { at: at.into(), reason };
        let entry =
            u16::try_from(address).map_err(|_| Fault::Machine { at: address, reason: "beyond 64 KiB".into() })?;
        self.ula.memory[0xfffe..].copy_from_slice(&RETURN.to_le_bytes());
        self.cpu.regs.set_reg_16(RegName16::SP, 0xfffe);
        self.cpu.regs.set_pc(entry);
        self.ula.held = 0;
        let start = self.ula.t;
        let mut instructions = 0;
        let mut at = entry;
        while at != RETURN {
            self.cpu.emulate(&mut self.ula);
            instructions += 1;
            if let Some(reason) = self.ula.fault.take() {
                return Err(fault(at, reason));
            }
            if self.ula.t - start > most_cycles {
                return Err(Fault::Runaway { cycles: most_cycles });
            }
            at = self.cpu.regs.get_pc();
        }
        if self.cpu.regs.get_sp() != 0 {
            return Err(fault(entry, "it returned with another stack than it was called with".into()));
        }
        Ok(Spent { cycles: self.ula.t - start, contention: self.ula.held, instructions, ..Spent::default() })
    }
}

/// T-states of a bit's two pulses each, of a leader's and of the two that end it, and the number of a leader's: as the
/// ROM's SAVE writes a block of data and its LOAD reads it (<https://sinclair.wiki.zxnet.co.uk/wiki/Spectrum_tape_interface>).
const BIT_T: [u64; 2] = [855, 1710];
const LEADER_T: u64 = 3223 * 2168 + 667 + 735;

/// T-states in which these bytes pass the head as one block: leader, a flag of ones, the bytes, their parity.
fn block_t(bytes: &[u8]) -> u64 {
    let flag = 0xff;
    let parity = bytes.iter().fold(flag, |parity, byte| parity ^ byte);
    let bits = 8 * (bytes.len() as u64 + 2);
    let ones: u64 = bytes.iter().chain(&[flag, parity]).map(|byte| u64::from(byte.count_ones())).sum();
    LEADER_T + 2 * (BIT_T[1] * ones + BIT_T[0] * (bits - ones))
}
