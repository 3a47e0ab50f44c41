//! The R3000A: every instruction of MIPS I that a user's program can run, with the delays it sees. The core knows only a
//! [`Bus`]; what memory costs is the machine's matter.
//!
//! Source of behaviour and times: psx-spx, "CPU Specifications" (load delay, load shadow, branch delay).

use super::fault::{Fault, Stopped};
use super::gte::Gte;
use super::hi_lo::HiLo;

/// What the processor is wired to. Addresses of words are multiples of four.
pub trait Bus {
    /// An instruction, and the cycles waited for it beyond its own.
    fn fetch(&mut self, address: u32, now: u64) -> Result<(u32, u64), Fault>;
    /// A word.
    fn load(&mut self, address: u32, now: u64) -> Result<Loaded, Fault>;
    /// Writes the bits of `word` that `mask` names.
    fn store(&mut self, address: u32, word: u32, mask: u32, now: u64) -> Result<Stored, Fault>;
}

/// A word and what it cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The word.
    pub word: u32,
    /// Cycles waited beyond the instruction's own.
    pub wait_cycles: u64,
    /// Cycles of those that what follows may hide.
    pub shadow_cycles: u64,
}

/// What a store cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Cycles waited beyond the instruction's own.
    pub wait_cycles: u64,
    /// False for memory that needs no bus.
    pub bus: bool,
}

/// Where a program returns to when it is done: no address of code.
pub const DONE: u32 = 0xffff_fffc;

/// So many instructions hide one cycle of the load before them.
const PER_HIDDEN_CYCLE: u64 = 2;

/// Its registers and its clock.
pub struct Cpu {
    /// General registers; 0 stays 0.
    pub registers: [u32; 32],
    /// The multiplier and its registers.
    pub hi_lo: HiLo,
    /// Coprocessor 2.
    pub gte: Gte,
    /// Cycles so far.
    pub cycles: u64,
    /// Instructions so far.
    pub instructions: u64,
    /// Cycles so far of waiting for memory.
    pub memory_cycles: u64,
    pub(super) pc: u32,
    pub(super) next_pc: u32,
    /// The current instruction is in a branch's delay slot.
    in_slot: bool,
    /// Register and value of the load whose delay slot this is.
    loading: (usize, u32),
    shadow: Shadow,
}

/// What is left to hide of the last load from memory.
#[derive(Default)]
struct Shadow {
    /// Cycles that can still be hidden.
    cycles: u64,
    /// Independent instructions since the load or since one was hidden.
    independent: u64,
    register: u32,
}

/// What an instruction leaves for its end.
struct Done {
    register: usize,
    value: u32,
    load: (usize, u32),
    branch: Option<u32>,
}

impl Default for Cpu {
    fn default() -> Self {
        Cpu {
            registers: [0; 32],
            hi_lo: HiLo::default(),
            gte: Gte::default(),
            cycles: 0,
            instructions: 0,
            memory_cycles: 0,
            pc: DONE,
            next_pc: DONE,
            in_slot: false,
            loading: (0, 0),
            shadow: Shadow::default(),
        }
    }
}

impl Cpu {
    /// Calls a routine and runs until it returns, at most so many cycles. Its arguments, if any, are in the registers.
    pub fn call(&mut self, bus: &mut impl Bus, entry: u32, most_cycles: u64) -> Result<(), Stopped> {
        self.pc = entry;
        self.next_pc = entry.wrapping_add(4);
        self.in_slot = false;
        self.registers[31] = DONE;
        let limit = self.cycles.saturating_add(most_cycles);
        while self.pc != DONE {
            let pc = self.pc;
            self.step(bus).map_err(|fault| Stopped { pc, fault })?;
            if self.cycles > limit {
                return Err(Stopped { pc, fault: Fault::Endless { cycles: most_cycles } });
            }
        }
        // The caller's next instruction sees what the last one loaded.
        self.registers[self.loading.0] = self.loading.1;
        self.registers[0] = 0;
        self.loading = (0, 0);
        Ok(())
    }

    /// One instruction.
    #[inline(always)]
    pub(super) fn step(&mut self, bus: &mut impl Bus) -> Result<(), Fault> {
        if !self.pc.is_multiple_of(4) {
            return Err(Fault::Misaligned { address: self.pc, of: 4 });
        }
        let (word, wait) = bus.fetch(self.pc, self.cycles)?;
        self.wait(wait);
        if self.shadow.cycles > 0 {
            self.hide(word, wait > 0);
        }
        let done = self.execute(word, bus)?;
        self.cycles += 1;
        // A load is seen after its delay slot, where a write by the slot's own instruction, or a second load, wins.
        let (register, value) = self.loading;
        if done.load.0 != register {
            self.registers[register] = value;
        }
        self.registers[done.register] = done.value;
        self.registers[0] = 0;
        self.loading = done.load;
        let after = match done.branch {
            Some(_) if self.in_slot => return Err(Fault::BranchInSlot),
            Some(target) => target,
            None => self.next_pc.wrapping_add(4),
        };
        self.in_slot = done.branch.is_some();
        self.pc = self.next_pc;
        self.next_pc = after;
        // Apart from `cycles`: side by side they become one addition of 16 bytes, which waits for the stores of eight before.
        self.instructions += 1;
        Ok(())
    }

    #[inline(always)]
    fn wait(&mut self, cycles: u64) {
        self.cycles += cycles;
        self.memory_cycles += cycles;
    }

    /// The "load shadow": behind a load that waits for the bus, every second instruction that uses neither its register
    /// nor the bus is hidden, up to the cycles that the bus says can be. psx-spx gives the two ends of that line, no cycle
    /// with no such instruction and two with four.
    #[inline(always)]
    fn hide(&mut self, word: u32, missed: bool) {
        let uses = |register: u32| (word >> 21) & 31 == register || (word >> 16) & 31 == register;
        // The delay slot sees the register's old value and need not wait.
        let in_delay_slot = self.loading.0 != 0;
        if missed || !in_delay_slot && self.shadow.register != 0 && uses(self.shadow.register) {
            self.shadow.cycles = 0;
            return;
        }
        self.shadow.independent += 1;
        if self.shadow.independent == PER_HIDDEN_CYCLE {
            self.shadow.independent = 0;
            self.shadow.cycles -= 1;
            self.cycles -= 1;
            self.memory_cycles -= 1;
        }
    }

    #[inline(always)]
    fn execute(&mut self, word: u32, bus: &mut impl Bus) -> Result<Done, Fault> {
        let rs = self.registers[((word >> 21) & 31) as usize];
        let rt_index = ((word >> 16) & 31) as usize;
        let rt = self.registers[rt_index];
        let unsigned = word & 0xffff;
        let signed = unsigned as i16 as i32 as u32;
        let near = || self.next_pc.wrapping_add(signed << 2);
        let set = |value: u32| Ok(Done { register: rt_index, value, load: (0, 0), branch: None });
        let branch = |taken: bool, target: u32| {
            // A branch that is not taken has a delay slot too.
            Ok(Done {
                register: 0,
                value: 0,
                load: (0, 0),
                branch: Some(if taken { target } else { self.next_pc.wrapping_add(4) }),
            })
        };
        match word >> 26 {
            0x00 => self.special(word, rs, rt),
            0x01 => {
                let taken = ((rs as i32) < 0) != (rt_index & 1 == 1);
                let link = match rt_index {
                    0 | 1 => 0,
                    16 | 17 => 31,
                    _ => return Err(Fault::Reserved { word }),
                };
                let mut done: Done = branch(taken, near())?;
                (done.register, done.value) = (link, self.next_pc.wrapping_add(4));
                Ok(done)
            }
            0x02 | 0x03 => {
                let target = (self.next_pc & 0xf000_0000) | ((word & 0x03ff_ffff) << 2);
                let mut done: Done = branch(true, target)?;
                if word >> 26 == 0x03 {
                    (done.register, done.value) = (31, self.next_pc.wrapping_add(4));
                }
                Ok(done)
            }
            0x04 => branch(rs == rt, near()),
            0x05 => branch(rs != rt, near()),
            0x06 => branch(rs as i32 <= 0, near()),
            0x07 => branch(rs as i32 > 0, near()),
            0x08 => match (rs as i32).checked_add(signed as i32) {
                Some(sum) => set(sum as u32),
                None => Err(Fault::Overflow { name: "addi" }),
            },
            0x09 => set(rs.wrapping_add(signed)),
            0x0a => set(u32::from((rs as i32) < signed as i32)),
            0x0b => set(u32::from(rs < signed)),
            0x0c => set(rs & unsigned),
            0x0d => set(rs | unsigned),
            0x0e => set(rs ^ unsigned),
            0x0f => set(unsigned << 16),
            0x10 => Err(Fault::System { word }),
            0x12 => self.coprocessor(word, rt_index, rt),
            number @ (0x11 | 0x13) => Err(Fault::NoCoprocessor { word, number: number & 3 }),
            0x20..=0x26 => self.load(word, rs.wrapping_add(signed), rt_index, rt, bus),
            0x28..=0x2b | 0x2e => self.store(word, rs.wrapping_add(signed), rt, bus),
            0x32 => {
                let loaded = self.read(aligned(rs.wrapping_add(signed), 4)?, 0, bus)?;
                self.gte.write_data(rt_index, loaded, self.cycles, self.instructions)?;
                Ok(NOTHING)
            }
            0x3a => {
                let address = aligned(rs.wrapping_add(signed), 4)?;
                self.cycles = self.gte.wait(self.cycles);
                let value = self.gte.read_data(rt_index, self.instructions)?;
                self.write(address, value, u32::MAX, bus)?;
                Ok(NOTHING)
            }
            number @ (0x30 | 0x31 | 0x33 | 0x38 | 0x39 | 0x3b) => {
                Err(Fault::NoCoprocessor { word, number: number & 3 })
            }
            _ => Err(Fault::Reserved { word }),
        }
    }

    #[inline(always)]
    fn special(&mut self, word: u32, rs: u32, rt: u32) -> Result<Done, Fault> {
        let register = ((word >> 11) & 31) as usize;
        let shift = (word >> 6) & 31;
        let value = match word & 63 {
            0x00 => rt << shift,
            0x02 => rt >> shift,
            0x03 => ((rt as i32) >> shift) as u32,
            0x04 => rt << (rs & 31),
            0x06 => rt >> (rs & 31),
            0x07 => ((rt as i32) >> (rs & 31)) as u32,
            0x08 => return Ok(Done { branch: Some(rs), ..NOTHING }),
            0x09 => {
                return Ok(Done { register, value: self.next_pc.wrapping_add(4), branch: Some(rs), ..NOTHING });
            }
            0x0c => return Err(Fault::Trap { name: "syscall", code: (word >> 6) & 0xf_ffff }),
            0x0d => return Err(Fault::Trap { name: "break", code: (word >> 6) & 0xf_ffff }),
            0x10 | 0x12 => {
                self.cycles = self.hi_lo.wait(self.cycles, self.instructions);
                if word & 2 == 0 { self.hi_lo.hi } else { self.hi_lo.lo }
            }
            operation @ (0x11 | 0x13 | 0x18..=0x1b) => {
                self.hi_lo.start(operation, rs, rt, self.cycles, self.instructions)?;
                return Ok(NOTHING);
            }
            0x20 => (rs as i32).checked_add(rt as i32).ok_or(Fault::Overflow { name: "add" })? as u32,
            0x21 => rs.wrapping_add(rt),
            0x22 => (rs as i32).checked_sub(rt as i32).ok_or(Fault::Overflow { name: "sub" })? as u32,
            0x23 => rs.wrapping_sub(rt),
            0x24 => rs & rt,
            0x25 => rs | rt,
            0x26 => rs ^ rt,
            0x27 => !(rs | rt),
            0x2a => u32::from((rs as i32) < rt as i32),
            0x2b => u32::from(rs < rt),
            _ => return Err(Fault::Reserved { word }),
        };
        Ok(Done { register, value, ..NOTHING })
    }

    fn coprocessor(&mut self, word: u32, rt_index: usize, rt: u32) -> Result<Done, Fault> {
        let register = ((word >> 11) & 31) as usize;
        if word & (1 << 25) != 0 {
            self.cycles = self.gte.wait(self.cycles);
            self.gte.command(word, self.cycles, self.instructions)?;
            return Ok(NOTHING);
        }
        let now = (self.cycles, self.instructions);
        let value = match (word >> 21) & 31 {
            0x00 => {
                self.cycles = self.gte.wait(self.cycles);
                self.gte.read_data(register, self.instructions)?
            }
            0x02 => {
                self.cycles = self.gte.wait(self.cycles);
                self.gte.read_control(register, self.instructions)?
            }
            0x04 => return self.gte.write_data(register, rt, now.0, now.1).map(|()| NOTHING),
            0x06 => return self.gte.write_control(register, rt, now.0, now.1).map(|()| NOTHING),
            0x08 => return Err(Fault::GteHazard("bc2f and bc2t test a flag that no command sets")),
            _ => return Err(Fault::Reserved { word }),
        };
        Ok(Done { load: (rt_index, value), ..NOTHING })
    }

    #[inline(always)]
    fn load(&mut self, word: u32, address: u32, rt_index: usize, rt: u32, bus: &mut impl Bus) -> Result<Done, Fault> {
        let kind = word >> 26;
        match kind {
            0x21 | 0x25 => aligned(address, 2)?,
            0x23 => aligned(address, 4)?,
            _ => address,
        };
        let loaded = self.read(address & !3, rt_index as u32, bus)?;
        let bits = (address & 3) * 8;
        let value = match kind {
            0x20 => (loaded >> bits) as i8 as i32 as u32,
            0x21 => (loaded >> bits) as i16 as i32 as u32,
            0x23 => loaded,
            0x24 => (loaded >> bits) & 0xff,
            0x25 => (loaded >> bits) & 0xffff,
            // The halves of an unaligned word merge with what the other one has loaded, seen or not.
            kind => {
                let old = if self.loading.0 == rt_index { self.loading.1 } else { rt };
                if kind == 0x22 {
                    (loaded << (24 - bits)) | (old & (0x00ff_ffff >> bits))
                } else {
                    (loaded >> bits) | (old & !(u32::MAX >> bits))
                }
            }
        };
        Ok(Done { load: (rt_index, value), ..NOTHING })
    }

    fn read(&mut self, address: u32, register: u32, bus: &mut impl Bus) -> Result<u32, Fault> {
        let loaded = bus.load(address, self.cycles)?;
        self.wait(loaded.wait_cycles);
        if loaded.wait_cycles > 0 {
            self.shadow = Shadow { cycles: loaded.shadow_cycles, independent: 0, register };
        }
        Ok(loaded.word)
    }

    fn store(&mut self, word: u32, address: u32, rt: u32, bus: &mut impl Bus) -> Result<Done, Fault> {
        let bits = (address & 3) * 8;
        let (value, mask) = match word >> 26 {
            0x28 => (rt << bits, 0xff << bits),
            0x29 => {
                aligned(address, 2)?;
                (rt << bits, 0xffff << bits)
            }
            0x2a => (rt >> (24 - bits), u32::MAX >> (24 - bits)),
            0x2b => {
                aligned(address, 4)?;
                (rt, u32::MAX)
            }
            _ => (rt << bits, u32::MAX << bits),
        };
        self.write(address & !3, value, mask, bus)?;
        Ok(NOTHING)
    }

    fn write(&mut self, address: u32, value: u32, mask: u32, bus: &mut impl Bus) -> Result<(), Fault> {
        let stored = bus.store(address, value, mask, self.cycles)?;
        self.wait(stored.wait_cycles);
        if stored.bus {
            self.shadow.cycles = 0;
        }
        Ok(())
    }
}

const NOTHING: Done = Done { register: 0, value: 0, load: (0, 0), branch: None };

fn aligned(address: u32, of: u32) -> Result<u32, Fault> {
    if address.is_multiple_of(of) { Ok(address) } else { Err(Fault::Misaligned { address, of }) }
}
