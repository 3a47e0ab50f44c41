//! Arithmetic of all lanes at once, and what moves values between them.

use super::Warp;
use crate::simt::code::{Inst, NONE, Op};
use crate::simt::math;

impl<const W: usize> Warp<W> {
    #[inline(always)]
    fn one(&mut self, inst: &Inst, f: impl Fn(u32) -> u32) {
        if self.few {
            for i in Self::lanes(self.mask) {
                self.registers[inst.d[0] as usize][i] = f(self.read(inst.s[0])[i]);
            }
            return;
        }
        let a = self.read(inst.s[0]);
        let out = std::array::from_fn(|i| f(a[i]));
        self.write(inst.d[0], &out);
    }

    #[inline(always)]
    fn two(&mut self, inst: &Inst, f: impl Fn(u32, u32) -> u32) {
        if self.few {
            for i in Self::lanes(self.mask) {
                self.registers[inst.d[0] as usize][i] = f(self.read(inst.s[0])[i], self.read(inst.s[1])[i]);
            }
            return;
        }
        let (a, b) = (self.read(inst.s[0]), self.read(inst.s[1]));
        let out = std::array::from_fn(|i| f(a[i], b[i]));
        self.write(inst.d[0], &out);
    }

    #[inline(always)]
    fn three(&mut self, inst: &Inst, f: impl Fn(u32, u32, u32) -> u32) {
        if self.few {
            for i in Self::lanes(self.mask) {
                let (a, b, c) = (self.read(inst.s[0])[i], self.read(inst.s[1])[i], self.read(inst.s[2])[i]);
                self.registers[inst.d[0] as usize][i] = f(a, b, c);
            }
            return;
        }
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

    #[inline(always)]
    pub(super) fn compute(&mut self, inst: &Inst) {
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
                for (d, word) in inst.d.into_iter().zip(words).filter(|(d, _)| *d != NONE) {
                    self.write(d, &[word; W]);
                }
                return;
            }
        };
        self.write(inst.d[0], &out);
    }
}

fn truth(b: bool) -> u32 {
    0u32.wrapping_sub(u32::from(b))
}
