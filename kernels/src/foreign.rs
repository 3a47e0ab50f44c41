//! Rungs in other languages: machine code of processors that no compiler of today writes for, and shaders. A kernel lists
//! them beside its ladder; the harness assembles or interprets them on the kernel's own operands.

use crate::kernel::Shape;

/// A processor with machine code of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Processor {
    /// MOS 6510 (Commodore 64); sources end in `.mos6510.asm`.
    Mos6510,
    /// Zilog Z80 (ZX Spectrum); sources end in `.z80.asm`.
    Z80,
    /// MIPS R3000A with the PlayStation's GTE; sources end in `.r3000.asm`.
    R3000a,
}

impl Processor {
    /// What its sources end in, before `.asm`.
    pub const fn suffix(self) -> &'static str {
        match self {
            Processor::Mos6510 => "mos6510",
            Processor::Z80 => "z80",
            Processor::R3000a => "r3000",
        }
    }
}

/// One rung in machine code.
#[derive(Clone, Copy, Debug)]
pub struct MachineCode {
    /// Its file's stem, up to the first dot.
    pub name: &'static str,
    /// The one idea and what it saves; the first line of its file says the same.
    pub idea: &'static str,
    /// The variant it improves on; absent for rung 0 of its processor.
    pub after: Option<&'static str>,
    /// Whose code it is.
    pub processor: Processor,
}

impl MachineCode {
    /// A rung of a processor; `after` is none for its rung 0.
    pub const fn new(
        processor: Processor,
        name: &'static str,
        after: Option<&'static str>,
        idea: &'static str,
    ) -> Self {
        Self { name, idea, after, processor }
    }
}

/// One rung for GPUs, in WGSL.
#[derive(Clone, Copy, Debug)]
pub struct Shader {
    /// Its file's stem.
    pub name: &'static str,
    /// The one idea and what it saves: the first line of its file.
    pub idea: &'static str,
    /// The variant it improves on; absent for rung 0.
    pub after: Option<&'static str>,
    /// Text of the file, and of those that it shares with others.
    pub source: &'static str,
    /// What stands at `@group(0) @binding(i)`.
    pub bindings: &'static [Binding],
    /// Launches of one run, in order.
    pub passes: fn(&Shape) -> Vec<Pass>,
    /// Partial sums per output (sets its rounding-error bound).
    pub partial_sums: usize,
    /// True where it reads what is [`crate::operand::Operand::Expanded`]: whoever runs it keeps that, and makes it beside.
    pub expanded: bool,
}

/// What a rung's WGSL file begins with.
const IDEA: &str = "// idea: ";

/// What the line before a file that rungs share begins with in a shader's text; its path from the kernel's folder follows.
pub const FILE: &str = "// file ";

/// [`Shader::new`] with the text of the rung's file, then of those that it shares with others (bindings, how a format is
/// read, how sums meet), by their paths from the kernel's folder without `.wgsl`. In WGSL a declaration may stand after its
/// use.
macro_rules! shader {
    ($name:literal, [$($shared:literal),*], $bindings:expr, $passes:expr $(,)?) => {
        $crate::foreign::Shader::new(
            $name,
            concat!(
                include_str!(concat!($name, ".wgsl"))
                $(, "// file ", $shared, ".wgsl\n", include_str!(concat!($shared, ".wgsl")))*
            ),
            $bindings,
            $passes,
        )
    };
}
pub(crate) use shader;

impl Shader {
    /// The rung of a file. Its idea is what the text's first line says; one that says none does not compile.
    pub const fn new(
        name: &'static str,
        source: &'static str,
        bindings: &'static [Binding],
        passes: fn(&Shape) -> Vec<Pass>,
    ) -> Self {
        let (text, start) = (source.as_bytes(), IDEA.as_bytes());
        let mut end = 0;
        while text[end] != b'\n' {
            assert!(end >= start.len() || text[end] == start[end], "a WGSL file begins with '// idea: '");
            end += 1;
        }
        let idea = source.split_at(end).0.split_at(start.len()).1;
        Self { name, idea, after: None, source, bindings, passes, partial_sums: 1, expanded: false }
    }

    /// Names the predecessor.
    pub const fn after(mut self, name: &'static str) -> Self {
        self.after = Some(name);
        self
    }

    /// Marks it as reading expanded operands.
    pub const fn expanded(mut self) -> Self {
        self.expanded = true;
        self
    }

    /// Partial sums per output.
    pub const fn partial_sums(mut self, n: usize) -> Self {
        self.partial_sums = n;
        self
    }
}

impl Pass {
    /// One launch; sizes that do not fit 32 bits are beyond what shaders can count, and are cut to the largest that does.
    pub fn new(entry: &'static str, workgroups: [usize; 3], sizes: &[usize]) -> Self {
        let cut = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { entry, workgroups: workgroups.map(cut), sizes: sizes.iter().map(|n| cut(*n)).collect() }
    }
}

/// What stands at a binding of a shader.
#[derive(Clone, Copy, Debug)]
pub enum Binding {
    /// A uniform with the numbers of [`Pass::sizes`].
    Sizes,
    /// The kernel's operand of this index.
    Operand(usize),
    /// Room for so many bytes that outlives a pass.
    Scratch(fn(&Shape) -> usize),
}

/// One launch of a shader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Entry point.
    pub entry: &'static str,
    /// Workgroups in x, y and z.
    pub workgroups: [u32; 3],
    /// Numbers for the uniform: `array<vec4<u32>, _>` or a struct of `u32`.
    pub sizes: Vec<u32>,
}
