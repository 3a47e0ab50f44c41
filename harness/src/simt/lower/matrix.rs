//! Small matrices that a warp holds together (WGSL's cooperative matrices, a wgpu extension): each is one register of a kind
//! of its own, and its loads, stores and products are one instruction each.

use naga::{CooperativeData, CooperativeSize, Expression, Handle, Scalar, Type, TypeInner};

use super::super::code::Square;
use super::{Class, Fault, Inlined, Inst, Lowering, NONE, Op, Place, Pointee, Space, Value};

impl<'a> Lowering<'a> {
    /// The matrix that a type is, where it is one.
    pub(super) fn square_of(&self, ty: Handle<Type>) -> Option<Square> {
        match self.inner(ty) {
            TypeInner::CooperativeMatrix { columns, scalar, .. } => {
                Some(Square { side: *columns as u32, half: *scalar == Scalar::F16, by_rows: true })
            }
            _ => None,
        }
    }

    /// The same of what lies at a place.
    pub(super) fn square_at(&self, place: &Place) -> Option<Square> {
        match place.ty {
            Pointee::Type(ty) => self.square_of(ty),
            Pointee::Scalar(_) => None,
        }
    }

    fn fresh_matrix(&mut self, registers: u32) -> u32 {
        let d = self.fresh();
        self.matrices.insert(d, registers);
        d
    }

    /// A matrix of zeros.
    pub(super) fn zero_matrix(&mut self, ty: Handle<Type>) -> u32 {
        let registers = self.square_of(ty).map_or(1, Square::registers);
        let d = self.fresh_matrix(registers);
        self.push(Inst::new(Op::MatrixZero, Class::Free, d, &[], self.line));
        d
    }

    /// The matrix in a variable, as it is now.
    pub(super) fn matrix_copy(&mut self, variable: u32) -> u32 {
        let registers = self.matrices.get(&variable).copied().unwrap_or(1);
        let d = self.op(Op::MatrixMov, Class::Free, &[variable]);
        self.matrices.insert(d, registers);
        d
    }

    /// An instruction that moves a matrix between registers and memory.
    fn moved(
        &mut self,
        frame: &mut Inlined<'a>,
        op: Op,
        [rows, columns]: [u32; 2],
        data: &CooperativeData,
    ) -> Result<(Inst, Square), Fault> {
        if rows != columns {
            return Err(self.refuse("matrices that are not square"));
        }
        let Value::Place(place) = self.value(frame, data.pointer)? else {
            return Err(self.refuse("a matrix from what is no place"));
        };
        let (scalar, parts) = match place.ty {
            Pointee::Scalar(scalar) => (scalar, 1),
            Pointee::Type(ty) => match self.inner(ty) {
                TypeInner::Scalar(scalar) => (*scalar, 1),
                TypeInner::Vector { size, scalar } => (*scalar, *size as u32),
                other => return Err(self.refuse(format!("a matrix from {}", super::kind_of(other)))),
            },
        };
        let square = Square { side: rows, half: scalar == Scalar::F16, by_rows: data.row_major };
        let stride = self.register(frame, data.stride)?;
        let class = if place.space == Space::Shared { Class::Shared } else { Class::Global };
        let mut inst = Inst::new(op, class, NONE, &[stride], self.line);
        match place.space {
            Space::Buffer(slot) => inst.buf = slot,
            Space::Shared => {}
            _ => return Err(self.refuse("matrices outside buffers and workgroup memory")),
        }
        (inst.a, inst.imm, inst.imm2) = (place.dynamic, place.offset, square.packed());
        // A stride counts what the pointer points at.
        inst.n = (parts * square.bytes()) as u8;
        self.subgroups = true;
        Ok((inst, square))
    }

    /// `coopLoad`.
    pub(super) fn matrix_load(
        &mut self,
        frame: &mut Inlined<'a>,
        [rows, columns]: [CooperativeSize; 2],
        data: &CooperativeData,
    ) -> Result<u32, Fault> {
        let (mut inst, square) = self.moved(frame, Op::MatrixLoad, [rows as u32, columns as u32], data)?;
        inst.d[0] = self.fresh_matrix(square.registers());
        self.push(inst);
        Ok(inst.d[0])
    }

    /// `coopStore`.
    pub(super) fn matrix_store(
        &mut self,
        frame: &mut Inlined<'a>,
        target: Handle<Expression>,
        data: &CooperativeData,
    ) -> Result<(), Fault> {
        let side = self.side(frame, target)?;
        let value = self.register(frame, target)?;
        let (mut inst, _) = self.moved(frame, Op::MatrixStore, [side, side], data)?;
        inst.s[1] = value;
        self.push(inst);
        Ok(())
    }

    /// `coopMultiplyAdd`.
    pub(super) fn matrix_mul_add(
        &mut self,
        frame: &mut Inlined<'a>,
        operands: [Handle<Expression>; 3],
    ) -> Result<u32, Fault> {
        let sides = [self.side(frame, operands[0])?, self.side(frame, operands[1])?, self.side(frame, operands[2])?];
        if sides != [sides[0]; 3] {
            return Err(self.refuse("a product of matrices of different sizes"));
        }
        let mut s = [0; 3];
        for (s, operand) in s.iter_mut().zip(operands) {
            *s = self.register(frame, operand)?;
        }
        let d = self.fresh_matrix(self.matrices.get(&s[2]).copied().unwrap_or(1));
        let mut inst = Inst::new(Op::MatrixMulAdd, Class::Matrix, d, &s, self.line);
        inst.imm2 = sides[0];
        self.push(inst);
        Ok(d)
    }

    /// Rows and columns of a value.
    fn side(&self, frame: &Inlined<'a>, handle: Handle<Expression>) -> Result<u32, Fault> {
        match frame.info[handle].ty.inner_with(&self.shader.module.types) {
            TypeInner::CooperativeMatrix { columns, rows, .. } if *columns as u32 == *rows as u32 => {
                Ok(*columns as u32)
            }
            _ => Err(self.refuse("matrices that are not square")),
        }
    }
}
