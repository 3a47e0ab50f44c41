//! A two-pass assembler for the processors of the emulated machines, driven by one table per processor. The build script
//! assembles every `.asm` of the kernels with it, so an error in a source fails the build with its file and line.
//!
//! The language, one statement a line, `;` begins a comment:
//! - `name:` or `name` in the first column defines a label; `.name` is local to the label above it and to the repetition
//!   or macro it stands in. `name = expression` defines a constant.
//! - Numbers: `10`, `$0a`, `0x0a`, `%1010`, `'c'`. Operators as in C (`+ - * / % & | ^ << >> == != < <= > >= && || ~ !`),
//!   `*` alone is the address of the statement, a leading `<` or `>` takes the low or the second byte of all that follows.
//! - `org address`, `align n`, `fill n[, value]`, `reserve n` (moves on, no bytes), `byte`, `word` (2 bytes), `long` (4
//!   bytes); values little-endian, `byte` takes strings too.
//! - `rept n[, i]` … `endr` repeats; `macro name a, b` … `endm` defines, the name with arguments expands;
//!   `if condition` … `else` … `endif` chooses. In their bodies, and anywhere, `{i}` is replaced by the argument's text or
//!   the expression's value before the line is read, so it makes parts of names too.
//! - `include "file"` stands for the lines of another file of the folder.
//! - `assert condition[, "why"]`; `samepage a, b` asserts that two addresses share their upper bytes.

mod assembler;
mod block;
mod expression;
mod lex;
mod mos6510;
mod operand;
mod r3000;
#[cfg(test)]
mod r3000_tests;
#[cfg(test)]
mod tests;
mod z80;
#[cfg(test)]
mod z80_tests;

pub use block::Source;
pub use operand::{Context, Operand};

use std::collections::BTreeMap;

/// What a processor's table gives the assembler.
pub trait Encoder: Sync {
    /// Words that name registers or conditions, in lower case: no symbol may be called so.
    fn reserved(&self, word: &str) -> bool;
    /// The bytes of one instruction, the same number of them in both passes; none where there is no such mnemonic (given
    /// in lower case). What is wrong is said without file and line.
    fn encode(&self, mnemonic: &str, operands: &[Operand<'_>], at: &Context<'_>) -> Result<Option<Vec<u8>>, String>;
}

/// The encoder of the sources that end in `.<suffix>.asm`.
pub fn encoder(suffix: &str) -> Option<&'static dyn Encoder> {
    match suffix {
        "mos6510" => Some(&mos6510::Mos6510),
        "r3000" => Some(&r3000::R3000),
        "z80" => Some(&z80::Z80),
        _ => None,
    }
}

/// Bytes from an address on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Of the first byte.
    pub address: u32,
    /// What stands there.
    pub bytes: Vec<u8>,
}

/// What a source became.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assembled {
    /// In ascending order, apart from each other.
    pub segments: Vec<Segment>,
    /// Labels and constants that are not local.
    pub symbols: BTreeMap<String, i64>,
}

/// What is wrong with a source, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct AsmError {
    /// File as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Assembles a source that includes no other.
pub fn assemble(file: &str, source: &str, encoder: &dyn Encoder) -> Result<Assembled, AsmError> {
    assemble_with(file, source, encoder, &|name| Err(format!("'{name}': nothing can be included here")))
}

/// Assembles a source; `read` gives the files that it includes, by the name in quotes.
pub fn assemble_with(
    file: &str,
    source: &str,
    encoder: &dyn Encoder,
    read: &dyn Fn(&str) -> Result<Source, String>,
) -> Result<Assembled, AsmError> {
    assembler::assemble(&block::sources(file, source, read)?, encoder)
}
