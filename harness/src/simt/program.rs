//! A kernel's shader ready to run: every pass lowered, operands bound by what the kernel says stands where.

use kernels::foreign::{Binding, Pass, Shader};
use kernels::kernel::{Case, Shape};
use kernels::operand::Operand;

use super::code::{Code, Op};
use super::fault::Fault;
use super::launch::Launch;
use super::lower;
use super::memory::Buffer;
use super::warp::Watch;

/// A shader, lowered once.
#[derive(Debug)]
pub struct Program {
    shader: Shader,
    codes: Vec<Code>,
}

/// Room of the shader's own, by binding; outlives the passes of a run.
pub type Scratch = Vec<(usize, Vec<u8>)>;

impl Program {
    /// Parses, validates and lowers; `shape` is one of the kernel's, for the names of the passes.
    ///
    /// # Errors
    /// What the shader uses that the interpreter does not have, with its line.
    pub fn of(shader: &Shader, shape: &Shape) -> Result<Self, Fault> {
        let parsed = lower::Shader::parse(shader.name, shader.source)?;
        let mut entries: Vec<&str> = (shader.passes)(shape).iter().map(|p| p.entry).collect();
        entries.dedup();
        let codes = entries.into_iter().map(|entry| parsed.lower(entry)).collect::<Result<_, _>>()?;
        Ok(Self { shader: *shader, codes })
    }

    /// True where it needs operations between the lanes of a warp.
    pub fn subgroups(&self) -> bool {
        self.codes.iter().any(|c| c.subgroups)
    }

    /// True where it needs matrix units.
    pub fn matrices(&self) -> bool {
        self.codes.iter().any(|c| c.matrices > 0)
    }

    /// Relative error that WGSL's functions may have in it, in any one result: `exp` may be (3 + 2|x|) units in the last
    /// place off, of which arguments beyond 88 leave nothing; division, `sqrt` and `inverseSqrt` up to five.
    ///
    /// Source: WebGPU Shading Language, 15.7.4, accuracy of built-in functions.
    pub fn function_error(&self) -> f64 {
        let ulp = f64::from(f32::EPSILON);
        let uses = |ops: &[Op]| self.codes.iter().flat_map(|c| &c.insts).any(|i| ops.contains(&i.op));
        if uses(&[Op::FExp]) {
            (3.0 + 2.0 * 88.0) * ulp
        } else if uses(&[Op::FDiv, Op::FSqrt, Op::FRsqrt]) {
            5.0 * ulp
        } else {
            0.0
        }
    }

    /// The entry points of its passes.
    pub fn entries(&self) -> impl Iterator<Item = &str> {
        self.codes.iter().map(|c| c.entry.as_str())
    }

    /// The file and its bindings.
    pub fn shader(&self) -> &Shader {
        &self.shader
    }

    /// True where the shader may store to what is bound there.
    pub fn stores_to(&self, binding: usize) -> bool {
        self.codes.iter().flat_map(|c| &c.slots).any(|s| s.writable && s.binding as usize == binding)
    }

    /// The launches of one run that have workgroups, each with its code.
    pub fn passes(&self, shape: &Shape) -> Vec<(Pass, &Code)> {
        let passes = (self.shader.passes)(shape).into_iter().filter(|p| !p.workgroups.contains(&0));
        passes.filter_map(|p| Some((self.codes.iter().find(|c| c.entry == p.entry)?, p))).map(|(c, p)| (p, c)).collect()
    }

    /// Room of its own at this shape.
    pub fn scratch(&self, shape: &Shape) -> Scratch {
        let bindings = self.shader.bindings.iter().enumerate();
        let own = bindings.filter_map(|(i, b)| match b {
            Binding::Scratch(bytes) => Some((i, vec![0; bytes(shape)])),
            _ => None,
        });
        own.collect()
    }

    /// Partial sums per output.
    pub fn partial_sums(&self) -> usize {
        self.shader.partial_sums
    }

    /// Binds a pass to operands and scratch.
    ///
    /// # Errors
    /// Where the shader stores to what the kernel only lends for reading.
    pub fn launch<'c, 'b, const W: usize>(
        &self,
        code: &'c Code,
        pass: &Pass,
        operands: &'b mut [Operand<'_>],
        scratch: &'b mut Scratch,
    ) -> Result<Launch<'c, 'b, W>, Fault> {
        let mut buffers: Vec<(u32, Buffer<'b>)> = Vec::new();
        let bindings = || self.shader.bindings.iter().enumerate();
        for (i, _) in bindings().filter(|(_, b)| matches!(b, Binding::Sizes)) {
            let mut bytes: Vec<u8> = pass.sizes.iter().flat_map(|n| n.to_le_bytes()).collect();
            bytes.resize(bytes.len().next_multiple_of(16), 0);
            buffers.push((i as u32, Buffer::Own(bytes)));
        }
        for (i, bytes) in scratch {
            buffers.push((*i as u32, Buffer::Write(bytes)));
        }
        let stores = |i: usize| code.slots.iter().any(|s| s.writable && s.binding as usize == i);
        for (o, operand) in operands.iter_mut().enumerate() {
            let here: Vec<usize> =
                bindings().filter(|(_, b)| matches!(b, Binding::Operand(n) if *n == o)).map(|(i, _)| i).collect();
            match here[..] {
                [] => {}
                [i] if stores(i) => match operand.bytes_mut() {
                    Some(bytes) => buffers.push((i as u32, Buffer::Write(bytes))),
                    None => {
                        let reason = format!("it stores to @binding({i}), an operand that the kernel only reads");
                        return Err(code.files.fault(0, reason));
                    }
                },
                _ => {
                    let operand: &'b Operand<'_> = operand;
                    buffers.extend(here.iter().map(|i| (*i as u32, Buffer::Read(operand.bytes()))));
                }
            }
        }
        Launch::new(code, buffers, pass.workgroups)
    }

    /// Runs every workgroup of every pass on warps of `W` lanes, each pass before an observer of its own.
    ///
    /// # Errors
    /// What the shader did that it may not, with its line.
    pub fn run<const W: usize, O: Watch>(
        &self,
        shape: &Shape,
        case: &mut dyn Case,
        mut watch: impl FnMut() -> O,
    ) -> Result<Vec<O>, Fault> {
        let mut operands = case.operands();
        let mut scratch = self.scratch(shape);
        let mut watched = Vec::new();
        for (pass, code) in self.passes(shape) {
            let mut watch = watch();
            self.launch::<W>(code, &pass, &mut operands, &mut scratch)?.run(&mut watch)?;
            watched.push(watch);
        }
        Ok(watched)
    }
}

#[cfg(test)]
mod tests {
    use kernels::KERNELS;
    use naga::back::spv;
    use naga::valid::{Capabilities, ValidationFlags, Validator};

    /// What the interpreter takes a GPU's driver must be given too, and naga's writer knows less than its validator.
    #[test]
    fn every_shader_can_be_written_as_spir_v() {
        // Where cooperative matrices are.
        let options = spv::Options { lang_version: (1, 6), ..Default::default() };
        for kernel in KERNELS {
            for shader in kernel.shaders() {
                let module = naga::front::wgsl::parse_str(shader.source).expect("the gate's tests parse them");
                let info =
                    Validator::new(ValidationFlags::all(), Capabilities::all()).validate(&module).expect("valid");
                let written = crate::caught::caught(|| spv::write_vec(&module, &info, &options, None));
                let name = format!("{}/{}", kernel.name(), shader.name);
                assert!(matches!(&written, Ok(Ok(words)) if !words.is_empty()), "{name}: {written:?}");
            }
        }
    }

    /// Squares are loaded from workgroup memory at multiples of sixteen bytes; a driver lays variables out as it likes, so
    /// none may leave the next one elsewhere.
    #[test]
    fn workgroup_memory_beside_squares_comes_in_sixteens() {
        for shader in KERNELS.iter().flat_map(|kernel| kernel.shaders()) {
            let module = naga::front::wgsl::parse_str(shader.source).expect("the gate's tests parse them");
            if !module.types.iter().any(|(_, ty)| matches!(ty.inner, naga::TypeInner::CooperativeMatrix { .. })) {
                continue;
            }
            let mut layouts = naga::proc::Layouter::default();
            layouts.update(module.to_ctx()).expect("sizes are known");
            let shared = module.global_variables.iter().filter(|(_, v)| v.space == naga::AddressSpace::WorkGroup);
            for (_, variable) in shared {
                let bytes = layouts[variable.ty].size;
                assert_eq!(bytes % 16, 0, "{}: {:?} has {bytes} bytes", shader.name, variable.name);
            }
        }
    }
}
