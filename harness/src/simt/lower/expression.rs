//! Values: literals, arithmetic, vectors and their components, builtins of the entry point.

use naga::{BuiltIn, Expression, Handle, Literal, ScalarKind, TypeInner};

use super::{Class, Fault, Given, Inlined, Lowering, Op, Value};

impl<'a> Lowering<'a> {
    /// An argument of the entry point: a builtin, or a struct of them.
    pub(super) fn argument(&mut self, argument: &naga::FunctionArgument, line: u32) -> Result<Value, Fault> {
        self.line = line;
        let mut bindings = Vec::new();
        match (&argument.binding, self.inner(argument.ty)) {
            (Some(binding), _) => bindings.push(binding),
            (None, TypeInner::Struct { members, .. }) => {
                bindings.extend(members.iter().filter_map(|m| m.binding.as_ref()))
            }
            _ => {}
        }
        let mut registers = Vec::new();
        for binding in bindings {
            let naga::Binding::BuiltIn(builtin) = binding else {
                return Err(self.refuse("an argument that is no builtin"));
            };
            let three = |of: fn(u8) -> Given| (0..3).map(of).collect::<Vec<_>>();
            let given = match builtin {
                BuiltIn::LocalInvocationId => three(Given::LocalId),
                BuiltIn::GlobalInvocationId => three(Given::GlobalId),
                BuiltIn::WorkGroupId => three(Given::WorkgroupId),
                BuiltIn::NumWorkGroups => three(Given::Workgroups),
                BuiltIn::LocalInvocationIndex => vec![Given::LocalIndex],
                BuiltIn::SubgroupSize => vec![Given::SubgroupSize],
                BuiltIn::SubgroupInvocationId => vec![Given::SubgroupLane],
                BuiltIn::SubgroupId => vec![Given::SubgroupId],
                BuiltIn::NumSubgroups => vec![Given::Subgroups],
                other => return Err(self.refuse(format!("builtin {other:?}"))),
            };
            if matches!(
                builtin,
                BuiltIn::SubgroupSize | BuiltIn::SubgroupInvocationId | BuiltIn::SubgroupId | BuiltIn::NumSubgroups
            ) {
                self.subgroups = true;
            }
            registers.extend(given.into_iter().map(|g| self.given(g)));
        }
        Ok(Value::Registers(registers))
    }

    /// The value of an expression: as it was emitted, or made now where it needs no emitting.
    pub(super) fn value(&mut self, frame: &mut Inlined<'a>, handle: Handle<Expression>) -> Result<Value, Fault> {
        if let Some(value) = frame.values.get(&handle) {
            return Ok(value.clone());
        }
        let value = match &frame.function.expressions[handle] {
            Expression::FunctionArgument(i) => frame.arguments[*i as usize].clone(),
            Expression::GlobalVariable(v) => Value::Place(self.global(*v)?),
            Expression::LocalVariable(v) => Value::Place(self.local(frame, *v)?),
            _ => self.compute(frame, handle)?,
        };
        frame.values.insert(handle, value.clone());
        Ok(value)
    }

    /// Lowers an expression where the shader evaluates it.
    pub(super) fn emit(&mut self, frame: &mut Inlined<'a>, handle: Handle<Expression>) -> Result<(), Fault> {
        let value = self.compute(frame, handle)?;
        frame.values.insert(handle, value);
        Ok(())
    }

    /// Registers of a scalar or vector.
    pub(super) fn registers(&mut self, frame: &mut Inlined<'a>, handle: Handle<Expression>) -> Result<Vec<u32>, Fault> {
        match self.value(frame, handle)? {
            Value::Registers(r) => Ok(r),
            Value::Place(_) => Err(self.refuse("a pointer as a value")),
        }
    }

    /// The register of a scalar.
    pub(super) fn register(&mut self, frame: &mut Inlined<'a>, handle: Handle<Expression>) -> Result<u32, Fault> {
        Ok(self.registers(frame, handle)?[0])
    }

    /// The kind of an expression's components.
    pub(super) fn kind(&self, frame: &Inlined<'a>, handle: Handle<Expression>) -> Result<ScalarKind, Fault> {
        let inner = frame.info[handle].ty.inner_with(&self.shader.module.types);
        let Some(scalar) = inner.scalar() else { return Err(self.refuse("arithmetic on this type")) };
        self.scalar(scalar)?;
        Ok(scalar.kind)
    }

    fn compute(&mut self, frame: &mut Inlined<'a>, handle: Handle<Expression>) -> Result<Value, Fault> {
        let registers = match &frame.function.expressions[handle] {
            Expression::Literal(literal) => vec![self.constant(literal)?],
            Expression::Constant(constant) => {
                let init = self.shader.module.constants[*constant].init;
                self.global_expression(init)?
            }
            Expression::Override(_) => return Err(self.refuse("overrides: write a constant")),
            Expression::ZeroValue(ty) if self.square_of(*ty).is_some() => vec![self.zero_matrix(*ty)],
            Expression::ZeroValue(ty) => vec![self.literal(0); self.width(*ty)? as usize],
            Expression::Compose { components, .. } => {
                let mut all = Vec::new();
                for c in components {
                    all.extend(self.registers(frame, *c)?);
                }
                all
            }
            Expression::Splat { size, value } => vec![self.register(frame, *value)?; *size as usize],
            Expression::Swizzle { size, vector, pattern } => {
                self.kind(frame, *vector)?;
                let from = self.registers(frame, *vector)?;
                pattern[..*size as usize].iter().map(|c| from[*c as usize]).collect()
            }
            Expression::Access { base, index } => {
                let index = self.register(frame, *index)?;
                if let TypeInner::Vector { scalar, .. } = frame.info[*base].ty.inner_with(&self.shader.module.types) {
                    self.scalar(*scalar)?;
                }
                match self.value(frame, *base)? {
                    Value::Place(place) => return Ok(Value::Place(self.element(place, index)?)),
                    Value::Registers(r) => match self.literal_of(index) {
                        Some(i) if (i as usize) < r.len() => vec![r[i as usize]],
                        _ => vec![self.pick(&r, index)],
                    },
                }
            }
            Expression::AccessIndex { base, index } => match self.value(frame, *base)? {
                Value::Place(place) => return Ok(Value::Place(self.member(place, *index)?)),
                Value::Registers(r) => {
                    let inner = frame.info[*base].ty.inner_with(&self.shader.module.types);
                    let (first, n) = self.part(inner, *index)?;
                    r[first as usize..(first + n) as usize].to_vec()
                }
            },
            Expression::Load { pointer } => {
                let Value::Place(place) = self.value(frame, *pointer)? else {
                    return Err(self.refuse("a load from what is no place"));
                };
                self.load(place)?
            }
            Expression::Unary { op, expr } => self.unary(frame, *op, *expr)?,
            Expression::Binary { op, left, right } => self.binary(frame, *op, *left, *right)?,
            Expression::Select { condition, accept, reject } => {
                let condition = self.registers(frame, *condition)?;
                let accept = self.registers(frame, *accept)?;
                let reject = self.registers(frame, *reject)?;
                let n = accept.len();
                (0..n)
                    .map(|i| {
                        let c = condition[if condition.len() == n { i } else { 0 }];
                        self.op(Op::Select, Class::Int, &[c, accept[i], reject[i]])
                    })
                    .collect()
            }
            Expression::Relational { fun, argument } => self.relational(frame, *fun, *argument)?,
            Expression::Math { fun, arg, arg1, arg2, .. } => self.math(frame, *fun, *arg, *arg1, *arg2)?,
            Expression::As { expr, kind, convert } => self.convert(frame, *expr, *kind, *convert)?,
            Expression::ArrayLength(array) => vec![self.array_length(frame, *array)?],
            Expression::CooperativeLoad { columns, rows, data, .. } => {
                vec![self.matrix_load(frame, [*rows, *columns], data)?]
            }
            Expression::CooperativeMultiplyAdd { a, b, c } => vec![self.matrix_mul_add(frame, [*a, *b, *c])?],
            _ => return Err(self.refuse("this expression")),
        };
        Ok(Value::Registers(registers))
    }

    /// Component `index` of a value in registers: its first register and how many.
    fn part(&self, inner: &TypeInner, index: u32) -> Result<(u32, u32), Fault> {
        match inner {
            TypeInner::Vector { scalar, .. } => self.scalar(*scalar).map(|()| (index, 1)),
            TypeInner::Array { base, .. } => {
                let n = self.width(*base)?;
                Ok((index * n, n))
            }
            TypeInner::Struct { members, .. } => {
                let before: u32 = members[..index as usize].iter().map(|m| self.width(m.ty)).sum::<Result<u32, _>>()?;
                Ok((before, self.width(members[index as usize].ty)?))
            }
            other => Err(self.refuse(format!("a component of {}", super::kind_of(other)))),
        }
    }

    /// A component of a vector by an index in a register.
    fn pick(&mut self, from: &[u32], index: u32) -> u32 {
        let mut chosen = from[0];
        for (i, component) in from.iter().enumerate().skip(1) {
            let i = self.literal(i as u32);
            let same = self.op(Op::IEq, Class::Int, &[index, i]);
            chosen = self.op(Op::Select, Class::Int, &[same, *component, chosen]);
        }
        chosen
    }

    fn constant(&mut self, literal: &Literal) -> Result<u32, Fault> {
        Ok(match literal {
            Literal::F32(x) => self.literal(x.to_bits()),
            Literal::U32(x) => self.literal(*x),
            Literal::I32(x) => self.literal(*x as u32),
            Literal::Bool(x) => self.literal(if *x { u32::MAX } else { 0 }),
            other => return Err(self.refuse(format!("the literal {other:?}"))),
        })
    }

    fn global_expression(&mut self, handle: Handle<Expression>) -> Result<Vec<u32>, Fault> {
        Ok(match &self.shader.module.global_expressions[handle] {
            Expression::Literal(literal) => vec![self.constant(literal)?],
            Expression::Constant(constant) => {
                let init = self.shader.module.constants[*constant].init;
                self.global_expression(init)?
            }
            Expression::ZeroValue(ty) => vec![self.literal(0); self.width(*ty)? as usize],
            Expression::Splat { size, value } => {
                let value = self.global_expression(*value)?[0];
                vec![value; *size as usize]
            }
            Expression::Compose { components, .. } => {
                let mut all = Vec::new();
                for c in components {
                    all.extend(self.global_expression(*c)?);
                }
                all
            }
            _ => return Err(self.refuse("this constant expression")),
        })
    }
}
