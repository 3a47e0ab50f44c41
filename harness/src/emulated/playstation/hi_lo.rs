//! The multiplier and divider beside the R3000A's pipeline: what it computes, how long that takes, and what a program may
//! not do meanwhile.
//!
//! Source: psx-spx, "Multiply/divide"; for what the two instructions after `mfhi` and `mflo` may not do the MIPS R2000
//! architecture.

use super::fault::Fault;

/// Cycles until a quotient is there, whatever the operands.
const DIVIDE_CYCLES: u64 = 36;

/// HI, LO and what is under way.
#[derive(Default)]
pub struct HiLo {
    /// High word of a product, or a remainder.
    pub hi: u32,
    /// Low word of a product, or a quotient.
    pub lo: u32,
    /// Cycle from which both can be read.
    ready: u64,
    /// Number of the first instruction that may change them.
    free: u64,
}

impl HiLo {
    /// `mfhi` and `mflo`: the cycle at which they run.
    pub fn wait(&mut self, now: u64, instruction: u64) -> u64 {
        self.free = instruction + 3;
        now.max(self.ready)
    }

    /// `mthi`, `mtlo`, `mult`, `multu`, `div` and `divu`, by the lowest six bits. An operation that is still busy is
    /// abandoned for a new one.
    pub fn start(&mut self, operation: u32, rs: u32, rt: u32, now: u64, instruction: u64) -> Result<(), Fault> {
        if instruction < self.free {
            return Err(Fault::HiLo(
                "one of the two instructions after mfhi or mflo changes HI or LO: what was read is undefined",
            ));
        }
        if matches!(operation, 0x11 | 0x13) && now < self.ready {
            return Err(Fault::HiLo(
                "mthi or mtlo while a product or quotient is being made leaves the other undefined",
            ));
        }
        let cycles;
        (self.hi, self.lo, cycles) = match operation {
            0x11 => (rs, self.lo, 0),
            0x13 => (self.hi, rs, 0),
            0x18 => {
                let product = i64::from(rs as i32) * i64::from(rt as i32);
                let magnitude = rs ^ ((rs as i32) >> 31) as u32;
                ((product >> 32) as u32, product as u32, multiply_cycles(magnitude))
            }
            0x19 => {
                let product = u64::from(rs) * u64::from(rt);
                ((product >> 32) as u32, product as u32, multiply_cycles(rs))
            }
            0x1a => {
                let (remainder, quotient) = divide(rs as i32, rt as i32);
                (remainder as u32, quotient as u32, DIVIDE_CYCLES)
            }
            _ => (rs.checked_rem(rt).unwrap_or(rs), rs.checked_div(rt).unwrap_or(u32::MAX), DIVIDE_CYCLES),
        };
        self.ready = now + 1 + cycles;
        Ok(())
    }
}

/// Cycles until a product is there, by the magnitude of the first operand.
fn multiply_cycles(rs: u32) -> u64 {
    match rs {
        0..0x800 => 6,
        0x800..0x10_0000 => 9,
        _ => 13,
    }
}

/// Remainder and quotient, of a division by zero and of the one that overflows too.
fn divide(rs: i32, rt: i32) -> (i32, i32) {
    match rt {
        0 => (rs, if rs < 0 { 1 } else { -1 }),
        _ => (rs.wrapping_rem(rt), rs.wrapping_div(rt)),
    }
}
