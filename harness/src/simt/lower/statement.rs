//! Control flow: every branch and loop becomes masks and jumps over a stack of frames whose depth is known here.

use naga::{Block, Statement, SwitchValue};

use super::{Class, Fault, Inlined, Inst, Lowering, NONE, Op, Value};

impl<'a> Lowering<'a> {
    /// Gives the variables of a function their registers and first values.
    pub(super) fn locals(&mut self, frame: &mut Inlined<'a>) -> Result<(), Fault> {
        for (handle, variable) in frame.function.local_variables.iter() {
            let n = self.width(variable.ty)?;
            let first = self.fresh_run(n);
            frame.locals.insert(handle, (first, n));
            if let Some(square) = self.square_of(variable.ty) {
                self.matrices.insert(first, square.registers());
            }
            let values = match variable.init {
                Some(init) => self.registers(frame, init)?,
                None if self.square_of(variable.ty).is_some() => vec![self.zero_matrix(variable.ty)],
                None => vec![self.literal(0); n as usize],
            };
            for (i, value) in values.into_iter().enumerate() {
                let copy = if self.matrices.contains_key(&value) { Op::MatrixMov } else { Op::Mov };
                self.push(Inst::new(copy, Class::Free, first + i as u32, &[value], self.line));
            }
        }
        Ok(())
    }

    fn jump(&mut self, op: Op, class: Class, s: &[u32], imm: u32) -> usize {
        let mut inst = Inst::new(op, class, NONE, s, self.line);
        inst.imm = imm;
        self.push(inst);
        let at = self.insts.len() - 1;
        use Op::*;
        if matches!(op, EndIf | BreakUnless | BreakIf | Leave | Continue | Again | EndScope)
            && let Some(region) = self.joins.last_mut()
        {
            region.push(at);
        }
        at
    }

    /// Begins a stretch whose lanes all come together at its end.
    fn region(&mut self) {
        self.joins.push(Vec::new());
    }

    /// Ends it at the next instruction: where no lane is left inside, jumps go there.
    pub(super) fn join(&mut self) {
        let here = self.insts.len() as u32;
        for at in self.joins.pop().unwrap_or_default() {
            self.insts[at].imm2 = here;
        }
    }

    /// Jumps of `at` go to the next instruction.
    fn here(&mut self, at: usize) {
        self.insts[at].imm = self.insts.len() as u32;
    }

    /// Lowers the statements of a block.
    pub(super) fn block(&mut self, frame: &mut Inlined<'a>, block: &'a Block) -> Result<(), Fault> {
        for (statement, span) in block.span_iter() {
            if span.is_defined() {
                self.line = span.location(&self.shader.source).line_number;
            }
            self.statement(frame, statement)?;
        }
        Ok(())
    }

    fn statement(&mut self, frame: &mut Inlined<'a>, statement: &'a Statement) -> Result<(), Fault> {
        match statement {
            Statement::Emit(range) => {
                for handle in range.clone() {
                    let span = frame.function.expressions.get_span(handle);
                    if span.is_defined() {
                        self.line = span.location(&self.shader.source).line_number;
                    }
                    self.emit(frame, handle)?;
                }
            }
            Statement::Block(inner) => self.block(frame, inner)?,
            Statement::If { condition, accept, reject } => self.branch(frame, *condition, accept, reject)?,
            Statement::Switch { selector, cases } => self.switch(frame, *selector, cases)?,
            Statement::Loop { body, continuing, break_if } => self.repeat(frame, body, continuing, *break_if)?,
            Statement::Break => {
                let Some((depth, _)) = self.breakable.last().copied() else {
                    return Err(self.refuse("a break outside a loop"));
                };
                self.jump(Op::Leave, Class::Control, &[], depth);
            }
            Statement::Continue => {
                let Some((depth, _)) = self.breakable.iter().rev().find(|b| b.1).copied() else {
                    return Err(self.refuse("a continue outside a loop"));
                };
                self.jump(Op::Continue, Class::Control, &[], depth);
            }
            Statement::Return { value } => {
                if let Some(value) = value {
                    let values = self.registers(frame, *value)?;
                    for (i, value) in values.into_iter().enumerate() {
                        self.push(Inst::new(Op::Mov, Class::Free, frame.result[i], &[value], self.line));
                    }
                }
                let class = if frame.leave_depth == 0 { Class::Control } else { Class::Free };
                self.jump(Op::Leave, class, &[], frame.leave_depth);
            }
            Statement::ControlBarrier(_) => {
                self.push(Inst::new(Op::Barrier, Class::Barrier, NONE, &[], self.line));
            }
            Statement::MemoryBarrier(_) => {}
            Statement::Store { pointer, value } => {
                let values = self.registers(frame, *value)?;
                let Value::Place(place) = self.value(frame, *pointer)? else {
                    return Err(self.refuse("a store to what is no place"));
                };
                self.store(place, &values)?;
            }
            Statement::Atomic { pointer, fun, value, result } => {
                let value_ty = frame.info[*value].ty.inner_with(&self.shader.module.types).scalar_kind();
                let value = self.register(frame, *value)?;
                let Value::Place(place) = self.value(frame, *pointer)? else {
                    return Err(self.refuse("an atomic on what is no place"));
                };
                let old = self.atomic(place, fun, value, value_ty == Some(naga::ScalarKind::Sint))?;
                if let Some(result) = result {
                    frame.values.insert(*result, Value::Registers(vec![old]));
                }
            }
            Statement::Call { function, arguments, result } => {
                let callee = &self.shader.module.functions[*function];
                let mut inner = Inlined::new(callee, &self.shader.info[*function]);
                for argument in arguments {
                    let value = self.value(frame, *argument)?;
                    inner.arguments.push(value);
                }
                if let Some(of) = &callee.result {
                    if self.square_of(of.ty).is_some() {
                        return Err(self.refuse("matrices that a function gives back"));
                    }
                    let n = self.width(of.ty)?;
                    inner.result = (0..n).map(|_| self.fresh()).collect();
                }
                self.push(Inst::new(Op::Loop, Class::Free, NONE, &[], self.line));
                inner.leave_depth = self.depth;
                self.depth += 1;
                let outer = std::mem::take(&mut self.breakable);
                self.region();
                self.locals(&mut inner)?;
                self.block(&mut inner, &callee.body)?;
                self.breakable = outer;
                self.depth -= 1;
                self.join();
                self.jump(Op::EndScope, Class::Free, &[], 0);
                if let Some(result) = result {
                    frame.values.insert(*result, Value::Registers(inner.result));
                }
            }
            Statement::SubgroupBallot { result, predicate } => self.ballot(frame, *result, *predicate)?,
            Statement::SubgroupGather { mode, argument, result } => self.gather(frame, mode, *argument, *result)?,
            Statement::SubgroupCollectiveOperation { op, collective_op, argument, result } => {
                self.collective(frame, *op, *collective_op, *argument, *result)?;
            }
            Statement::CooperativeStore { target, data } => self.matrix_store(frame, *target, data)?,
            Statement::WorkGroupUniformLoad { pointer, result } => {
                let Value::Place(place) = self.value(frame, *pointer)? else {
                    return Err(self.refuse("a load from what is no place"));
                };
                // What every thread has stored before is there, and what any stores after is not.
                self.push(Inst::new(Op::Barrier, Class::Barrier, NONE, &[], self.line));
                let loaded = self.load(place)?;
                self.push(Inst::new(Op::Barrier, Class::Barrier, NONE, &[], self.line));
                frame.values.insert(*result, Value::Registers(loaded));
            }
            _ => return Err(self.refuse("this statement")),
        }
        Ok(())
    }

    fn branch(
        &mut self,
        frame: &mut Inlined<'a>,
        condition: naga::Handle<naga::Expression>,
        accept: &'a Block,
        reject: &'a Block,
    ) -> Result<(), Fault> {
        let condition = self.register(frame, condition)?;
        let only_break = |b: &Block| matches!(b.as_ref(), [Statement::Break]);
        let directly_in_loop = self.breakable.last().is_some_and(|b| b.0 + 1 == self.depth);
        if directly_in_loop && accept.is_empty() && only_break(reject) {
            self.jump(Op::BreakUnless, Class::Control, &[condition], 0);
            return Ok(());
        }
        if directly_in_loop && reject.is_empty() && only_break(accept) {
            self.jump(Op::BreakIf, Class::Control, &[condition], 0);
            return Ok(());
        }
        let enter = self.jump(Op::If, Class::Control, &[condition], 0);
        self.depth += 1;
        self.region();
        self.block(frame, accept)?;
        self.join();
        self.here(enter);
        if !reject.is_empty() {
            let other = self.jump(Op::Else, Class::Free, &[], 0);
            self.region();
            self.block(frame, reject)?;
            self.join();
            self.here(other);
        }
        self.depth -= 1;
        self.jump(Op::EndIf, Class::Free, &[], 0);
        Ok(())
    }

    fn repeat(
        &mut self,
        frame: &mut Inlined<'a>,
        body: &'a Block,
        continuing: &'a Block,
        break_if: Option<naga::Handle<naga::Expression>>,
    ) -> Result<(), Fault> {
        self.push(Inst::new(Op::Loop, Class::Free, NONE, &[], self.line));
        let start = self.insts.len() as u32;
        self.breakable.push((self.depth, true));
        self.depth += 1;
        self.region();
        self.block(frame, body)?;
        self.join();
        self.jump(Op::Continuing, Class::Free, &[], 0);
        self.region();
        self.block(frame, continuing)?;
        if let Some(condition) = break_if {
            let condition = self.register(frame, condition)?;
            self.jump(Op::BreakIf, Class::Control, &[condition], 0);
        }
        self.join();
        self.jump(Op::Again, Class::Free, &[], start);
        self.depth -= 1;
        self.breakable.pop();
        Ok(())
    }

    /// A scope that can be left, with a branch for each case. A case's lanes are those that match, without those of
    /// the cases before.
    fn switch(
        &mut self,
        frame: &mut Inlined<'a>,
        selector: naga::Handle<naga::Expression>,
        cases: &'a [naga::SwitchCase],
    ) -> Result<(), Fault> {
        let selector = self.register(frame, selector)?;
        self.push(Inst::new(Op::Loop, Class::Free, NONE, &[], self.line));
        self.breakable.push((self.depth, false));
        self.depth += 1;
        self.region();
        let mut matched: Option<u32> = None;
        let mut any: Option<u32> = None;
        let mut default = None;
        for case in cases {
            let bits = match case.value {
                SwitchValue::I32(v) => Some(v as u32),
                SwitchValue::U32(v) => Some(v),
                SwitchValue::Default => None,
            };
            if let Some(bits) = bits {
                let literal = self.literal(bits);
                let same = self.op(Op::IEq, Class::Int, &[selector, literal]);
                matched = Some(matched.map_or(same, |m| self.op(Op::Or, Class::Int, &[m, same])));
                any = Some(any.map_or(same, |a| self.op(Op::Or, Class::Int, &[a, same])));
            }
            if case.fall_through {
                if !case.body.is_empty() {
                    return Err(self.refuse("a case that falls through"));
                }
                if bits.is_none() {
                    return Err(self.refuse("a default among the labels of a case"));
                }
                continue;
            }
            if bits.is_none() {
                default = Some(&case.body);
                continue;
            }
            let condition = matched.take().unwrap_or(NONE);
            self.case(frame, condition, &case.body)?;
        }
        if let Some(body) = default {
            let condition = match any {
                Some(any) => self.op(Op::Not, Class::Int, &[any]),
                None => self.literal(u32::MAX),
            };
            self.case(frame, condition, body)?;
        }
        self.depth -= 1;
        self.breakable.pop();
        self.join();
        self.jump(Op::EndScope, Class::Free, &[], 0);
        Ok(())
    }

    fn case(&mut self, frame: &mut Inlined<'a>, condition: u32, body: &'a Block) -> Result<(), Fault> {
        let enter = self.jump(Op::If, Class::Control, &[condition], 0);
        self.depth += 1;
        self.region();
        self.block(frame, body)?;
        self.join();
        self.depth -= 1;
        self.here(enter);
        self.jump(Op::EndIf, Class::Free, &[], 0);
        Ok(())
    }
}
