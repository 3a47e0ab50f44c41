//! Places in memory: pointers to buffers, workgroup memory, uniforms and variables, loads and stores.

use naga::{Expression, Handle, TypeInner};

use super::{Class, Fault, Given, Inlined, Inst, Lowering, NONE, Op, Place, Pointee, Space, Value};

impl<'a> Lowering<'a> {
    /// A variable as a place.
    pub(super) fn global(&mut self, handle: Handle<naga::GlobalVariable>) -> Result<Place, Fault> {
        let Some(space) = self.places.get(&handle).copied() else {
            return Err(self.refuse("a variable without a binding"));
        };
        let offset = self.shared_offsets.get(&handle).copied().unwrap_or(0);
        let ty = self.shader.module.global_variables[handle].ty;
        Ok(Place { space, dynamic: NONE, offset, ty: Pointee::Type(ty) })
    }

    /// A variable of a function as a place.
    pub(super) fn local(&self, frame: &Inlined<'a>, handle: Handle<naga::LocalVariable>) -> Result<Place, Fault> {
        let Some((first, n)) = frame.locals.get(&handle).copied() else {
            return Err(self.refuse("a variable before its declaration"));
        };
        let ty = frame.function.local_variables[handle].ty;
        Ok(Place { space: Space::Local(first, n), dynamic: NONE, offset: 0, ty: Pointee::Type(ty) })
    }

    /// `place[index]` with an index that is known.
    pub(super) fn member(&self, place: Place, index: u32) -> Result<Place, Fault> {
        let Pointee::Type(ty) = place.ty else { return Err(self.refuse("a component of a scalar")) };
        let local = matches!(place.space, Space::Local(..));
        let (bytes, ty) = match self.inner(ty) {
            TypeInner::Struct { members, .. } => {
                let member = &members[index as usize];
                let before = &members[..index as usize];
                let registers: u32 = before.iter().map(|m| self.width(m.ty)).sum::<Result<_, _>>()?;
                (if local { registers } else { member.offset }, Pointee::Type(member.ty))
            }
            TypeInner::Array { base, stride, .. } => {
                let step = if local { self.width(*base)? } else { *stride };
                (step * index, Pointee::Type(*base))
            }
            TypeInner::Vector { scalar, .. } => (if local { index } else { 4 * index }, Pointee::Scalar(*scalar)),
            other => return Err(self.refuse(format!("an index into {}", super::kind_of(other)))),
        };
        Ok(Place { offset: place.offset + bytes, ty, ..place })
    }

    /// `place[index]` with an index in a register.
    pub(super) fn element(&mut self, place: Place, index: u32) -> Result<Place, Fault> {
        if let Some(literal) = self.literal_of(index) {
            return self.member(place, literal);
        }
        let Pointee::Type(ty) = place.ty else { return Err(self.refuse("a component of a scalar")) };
        let local = matches!(place.space, Space::Local(..));
        let (step, ty) = match self.inner(ty) {
            TypeInner::Array { base, stride, .. } => {
                (if local { self.width(*base)? } else { *stride }, Pointee::Type(*base))
            }
            TypeInner::Vector { scalar, .. } => (if local { 1 } else { 4 }, Pointee::Scalar(*scalar)),
            other => return Err(self.refuse(format!("an index into {}", super::kind_of(other)))),
        };
        // `i + constant` shares the address of `i`: the constant becomes part of the instruction.
        let (index, constant) = self.split_index(index);
        let dynamic = self.address(index, step, place.dynamic);
        Ok(Place { dynamic, offset: place.offset.wrapping_add(constant.wrapping_mul(step)), ty, ..place })
    }

    /// An index without the constant that the instruction before adds to it.
    fn split_index(&self, index: u32) -> (u32, u32) {
        let defined = self.insts.iter().rev().take(64).find(|i| i.d[0] == index);
        if let Some(add) = defined.filter(|i| i.op == Op::IAdd) {
            for (base, constant) in [(add.s[0], add.s[1]), (add.s[1], add.s[0])] {
                // A base that is no temporary may have changed since.
                let temporary = self.insts.iter().filter(|i| i.d.contains(&base)).count() <= 1;
                if let (Some(literal), true) = (self.literal_of(constant), temporary) {
                    return (base, literal);
                }
            }
        }
        (index, 0)
    }

    /// `index * step + base` in one instruction, or the one that computed it since the last branch.
    fn address(&mut self, index: u32, step: u32, base: u32) -> u32 {
        if step == 1 && base == NONE {
            return index;
        }
        if let Some(r) = self.addresses.get(&(index, step, base)) {
            return *r;
        }
        let literal = self.literal(step);
        let sum = if base == NONE { self.literal(0) } else { base };
        // Addresses are formed by shift-and-add or wide multiply-add: one instruction of the integer pipe.
        let r = self.op(Op::IMad, Class::Int, &[index, literal, sum]);
        self.addresses.insert((index, step, base), r);
        r
    }

    /// Scalars at a place.
    fn extent(&self, place: &Place) -> Result<u32, Fault> {
        match place.ty {
            Pointee::Scalar(s) => self.scalar(s).map(|()| 1),
            Pointee::Type(ty) => match self.inner(ty) {
                TypeInner::Scalar(_) | TypeInner::Vector { .. } | TypeInner::Atomic(_) => self.width(ty),
                _ if matches!(place.space, Space::Local(..)) => self.width(ty),
                _ => Err(self.refuse("loads or stores of a whole array or struct: name a member")),
            },
        }
    }

    /// Loads what lies at a place.
    pub(super) fn load(&mut self, place: Place) -> Result<Vec<u32>, Fault> {
        let n = self.extent(&place)?;
        match place.space {
            Space::Uniform(_) if place.dynamic != NONE => {
                Err(self.refuse("a dynamic index into a uniform: use a storage buffer"))
            }
            Space::Uniform(slot) => {
                Ok((0..n).map(|c| self.given(Given::Uniform(slot, place.offset + 4 * c))).collect())
            }
            Space::Local(first, _) if self.square_at(&place).is_some() => {
                Ok(vec![self.matrix_copy(first + place.offset)])
            }
            Space::Local(first, _) if place.dynamic == NONE => {
                Ok((0..n).map(|c| self.op(Op::Mov, Class::Free, &[first + place.offset + c])).collect())
            }
            Space::Local(first, of) => Ok((0..n)
                .map(|c| {
                    let d = self.fresh();
                    let mut inst = Inst::new(Op::LoadLocal, Class::Shared, d, &[place.dynamic], self.line);
                    (inst.imm, inst.buf, inst.imm2) = (place.offset + c, first, of);
                    self.push(inst);
                    d
                })
                .collect()),
            Space::Buffer(_) | Space::Shared => {
                let d: Vec<u32> = (0..n).map(|_| self.fresh()).collect();
                for (i, part) in parts(n) {
                    let mut inst = self.access(&place, false, 4 * i as u32);
                    inst.n = part as u8;
                    inst.d = [NONE; 4];
                    inst.d[..part].copy_from_slice(&d[i..i + part]);
                    self.push(inst);
                }
                Ok(d)
            }
        }
    }

    fn access(&self, place: &Place, store: bool, extra: u32) -> Inst {
        let (op, class) = match (place.space, store) {
            (Space::Shared, false) => (Op::LoadShared, Class::Shared),
            (Space::Shared, true) => (Op::StoreShared, Class::Shared),
            (_, false) => (Op::LoadGlobal, Class::Global),
            (_, true) => (Op::StoreGlobal, Class::Global),
        };
        let mut inst = Inst::new(op, class, NONE, &[], self.line);
        inst.a = place.dynamic;
        inst.imm = place.offset + extra;
        if let Space::Buffer(slot) = place.space {
            inst.buf = slot;
        }
        inst
    }

    /// Stores registers at a place.
    pub(super) fn store(&mut self, place: Place, values: &[u32]) -> Result<(), Fault> {
        let n = self.extent(&place)?;
        debug_assert_eq!(n as usize, values.len());
        match place.space {
            Space::Local(first, of) => {
                for (c, value) in values.iter().enumerate() {
                    let at = place.offset + c as u32;
                    let may_change = if place.dynamic == NONE { first + at..first + at + 1 } else { first..first + of };
                    may_change.for_each(|r| self.changed(r));
                    let inst = if self.square_at(&place).is_some() {
                        Inst::new(Op::MatrixMov, Class::Free, first + at, &[*value], self.line)
                    } else if place.dynamic == NONE {
                        Inst::new(Op::Mov, Class::Free, first + at, &[*value], self.line)
                    } else {
                        let mut inst =
                            Inst::new(Op::StoreLocal, Class::Shared, NONE, &[place.dynamic, *value], self.line);
                        (inst.imm, inst.buf, inst.imm2) = (at, first, of);
                        inst
                    };
                    self.push(inst);
                }
            }
            Space::Uniform(_) => return Err(self.refuse("a store to a uniform")),
            Space::Buffer(_) | Space::Shared => {
                for (i, part) in parts(n) {
                    let mut inst = self.access(&place, true, 4 * i as u32);
                    inst.n = part as u8;
                    inst.s[..part].copy_from_slice(&values[i..i + part]);
                    self.push(inst);
                }
            }
        }
        Ok(())
    }

    /// A read-modify-write.
    pub(super) fn atomic(
        &mut self,
        place: Place,
        fun: &naga::AtomicFunction,
        value: u32,
        signed: bool,
    ) -> Result<u32, Fault> {
        use naga::AtomicFunction as F;
        let which = match fun {
            F::Add => 0,
            F::Subtract => 1,
            F::And => 2,
            F::ExclusiveOr => 3,
            F::InclusiveOr => 4,
            F::Min if signed => 5,
            F::Max if signed => 6,
            F::Min => 7,
            F::Max => 8,
            F::Exchange { compare: None } => 9,
            F::Exchange { compare: Some(_) } => return Err(self.refuse("atomicCompareExchangeWeak")),
        };
        let (op, slot) = match place.space {
            Space::Shared => (Op::AtomicShared, 0),
            Space::Buffer(slot) => (Op::AtomicGlobal, slot),
            _ => return Err(self.refuse("atomics outside buffers and workgroup memory")),
        };
        let d = self.fresh();
        let mut inst = Inst::new(op, Class::Atomic, d, &[value], self.line);
        (inst.a, inst.imm, inst.imm2, inst.buf) = (place.dynamic, place.offset, which, slot);
        self.push(inst);
        Ok(d)
    }

    /// `arrayLength(&array)`.
    pub(super) fn array_length(&mut self, frame: &mut Inlined<'a>, array: Handle<Expression>) -> Result<u32, Fault> {
        let Value::Place(place) = self.value(frame, array)? else {
            return Err(self.refuse("arrayLength of what is no array"));
        };
        let (Pointee::Type(ty), Space::Buffer(slot)) = (place.ty, place.space) else {
            return Err(self.refuse("arrayLength outside storage buffers"));
        };
        let TypeInner::Array { stride, .. } = self.inner(ty) else {
            return Err(self.refuse("arrayLength of what is no array"));
        };
        let d = self.fresh();
        let mut inst = Inst::new(Op::ArrayLength, Class::Free, d, &[], self.line);
        (inst.imm, inst.imm2, inst.buf) = (place.offset, *stride, slot);
        self.push(inst);
        Ok(d)
    }
}

/// Instructions move 1, 2 or 4 words; three are two and one.
fn parts(n: u32) -> Vec<(usize, usize)> {
    match n {
        3 => vec![(0, 2), (2, 1)],
        n => vec![(0, n as usize)],
    }
}
