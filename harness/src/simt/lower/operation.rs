//! Operators and builtin functions, component by component.

use naga::{
    BinaryOperator, CollectiveOperation, Expression, GatherMode, Handle, MathFunction, RelationalFunction, ScalarKind,
    SubgroupOperation, UnaryOperator,
};

use super::{Class, Fault, Inlined, Inst, Lowering, Op, Value};

impl<'a> Lowering<'a> {
    /// One instruction per component; scalars go with every component of a vector.
    fn each(&mut self, op: Op, class: Class, args: &[&[u32]]) -> Vec<u32> {
        let n = args.iter().map(|a| a.len()).max().unwrap_or(0);
        (0..n)
            .map(|i| {
                let s: Vec<u32> = args.iter().map(|a| a[if a.len() == n { i } else { 0 }]).collect();
                self.op(op, class, &s)
            })
            .collect()
    }

    pub(super) fn unary(
        &mut self,
        frame: &mut Inlined<'a>,
        op: UnaryOperator,
        expr: Handle<Expression>,
    ) -> Result<Vec<u32>, Fault> {
        let x = self.registers(frame, expr)?;
        let (op, class) = match (op, self.kind(frame, expr)?) {
            (UnaryOperator::Negate, ScalarKind::Float) => (Op::FNeg, Class::Fp32),
            (UnaryOperator::Negate, _) => (Op::INeg, Class::Int),
            _ => (Op::Not, Class::Int),
        };
        Ok(self.each(op, class, &[&x]))
    }

    pub(super) fn binary(
        &mut self,
        frame: &mut Inlined<'a>,
        op: BinaryOperator,
        left: Handle<Expression>,
        right: Handle<Expression>,
    ) -> Result<Vec<u32>, Fault> {
        use BinaryOperator as B;
        let kind = self.kind(frame, left)?;
        let mut a = self.registers(frame, left)?;
        let mut b = self.registers(frame, right)?;
        if matches!(op, B::Greater | B::GreaterEqual) {
            std::mem::swap(&mut a, &mut b);
        }
        let float = kind == ScalarKind::Float;
        let signed = kind == ScalarKind::Sint;
        let (f, i) = (Class::Fp32, Class::Int);
        let (op, class) = match op {
            B::Add if float => (Op::FAdd, f),
            B::Subtract if float => (Op::FSub, f),
            B::Multiply if float => (Op::FMul, f),
            B::Divide if float => (Op::FDiv, Class::Sfu),
            B::Modulo if float => (Op::FMod, Class::Sfu),
            B::Equal if float => (Op::FEq, f),
            B::NotEqual if float => (Op::FNe, f),
            B::Less | B::Greater if float => (Op::FLt, f),
            B::LessEqual | B::GreaterEqual if float => (Op::FLe, f),
            B::Add => (Op::IAdd, i),
            B::Subtract => (Op::ISub, i),
            B::Multiply => (Op::IMul, Class::IntMul),
            B::Divide if signed => (Op::SDiv, i),
            B::Divide => (Op::UDiv, i),
            B::Modulo if signed => (Op::SMod, i),
            B::Modulo => (Op::UMod, i),
            B::Equal => (Op::IEq, i),
            B::NotEqual => (Op::INe, i),
            B::Less | B::Greater if signed => (Op::SLt, i),
            B::Less | B::Greater => (Op::ULt, i),
            B::LessEqual | B::GreaterEqual if signed => (Op::SLe, i),
            B::LessEqual | B::GreaterEqual => (Op::ULe, i),
            B::And | B::LogicalAnd => (Op::And, i),
            B::InclusiveOr | B::LogicalOr => (Op::Or, i),
            B::ExclusiveOr => (Op::Xor, i),
            B::ShiftLeft => (Op::Shl, Class::Shift),
            B::ShiftRight if signed => (Op::Sar, Class::Shift),
            B::ShiftRight => (Op::Shr, Class::Shift),
        };
        if matches!(op, Op::UDiv | Op::UMod | Op::IMul)
            && let [divisor] = b[..]
            && let Some(literal) = self.literal_of(divisor).filter(|l| l.is_power_of_two())
        {
            // What every compiler makes of it.
            let (op, class, by) = match op {
                Op::UDiv => (Op::Shr, Class::Shift, literal.trailing_zeros()),
                Op::IMul => (Op::Shl, Class::Shift, literal.trailing_zeros()),
                _ => (Op::And, i, literal - 1),
            };
            let by = self.literal(by);
            return Ok(self.each(op, class, &[&a, &[by]]));
        }
        if matches!(op, Op::UDiv | Op::UMod | Op::SDiv | Op::SMod) {
            return Ok(self.integer_division(op, &a, &b));
        }
        Ok(self.each(op, class, &[&a, &b]))
    }

    /// No GPU divides integers: about so many instructions by a reciprocal and its correction (NVIDIA's and AMD's
    /// compilers both need around twenty), one of which computes here and the others only cost.
    fn integer_division(&mut self, op: Op, a: &[u32], b: &[u32]) -> Vec<u32> {
        const BY_UNKNOWN: u32 = 20;
        // A multiply that keeps the upper half, shifts, and for a remainder a multiply-subtract.
        const BY_CONSTANT: u32 = 4;
        let constant = b.iter().all(|r| self.literal_of(*r).is_some());
        let result = self.each(op, Class::Int, &[a, b]);
        for inst in self.insts.iter_mut().rev().take(result.len()).filter(|i| i.op == op) {
            inst.imm2 = if constant { BY_CONSTANT } else { BY_UNKNOWN };
        }
        result
    }

    pub(super) fn relational(
        &mut self,
        frame: &mut Inlined<'a>,
        fun: RelationalFunction,
        argument: Handle<Expression>,
    ) -> Result<Vec<u32>, Fault> {
        let x = self.registers(frame, argument)?;
        let op = match fun {
            RelationalFunction::All => Op::And,
            RelationalFunction::Any => Op::Or,
            _ => return Err(self.refuse("isNan and isInf")),
        };
        let mut all = x[0];
        for other in &x[1..] {
            all = self.op(op, Class::Int, &[all, *other]);
        }
        Ok(vec![all])
    }

    pub(super) fn convert(
        &mut self,
        frame: &mut Inlined<'a>,
        expr: Handle<Expression>,
        kind: ScalarKind,
        convert: Option<naga::Bytes>,
    ) -> Result<Vec<u32>, Fault> {
        use ScalarKind::{Bool, Float, Sint, Uint};
        let from = self.kind(frame, expr)?;
        let x = self.registers(frame, expr)?;
        if convert.is_none() || from == kind && convert == Some(4) {
            return Ok(x);
        }
        if (from, kind, convert) == (Float, Float, Some(2)) && x.len().is_multiple_of(2) {
            let pair = |p: &[u32]| self.op(Op::FToHalves, Class::Convert, p);
            return Ok(x.chunks_exact(2).map(pair).collect());
        }
        if !matches!((kind, convert), (Bool, _) | (_, Some(4))) {
            return Err(self.refuse("conversions to other than 32-bit numbers"));
        }
        Ok(match (from, kind) {
            (Sint, Uint) | (Uint, Sint) => x,
            (Sint, Float) => self.each(Op::IToF, Class::Convert, &[&x]),
            (Uint, Float) => self.each(Op::UToF, Class::Convert, &[&x]),
            (Float, Sint) => self.each(Op::FToI, Class::Convert, &[&x]),
            (Float, Uint) => self.each(Op::FToU, Class::Convert, &[&x]),
            (Bool, Sint | Uint) => {
                let one = self.literal(1);
                self.each(Op::And, Class::Int, &[&x, &[one]])
            }
            (Bool, Float) => {
                let one = self.literal(1.0f32.to_bits());
                self.each(Op::And, Class::Int, &[&x, &[one]])
            }
            (Float, Bool) => {
                let zero = self.literal(0);
                self.each(Op::FNe, Class::Fp32, &[&x, &[zero]])
            }
            (_, Bool) => {
                let zero = self.literal(0);
                self.each(Op::INe, Class::Int, &[&x, &[zero]])
            }
            _ => return Err(self.refuse("this conversion")),
        })
    }

    pub(super) fn math(
        &mut self,
        frame: &mut Inlined<'a>,
        fun: MathFunction,
        arg: Handle<Expression>,
        arg1: Option<Handle<Expression>>,
        arg2: Option<Handle<Expression>>,
    ) -> Result<Vec<u32>, Fault> {
        use MathFunction as M;
        let kind = self.kind(frame, arg)?;
        let float = kind == ScalarKind::Float;
        let signed = kind == ScalarKind::Sint;
        let x = self.registers(frame, arg)?;
        let y = arg1.map(|h| self.registers(frame, h)).transpose()?.unwrap_or_default();
        let z = arg2.map(|h| self.registers(frame, h)).transpose()?.unwrap_or_default();
        let (f, i) = (Class::Fp32, Class::Int);
        let (min, max, class) = match (float, signed) {
            (true, _) => (Op::FMin, Op::FMax, f),
            (_, true) => (Op::SMin, Op::SMax, i),
            _ => (Op::UMin, Op::UMax, i),
        };
        Ok(match fun {
            M::Abs if float => self.each(Op::FAbs, f, &[&x]),
            M::Abs if signed => self.each(Op::IAbs, i, &[&x]),
            M::Abs => x,
            M::Min => self.each(min, class, &[&x, &y]),
            M::Max => self.each(max, class, &[&x, &y]),
            M::Clamp => {
                let low = self.each(max, class, &[&x, &y]);
                self.each(min, class, &[&low, &z])
            }
            M::Saturate => {
                let (zero, one) = (self.literal(0), self.literal(1.0f32.to_bits()));
                let low = self.each(Op::FMax, f, &[&x, &[zero]]);
                self.each(Op::FMin, f, &[&low, &[one]])
            }
            M::Floor => self.each(Op::FFloor, Class::Convert, &[&x]),
            M::Ceil => self.each(Op::FCeil, Class::Convert, &[&x]),
            M::Round => self.each(Op::FRound, Class::Convert, &[&x]),
            M::Trunc => self.each(Op::FTrunc, Class::Convert, &[&x]),
            M::Fract => {
                let whole = self.each(Op::FFloor, Class::Convert, &[&x]);
                self.each(Op::FSub, f, &[&x, &whole])
            }
            M::Exp => self.each(Op::FExp, Class::Sfu, &[&x]),
            M::Exp2 => self.each(Op::FExp2, Class::Sfu, &[&x]),
            M::Log => self.each(Op::FLog, Class::Sfu, &[&x]),
            M::Log2 => self.each(Op::FLog2, Class::Sfu, &[&x]),
            M::Sqrt => self.each(Op::FSqrt, Class::Sfu, &[&x]),
            M::InverseSqrt => self.each(Op::FRsqrt, Class::Sfu, &[&x]),
            M::Fma => self.each(Op::FFma, f, &[&x, &y, &z]),
            M::Dot if float => {
                let mut sum = self.op(Op::FMul, f, &[x[0], y[0]]);
                for (a, b) in x.iter().zip(&y).skip(1) {
                    sum = self.op(Op::FFma, f, &[*a, *b, sum]);
                }
                vec![sum]
            }
            M::Dot => {
                let mut sum = self.op(Op::IMul, Class::IntMul, &[x[0], y[0]]);
                for (a, b) in x.iter().zip(&y).skip(1) {
                    sum = self.op(Op::IMad, Class::IntMul, &[*a, *b, sum]);
                }
                vec![sum]
            }
            M::Dot4I8Packed => self.each(Op::Dot4I8, Class::Dot4, &[&x, &y]),
            M::Dot4U8Packed => self.each(Op::Dot4U8, Class::Dot4, &[&x, &y]),
            M::CountOneBits => self.each(Op::CountOnes, i, &[&x]),
            M::CountLeadingZeros => self.each(Op::LeadingZeros, i, &[&x]),
            M::CountTrailingZeros => self.each(Op::TrailingZeros, i, &[&x]),
            M::ExtractBits if signed => self.each(Op::ExtractS, Class::Shift, &[&x, &y, &z]),
            M::ExtractBits => self.each(Op::ExtractU, Class::Shift, &[&x, &y, &z]),
            M::Unpack2x16float => {
                let sixteen = self.literal(16);
                let high = self.op(Op::Shr, Class::Shift, &[x[0], sixteen]);
                vec![self.op(Op::HalfToF, Class::Convert, &[x[0]]), self.op(Op::HalfToF, Class::Convert, &[high])]
            }
            M::Pack2x16float => vec![self.op(Op::FToHalves, Class::Convert, &[x[0], x[1]])],
            M::Unpack4xI8 | M::Unpack4xU8 => {
                let op = if fun == M::Unpack4xI8 { Op::ExtractS } else { Op::ExtractU };
                let eight = self.literal(8);
                (0..4)
                    .map(|byte| {
                        let at = self.literal(8 * byte);
                        self.op(op, Class::Shift, &[x[0], at, eight])
                    })
                    .collect()
            }
            other => return Err(self.refuse(format!("the function {other:?}"))),
        })
    }

    pub(super) fn ballot(
        &mut self,
        frame: &mut Inlined<'a>,
        result: Handle<Expression>,
        predicate: Option<Handle<Expression>>,
    ) -> Result<(), Fault> {
        self.subgroups = true;
        let predicate = match predicate {
            Some(p) => self.register(frame, p)?,
            None => self.literal(u32::MAX),
        };
        let d: Vec<u32> = (0..4).map(|_| self.fresh()).collect();
        let mut inst = Inst::new(Op::SubBallot, Class::Shuffle, d[0], &[predicate], self.line);
        inst.d.copy_from_slice(&d);
        self.push(inst);
        frame.values.insert(result, Value::Registers(d));
        Ok(())
    }

    pub(super) fn gather(
        &mut self,
        frame: &mut Inlined<'a>,
        mode: &GatherMode,
        argument: Handle<Expression>,
        result: Handle<Expression>,
    ) -> Result<(), Fault> {
        self.subgroups = true;
        let x = self.registers(frame, argument)?;
        let (op, by) = match mode {
            GatherMode::BroadcastFirst => (Op::SubFirst, None),
            GatherMode::Broadcast(i) => (Op::SubBroadcast, Some(*i)),
            GatherMode::Shuffle(i) => (Op::SubShuffle, Some(*i)),
            GatherMode::ShuffleDown(i) => (Op::SubDown, Some(*i)),
            GatherMode::ShuffleUp(i) => (Op::SubUp, Some(*i)),
            GatherMode::ShuffleXor(i) => (Op::SubXor, Some(*i)),
            GatherMode::QuadBroadcast(_) | GatherMode::QuadSwap(_) => return Err(self.refuse("quad operations")),
        };
        let by = by.map(|h| self.register(frame, h)).transpose()?;
        let d = match by {
            Some(by) => self.each(op, Class::Shuffle, &[&x, &[by]]),
            None => self.each(op, Class::Shuffle, &[&x]),
        };
        frame.values.insert(result, Value::Registers(d));
        Ok(())
    }

    pub(super) fn collective(
        &mut self,
        frame: &mut Inlined<'a>,
        op: SubgroupOperation,
        collective: CollectiveOperation,
        argument: Handle<Expression>,
        result: Handle<Expression>,
    ) -> Result<(), Fault> {
        self.subgroups = true;
        if collective != CollectiveOperation::Reduce {
            return Err(self.refuse("subgroup scans"));
        }
        let x = self.registers(frame, argument)?;
        let kind = self.kind(frame, argument)?;
        use SubgroupOperation as S;
        let op = match (op, kind) {
            (S::All, _) => Op::SubAll,
            (S::Any, _) => Op::SubAny,
            (S::Add, ScalarKind::Float) => Op::SubAdd,
            (S::Mul, ScalarKind::Float) => Op::SubMul,
            (S::Min, ScalarKind::Float) => Op::SubMin,
            (S::Max, ScalarKind::Float) => Op::SubMax,
            (S::Add, _) => Op::SubIAdd,
            (S::Min, ScalarKind::Sint) => Op::SubSMin,
            (S::Max, ScalarKind::Sint) => Op::SubSMax,
            (S::Min, ScalarKind::Uint) => Op::SubUMin,
            (S::Max, ScalarKind::Uint) => Op::SubUMax,
            _ => return Err(self.refuse("this subgroup operation on this type")),
        };
        let d = self.each(op, Class::Shuffle, &[&x]);
        frame.values.insert(result, Value::Registers(d));
        Ok(())
    }
}
