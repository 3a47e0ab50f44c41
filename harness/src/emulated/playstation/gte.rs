//! The Geometry Transformation Engine: its registers, and the four commands that are linear algebra, MVMVA (3×3 matrix by
//! vector), GPF and GPL (vector by scalar, from nothing or onto a sum) and SQR. The others are refused.
//!
//! Source: psx-spx, "Geometry Transformation Engine" (formulas, flags, cycles, the two instructions that a write takes) and
//! "GTE Pipeline Timings" (when a running command has read its operands). Where a program's result would hang on what
//! nobody has documented, the run ends and says so.

use super::fault::Fault;

/// Instructions that must stand between a write of a register and what is to see it.
const WRITE_DELAY: u64 = 2;
/// Instructions after a command other than RT times V0 within which it may still read its operands.
const READ_LATE: u64 = 2;

const RGBC: usize = 6;
const IR0: usize = 8;
const IR1: usize = 9;
const IR3: usize = 11;
const SXYP: usize = 15;
const RGB0: usize = 20;
const RGB2: usize = 22;
const MAC1: usize = 25;
const IRGB: usize = 28;
const ORGB: usize = 29;
const LZCS: usize = 30;
const LZCR: usize = 31;
const CONTROL: usize = 32;
const FLAG: usize = CONTROL + 31;

const MVMVA: u32 = 0x12;
const SQR: u32 = 0x28;
const GPF: u32 = 0x3d;
const GPL: u32 = 0x3e;

/// Its registers and what is under way.
pub struct Gte {
    /// Data registers, then control registers.
    registers: [u32; 64],
    /// Writes under way, in a ring: the number of the first instruction to see one, register, value.
    writes: [(u64, usize, u32); 4],
    /// Writes begun and arrived so far.
    begun: usize,
    arrived: usize,
    /// Cycle from which the results of the last command are there.
    ready: u64,
    /// Number of the last command's instruction.
    command: Option<u64>,
    /// Registers that the command may still read for [`READ_LATE`] instructions.
    late: u64,
}

impl Default for Gte {
    fn default() -> Self {
        Gte { registers: [0; 64], writes: [(0, 0, 0); 4], begun: 0, arrived: 0, ready: 0, command: None, late: 0 }
    }
}

/// Everything a command writes: IR1 to IR3, the colours, MAC1 to MAC3 and FLAG.
const RESULTS: u64 = 0b111 << IR1 | 0b111 << RGB0 | 0b111 << MAC1 | 1 << FLAG;

impl Gte {
    /// The cycle at which an instruction that reads a register, or the next command, runs.
    pub fn wait(&self, now: u64) -> u64 {
        now.max(self.ready)
    }

    /// `mfc2` and `swc2`.
    pub fn read_data(&mut self, register: usize, instruction: u64) -> Result<u32, Fault> {
        self.arrive(instruction);
        let value = self.registers[register];
        Ok(match register {
            1 | 3 | 5 | IR0..=IR3 => value as i16 as i32 as u32,
            7 | 16..=19 => value & 0xffff,
            SXYP => self.registers[SXYP - 1],
            IRGB | ORGB => (0..3).fold(0, |packed, i| {
                let five = (i32::from(self.registers[IR1 + i] as i16) / 0x80).clamp(0, 0x1f) as u32;
                packed | five << (5 * i)
            }),
            LZCR => {
                let source = self.registers[LZCS];
                (source ^ ((source as i32) >> 31) as u32).leading_zeros()
            }
            _ => value,
        })
    }

    /// `cfc2`.
    pub fn read_control(&mut self, register: usize, instruction: u64) -> Result<u32, Fault> {
        self.arrive(instruction);
        let value = self.registers[CONTROL + register];
        Ok(match register {
            4 | 12 | 20 | 26 | 27 | 29 | 30 => value as i16 as i32 as u32,
            _ => value,
        })
    }

    /// `mtc2` and `lwc2`.
    pub fn write_data(&mut self, register: usize, value: u32, now: u64, instruction: u64) -> Result<(), Fault> {
        self.write(register, value, now, instruction)
    }

    /// `ctc2`.
    pub fn write_control(&mut self, register: usize, value: u32, now: u64, instruction: u64) -> Result<(), Fault> {
        self.write(CONTROL + register, value, now, instruction)
    }

    #[inline(always)]
    fn write(&mut self, register: usize, value: u32, now: u64, instruction: u64) -> Result<(), Fault> {
        if register == IRGB {
            return Err(Fault::GteHazard("writing IRGB is not modelled: write IR1 to IR3"));
        }
        let bit = 1_u64 << register;
        if now < self.ready && RESULTS & bit != 0 {
            return Err(Fault::GteHazard(
                "a register that the running command is going to write is written before it is done",
            ));
        }
        if self.late & bit != 0 && self.command.is_some_and(|c| instruction <= c + READ_LATE) {
            return Err(Fault::GteHazard(
                "an operand is overwritten within two instructions of its MVMVA: only the rotation matrix by V0 has been read by then",
            ));
        }
        self.arrive(instruction);
        // One write an instruction, and each arrives with the third after it: never more than three wait.
        self.writes[self.begun % 4] = (instruction + 1 + WRITE_DELAY, register, value);
        self.begun += 1;
        Ok(())
    }

    /// Lets the writes arrive that this instruction sees.
    #[inline(always)]
    fn arrive(&mut self, instruction: u64) {
        while self.arrived < self.begun {
            let (at, register, value) = self.writes[self.arrived % 4];
            if at > instruction {
                break;
            }
            self.arrived += 1;
            self.keep(register, value);
        }
    }

    #[inline(always)]
    fn keep(&mut self, register: usize, value: u32) {
        match register {
            SXYP => {
                self.registers.copy_within(13..15, 12);
                self.registers[14] = value;
            }
            // Results of others.
            ORGB | LZCR => {}
            FLAG => self.registers[FLAG] = with_error(value & 0x7fff_f000),
            _ => self.registers[register] = value,
        }
    }

    /// A command, at the cycle at which it may run.
    pub fn command(&mut self, word: u32, now: u64, instruction: u64) -> Result<(), Fault> {
        self.arrive(instruction);
        if (self.arrived..self.begun).any(|i| RESULTS & 1 << self.writes[i % 4].1 != 0) {
            return Err(Fault::GteHazard(
                "one of the two instructions before a command writes a register that it writes too: which stays is undefined",
            ));
        }
        let fraction = if word & 1 << 19 != 0 { 12 } else { 0 };
        let least = if word & 1 << 10 != 0 { 0 } else { -0x8000 };
        let mut flags = 0;
        let (sums, cycles) = match word & 63 {
            MVMVA => (self.matrix_by_vector(word, &mut flags)?, 8),
            SQR => (std::array::from_fn(|i| self.ir(i + 1) * self.ir(i + 1)), 5),
            GPF => (std::array::from_fn(|i| self.ir(i + 1) * self.ir(0)), 5),
            GPL => {
                let base = |i: usize| i64::from(self.registers[MAC1 + i] as i32) << fraction;
                (std::array::from_fn(|i| wrapped(base(i) + self.ir(i + 1) * self.ir(0), i, &mut flags)), 5)
            }
            command => return Err(Fault::GteCommand { command }),
        };
        for (i, sum) in sums.into_iter().enumerate() {
            let mac = (sum >> fraction) as u32;
            self.registers[MAC1 + i] = mac;
            let ir = (mac as i32).clamp(least, 0x7fff);
            flags |= u32::from(ir != mac as i32) << (24 - i);
            self.registers[IR1 + i] = ir as u32;
        }
        if matches!(word & 63, GPF | GPL) {
            self.push_colour(&mut flags);
        }
        self.registers[FLAG] = with_error(flags);
        self.ready = now + cycles;
        self.command = Some(instruction);
        Ok(())
    }

    /// Sums of a matrix by a vector and a translation.
    fn matrix_by_vector(&mut self, word: u32, flags: &mut u32) -> Result<[i64; 3], Fault> {
        let (matrix, vector, translation) = ((word >> 17) & 3, (word >> 15) & 3, (word >> 13) & 3);
        if matrix == 3 {
            return Err(Fault::GteHazard("matrix 3 of MVMVA is made of other registers by mistake"));
        }
        if translation == 2 {
            return Err(Fault::GteHazard("MVMVA adds the far colour wrongly: use TR, BK or none"));
        }
        let matrix = CONTROL + 8 * matrix as usize;
        let element = |i: usize| (self.registers[matrix + i / 2] >> (16 * (i % 2))) as i16;
        let v: [i16; 3] = match vector {
            3 => std::array::from_fn(|i| self.registers[IR1 + i] as i16),
            v => {
                let [xy, z] = [self.registers[2 * v as usize], self.registers[2 * v as usize + 1]];
                [xy as i16, (xy >> 16) as i16, z as i16]
            }
        };
        let add = |i: usize| match translation {
            0 | 1 => i64::from(self.registers[CONTROL + 5 + 8 * translation as usize + i] as i32) << 12,
            _ => 0,
        };
        let sums = std::array::from_fn(|i| {
            (0..3).fold(wrapped(add(i), i, flags), |sum, j| {
                wrapped(sum + i64::from(element(3 * i + j)) * i64::from(v[j]), i, flags)
            })
        });
        let operands = 0b1_1111 << matrix
            | match vector {
                3 => 0b111 << IR1,
                v => 0b11 << (2 * v),
            };
        self.late = if matrix == CONTROL && vector == 0 { 0 } else { operands };
        Ok(sums)
    }

    fn ir(&self, i: usize) -> i64 {
        i64::from(self.registers[IR0 + i] as i16)
    }

    fn push_colour(&mut self, flags: &mut u32) {
        let code = self.registers[RGBC] & 0xff00_0000;
        let colour = (0..3).fold(code, |colour, i| {
            let wide = (self.registers[MAC1 + i] as i32) >> 4;
            let byte = wide.clamp(0, 0xff);
            *flags |= u32::from(byte != wide) << (21 - i);
            colour | (byte as u32) << (8 * i)
        });
        self.registers.copy_within(RGB0 + 1..=RGB2, RGB0);
        self.registers[RGB2] = colour;
    }
}

/// A sum as its 44 bits hold it, and a flag where they do not.
fn wrapped(sum: i64, i: usize, flags: &mut u32) -> i64 {
    let held = sum << 20 >> 20;
    if held != sum {
        *flags |= 1 << (if sum > 0 { 30 } else { 27 } - i);
    }
    held
}

/// FLAG with its bit 31, which sums up most of the others.
fn with_error(flags: u32) -> u32 {
    flags | u32::from(flags & 0x7f87_e000 != 0) << 31
}
