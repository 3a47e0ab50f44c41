//! The documented instructions of the MOS 6502 and 6510: MCS6500 Microcomputer Family Programming Manual (MOS Technology,
//! 1976), appendix A.

use super::{Context, Encoder, Operand};

/// See the file's first line.
pub struct Mos6510;

/// Absent.
const NO: u16 = 0x100;

/// Opcodes by addressing mode: immediate, zero page, zero page X, zero page Y, absolute, absolute X, absolute Y, (indirect,X),
/// (indirect),Y.
#[rustfmt::skip]
const MEMORY: [(&str, [u16; 9]); 31] = [
    //        #     zp    zp,x  zp,y  abs   abs,x abs,y (,x)  (),y
    ("adc", [0x69, 0x65, 0x75, NO,   0x6d, 0x7d, 0x79, 0x61, 0x71]),
    ("and", [0x29, 0x25, 0x35, NO,   0x2d, 0x3d, 0x39, 0x21, 0x31]),
    ("asl", [NO,   0x06, 0x16, NO,   0x0e, 0x1e, NO,   NO,   NO]),
    ("bit", [NO,   0x24, NO,   NO,   0x2c, NO,   NO,   NO,   NO]),
    ("cmp", [0xc9, 0xc5, 0xd5, NO,   0xcd, 0xdd, 0xd9, 0xc1, 0xd1]),
    ("cpx", [0xe0, 0xe4, NO,   NO,   0xec, NO,   NO,   NO,   NO]),
    ("cpy", [0xc0, 0xc4, NO,   NO,   0xcc, NO,   NO,   NO,   NO]),
    ("dec", [NO,   0xc6, 0xd6, NO,   0xce, 0xde, NO,   NO,   NO]),
    ("eor", [0x49, 0x45, 0x55, NO,   0x4d, 0x5d, 0x59, 0x41, 0x51]),
    ("inc", [NO,   0xe6, 0xf6, NO,   0xee, 0xfe, NO,   NO,   NO]),
    ("jmp", [NO,   NO,   NO,   NO,   0x4c, NO,   NO,   NO,   NO]),
    ("jsr", [NO,   NO,   NO,   NO,   0x20, NO,   NO,   NO,   NO]),
    ("lda", [0xa9, 0xa5, 0xb5, NO,   0xad, 0xbd, 0xb9, 0xa1, 0xb1]),
    ("ldx", [0xa2, 0xa6, NO,   0xb6, 0xae, NO,   0xbe, NO,   NO]),
    ("ldy", [0xa0, 0xa4, 0xb4, NO,   0xac, 0xbc, NO,   NO,   NO]),
    ("lsr", [NO,   0x46, 0x56, NO,   0x4e, 0x5e, NO,   NO,   NO]),
    ("ora", [0x09, 0x05, 0x15, NO,   0x0d, 0x1d, 0x19, 0x01, 0x11]),
    ("rol", [NO,   0x26, 0x36, NO,   0x2e, 0x3e, NO,   NO,   NO]),
    ("ror", [NO,   0x66, 0x76, NO,   0x6e, 0x7e, NO,   NO,   NO]),
    ("sbc", [0xe9, 0xe5, 0xf5, NO,   0xed, 0xfd, 0xf9, 0xe1, 0xf1]),
    ("sta", [NO,   0x85, 0x95, NO,   0x8d, 0x9d, 0x99, 0x81, 0x91]),
    ("stx", [NO,   0x86, NO,   0x96, 0x8e, NO,   NO,   NO,   NO]),
    ("sty", [NO,   0x84, 0x94, NO,   0x8c, NO,   NO,   NO,   NO]),
    // Branches, by their one mode.
    ("bpl", [0x10, NO, NO, NO, NO, NO, NO, NO, NO]),
    ("bmi", [0x30, NO, NO, NO, NO, NO, NO, NO, NO]),
    ("bvc", [0x50, NO, NO, NO, NO, NO, NO, NO, NO]),
    ("bvs", [0x70, NO, NO, NO, NO, NO, NO, NO, NO]),
    ("bcc", [0x90, NO, NO, NO, NO, NO, NO, NO, NO]),
    ("bcs", [0xb0, NO, NO, NO, NO, NO, NO, NO, NO]),
    ("bne", [0xd0, NO, NO, NO, NO, NO, NO, NO, NO]),
    ("beq", [0xf0, NO, NO, NO, NO, NO, NO, NO, NO]),
];

/// Instructions without an operand, or with the accumulator as theirs.
#[rustfmt::skip]
const ALONE: [(&str, u8); 29] = [
    ("brk", 0x00), ("clc", 0x18), ("cld", 0xd8), ("cli", 0x58), ("clv", 0xb8), ("dex", 0xca), ("dey", 0x88),
    ("inx", 0xe8), ("iny", 0xc8), ("nop", 0xea), ("pha", 0x48), ("php", 0x08), ("pla", 0x68), ("plp", 0x28),
    ("rti", 0x40), ("rts", 0x60), ("sec", 0x38), ("sed", 0xf8), ("sei", 0x78), ("tax", 0xaa), ("tay", 0xa8),
    ("tsx", 0xba), ("txa", 0x8a), ("txs", 0x9a), ("tya", 0x98),
    ("asl", 0x0a), ("lsr", 0x4a), ("rol", 0x2a), ("ror", 0x6a),
];

/// `jmp (address)`.
const JUMP_INDIRECT: u8 = 0x6c;

impl Encoder for Mos6510 {
    fn reserved(&self, word: &str) -> bool {
        matches!(word, "a" | "x" | "y")
    }

    fn encode(&self, mnemonic: &str, operands: &[Operand<'_>], at: &Context<'_>) -> Result<Option<Vec<u8>>, String> {
        let alone = ALONE.iter().find(|(name, _)| *name == mnemonic).map(|(_, opcode)| *opcode);
        let memory = MEMORY.iter().find(|(name, _)| *name == mnemonic).map(|(_, opcodes)| opcodes);
        if alone.is_none() && memory.is_none() {
            return Ok(None);
        }
        let accumulator = matches!(operands, [one] if one.word().as_deref() == Some("a"));
        if operands.is_empty() || accumulator {
            let shifts = memory.is_some();
            let opcode = alone.filter(|_| shifts || !accumulator).ok_or_else(|| no_such(mnemonic))?;
            return Ok(Some(vec![opcode]));
        }
        let opcodes = memory.ok_or_else(|| no_such(mnemonic))?;
        bytes(mnemonic, opcodes, operands, at).map(Some)
    }
}

fn no_such(mnemonic: &str) -> String {
    format!("'{mnemonic}' has no such addressing mode")
}

fn bytes(mnemonic: &str, opcodes: &[u16; 9], operands: &[Operand<'_>], at: &Context<'_>) -> Result<Vec<u8>, String> {
    let has = |mode: usize| u8::try_from(opcodes[mode]).ok();
    let mode = |mode: usize| has(mode).ok_or_else(|| no_such(mnemonic));
    let index = |operand: Operand<'_>| operand.word().filter(|w| w == "x" || w == "y");
    match *operands {
        [one] => {
            if let Some(value) = one.immediate() {
                return Ok(vec![mode(0)?, at.byte(value)?]);
            }
            if mnemonic.starts_with('b') && mnemonic != "bit" {
                return Ok(vec![mode(0)?, at.relative(one, at.address() + 2)?]);
            }
            match one.parenthesized().as_deref() {
                Some([address]) if mnemonic == "jmp" => {
                    let [low, high] = at.word(*address)?;
                    if at.last_pass() && low == 0xff {
                        return Err(
                            "jmp (address) at the end of a page reads its upper byte from the page's start".into()
                        );
                    }
                    Ok(vec![JUMP_INDIRECT, low, high])
                }
                Some(&[address, register]) if index(register).as_deref() == Some("x") => {
                    Ok(vec![mode(7)?, at.within(address, 0, 255)? as u8])
                }
                _ => sized(mnemonic, has(1), has(4), one, at),
            }
        }
        [address, register] => match (index(register).as_deref(), address.parenthesized().as_deref()) {
            (Some("y"), Some(&[pointer])) if has(8).is_some() => Ok(vec![mode(8)?, at.within(pointer, 0, 255)? as u8]),
            (Some("x"), _) => sized(mnemonic, has(2), has(5), address, at),
            (Some("y"), _) => sized(mnemonic, has(3), has(6), address, at),
            _ => Err(no_such(mnemonic)),
        },
        _ => Err(no_such(mnemonic)),
    }
}

/// The zero-page mode where there is one and the address is known to lie there, the absolute one elsewhere.
fn sized(
    mnemonic: &str,
    short: Option<u8>,
    long: Option<u8>,
    address: Operand<'_>,
    at: &Context<'_>,
) -> Result<Vec<u8>, String> {
    let value = at.value(address)?;
    let fits = !value.forward && (0..256).contains(&value.number);
    match (short, long) {
        (Some(opcode), None) => Ok(vec![opcode, at.within(address, 0, 255)? as u8]),
        (Some(opcode), Some(_)) if fits => Ok(vec![opcode, value.number as u8]),
        (_, Some(opcode)) => {
            let [low, high] = (at.within(address, 0, 65535)? as u16).to_le_bytes();
            Ok(vec![opcode, low, high])
        }
        (None, None) => Err(no_such(mnemonic)),
    }
}
