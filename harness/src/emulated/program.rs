//! The programs that the build assembled.

use kernels::foreign::{MachineCode, Processor};

use super::asm::Segment;

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

/// Every `kernels/src/**/*.asm`, by path.
pub const PROGRAMS: &[Program] = include!(concat!(env!("OUT_DIR"), "/programs.rs"));

impl Program {
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

    /// Its bytes by address.
    pub fn segments(&self) -> Vec<Segment> {
        self.segments.iter().map(|(address, bytes)| Segment { address: *address, bytes: bytes.to_vec() }).collect()
    }

    /// Bytes of code and tables.
    pub fn bytes(&self) -> usize {
        self.segments.iter().map(|(_, bytes)| bytes.len()).sum()
    }
}
