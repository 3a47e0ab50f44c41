//! One warp: registers of all lanes, a mask, a stack of frames, and what each instruction does to them. Every write keeps
//! the lanes that the mask leaves out.

mod access;
mod compute;
mod matrix;

use super::code::{Class, Code, Inst, Op};
use super::fault::Fault;
use super::memory::Memory;

/// What an interpreter of warps tells an observer; it may refuse what it sees.
pub trait Watch {
    /// An instruction is issued to a warp.
    fn issued(&mut self, warp: usize, at: usize, inst: &Inst, mask: u64) -> Result<(), String>;
    /// It goes to a buffer, each lane with its byte address.
    fn global(&mut self, warp: usize, at: usize, inst: &Inst, addresses: &[u32], mask: u64) -> Result<(), String>;
    /// It goes to workgroup memory.
    fn shared(&mut self, warp: usize, at: usize, inst: &Inst, addresses: &[u32], mask: u64) -> Result<(), String>;
    /// All warps have met at a barrier.
    fn barrier(&mut self);
    /// A workgroup of a launch has ended.
    fn next_workgroup(&mut self) {}
}

/// An observer that only counts operations of lanes.
#[derive(Clone, Copy, Debug, Default)]
pub struct LaneOperations(pub u64);

impl Watch for LaneOperations {
    fn issued(&mut self, _: usize, _: usize, inst: &Inst, mask: u64) -> Result<(), String> {
        self.0 += u64::from(mask.count_ones()) * u64::from(inst.class != Class::Free);
        Ok(())
    }
    fn global(&mut self, _: usize, _: usize, _: &Inst, _: &[u32], _: u64) -> Result<(), String> {
        Ok(())
    }
    fn shared(&mut self, _: usize, _: usize, _: &Inst, _: &[u32], _: u64) -> Result<(), String> {
        Ok(())
    }
    fn barrier(&mut self) {}
}

/// Why a warp stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// It went to a buffer: others may run before its next instruction.
    Memory,
    /// At a barrier.
    Barrier,
    /// At the end.
    End,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Lanes that come out of it.
    outer: u64,
    /// Those of the other side, or those that wait for the next round.
    other: u64,
}

/// So many lanes are faster one by one than all at once: an instruction of SSE2 takes four.
const FEW: u32 = 4;

/// What each of 32 lanes sets in a mask.
const BITS: [u32; 32] = {
    let mut bits = [0; 32];
    let mut lane = 0;
    while lane < 32 {
        bits[lane] = 1 << lane;
        lane += 1;
    }
    bits
};

/// A warp of `W` lanes.
#[derive(Debug)]
pub struct Warp<const W: usize> {
    /// By register, then lane.
    pub registers: Vec<[u32; W]>,
    /// Small matrices, numbered after the registers.
    matrices: Vec<[f32; matrix::ELEMENTS]>,
    id: usize,
    at: usize,
    mask: u64,
    /// True where the lanes that are there are fewer than is worth computing all for, to throw most results away.
    few: bool,
    /// The mask as words, where it is neither full nor of few lanes.
    words: [u32; W],
    lanes: u64,
    frames: Vec<Frame>,
}

impl<const W: usize> Warp<W> {
    const ALL: u64 = if W == 64 { u64::MAX } else { (1 << W) - 1 };

    /// Number `id` of its workgroup, with the registers of `code`, `lanes` being those that exist.
    pub fn new(id: usize, code: &Code, lanes: u64) -> Self {
        let registers = vec![[0; W]; code.registers as usize];
        let matrices = vec![[0.0; matrix::ELEMENTS]; code.matrices as usize];
        Self { registers, matrices, id, at: 0, mask: 0, few: true, words: [0; W], lanes, frames: Vec::new() }
    }

    /// To the first instruction.
    pub fn restart(&mut self) {
        self.at = 0;
        self.frames.clear();
        self.set_mask(self.lanes);
    }

    /// Place of the barrier it is at, and false where some of its lanes are not.
    pub fn meeting(&self) -> (usize, bool) {
        (self.at, self.mask == self.lanes)
    }

    #[inline(always)]
    fn set_mask(&mut self, mask: u64) {
        // A loop comes here twice a round, mostly with the lanes that it has.
        if mask != self.mask {
            self.change_mask(mask);
        }
    }

    fn change_mask(&mut self, mask: u64) {
        self.mask = mask;
        self.few = mask.count_ones() <= FEW;
        if mask != Self::ALL && !self.few {
            for (words, half) in self.words.chunks_exact_mut(32).zip([mask as u32, (mask >> 32) as u32]) {
                for (word, bit) in words.iter_mut().zip(&BITS) {
                    *word = 0u32.wrapping_sub(u32::from(half & bit != 0));
                }
            }
        }
    }

    /// Lanes of a mask, in order.
    #[inline(always)]
    fn lanes(mask: u64) -> impl Iterator<Item = usize> {
        let mut left = mask;
        std::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            let lane = left.trailing_zeros() as usize % W;
            left &= left - 1;
            Some(lane)
        })
    }

    #[inline(always)]
    fn write(&mut self, d: u32, values: &[u32; W]) {
        let register = &mut self.registers[d as usize];
        if self.mask == Self::ALL {
            *register = *values;
        } else if self.few {
            Self::lanes(self.mask).for_each(|i| register[i] = values[i]);
        } else {
            for i in 0..W {
                register[i] = register[i] & !self.words[i] | values[i] & self.words[i];
            }
        }
    }

    #[inline(always)]
    fn read(&self, r: u32) -> &[u32; W] {
        &self.registers[r as usize]
    }

    /// Runs until it goes to a buffer, meets a barrier or ends; one that is `alone` has nobody to let in at a buffer.
    pub fn run(
        &mut self,
        code: &Code,
        memory: &mut Memory,
        watch: &mut impl Watch,
        alone: bool,
    ) -> Result<Pause, Fault> {
        loop {
            let inst = &code.insts[self.at];
            watch.issued(self.id, self.at, inst, self.mask).map_err(|e| fault(code, inst, e))?;
            self.at += 1;
            if inst.op.steers() {
                if self.steer(inst) {
                    return Ok(Pause::End);
                }
                continue;
            }
            match inst.op {
                Op::Barrier => return Ok(Pause::Barrier),
                Op::LoadGlobal | Op::StoreGlobal | Op::AtomicGlobal => {
                    self.global(inst, memory, watch).map_err(|e| fault(code, inst, e))?;
                    if !alone {
                        return Ok(Pause::Memory);
                    }
                }
                Op::LoadShared | Op::StoreShared | Op::AtomicShared => {
                    self.shared(inst, memory, watch).map_err(|e| fault(code, inst, e))?;
                }
                Op::MatrixZero | Op::MatrixMov | Op::MatrixLoad | Op::MatrixStore | Op::MatrixMulAdd => {
                    self.matrix(inst, memory, watch).map_err(|e| fault(code, inst, e))?;
                }
                Op::LoadLocal | Op::StoreLocal => self.local(inst).map_err(|e| fault(code, inst, e))?,
                Op::ArrayLength => {
                    let bytes = memory.bytes(inst.buf).saturating_sub(inst.imm);
                    self.write(inst.d[0], &[bytes / inst.imm2.max(1); W]);
                }
                _ => self.compute(inst),
            }
        }
    }

    /// Lanes that meet a condition, of those that are there.
    #[inline(always)]
    fn chosen(&self, condition: u32) -> u64 {
        let condition = self.read(condition);
        if self.few {
            return Self::lanes(self.mask).fold(0, |m, i| m | u64::from(condition[i] & 1) << i);
        }
        let mut halves = [0u32; 2];
        for (half, condition) in halves.iter_mut().zip(condition.chunks_exact(32)) {
            *half = condition.iter().zip(&BITS).fold(0, |m, (c, bit)| m | c & bit);
        }
        self.mask & (u64::from(halves[0]) | u64::from(halves[1]) << 32)
    }

    /// Masks and jumps; true at the end.
    fn steer(&mut self, inst: &Inst) -> bool {
        match inst.op {
            Op::If => {
                let taken = self.chosen(inst.s[0]);
                self.frames.push(Frame { outer: self.mask, other: self.mask & !taken });
                self.set_mask(taken);
                if taken == 0 {
                    self.at = inst.imm as usize;
                }
                return false;
            }
            Op::Else => {
                let Some(top) = self.frames.last_mut() else { return true };
                let other = std::mem::take(&mut top.other);
                self.set_mask(other);
                if other == 0 {
                    self.at = inst.imm as usize;
                }
                return false;
            }
            Op::Loop => {
                self.frames.push(Frame { outer: self.mask, other: 0 });
                return false;
            }
            Op::Continuing => {
                let Some(top) = self.frames.last_mut() else { return true };
                let mask = self.mask | std::mem::take(&mut top.other);
                self.set_mask(mask);
                return false;
            }
            Op::End => return true,
            Op::EndIf | Op::EndScope => {
                let outer = self.frames.pop().map_or(0, |f| f.outer);
                self.set_mask(outer);
            }
            Op::Again if self.mask != 0 => {
                self.at = inst.imm as usize;
                return false;
            }
            Op::Again => {
                let outer = self.frames.pop().map_or(0, |f| f.outer);
                self.set_mask(outer);
            }
            Op::BreakUnless => {
                let stay = self.chosen(inst.s[0]);
                self.set_mask(stay);
            }
            Op::BreakIf => {
                let stay = self.mask & !self.chosen(inst.s[0]);
                self.set_mask(stay);
            }
            _ => {
                let (depth, gone) = (inst.imm as usize, self.mask);
                self.frames[depth + 1..].iter_mut().for_each(|f| f.outer &= !gone);
                if inst.op == Op::Continue {
                    self.frames[depth].other |= gone;
                }
                self.set_mask(0);
            }
        }
        if self.mask == 0 && inst.imm2 != 0 {
            self.at = inst.imm2 as usize;
        }
        false
    }
}

fn fault(code: &Code, inst: &Inst, reason: String) -> Fault {
    code.files.fault(inst.line, reason)
}
