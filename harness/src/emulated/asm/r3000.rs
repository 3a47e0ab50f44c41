//! The instructions of the R3000A (Kane, MIPS RISC Architecture, 1988, appendix A) and of the PlayStation's GTE (psx-spx,
//! "Geometry Transformation Engine"). What is written is what runs: nothing is put into a delay slot, and no instruction is
//! moved.
//!
//! Registers are `zero`, `at`, `v0` … `ra` or `r0` … `r31`; those of the GTE have the names of psx-spx in lower case, a pair
//! of matrix elements the name of its lower half (`rt11`, `rt13`, `rt22`, `rt31`, `rt33`), or are `c2r0` … `c2r63`.
//! Beside the processor's own: `nop`, `li`, `la`, `move`, `not`, `negu`, `b`, `bal`, `beqz`, `bnez`, `subiu`, `jalr rs`.
//! GTE commands: `mvmva sf, rt|ll|lc, v0|v1|v2|ir, tr|bk|none`, `gpf sf`, `gpl sf`, `sqr sf`; a last operand `1` sets lm.

use super::{Context, Encoder, Operand};

/// See the file's first line.
pub struct R3000;

/// Where an instruction's operands go.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// `rd, rs, rt`
    Three,
    /// `rd, rt, amount`
    Shift,
    /// `rd, rt, rs`
    ShiftBy,
    /// `rs, rt`
    Two,
    /// `rd`
    To,
    /// `rs`
    From,
    /// `rt, rs, signed`
    Signed,
    /// `rt, rs, unsigned`
    Unsigned,
    /// `rt, unsigned`
    Upper,
    /// `rt, offset(rs)`
    Memory,
    /// `rs, rt, target`
    BranchTwo,
    /// `rs, target`
    BranchOne,
    /// `target`
    Jump,
    /// An optional 20-bit comment.
    Trap,
    /// `rt, GTE data register`
    Data,
    /// `rt, GTE control register`
    Control,
    /// `GTE data register, offset(rs)`
    MemoryData,
}

use Form::*;

/// Every instruction with the bits that its operands leave.
#[rustfmt::skip]
pub(super) const TABLE: [(&str, Form, u32); 66] = [
    ("sll", Shift, 0x00), ("srl", Shift, 0x02), ("sra", Shift, 0x03),
    ("sllv", ShiftBy, 0x04), ("srlv", ShiftBy, 0x06), ("srav", ShiftBy, 0x07),
    ("jr", From, 0x08), ("syscall", Trap, 0x0c), ("break", Trap, 0x0d),
    ("mfhi", To, 0x10), ("mthi", From, 0x11), ("mflo", To, 0x12), ("mtlo", From, 0x13),
    ("mult", Two, 0x18), ("multu", Two, 0x19), ("div", Two, 0x1a), ("divu", Two, 0x1b),
    ("add", Three, 0x20), ("addu", Three, 0x21), ("sub", Three, 0x22), ("subu", Three, 0x23),
    ("and", Three, 0x24), ("or", Three, 0x25), ("xor", Three, 0x26), ("nor", Three, 0x27),
    ("slt", Three, 0x2a), ("sltu", Three, 0x2b),
    ("bltz", BranchOne, 0x0400_0000), ("bgez", BranchOne, 0x0401_0000),
    ("bltzal", BranchOne, 0x0410_0000), ("bgezal", BranchOne, 0x0411_0000),
    ("j", Jump, 0x0800_0000), ("jal", Jump, 0x0c00_0000),
    ("beq", BranchTwo, 0x1000_0000), ("bne", BranchTwo, 0x1400_0000),
    ("blez", BranchOne, 0x1800_0000), ("bgtz", BranchOne, 0x1c00_0000),
    ("beqz", BranchOne, 0x1000_0000), ("bnez", BranchOne, 0x1400_0000),
    ("addi", Signed, 0x2000_0000), ("addiu", Signed, 0x2400_0000),
    ("slti", Signed, 0x2800_0000), ("sltiu", Signed, 0x2c00_0000),
    ("andi", Unsigned, 0x3000_0000), ("ori", Unsigned, 0x3400_0000), ("xori", Unsigned, 0x3800_0000),
    ("lui", Upper, 0x3c00_0000),
    ("mfc2", Data, 0x4800_0000), ("cfc2", Control, 0x4840_0000),
    ("mtc2", Data, 0x4880_0000), ("ctc2", Control, 0x48c0_0000),
    ("lb", Memory, 0x8000_0000), ("lh", Memory, 0x8400_0000), ("lwl", Memory, 0x8800_0000),
    ("lw", Memory, 0x8c00_0000), ("lbu", Memory, 0x9000_0000), ("lhu", Memory, 0x9400_0000),
    ("lwr", Memory, 0x9800_0000),
    ("sb", Memory, 0xa000_0000), ("sh", Memory, 0xa400_0000), ("swl", Memory, 0xa800_0000),
    ("sw", Memory, 0xac00_0000), ("swr", Memory, 0xb800_0000),
    ("lwc2", MemoryData, 0xc800_0000), ("swc2", MemoryData, 0xe800_0000),
    // An alias: the same instruction adds the negative.
    ("subiu", Signed, 0x2400_0000),
];

const REGISTERS: [&str; 32] = [
    "zero", "at", "v0", "v1", "a0", "a1", "a2", "a3", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7", "s0", "s1", "s2",
    "s3", "s4", "s5", "s6", "s7", "t8", "t9", "k0", "k1", "gp", "sp", "fp", "ra",
];

const DATA: [&str; 32] = [
    "vxy0", "vz0", "vxy1", "vz1", "vxy2", "vz2", "rgbc", "otz", "ir0", "ir1", "ir2", "ir3", "sxy0", "sxy1", "sxy2",
    "sxyp", "sz0", "sz1", "sz2", "sz3", "rgb0", "rgb1", "rgb2", "res1", "mac0", "mac1", "mac2", "mac3", "irgb", "orgb",
    "lzcs", "lzcr",
];

const CONTROL: [&str; 32] = [
    "rt11", "rt13", "rt22", "rt31", "rt33", "trx", "try", "trz", "l11", "l13", "l22", "l31", "l33", "rbk", "gbk",
    "bbk", "lr1", "lr3", "lg2", "lb1", "lb3", "rfc", "gfc", "bfc", "ofx", "ofy", "h", "dqa", "dqb", "zsf3", "zsf4",
    "flag",
];

impl Encoder for R3000 {
    fn reserved(&self, word: &str) -> bool {
        general(word).is_some()
            || numbered(word, "c2r", 64).is_some()
            || DATA.contains(&word)
            || CONTROL.contains(&word)
    }

    fn encode(&self, mnemonic: &str, operands: &[Operand<'_>], at: &Context<'_>) -> Result<Option<Vec<u8>>, String> {
        let words = match TABLE.iter().find(|(name, ..)| *name == mnemonic) {
            Some(&(_, form, bits)) => vec![bits | fields(mnemonic, form, operands, at)?],
            None => match alias(mnemonic, operands, at)? {
                Some(words) => words,
                None => return Ok(None),
            },
        };
        if at.last_pass() && at.address() % 4 != 0 {
            return Err(format!("an instruction at {:#x}, which is no multiple of 4: align 4", at.address()));
        }
        Ok(Some(words.into_iter().flat_map(u32::to_le_bytes).collect()))
    }
}

fn fields(mnemonic: &str, form: Form, operands: &[Operand<'_>], at: &Context<'_>) -> Result<u32, String> {
    let (rs, rt, rd) = (|o| register(o, 21), |o| register(o, 16), |o| register(o, 11));
    let low = |number: i64| number as u32 & 0xffff;
    Ok(match (form, operands) {
        (Three, &[d, s, t]) => rd(d)? | rs(s)? | rt(t)?,
        (Shift, &[d, t, amount]) => rd(d)? | rt(t)? | (at.within(amount, 0, 31)? as u32) << 6,
        (ShiftBy, &[d, t, s]) => rd(d)? | rt(t)? | rs(s)?,
        (Two, &[s, t]) => rs(s)? | rt(t)?,
        (To, &[d]) => rd(d)?,
        (From, &[s]) => rs(s)?,
        (Signed, &[t, s, value]) if mnemonic == "subiu" => {
            let number = at.value(value)?.number;
            rt(t)? | rs(s)? | low(-at.checked(number, -0x7fff, 0x8000)?)
        }
        (Signed, &[t, s, value]) => rt(t)? | rs(s)? | low(at.within(value, -0x8000, 0x7fff)?),
        (Unsigned, &[t, s, value]) => rt(t)? | rs(s)? | low(at.within(value, 0, 0xffff)?),
        (Upper, &[t, value]) => rt(t)? | low(at.within(value, 0, 0xffff)?),
        (Memory, &[t, place]) => rt(t)? | memory(place, at)?,
        (MemoryData, &[data, place]) => (gte(data, 0)? << 16) | memory(place, at)?,
        (BranchTwo, &[s, t, target]) => rs(s)? | rt(t)? | branch(target, at)?,
        (BranchOne, &[s, target]) => rs(s)? | branch(target, at)?,
        (Jump, &[target]) => {
            let target = at.value(target)?.number;
            if at.last_pass() && (target % 4 != 0 || target >> 28 != (at.address() + 4) >> 28) {
                return Err(format!("a jump to {target:#x}: a multiple of 4 in the same 256 MiB is within reach"));
            }
            (target >> 2) as u32 & 0x03ff_ffff
        }
        (Trap, &[]) => 0,
        (Trap, &[code]) => (at.within(code, 0, 0xf_ffff)? as u32) << 6,
        (Data, &[t, data]) => rt(t)? | gte(data, 0)? << 11,
        (Control, &[t, control]) => rt(t)? | gte(control, 32)? << 11,
        _ => return Err(format!("'{mnemonic}' takes {}", takes(form))),
    })
}

/// What a form's operands are, for an error.
fn takes(form: Form) -> &'static str {
    match form {
        Three => "rd, rs, rt",
        Shift => "rd, rt, amount",
        ShiftBy => "rd, rt, rs",
        Two => "rs, rt",
        To => "rd",
        From => "rs",
        Signed | Unsigned => "rt, rs, value",
        Upper => "rt, value",
        Memory => "rt, offset(rs)",
        MemoryData => "a data register of the GTE, offset(rs)",
        BranchTwo => "rs, rt, target",
        BranchOne => "rs, target",
        Jump => "a target",
        Trap => "a 20-bit comment, if any",
        Data => "rt, a data register of the GTE",
        Control => "rt, a control register of the GTE",
    }
}

/// Instructions that the processor knows by another name.
fn alias(mnemonic: &str, operands: &[Operand<'_>], at: &Context<'_>) -> Result<Option<Vec<u32>>, String> {
    let (rs, rt, rd) = (|o| register(o, 21), |o| register(o, 16), |o| register(o, 11));
    let one = |word: u32| Ok(Some(vec![word]));
    let wants = |what: &str| Err(format!("'{mnemonic}' takes {what}"));
    match (mnemonic, operands) {
        ("nop", &[]) => one(0),
        ("nop", _) => wants("no operand"),
        ("move", &[d, s]) => one(0x21 | rd(d)? | rs(s)?),
        ("not", &[d, s]) => one(0x27 | rd(d)? | rs(s)?),
        ("negu", &[d, t]) => one(0x23 | rd(d)? | rt(t)?),
        ("move" | "not" | "negu", _) => wants("two registers"),
        ("b", &[target]) => one(0x1000_0000 | branch(target, at)?),
        ("bal", &[target]) => one(0x0411_0000 | branch(target, at)?),
        ("b" | "bal", _) => wants("a target"),
        ("jalr", &[s]) => one(0x09 | rs(s)? | 31 << 11),
        ("jalr", &[d, s]) if rd(d)? << 10 == rs(s)? => Err("'jalr' takes two different registers".to_owned()),
        ("jalr", &[d, s]) => one(0x09 | rd(d)? | rs(s)?),
        ("jalr", _) => wants("rs or rd, rs"),
        ("li", &[t, value]) => {
            let known = at.value(value)?;
            let number = at.checked(known.number, -0x8000_0000, 0xffff_ffff)? as u32;
            let (upper, lower) = (number >> 16, number & 0xffff);
            Ok(Some(match () {
                // Its size must not hang on what is known only later.
                () if known.forward => wide(t, 0x3400_0000, upper, lower)?,
                () if number as i32 == i32::from(number as i16) => vec![0x2400_0000 | rt(t)? | lower],
                () if upper == 0 => vec![0x3400_0000 | rt(t)? | lower],
                () if lower == 0 => vec![0x3c00_0000 | rt(t)? | upper],
                () => wide(t, 0x3400_0000, upper, lower)?,
            }))
        }
        ("la", &[t, value]) => {
            let number = at.within(value, -0x8000_0000, 0xffff_ffff)? as u32;
            // The lower half is added with its sign.
            Ok(Some(wide(t, 0x2400_0000, (number.wrapping_add(0x8000)) >> 16, number & 0xffff)?))
        }
        ("li" | "la", _) => wants("a register and a value"),
        ("mvmva", &[fraction, matrix, vector, translation]) => {
            one(0x4a40_0012 | mvmva(fraction, matrix, vector, translation, at)?)
        }
        ("mvmva", &[fraction, matrix, vector, translation, lm]) => {
            one(0x4a40_0012 | mvmva(fraction, matrix, vector, translation, at)? | flag(lm, 10, at)?)
        }
        ("mvmva", _) => wants("sf, matrix, vector, translation and, if set, lm"),
        ("gpf" | "gpl" | "sqr", &[fraction]) => one(command(mnemonic) | flag(fraction, 19, at)?),
        ("gpf" | "gpl" | "sqr", &[fraction, lm]) => {
            one(command(mnemonic) | flag(fraction, 19, at)? | flag(lm, 10, at)?)
        }
        ("gpf" | "gpl" | "sqr", _) => wants("sf and, if set, lm"),
        _ => Ok(None),
    }
}

/// Upper half, then the lower one by this instruction.
fn wide(t: Operand<'_>, with: u32, upper: u32, lower: u32) -> Result<Vec<u32>, String> {
    let (rt, rs) = (register(t, 16)?, register(t, 21)?);
    Ok(vec![0x3c00_0000 | rt | upper, with | rt | rs | lower])
}

fn command(mnemonic: &str) -> u32 {
    match mnemonic {
        "gpf" => 0x4b90_003d,
        "gpl" => 0x4ba0_003e,
        // Squares have no sign: lm is set as Sony's tools set it.
        _ => 0x4aa0_0428,
    }
}

fn mvmva(
    fraction: Operand<'_>,
    matrix: Operand<'_>,
    vector: Operand<'_>,
    translation: Operand<'_>,
    at: &Context<'_>,
) -> Result<u32, String> {
    let choice = |operand: Operand<'_>, of: &[(&str, u32)]| {
        let word = operand.word().unwrap_or_default();
        let known = || of.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        of.iter()
            .find(|(name, _)| *name == word)
            .map(|(_, n)| *n)
            .ok_or_else(|| format!("one of {} is wanted", known()))
    };
    Ok(flag(fraction, 19, at)?
        | choice(matrix, &[("rt", 0), ("ll", 1), ("lc", 2)])? << 17
        | choice(vector, &[("v0", 0), ("v1", 1), ("v2", 2), ("ir", 3)])? << 15
        | choice(translation, &[("tr", 0), ("bk", 1), ("none", 3)])? << 13)
}

fn flag(operand: Operand<'_>, bit: u32, at: &Context<'_>) -> Result<u32, String> {
    Ok((at.within(operand, 0, 1)? as u32) << bit)
}

fn memory(place: Operand<'_>, at: &Context<'_>) -> Result<u32, String> {
    let (offset, base) = place.indexed().ok_or("an address is offset(register): load a label's with la")?;
    let offset = if offset.is_empty() { 0 } else { at.within(offset, -0x8000, 0x7fff)? };
    Ok(register(base, 21)? | offset as u32 & 0xffff)
}

fn branch(target: Operand<'_>, at: &Context<'_>) -> Result<u32, String> {
    let distance = at.value(target)?.number - (at.address() + 4);
    if at.last_pass() && (distance % 4 != 0 || !(-0x2_0000..0x2_0000).contains(&distance)) {
        return Err(format!("a branch over {distance} bytes: multiples of 4 from -131072 to 131068 reach"));
    }
    Ok((distance >> 2) as u32 & 0xffff)
}

fn register(operand: Operand<'_>, at_bit: u32) -> Result<u32, String> {
    let word = operand.word().ok_or("a register is wanted")?;
    general(&word).map(|n| n << at_bit).ok_or_else(|| format!("'{word}' is no register"))
}

fn general(word: &str) -> Option<u32> {
    let named = REGISTERS.iter().position(|name| *name == word).map(|n| n as u32);
    named.or_else(|| if word == "s8" { Some(30) } else { numbered(word, "r", 32) })
}

/// A register of the GTE; control registers count from 32.
fn gte(operand: Operand<'_>, from: u32) -> Result<u32, String> {
    let word = operand.word().ok_or("a register of the GTE is wanted")?;
    let names = if from == 0 { DATA } else { CONTROL };
    let named = names.iter().position(|name| *name == word).map(|n| n as u32);
    named
        .or_else(|| numbered(&word, "c2r", 64).and_then(|n| n.checked_sub(from)).filter(|n| *n < 32))
        .ok_or_else(|| format!("'{word}' is no {} register of the GTE", if from == 0 { "data" } else { "control" }))
}

/// The number behind a prefix.
fn numbered(word: &str, prefix: &str, below: u32) -> Option<u32> {
    let digits = word.strip_prefix(prefix)?;
    let number: u32 = digits.parse().ok()?;
    (number < below && number.to_string() == digits).then_some(number)
}
