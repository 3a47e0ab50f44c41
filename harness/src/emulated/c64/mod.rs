//! A Commodore 64 (PAL) with a RAM expansion unit: a 6510, 64 KB, the cycles that the video chip takes away, and DMA. No
//! ROM: programs run on the bare machine, with RAM under the ROMs (`$01` = `$35`, set before they are called).
//!
//! Cycles: each instruction takes what the processor's manual says. Of the video chip only what slows the processor is
//! here: every eighth line of the picture it fetches 40 characters and stops the processor (`vic`). The screen is on, as
//! after a reset, until a program writes `$d011`. Interrupts are off, as programs that count cycles have them.

mod bus;
mod reu;
#[cfg(test)]
mod tests;
mod vic;

use mos6502::cpu::CPU;
use mos6502::instruction::Nmos6502;
use mos6502::memory::Bus as _;
use mos6502::registers::{StackPointer, Status};

use super::console::{Console, Fault, Spent, at_rate};
use bus::Bus;

/// Where a routine returns to: a place that no program may be at.
const RETURN: u16 = 0x0000;

/// See the file's first line.
pub struct Commodore64 {
    cpu: CPU<Bus, Nmos6502>,
    clock_hz: f64,
    /// Of a store that is no expansion unit, bytes/s.
    store_bytes_per_s: Option<f64>,
}

impl Commodore64 {
    /// Switched on, with so many bytes in the expansion unit, or in a store of this rate that stands for it.
    pub fn new(clock_hz: f64, expansion_bytes: usize, store_bytes_per_s: Option<f64>) -> Self {
        Self { cpu: CPU::new(Bus::new(expansion_bytes), Nmos6502), clock_hz, store_bytes_per_s }
    }

    /// One instruction with what the machine around the processor adds to it.
    fn step(&mut self) -> Result<(), Fault> {
        let at = self.cpu.registers.program_counter;
        let opcode = self.cpu.memory.get_byte(at);
        let before = self.cpu.cycles;
        let ran = self.cpu.single_step();
        if !ran || self.cpu.wait_state() != mos6502::cpu::WaitState::Running {
            return Err(Fault::Machine { at: at.into(), reason: format!("${opcode:02x} is no opcode of the 6510") });
        }
        let bus = &mut self.cpu.memory;
        let mut now = self.cpu.cycles;
        // Read-modify-write by an index takes seven cycles wherever the index leads; the crate takes an eighth for a page left.
        if matches!(opcode, 0x1e | 0x3e | 0x5e | 0x7e | 0xde | 0xfe) {
            now = before + 7;
        }
        if now >= bus.vic.next_event {
            let stolen = bus.vic.advance(before, now, opcode);
            bus.spent.contention += stolen;
            now += stolen;
        }
        if bus.transfer_cycles > 0 {
            now = bus.pay_for_transfer(now);
        }
        if let Some(reason) = bus.fault.take() {
            return Err(Fault::Machine { at: at.into(), reason });
        }
        self.cpu.cycles = now;
        Ok(())
    }
}

impl Console for Commodore64 {
    fn clock_hz(&self) -> f64 {
        self.clock_hz
    }

    fn word_bytes(&self) -> usize {
        2
    }

    fn holds(&self, address: u32, bytes: usize) -> Result<(), String> {
        let (first, end) = (address as usize, address as usize + bytes);
        let clear = |from: usize, to: usize| end <= from || first >= to;
        if end > 0x1_0000 {
            Err(format!("${first:04x}..${end:05x} ends beyond 64 KiB"))
        } else if !clear(0, 2) || !clear(0x100, 0x200) || !clear(0xd000, 0xe000) {
            Err(format!("${first:04x}..${end:05x} meets the processor's port, its stack or the chips at $d000..$e000"))
        } else {
            Ok(())
        }
    }

    fn write(&mut self, address: u32, bytes: &[u8]) {
        self.cpu.memory.ram[address as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    fn read(&self, address: u32, bytes: usize) -> Vec<u8> {
        self.cpu.memory.ram[address as usize..][..bytes].to_vec()
    }

    fn store(&mut self) -> &mut [u8] {
        &mut self.cpu.memory.reu.ram
    }

    fn stream(&mut self, from: usize, to: u32, bytes: usize) -> Spent {
        // A program that sets eight registers and the command: `lda #`, `sta` absolute.
        const SET_UP: u64 = 8 * 6 + 6;
        let bus = &mut self.cpu.memory;
        bus.spent = Spent::default();
        if let Some(rate) = self.store_bytes_per_s {
            bus.ram[to as usize..][..bytes].copy_from_slice(&bus.reu.ram[from..][..bytes]);
            // The picture stays where it was.
            return at_rate(bytes, rate, self.clock_hz);
        }
        bus.ram[to as usize..][..bytes].copy_from_slice(&bus.reu.ram[from..][..bytes]);
        bus.reu.count_moved(bytes as u64);
        bus.transfer_cycles = bytes as u64;
        let start = self.cpu.cycles;
        let now = start + SET_UP + bus.vic.during_transfer(start, SET_UP);
        bus.spent.contention += now - start - SET_UP;
        self.cpu.cycles = bus.pay_for_transfer(now);
        Spent { cycles: self.cpu.cycles - start, instructions: 18, ..bus.spent }
    }

    fn call(&mut self, address: u32, most_cycles: u64) -> Result<Spent, Fault> {
        let bad = |reason: &str| Fault::Machine { at: address, reason: reason.to_owned() };
        self.cpu.registers.program_counter = u16::try_from(address).map_err(|_| bad("beyond 64 KiB"))?;
        self.cpu.registers.stack_pointer = StackPointer(0xfd);
        // `rts` goes to the address after the one on the stack.
        let [low, high] = RETURN.wrapping_sub(1).to_le_bytes();
        self.cpu.memory.ram[0x1fe..0x200].copy_from_slice(&[low, high]);
        self.cpu.registers.status = Status::PS_DISABLE_INTERRUPTS | Status::PS_UNUSED;
        self.cpu.memory.spent = Spent::default();
        let start = self.cpu.cycles;
        let mut instructions = 0;
        while self.cpu.registers.program_counter != RETURN {
            self.step()?;
            instructions += 1;
            if self.cpu.cycles - start > most_cycles {
                return Err(Fault::Runaway { cycles: most_cycles });
            }
        }
        if self.cpu.registers.stack_pointer != StackPointer(0xff) {
            return Err(bad("it returned with another stack than it was called with"));
        }
        Ok(Spent { cycles: self.cpu.cycles - start, instructions, ..self.cpu.memory.spent })
    }
}
