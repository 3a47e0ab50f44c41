//! The programs that the build assembled.

use kernels::foreign::{MachineCode, Processor};

use super::asm::{Assembled, Segment};

/// One assembled source.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The kernel's folder.
    pub folder: &'static str,
    /// The rung.
    pub name: &'static str,
    /// [`Processor::suffix`] of its processor.
    pub suffix: &'static str,
    segments: &'static [(u32, &'static [u8])],
    symbols: &'static [(&'static str, i64)],
}

/// Every `kernels/src/**/*.asm` by path, then those of `decode`.
pub const PROGRAMS: &[Program] = include!(concat!(env!("OUT_DIR"), "/programs.rs"));

impl Program {
    /// A source that was assembled after the build; it stays in memory.
    pub fn assembled(folder: &'static str, name: &'static str, suffix: &'static str, made: Assembled) -> &'static Self {
        let segment = |s: Segment| (s.address, &*s.bytes.leak());
        let segments: Vec<(u32, &'static [u8])> = made.segments.into_iter().map(segment).collect();
        let symbol = |(name, value): (String, i64)| (&*name.leak(), value);
        let symbols: Vec<(&'static str, i64)> = made.symbols.into_iter().map(symbol).collect();
        Box::leak(Box::new(Self { folder, name, suffix, segments: segments.leak(), symbols: symbols.leak() }))
    }

    /// The program of a processor with this name in this folder.
    pub fn find(folder: &str, name: &str, processor: Processor) -> Option<&'static Self> {
        PROGRAMS.iter().find(|p| p.folder == folder && p.name == name && p.suffix == processor.suffix())
    }

    /// The program of a kernel's rung.
    pub fn of(folder: &str, code: &MachineCode) -> Option<&'static Self> {
        Self::find(folder, code.name, code.processor)
    }

    /// A label or a constant.
    pub fn symbol(&self, name: &str) -> Option<i64> {
        let at = self.symbols.binary_search_by_key(&name, |(symbol, _)| symbol).ok()?;
        Some(self.symbols[at].1)
    }

    /// A label, as an address.
    pub fn label(&self, name: &str) -> Option<u32> {
        u32::try_from(self.symbol(name)?).ok()
    }

    /// Whether it wants operands in the machine's store and reads them there itself.
    pub fn reads_store(&self) -> bool {
        self.symbols.iter().any(|(symbol, _)| symbol.starts_with("store_"))
    }

    /// Its bytes by address.
    pub fn segments(&self) -> Vec<Segment> {
        self.segments.iter().map(|(address, bytes)| Segment { address: *address, bytes: bytes.to_vec() }).collect()
    }

    /// Bytes of code and tables.
    pub fn bytes(&self) -> usize {
        self.segments.iter().map(|(_, bytes)| bytes.len()).sum()
    }
}
