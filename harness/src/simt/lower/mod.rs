//! From WGSL text to [`Code`]: naga parses and validates; functions are inlined, vectors taken apart into scalar
//! registers, pointers into a base and offsets, and what a compiler would not leave is cleaned away.
//!
//! `expression` and `memory` lower values and places, `statement` lowers control flow, `tidy` removes copies and dead
//! code, `allocate` gives values registers by their life spans.

mod allocate;
mod expression;
mod matrix;
mod memory;
mod merge;
mod operation;
mod share;
mod statement;
mod tidy;

use std::collections::HashMap;

use naga::valid::{Capabilities, FunctionInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Expression, Function, Handle, Module, ScalarKind, Type, TypeInner};

use super::code::{Class, Code, Given, Inst, NONE, Op, Slot};
use super::fault::{Fault, Files};

/// A shader whose text has been parsed and validated.
#[derive(Debug)]
pub struct Shader {
    files: Files,
    source: String,
    module: Module,
    info: naga::valid::ModuleInfo,
}

impl Shader {
    /// Parses and validates; `name` is what messages call it.
    ///
    /// # Errors
    /// The parser's or validator's first complaint with its line.
    pub fn parse(name: &str, source: &str) -> Result<Self, Fault> {
        let files = Files::of(name, source);
        let fault = |line: Option<u32>, reason: String| {
            files.fault(line.unwrap_or(0), reason.lines().next().unwrap_or_default())
        };
        let module = naga::front::wgsl::parse_str(source)
            .map_err(|e| fault(e.location(source).map(|l| l.line_number), e.message().to_owned()))?;
        let capabilities = Capabilities::SUBGROUP
            | Capabilities::SHADER_FLOAT16_IN_FLOAT32
            | Capabilities::SHADER_FLOAT16
            | Capabilities::COOPERATIVE_MATRIX;
        let info = Validator::new(ValidationFlags::all(), capabilities).validate(&module).map_err(|e| {
            let mut reason = e.as_inner().to_string();
            let mut cause = std::error::Error::source(e.as_inner());
            while let Some(c) = cause {
                reason = format!("{reason}: {c}");
                cause = c.source();
            }
            fault(e.location(source).map(|l| l.line_number), reason.replace('\n', " "))
        })?;
        Ok(Self { files, source: source.into(), module, info })
    }

    /// Lowers one entry point.
    ///
    /// # Errors
    /// A construct that the interpreter does not have, with its line.
    pub fn lower(&self, entry: &str) -> Result<Code, Fault> {
        let fault = |reason: String| self.files.fault(0, reason);
        let found = self.module.entry_points.iter().position(|e| e.name == entry);
        let Some(index) = found else {
            let known: Vec<&str> = self.module.entry_points.iter().map(|e| e.name.as_str()).collect();
            return Err(fault(format!("no entry point '{entry}'; there are: {}", known.join(", "))));
        };
        let point = &self.module.entry_points[index];
        if point.workgroup_size_overrides.is_some() {
            return Err(fault("a workgroup size from an override: write it as a constant".into()));
        }
        let info = self.info.get_entry_point(index);
        let mut lowering = Lowering::new(self, info)?;
        let function = &point.function;
        let mut frame = Inlined::new(function, info);
        for argument in &function.arguments {
            let line = 0;
            let value = lowering.argument(argument, line)?;
            frame.arguments.push(value);
        }
        lowering.push(Inst::new(Op::Loop, Class::Free, NONE, &[], 0));
        lowering.depth = 1;
        frame.leave_depth = 0;
        lowering.locals(&mut frame)?;
        lowering.block(&mut frame, &function.body)?;
        lowering.join();
        lowering.push(Inst::new(Op::EndScope, Class::Free, NONE, &[], 0));
        lowering.push(Inst::new(Op::End, Class::Free, NONE, &[], 0));
        lowering.finish(entry, point.workgroup_size)
    }
}

/// A scalar, vector, or place.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Registers, one per component; those of a struct or array one after the other.
    Registers(Vec<u32>),
    /// Somewhere in memory.
    Place(Place),
}

/// Where a pointer points.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    space: Space,
    /// Register of the dynamic part of the offset, bytes (registers for a local), or [`NONE`].
    dynamic: u32,
    /// Constant part.
    offset: u32,
    /// What lies there.
    ty: Pointee,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Space {
    Buffer(u32),
    Uniform(u32),
    Shared,
    /// First register of a variable and how many it has.
    Local(u32, u32),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Pointee {
    Type(Handle<Type>),
    Scalar(naga::Scalar),
}

/// One call being inlined.
pub(super) struct Inlined<'a> {
    function: &'a Function,
    info: &'a FunctionInfo,
    values: HashMap<Handle<Expression>, Value>,
    locals: HashMap<Handle<naga::LocalVariable>, (u32, u32)>,
    arguments: Vec<Value>,
    /// Registers of the result.
    result: Vec<u32>,
    /// Frame that a return leaves.
    leave_depth: u32,
}

impl<'a> Inlined<'a> {
    fn new(function: &'a Function, info: &'a FunctionInfo) -> Self {
        Self {
            function,
            info,
            values: HashMap::new(),
            locals: HashMap::new(),
            arguments: Vec::new(),
            result: Vec::new(),
            leave_depth: 0,
        }
    }
}

/// The state of lowering one entry point.
pub(super) struct Lowering<'a> {
    shader: &'a Shader,
    insts: Vec<Inst>,
    next: u32,
    given: HashMap<Given, u32>,
    slots: Vec<Slot>,
    places: HashMap<Handle<naga::GlobalVariable>, Space>,
    shared_offsets: HashMap<Handle<naga::GlobalVariable>, u32>,
    shared_bytes: u32,
    /// Frames entered.
    depth: u32,
    /// Depths of the loops and switches around: what a break or continue means.
    breakable: Vec<(u32, bool)>,
    /// Jumps to be pointed at the end of the stretch they are in, innermost last.
    joins: Vec<Vec<usize>>,
    /// Addresses computed since the last branch, by index, stride and base.
    addresses: HashMap<(u32, u32, u32), u32>,
    /// Values computed and variables read since the last branch, for reuse.
    computed: HashMap<(Op, [u32; 4]), u32>,
    /// Registers that hold a small matrix, and how many a lane gives to it.
    matrices: HashMap<u32, u32>,
    subgroups: bool,
    line: u32,
}

impl<'a> Lowering<'a> {
    /// For an entry point of which this is known.
    fn new(shader: &'a Shader, entry: &FunctionInfo) -> Result<Self, Fault> {
        let mut lowering = Self {
            shader,
            insts: Vec::new(),
            next: 0,
            given: HashMap::new(),
            slots: Vec::new(),
            places: HashMap::new(),
            shared_offsets: HashMap::new(),
            shared_bytes: 0,
            depth: 0,
            breakable: Vec::new(),
            joins: vec![Vec::new()],
            addresses: HashMap::new(),
            computed: HashMap::new(),
            matrices: HashMap::new(),
            subgroups: false,
            line: 0,
        };
        // By binding: nothing depends on where a shader's files declare what.
        let mut variables: Vec<_> = shader.module.global_variables.iter().collect();
        variables.sort_by_key(|(_, v)| v.binding.map(|b| (b.group, b.binding)));
        for (handle, variable) in variables {
            lowering.line = shader.module.global_variables.get_span(handle).location(&shader.source).line_number;
            let space = match variable.space {
                // A workgroup has what its entry point uses: another pass's does not crowd it out.
                AddressSpace::WorkGroup if entry[handle].is_empty() => continue,
                AddressSpace::WorkGroup => {
                    let bytes = shader.module.types[variable.ty].inner.size(shader.module.to_ctx());
                    lowering.shared_offsets.insert(handle, lowering.shared_bytes);
                    lowering.shared_bytes += bytes.next_multiple_of(16);
                    Space::Shared
                }
                AddressSpace::Uniform | AddressSpace::Storage { .. } => {
                    let Some(binding) = &variable.binding else { continue };
                    if binding.group != 0 {
                        return Err(lowering.refuse(format!("@group({}): only group 0 is bound", binding.group)));
                    }
                    let uniform = variable.space == AddressSpace::Uniform;
                    let writable = match variable.space {
                        AddressSpace::Storage { access } => access.contains(naga::StorageAccess::STORE),
                        _ => false,
                    };
                    let slot = lowering.slots.len() as u32;
                    lowering.slots.push(Slot { binding: binding.binding, uniform, writable });
                    if uniform { Space::Uniform(slot) } else { Space::Buffer(slot) }
                }
                other => return Err(lowering.refuse(format!("a variable in address space {other:?}"))),
            };
            lowering.places.insert(handle, space);
        }
        Ok(lowering)
    }

    fn finish(self, entry: &str, workgroup: [u32; 3]) -> Result<Code, Fault> {
        let mut insts = self.insts;
        tidy::tidy(&mut insts);
        merge::merge(&mut insts, &self.given);
        share::share(&mut insts);
        let allocation = allocate::allocate(&mut insts, &self.given, &self.matrices);
        Ok(Code {
            files: self.shader.files.clone(),
            entry: entry.into(),
            workgroup,
            insts,
            given: allocation.given,
            registers: allocation.registers,
            matrices: allocation.matrices,
            live: allocation.live,
            shared_bytes: self.shared_bytes,
            slots: self.slots,
            subgroups: self.subgroups,
        })
    }

    fn refuse(&self, what: impl Into<String>) -> Fault {
        self.shader.files.fault(self.line, format!("the interpreter does not have {}", what.into()))
    }

    fn push(&mut self, mut inst: Inst) {
        if inst.line == 0 {
            inst.line = self.line;
        }
        if inst.op.steers() {
            self.addresses.clear();
            self.computed.clear();
        }
        self.insts.push(inst);
    }

    fn fresh(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }

    fn fresh_run(&mut self, n: u32) -> u32 {
        self.next += n;
        self.next - n
    }

    /// The register of a value given at the start.
    fn given(&mut self, given: Given) -> u32 {
        if let Some(r) = self.given.get(&given) {
            return *r;
        }
        let r = self.fresh();
        self.given.insert(given, r);
        r
    }

    fn literal(&mut self, bits: u32) -> u32 {
        self.given(Given::Literal(bits))
    }

    /// The literal a register holds, where it is one.
    fn literal_of(&self, register: u32) -> Option<u32> {
        self.given.iter().find_map(|(given, r)| match given {
            Given::Literal(bits) if *r == register => Some(*bits),
            _ => None,
        })
    }

    /// A register with what an operation makes of sources: a new one, or the one where that was computed since the last
    /// branch.
    fn op(&mut self, op: Op, class: Class, s: &[u32]) -> u32 {
        let mut inst = Inst::new(op, class, NONE, s, self.line);
        if let Some(d) = self.computed.get(&(op, inst.s)).filter(|_| class != Class::Shuffle) {
            return *d;
        }
        inst.d[0] = self.fresh();
        self.computed.insert((op, inst.s), inst.d[0]);
        self.push(inst);
        inst.d[0]
    }

    /// Forgets what was computed from a variable that changes.
    fn changed(&mut self, register: u32) {
        for copy in [Op::Mov, Op::MatrixMov] {
            self.computed.remove(&(copy, [register, NONE, NONE, NONE]));
        }
    }

    fn inner(&self, ty: Handle<Type>) -> &'a TypeInner {
        &self.shader.module.types[ty].inner
    }

    /// Registers that a value of a type takes.
    fn width(&self, ty: Handle<Type>) -> Result<u32, Fault> {
        match self.inner(ty) {
            TypeInner::Scalar(s) | TypeInner::Atomic(s) => self.scalar(*s).map(|()| 1),
            // f16 only in pairs, and only to be moved.
            TypeInner::Vector { size, scalar: naga::Scalar::F16 } if *size as u32 != 3 => Ok(*size as u32 / 2),
            TypeInner::Vector { size, scalar } => self.scalar(*scalar).map(|()| *size as u32),
            TypeInner::CooperativeMatrix { .. } => Ok(1),
            TypeInner::Array { base, size: naga::ArraySize::Constant(n), .. } => Ok(self.width(*base)? * n.get()),
            TypeInner::Struct { members, .. } => members.iter().map(|m| self.width(m.ty)).sum(),
            other => Err(self.refuse(format!("values of {}", kind_of(other)))),
        }
    }

    fn scalar(&self, scalar: naga::Scalar) -> Result<(), Fault> {
        match (scalar.kind, scalar.width) {
            (ScalarKind::Bool, _) | (ScalarKind::Float | ScalarKind::Sint | ScalarKind::Uint, 4) => Ok(()),
            (kind, width) => Err(self.refuse(format!("{}-bit {kind:?} values", u32::from(width) * 8))),
        }
    }
}

/// A type for people.
fn kind_of(inner: &TypeInner) -> &'static str {
    match inner {
        TypeInner::Matrix { .. } => "matrices",
        TypeInner::CooperativeMatrix { .. } => "cooperative matrices",
        TypeInner::Array { .. } => "arrays without a size",
        TypeInner::Image { .. } | TypeInner::Sampler { .. } => "images",
        TypeInner::Pointer { .. } | TypeInner::ValuePointer { .. } => "pointers",
        _ => "this type",
    }
}
