//! The documented instructions of the Z80 (Z80 CPU User Manual, Zilog UM0080, "Z80 Instruction Set") and the halves of IX
//! and IY, which every Z80 has, by the fields that its opcodes are made of: `xx yyy zzz`, `yyy` being `pp q`.

use super::{Context, Encoder, Operand};

/// See the file's first line.
pub struct Z80;

/// Instructions without operands.
#[rustfmt::skip]
const ALONE: [(&str, &[u8]); 35] = [
    ("nop", &[0x00]), ("rlca", &[0x07]), ("rrca", &[0x0f]), ("rla", &[0x17]), ("rra", &[0x1f]), ("daa", &[0x27]),
    ("cpl", &[0x2f]), ("scf", &[0x37]), ("ccf", &[0x3f]), ("halt", &[0x76]), ("ret", &[0xc9]), ("exx", &[0xd9]),
    ("di", &[0xf3]), ("ei", &[0xfb]), ("neg", &[0xed, 0x44]), ("retn", &[0xed, 0x45]), ("reti", &[0xed, 0x4d]),
    ("rrd", &[0xed, 0x67]), ("rld", &[0xed, 0x6f]),
    ("ldi", &[0xed, 0xa0]), ("cpi", &[0xed, 0xa1]), ("ini", &[0xed, 0xa2]), ("outi", &[0xed, 0xa3]),
    ("ldd", &[0xed, 0xa8]), ("cpd", &[0xed, 0xa9]), ("ind", &[0xed, 0xaa]), ("outd", &[0xed, 0xab]),
    ("ldir", &[0xed, 0xb0]), ("cpir", &[0xed, 0xb1]), ("inir", &[0xed, 0xb2]), ("otir", &[0xed, 0xb3]),
    ("lddr", &[0xed, 0xb8]), ("cpdr", &[0xed, 0xb9]), ("indr", &[0xed, 0xba]), ("otdr", &[0xed, 0xbb]),
];
const ARITHMETIC: [&str; 8] = ["add", "adc", "sub", "sbc", "and", "xor", "or", "cp"];
const ROTATES: [&str; 8] = ["rlc", "rrc", "rl", "rr", "sla", "sra", "sll", "srl"];
const BYTES: [&str; 8] = ["b", "c", "d", "e", "h", "l", "", "a"];
const PAIRS: [&str; 4] = ["bc", "de", "hl", "sp"];
const CONDITIONS: [&str; 8] = ["nz", "z", "nc", "c", "po", "pe", "p", "m"];
/// Prefixes that make IX and IY of HL.
const INDEX: [(&str, u8); 2] = [("ix", 0xdd), ("iy", 0xfd)];

impl Encoder for Z80 {
    fn reserved(&self, word: &str) -> bool {
        let others = ["i", "r", "af", "af'", "ix", "iy", "ixh", "ixl", "iyh", "iyl"];
        let known = |table: &[&str]| table.contains(&word);
        !word.is_empty() && (known(&BYTES) || known(&PAIRS) || known(&CONDITIONS) || known(&others))
    }

    fn encode(&self, mnemonic: &str, operands: &[Operand<'_>], at: &Context<'_>) -> Result<Option<Vec<u8>>, String> {
        let alone = ALONE.iter().find(|(name, _)| *name == mnemonic).map(|(_, bytes)| bytes.to_vec());
        if alone.is_some() && operands.is_empty() {
            return Ok(alone);
        }
        let made = match (place(&ARITHMETIC, mnemonic), place(&ROTATES, mnemonic)) {
            (Some(which), _) => arithmetic(which, operands, at)?,
            (_, Some(which)) => bits(which, operands, at)?,
            _ => match (mnemonic, operands) {
                ("ld", &[to, from]) => load(Arg::of(to), Arg::of(from), at)?,
                ("inc" | "dec", &[what]) => step(u8::from(mnemonic == "dec"), Arg::of(what), at)?,
                ("push" | "pop", &[pair]) => stack(mnemonic == "push", Arg::of(pair)),
                ("ex", &[a, b]) => exchange(Arg::of(a), Arg::of(b)),
                ("bit" | "res" | "set", &[number, what]) => {
                    let x = match mnemonic {
                        "bit" => 0x40,
                        "res" => 0x80,
                        _ => 0xc0,
                    };
                    bits(x | (at.within(number, 0, 7)? as u8) << 3, &[what], at)?
                }
                ("in", &[to, port]) => input(Arg::of(to), Arg::of(port), at)?,
                ("out", &[port, from]) => output(Arg::of(port), Arg::of(from), at)?,
                ("im", &[mode]) => Some(vec![0xed, [0x46, 0x56, 0x5e][at.within(mode, 0, 2)? as usize]]),
                ("rst", &[to]) => {
                    let to = at.within(to, 0, 0x38)?;
                    if to % 8 != 0 {
                        return Err(format!("rst {to}: a multiple of 8 is wanted"));
                    }
                    Some(vec![0xc7 | to as u8])
                }
                ("jp" | "call" | "ret" | "jr" | "djnz", _) => jump(mnemonic, operands, at)?,
                _ if operands.is_empty() || ALONE.iter().all(|(name, _)| *name != mnemonic) => {
                    return no_such(mnemonic);
                }
                _ => None,
            },
        };
        made.map(Some).ok_or_else(|| format!("'{mnemonic}' has no such operands"))
    }
}

/// An error for a mnemonic that wants operands, nothing for what is none.
fn no_such(mnemonic: &str) -> Result<Option<Vec<u8>>, String> {
    let wants = ["ld", "inc", "dec", "push", "pop", "ex", "bit", "res", "set", "in", "out", "im", "rst"];
    if wants.contains(&mnemonic) { Err(format!("'{mnemonic}' has no such operands")) } else { Ok(None) }
}

fn place(table: &[&str], word: &str) -> Option<u8> {
    table.iter().position(|&name| name == word && !name.is_empty()).map(|i| i as u8)
}

/// An operand by its form.
#[derive(Clone, Copy)]
enum Arg<'a> {
    /// A byte register by its code, `(hl)` being 6.
    Byte(u8),
    /// A half of IX or IY by its prefix and the code of H or L.
    Half(u8, u8),
    /// `(ix+d)` by its prefix and the displacement, which may be empty.
    Indexed(u8, Operand<'a>),
    /// BC, DE, HL or SP by its code.
    Pair(u8),
    /// IX or IY by its prefix.
    Index(u8),
    /// Another register.
    Other(&'static str),
    /// `(bc)`, `(de)`, `(sp)`, `(c)`.
    Through(&'static str),
    /// `(address)`.
    At(Operand<'a>),
    /// A value.
    Value(Operand<'a>),
}

impl<'a> Arg<'a> {
    fn of(operand: Operand<'a>) -> Self {
        let word = operand.word().unwrap_or_default();
        let other = |names: [&'static str; 4], word: &str| names.into_iter().find(|&name| name == word);
        if let Some(code) = place(&BYTES, &word) {
            return Arg::Byte(code);
        }
        if let Some(code) = place(&PAIRS, &word) {
            return Arg::Pair(code);
        }
        if let Some(name) = other(["af", "af'", "i", "r"], &word) {
            return Arg::Other(name);
        }
        for (name, prefix) in INDEX {
            match word.strip_prefix(name) {
                Some("") => return Arg::Index(prefix),
                Some("h") => return Arg::Half(prefix, 4),
                Some("l") => return Arg::Half(prefix, 5),
                _ => {}
            }
        }
        let Some(&[inside]) = operand.parenthesized().as_deref() else {
            return Arg::Value(operand);
        };
        let word = inside.word().unwrap_or_default();
        if word == "hl" {
            return Arg::Byte(6);
        }
        if let Some(name) = other(["bc", "de", "sp", "c"], &word) {
            return Arg::Through(name);
        }
        let index = |(first, rest): (String, Operand<'a>)| {
            INDEX.into_iter().find(|(name, _)| *name == first).map(|(_, prefix)| Arg::Indexed(prefix, rest))
        };
        inside.first_word().and_then(index).unwrap_or(Arg::At(inside))
    }

    /// As the byte operand of an opcode with a field for it.
    fn byte(self, at: &Context<'_>) -> Result<Option<Field>, String> {
        Ok(match self {
            Arg::Byte(code) => Some((vec![], code, vec![])),
            Arg::Half(prefix, code) => Some((vec![prefix], code, vec![])),
            Arg::Indexed(prefix, by) => Some((vec![prefix], 6, vec![displacement(by, at)?])),
            _ => None,
        })
    }

    /// As a pair: the prefix and the field; IX and IY stand for HL.
    fn pair(self) -> Option<(Vec<u8>, u8)> {
        match self {
            Arg::Pair(code) => Some((vec![], code)),
            Arg::Index(prefix) => Some((vec![prefix], 2)),
            _ => None,
        }
    }
}

fn displacement(by: Operand<'_>, at: &Context<'_>) -> Result<u8, String> {
    if by.is_empty() { Ok(0) } else { Ok(at.within(by, -128, 127)? as u8) }
}

/// A byte operand: the prefix, the opcode's field, what follows the opcode.
type Field = (Vec<u8>, u8, Vec<u8>);
/// An instruction; none where there is none with these operands.
type Made = Result<Option<Vec<u8>>, String>;

fn arithmetic(which: u8, operands: &[Operand<'_>], at: &Context<'_>) -> Made {
    let args: Vec<Arg<'_>> = operands.iter().map(|&o| Arg::of(o)).collect();
    let what = match args[..] {
        // Into HL, IX or IY.
        [to @ (Arg::Pair(2) | Arg::Index(_)), from] => {
            let (Some((prefix, _)), Some((other, code))) = (to.pair(), from.pair()) else {
                return Ok(None);
            };
            // Among HL, IX and IY, only itself: the code is the same.
            if code == 2 && prefix != other || code != 2 && !other.is_empty() {
                return Ok(None);
            }
            return Ok(match (which, prefix.is_empty()) {
                (0, _) => Some([prefix, vec![0x09 | code << 4]].concat()),
                (1, true) => Some(vec![0xed, 0x4a | code << 4]),
                (3, true) => Some(vec![0xed, 0x42 | code << 4]),
                _ => None,
            });
        }
        [Arg::Byte(7), what] | [what] => what,
        _ => return Ok(None),
    };
    if let Arg::Value(value) = what {
        return Ok(Some(vec![0xc6 | which << 3, at.byte(value)?]));
    }
    Ok(what.byte(at)?.map(|(prefix, code, after)| [prefix, vec![0x80 | which << 3 | code], after].concat()))
}

/// Opcodes behind CB: rotations by their number, the others with their upper bits. The displacement stands before them.
fn bits(which: u8, operands: &[Operand<'_>], at: &Context<'_>) -> Made {
    let high = if which < 8 { which << 3 } else { which };
    let &[what] = operands else {
        return Ok(None);
    };
    Ok(match Arg::of(what) {
        Arg::Byte(code) => Some(vec![0xcb, high | code]),
        Arg::Indexed(prefix, by) => Some(vec![prefix, 0xcb, displacement(by, at)?, high | 6]),
        _ => None,
    })
}

fn load(to: Arg<'_>, from: Arg<'_>, at: &Context<'_>) -> Made {
    let with = |opcodes: &[u8], value: [u8; 2]| Some([opcodes, &value[..]].concat());
    Ok(match (to, from) {
        (Arg::Byte(7), Arg::Through("bc")) => Some(vec![0x0a]),
        (Arg::Byte(7), Arg::Through("de")) => Some(vec![0x1a]),
        (Arg::Through("bc"), Arg::Byte(7)) => Some(vec![0x02]),
        (Arg::Through("de"), Arg::Byte(7)) => Some(vec![0x12]),
        (Arg::Byte(7), Arg::At(address)) => with(&[0x3a], at.word(address)?),
        (Arg::At(address), Arg::Byte(7)) => with(&[0x32], at.word(address)?),
        (Arg::Byte(7), Arg::Other("i")) => Some(vec![0xed, 0x57]),
        (Arg::Byte(7), Arg::Other("r")) => Some(vec![0xed, 0x5f]),
        (Arg::Other("i"), Arg::Byte(7)) => Some(vec![0xed, 0x47]),
        (Arg::Other("r"), Arg::Byte(7)) => Some(vec![0xed, 0x4f]),
        (Arg::Pair(3), Arg::Pair(2)) => Some(vec![0xf9]),
        (Arg::Pair(3), Arg::Index(prefix)) => Some(vec![prefix, 0xf9]),
        (Arg::Pair(_) | Arg::Index(_), Arg::Value(value)) => {
            let (prefix, code) = to.pair().unwrap_or_default();
            with(&[prefix, vec![0x01 | code << 4]].concat(), at.word(value)?)
        }
        (Arg::Pair(_) | Arg::Index(_), Arg::At(address)) => {
            let (prefix, code) = to.pair().unwrap_or_default();
            let opcode = if code == 2 { vec![0x2a] } else { vec![0xed, 0x4b | code << 4] };
            with(&[prefix, opcode].concat(), at.word(address)?)
        }
        (Arg::At(address), Arg::Pair(_) | Arg::Index(_)) => {
            let (prefix, code) = from.pair().unwrap_or_default();
            let opcode = if code == 2 { vec![0x22] } else { vec![0xed, 0x43 | code << 4] };
            with(&[prefix, opcode].concat(), at.word(address)?)
        }
        (_, Arg::Value(value)) => to.byte(at)?.map_or(Ok(None), |(prefix, code, after)| {
            at.byte(value).map(|value| Some([prefix, vec![0x06 | code << 3], after, vec![value]].concat()))
        })?,
        _ => match (to.byte(at)?, from.byte(at)?) {
            (Some((to_prefix, to, to_after)), Some((from_prefix, from, from_after))) => {
                moved((to_prefix, to, to_after), (from_prefix, from, from_after))
            }
            _ => None,
        },
    })
}

/// One byte operand into another. A prefix holds for H and L of both, but not beside `(ix+d)`.
fn moved((to_prefix, to, to_after): Field, (from_prefix, from, from_after): Field) -> Option<Vec<u8>> {
    let memory = to == 6 || from == 6;
    let (a, b) = (!to_prefix.is_empty(), !from_prefix.is_empty());
    let plain = |code: u8| code == 4 || code == 5;
    let fits = match (a, b) {
        _ if to == 6 && from == 6 => false,
        (true, true) => !memory && to_prefix == from_prefix,
        (true, false) => to == 6 || from != 6 && !plain(from),
        (false, true) => from == 6 || to != 6 && !plain(to),
        (false, false) => true,
    };
    let prefix = if a { to_prefix } else { from_prefix };
    fits.then(|| [prefix, vec![0x40 | to << 3 | from], to_after, from_after].concat())
}

fn step(down: u8, what: Arg<'_>, at: &Context<'_>) -> Made {
    if let Some((prefix, code)) = what.pair() {
        return Ok(Some([prefix, vec![0x03 | down << 3 | code << 4]].concat()));
    }
    Ok(what.byte(at)?.map(|(prefix, code, after)| [prefix, vec![0x04 | down | code << 3], after].concat()))
}

fn stack(push: bool, pair: Arg<'_>) -> Option<Vec<u8>> {
    let opcode = if push { 0xc5 } else { 0xc1 };
    match (pair, pair.pair()) {
        (Arg::Other("af"), _) => Some(vec![opcode | 0x30]),
        (_, Some((prefix, code))) if code != 3 => Some([prefix, vec![opcode | code << 4]].concat()),
        _ => None,
    }
}

fn exchange(a: Arg<'_>, b: Arg<'_>) -> Option<Vec<u8>> {
    match (a, b) {
        (Arg::Other("af"), Arg::Other("af'")) => Some(vec![0x08]),
        (Arg::Pair(1), Arg::Pair(2)) => Some(vec![0xeb]),
        (Arg::Through("sp"), Arg::Pair(2)) => Some(vec![0xe3]),
        (Arg::Through("sp"), Arg::Index(prefix)) => Some(vec![prefix, 0xe3]),
        _ => None,
    }
}

fn input(to: Arg<'_>, port: Arg<'_>, at: &Context<'_>) -> Made {
    Ok(match (to, port) {
        (Arg::Byte(7), Arg::At(port)) => Some(vec![0xdb, at.within(port, 0, 255)? as u8]),
        (Arg::Byte(to), Arg::Through("c")) if to != 6 => Some(vec![0xed, 0x40 | to << 3]),
        _ => None,
    })
}

fn output(port: Arg<'_>, from: Arg<'_>, at: &Context<'_>) -> Made {
    Ok(match (port, from) {
        (Arg::At(port), Arg::Byte(7)) => Some(vec![0xd3, at.within(port, 0, 255)? as u8]),
        (Arg::Through("c"), Arg::Byte(from)) if from != 6 => Some(vec![0xed, 0x41 | from << 3]),
        _ => None,
    })
}

fn jump(mnemonic: &str, operands: &[Operand<'_>], at: &Context<'_>) -> Made {
    let condition = |operand: Operand<'_>| operand.word().and_then(|word| place(&CONDITIONS, &word));
    let with = |opcode: u8, to: Operand<'_>| -> Made { Ok(Some([&[opcode][..], &at.word(to)?].concat())) };
    let near = |opcode: u8, to: Operand<'_>| -> Made { Ok(Some(vec![opcode, at.relative(to, at.address() + 2)?])) };
    match (mnemonic, operands) {
        ("jp", &[to]) => match (Arg::of(to), to.parenthesized().as_deref()) {
            (Arg::Byte(6), _) => Ok(Some(vec![0xe9])),
            (Arg::Indexed(prefix, by), _) if by.is_empty() => Ok(Some(vec![prefix, 0xe9])),
            (Arg::Value(to), _) => with(0xc3, to),
            _ => Ok(None),
        },
        ("call", &[to]) => with(0xcd, to),
        ("jr", &[to]) => near(0x18, to),
        ("djnz", &[to]) => near(0x10, to),
        ("ret", &[on]) => Ok(condition(on).map(|c| vec![0xc0 | c << 3])),
        ("jp" | "call" | "jr", &[on, to]) => match (condition(on), mnemonic) {
            (Some(c), "jp") => with(0xc2 | c << 3, to),
            (Some(c), "call") => with(0xc4 | c << 3, to),
            (Some(c), "jr") if c < 4 => near(0x20 | c << 3, to),
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}
