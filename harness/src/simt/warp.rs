//! One warp: registers of all lanes, a mask, a stack of frames, and what each instruction does to them. Every write keeps
//! the lanes that the mask leaves out.

use super::code::{Code, Inst, Op};
use super::fault::Fault;
use super::math;
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

/// A warp of `W` lanes.
#[derive(Debug)]
pub struct Warp<const W: usize> {
    /// By register, then lane.
    pub registers: Vec<[u32; W]>,
    id: usize,
    at: usize,
    mask: u64,
    /// The mask as words, where it is not full.
    words: [u32; W],
    lanes: u64,
    frames: Vec<Frame>,
}

impl<const W: usize> Warp<W> {
    const ALL: u64 = if W == 64 { u64::MAX } else { (1 << W) - 1 };

    /// Number `id` of its workgroup, with so many registers, `lanes` being those that exist.
    pub fn new(id: usize, registers: usize, lanes: u64) -> Self {
        Self { registers: vec![[0; W]; registers], id, at: 0, mask: lanes, words: [0; W], lanes, frames: Vec::new() }
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

    fn set_mask(&mut self, mask: u64) {
        self.mask = mask;
        if mask != Self::ALL {
            self.words = std::array::from_fn(|i| 0u32.wrapping_sub((mask >> i) as u32 & 1));
        }
    }

    #[inline(always)]
    fn write(&mut self, d: u32, values: &[u32; W]) {
        let register = &mut self.registers[d as usize];
        if self.mask == Self::ALL {
            *register = *values;
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

    #[inline(always)]
    fn one(&mut self, inst: &Inst, f: impl Fn(u32) -> u32) {
        let a = self.read(inst.s[0]);
        let out = std::array::from_fn(|i| f(a[i]));
        self.write(inst.d[0], &out);
    }

    #[inline(always)]
    fn two(&mut self, inst: &Inst, f: impl Fn(u32, u32) -> u32) {
        let (a, b) = (self.read(inst.s[0]), self.read(inst.s[1]));
        let out = std::array::from_fn(|i| f(a[i], b[i]));
        self.write(inst.d[0], &out);
    }

    #[inline(always)]
    fn three(&mut self, inst: &Inst, f: impl Fn(u32, u32, u32) -> u32) {
        let (a, b, c) = (self.read(inst.s[0]), self.read(inst.s[1]), self.read(inst.s[2]));
        let out = std::array::from_fn(|i| f(a[i], b[i], c[i]));
        self.write(inst.d[0], &out);
    }

    #[inline(always)]
    fn float1(&mut self, inst: &Inst, f: impl Fn(f32) -> f32) {
        self.one(inst, |a| f(f32::from_bits(a)).to_bits());
    }

    #[inline(always)]
    fn float2(&mut self, inst: &Inst, f: impl Fn(f32, f32) -> f32) {
        self.two(inst, |a, b| f(f32::from_bits(a), f32::from_bits(b)).to_bits());
    }

    #[inline(always)]
    fn compare(&mut self, inst: &Inst, f: impl Fn(f32, f32) -> bool) {
        self.two(inst, |a, b| truth(f(f32::from_bits(a), f32::from_bits(b))));
    }

    /// Runs until it goes to a buffer, meets a barrier or ends.
    pub fn run(&mut self, code: &Code, memory: &mut Memory, watch: &mut impl Watch) -> Result<Pause, Fault> {
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
                    return Ok(Pause::Memory);
                }
                Op::LoadShared | Op::StoreShared | Op::AtomicShared => {
                    self.shared(inst, memory, watch).map_err(|e| fault(code, inst, e))?;
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

    #[inline(always)]
    fn compute(&mut self, inst: &Inst) {
        use Op::*;
        let signed = |f: fn(i32, i32) -> i32| move |a: u32, b: u32| f(a as i32, b as i32) as u32;
        match inst.op {
            Mov => self.one(inst, |a| a),
            FAdd => self.float2(inst, |a, b| a + b),
            FSub => self.float2(inst, |a, b| a - b),
            FMul => self.float2(inst, |a, b| a * b),
            FDiv => self.float2(inst, |a, b| a / b),
            FMod => self.float2(inst, |a, b| a - b * (a / b).trunc()),
            FFma => {
                self.three(inst, |a, b, c| math::fma(f32::from_bits(a), f32::from_bits(b), f32::from_bits(c)).to_bits())
            }
            FMin => self.float2(inst, |a, b| if b < a || a.is_nan() { b } else { a }),
            FMax => self.float2(inst, |a, b| if b > a || a.is_nan() { b } else { a }),
            FNeg => self.one(inst, |a| a ^ 1 << 31),
            FAbs => self.one(inst, |a| a & !(1 << 31)),
            FFloor => self.float1(inst, f32::floor),
            FCeil => self.float1(inst, f32::ceil),
            FRound => self.float1(inst, f32::round_ties_even),
            FTrunc => self.float1(inst, f32::trunc),
            FSqrt => self.float1(inst, f32::sqrt),
            FRsqrt => self.float1(inst, |a| (1.0 / f64::from(a).sqrt()) as f32),
            FExp => self.float1(inst, math::exp),
            FExp2 => self.float1(inst, math::exp2),
            FLog => self.float1(inst, math::ln),
            FLog2 => self.float1(inst, math::log2),
            FEq => self.compare(inst, |a, b| a == b),
            FNe => self.compare(inst, |a, b| a != b),
            FLt => self.compare(inst, |a, b| a < b),
            FLe => self.compare(inst, |a, b| a <= b),
            IAdd => self.two(inst, u32::wrapping_add),
            ISub => self.two(inst, u32::wrapping_sub),
            IMul => self.two(inst, u32::wrapping_mul),
            IMad => self.three(inst, |a, b, c| a.wrapping_mul(b).wrapping_add(c)),
            UDiv => self.two(inst, math::udiv),
            SDiv => self.two(inst, signed(math::sdiv)),
            UMod => self.two(inst, |a, b| a.checked_rem(b).unwrap_or(0)),
            SMod => self.two(inst, |a, b| (a as i32).checked_rem(b as i32).unwrap_or(0) as u32),
            And => self.two(inst, |a, b| a & b),
            Or => self.two(inst, |a, b| a | b),
            Xor => self.two(inst, |a, b| a ^ b),
            Not => self.one(inst, |a| !a),
            Shl => self.two(inst, |a, b| a << (b & 31)),
            Shr => self.two(inst, |a, b| a >> (b & 31)),
            Sar => self.two(inst, |a, b| (a as i32 >> (b & 31)) as u32),
            INeg => self.one(inst, u32::wrapping_neg),
            IAbs => self.one(inst, |a| (a as i32).wrapping_abs() as u32),
            IEq => self.two(inst, |a, b| truth(a == b)),
            INe => self.two(inst, |a, b| truth(a != b)),
            ULt => self.two(inst, |a, b| truth(a < b)),
            ULe => self.two(inst, |a, b| truth(a <= b)),
            SLt => self.two(inst, |a, b| truth((a as i32) < b as i32)),
            SLe => self.two(inst, |a, b| truth(a as i32 <= b as i32)),
            UMin => self.two(inst, u32::min),
            UMax => self.two(inst, u32::max),
            SMin => self.two(inst, signed(i32::min)),
            SMax => self.two(inst, signed(i32::max)),
            Select => self.three(inst, |c, a, b| a & c | b & !c),
            FToI => self.one(inst, |a| f32::from_bits(a) as i32 as u32),
            FToU => self.one(inst, |a| f32::from_bits(a) as u32),
            IToF => self.one(inst, |a| (a as i32 as f32).to_bits()),
            UToF => self.one(inst, |a| (a as f32).to_bits()),
            HalfToF => self.one(inst, |a| half::f16::from_bits(a as u16).to_f32().to_bits()),
            FToHalves => self.two(inst, |a, b| {
                let half = |x: u32| u32::from(half::f16::from_f32(f32::from_bits(x)).to_bits());
                half(a) | half(b) << 16
            }),
            ExtractU => self.three(inst, math::extract_u),
            ExtractS => self.three(inst, math::extract_s),
            CountOnes => self.one(inst, u32::count_ones),
            LeadingZeros => self.one(inst, u32::leading_zeros),
            TrailingZeros => self.one(inst, u32::trailing_zeros),
            Dot4I8 => self.two(inst, math::dot4_i8),
            Dot4U8 => self.two(inst, math::dot4_u8),
            _ => self.across(inst),
        }
    }

    /// What moves values between lanes. Lanes that are not there take no part; a lane that reads one of them gets zero.
    fn across(&mut self, inst: &Inst) {
        use Op::*;
        let a = *self.read(inst.s[0]);
        let there = |i: usize| self.mask >> i & 1 == 1;
        let float = |f: fn(f32, f32) -> f32| move |a: u32, b: u32| f(f32::from_bits(a), f32::from_bits(b)).to_bits();
        let reduced = |identity: u32, f: &dyn Fn(u32, u32) -> u32| {
            // In the order of a butterfly of shuffles, as hardware does it.
            let mut tree: [u32; W] = std::array::from_fn(|i| if there(i) { a[i] } else { identity });
            let mut distance = W / 2;
            while distance > 0 {
                tree = std::array::from_fn(|i| f(tree[i & !distance], tree[i | distance]));
                distance /= 2;
            }
            tree
        };
        let from = |lane: &dyn Fn(usize) -> usize| -> [u32; W] {
            std::array::from_fn(|i| {
                let source = lane(i);
                if source < W && there(source) { a[source] } else { 0 }
            })
        };
        let by = if matches!(inst.op, SubBroadcast | SubShuffle | SubDown | SubUp | SubXor) {
            *self.read(inst.s[1])
        } else {
            [0; W]
        };
        let first = self.mask.trailing_zeros() as usize;
        let out = match inst.op {
            SubAdd => reduced(0, &float(|a, b| a + b)),
            SubMul => reduced(1.0f32.to_bits(), &float(|a, b| a * b)),
            SubMin => reduced(f32::INFINITY.to_bits(), &float(f32::min)),
            SubMax => reduced(f32::NEG_INFINITY.to_bits(), &float(f32::max)),
            SubSMin => reduced(i32::MAX as u32, &|a, b| (a as i32).min(b as i32) as u32),
            SubSMax => reduced(i32::MIN as u32, &|a, b| (a as i32).max(b as i32) as u32),
            SubUMin => reduced(u32::MAX, &|a, b| a.min(b)),
            SubUMax => reduced(0, &|a, b| a.max(b)),
            SubIAdd => reduced(0, &|a, b| a.wrapping_add(b)),
            SubAll => reduced(u32::MAX, &|a, b| a & b),
            SubAny => reduced(0, &|a, b| a | b),
            SubFirst => from(&|_| first),
            SubBroadcast | SubShuffle => from(&|i| by[i] as usize),
            SubDown => from(&|i| i.saturating_add(by[i] as usize)),
            SubUp => from(&|i| i.wrapping_sub(by[i] as usize)),
            SubXor => from(&|i| i ^ by[i] as usize),
            _ => {
                let ballot = (0..W).filter(|i| there(*i) && a[*i] != 0).fold(0u64, |b, i| b | 1 << i);
                let words = [ballot as u32, (ballot >> 32) as u32, 0, 0];
                for (d, word) in inst.d.into_iter().zip(words).filter(|(d, _)| *d != super::code::NONE) {
                    self.write(d, &[word; W]);
                }
                return;
            }
        };
        self.write(inst.d[0], &out);
    }

    fn chosen(&self, condition: u32) -> u64 {
        self.read(condition).iter().enumerate().fold(0, |m, (i, c)| m | u64::from(c & 1) << i)
    }

    /// Masks and jumps; true at the end.
    fn steer(&mut self, inst: &Inst) -> bool {
        match inst.op {
            Op::If => {
                let taken = self.mask & self.chosen(inst.s[0]);
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
                let stay = self.mask & self.chosen(inst.s[0]);
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

    fn addresses(&self, inst: &Inst) -> [u32; W] {
        match inst.a {
            super::code::NONE => [inst.imm; W],
            a => self.read(a).map(|a| a.wrapping_add(inst.imm)),
        }
    }

    fn lanes(&self) -> impl Iterator<Item = usize> + use<W> {
        let mut left = self.mask;
        std::iter::from_fn(move || {
            let lane = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            (lane < 64).then_some(lane)
        })
    }

    fn global(&mut self, inst: &Inst, memory: &mut Memory, watch: &mut impl Watch) -> Result<(), String> {
        let addresses = self.addresses(inst);
        if self.mask == 0 {
            return Ok(());
        }
        let end = inst.n as u32 * 4;
        let room = memory.bytes(inst.buf);
        let beyond = |lane: &usize| addresses[*lane].checked_add(end).is_none_or(|e| e > room);
        if let Some(lane) = self.lanes().find(beyond) {
            let what = if inst.op == Op::LoadGlobal { "reads" } else { "writes" };
            let (at, binding) = (addresses[lane], memory.binding(inst.buf));
            return Err(format!(
                "lane {lane} of warp {} {what} bytes {at}..{} of binding {binding}, which has {room}",
                self.id,
                u64::from(at) + u64::from(end),
            ));
        }
        watch.global(self.id, self.at - 1, inst, &addresses, self.mask)?;
        match inst.op {
            Op::LoadGlobal => {
                for c in 0..inst.n as usize {
                    let mut out = [0; W];
                    for lane in self.lanes() {
                        out[lane] = memory.load(inst.buf, addresses[lane] + 4 * c as u32);
                    }
                    if inst.d[c] != super::code::NONE {
                        self.write(inst.d[c], &out);
                    }
                }
            }
            Op::StoreGlobal => {
                for c in 0..inst.n as usize {
                    let values = self.read(inst.s[c]);
                    for lane in self.lanes() {
                        memory.store(inst.buf, addresses[lane] + 4 * c as u32, values[lane]);
                    }
                }
            }
            _ => {
                let values = *self.read(inst.s[0]);
                let mut old = [0; W];
                for lane in self.lanes() {
                    old[lane] = memory.load(inst.buf, addresses[lane]);
                    memory.store(inst.buf, addresses[lane], modified(inst.imm2, old[lane], values[lane]));
                }
                self.result(inst, &old);
            }
        }
        Ok(())
    }

    fn result(&mut self, inst: &Inst, old: &[u32; W]) {
        if inst.d[0] != super::code::NONE {
            self.write(inst.d[0], old);
        }
    }

    fn shared(&mut self, inst: &Inst, memory: &mut Memory, watch: &mut impl Watch) -> Result<(), String> {
        let addresses = self.addresses(inst);
        if self.mask == 0 {
            return Ok(());
        }
        let room = 4 * memory.shared.len() as u32;
        let end = inst.n as u32 * 4;
        if let Some(lane) = self.lanes().find(|l| addresses[*l].checked_add(end).is_none_or(|e| e > room)) {
            let at = addresses[lane];
            return Err(format!(
                "lane {lane} of warp {} goes to byte {at} of workgroup memory, which has {room}",
                self.id
            ));
        }
        watch.shared(self.id, self.at - 1, inst, &addresses, self.mask)?;
        let shared = &mut memory.shared;
        match inst.op {
            Op::LoadShared => {
                for c in 0..inst.n as usize {
                    let mut out = [0; W];
                    for lane in self.lanes() {
                        out[lane] = shared[addresses[lane] as usize / 4 + c];
                    }
                    if inst.d[c] != super::code::NONE {
                        self.write(inst.d[c], &out);
                    }
                }
            }
            Op::StoreShared => {
                for c in 0..inst.n as usize {
                    let values = self.read(inst.s[c]);
                    for lane in self.lanes() {
                        shared[addresses[lane] as usize / 4 + c] = values[lane];
                    }
                }
            }
            _ => {
                let values = *self.read(inst.s[0]);
                let mut old = [0; W];
                for lane in self.lanes() {
                    let word = &mut shared[addresses[lane] as usize / 4];
                    old[lane] = *word;
                    *word = modified(inst.imm2, *word, values[lane]);
                }
                self.result(inst, &old);
            }
        }
        Ok(())
    }

    /// An array of a function, by an index of each lane.
    fn local(&mut self, inst: &Inst) -> Result<(), String> {
        let index = *self.read(inst.s[0]);
        let mut out = [0; W];
        for lane in self.lanes() {
            let at = index[lane].wrapping_add(inst.imm);
            if at >= inst.imm2 {
                return Err(format!("lane {lane} of warp {} goes to value {at} of an array of {}", self.id, inst.imm2));
            }
            let register = (inst.buf + at) as usize;
            if inst.op == Op::LoadLocal {
                out[lane] = self.registers[register][lane];
            } else {
                self.registers[register][lane] = self.registers[inst.s[1] as usize][lane];
            }
        }
        if inst.op == Op::LoadLocal {
            self.write(inst.d[0], &out);
        }
        Ok(())
    }
}

fn truth(b: bool) -> u32 {
    0u32.wrapping_sub(u32::from(b))
}

fn modified(which: u32, old: u32, value: u32) -> u32 {
    match which {
        0 => old.wrapping_add(value),
        1 => old.wrapping_sub(value),
        2 => old & value,
        3 => old ^ value,
        4 => old | value,
        5 => (old as i32).min(value as i32) as u32,
        6 => (old as i32).max(value as i32) as u32,
        7 => old.min(value),
        8 => old.max(value),
        _ => value,
    }
}

fn fault(code: &Code, inst: &Inst, reason: String) -> Fault {
    Fault { shader: code.shader.clone(), line: inst.line, reason }
}
