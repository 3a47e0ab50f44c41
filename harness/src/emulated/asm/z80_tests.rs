//! The Z80's table against another assembler's.

use std::collections::BTreeSet;

use super::*;

fn assembled(source: &str) -> Result<Vec<u8>, AsmError> {
    let made = assemble("test.asm", source, encoder("z80").expect("an encoder"))?;
    Ok(made.segments.into_iter().flat_map(|s| s.bytes).collect())
}

#[test]
fn every_instruction_is_what_pasmo_makes_of_it() {
    let mut wrong = Vec::new();
    for line in include_str!("z80.txt").lines().filter(|line| !line.starts_with('#')) {
        let (text, rest) = line.split_at(16);
        let hex = rest.split_whitespace().next().expect("machine code");
        let made = assembled(&format!(" org $8000\n {text}"));
        let made = made.map(|bytes| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>());
        if made.as_deref() != Ok(hex) {
            wrong.push(format!("{text}: {hex} wanted, {made:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// An instruction's bytes; none where a value stands.
fn pattern(line: &str) -> Vec<Option<u8>> {
    let (text, rest) = line.split_at(16);
    let hex = rest.split_whitespace().next().expect("machine code");
    let byte = |i: usize| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex");
    let mut bytes: Vec<_> = (0..hex.len() / 2).map(|i| Some(byte(i))).collect();
    let last = if text.contains("0x1234") { 2 } else { usize::from(text.contains("0x56") || text.contains("*+")) };
    let end = bytes.len();
    bytes[end - last..].fill(None);
    if text.contains("(ix+") || text.contains("(iy-") {
        bytes[2] = None;
    }
    bytes
}

/// Of all combinations of words and operands, those in the table and no others are instructions.
#[test]
fn nothing_else_is_an_instruction() {
    let lines = || include_str!("z80.txt").lines().filter(|line| !line.starts_with('#'));
    let known: BTreeSet<Vec<Option<u8>>> = lines().map(pattern).collect();
    let mnemonics: BTreeSet<&str> = lines().filter_map(|line| line[..16].split(' ').next()).collect();
    let operands = [
        "a", "b", "c", "d", "e", "h", "l", "i", "r", "(hl)", "(bc)", "(de)", "(sp)", "(c)", "bc", "de", "hl", "sp",
        "af", "af'", "ix", "iy", "ixh", "ixl", "iyh", "iyl", "(ix+5)", "(iy-3)", "(ix)", "(iy)", "0x56", "(0x56)",
        "0x1234", "(0x1234)", "*+7", "nz", "z", "nc", "po", "pe", "p", "m", "0", "1", "2", "3", "4", "5", "6", "7",
        "0x08", "0x10", "0x18", "0x20", "0x28", "0x30", "0x38",
    ];
    let mut seen = BTreeSet::new();
    for mnemonic in mnemonics {
        let two = operands.iter().flat_map(|a| operands.iter().map(move |b| format!("{a},{b}")));
        let one = operands.iter().map(|a| (*a).to_owned());
        for all in two.chain(one).chain([String::new()]) {
            let Ok(bytes) = assembled(&format!(" org $8000\n {mnemonic} {all}")) else { continue };
            let fits = |p: &&Vec<Option<u8>>| {
                p.len() == bytes.len() && p.iter().zip(&bytes).all(|(want, byte)| want.is_none_or(|w| w == *byte))
            };
            let found = known.iter().find(fits).unwrap_or_else(|| panic!("{mnemonic} {all} became {bytes:02x?}"));
            seen.insert(found.clone());
        }
    }
    assert_eq!(seen, known);
}

#[test]
fn errors_say_what_is_wrong() {
    for (source, expected) in [
        (" ld (hl),(hl)", "'ld' has no such operands"),
        (" ld ixh,h", "'ld' has no such operands"),
        (" add ix,hl", "'add' has no such operands"),
        (" add ix,iy", "'add' has no such operands"),
        (" push sp", "'push' has no such operands"),
        (" jr po,*", "'jr' has no such operands"),
        (" ld a,(ix+128)", "128 is not within -128..=127"),
        (" ld a,256", "256 is not within -128..=255"),
        (" bit 8,a", "8 is not within 0..=7"),
        (" rst 9", "rst 9: a multiple of 8 is wanted"),
        (" djnz *+200", "a branch over 198 bytes, -128 to 127 reach"),
        (" mul a,b", "no instruction, directive or macro is called 'mul'"),
        ("hl = 3", "'hl' is a word of the processor: choose another name"),
        (" out (300),a", "300 is not within 0..=255"),
        (" nop 3", "'nop' has no such operands"),
        (" exx a", "'exx' has no such operands"),
        (" ld a", "'ld' has no such operands"),
        (" im 3", "3 is not within 0..=2"),
    ] {
        let said = assembled(source).expect_err(source).to_string();
        assert_eq!(said, format!("test.asm:1: {expected}"), "{source}");
    }
}

#[test]
fn operands_may_be_expressions() {
    for (source, expected) in [
        (" ld hl,(1+2)*3", vec![0x21, 9, 0]),
        (" ld hl,((1+2)*3)", vec![0x2a, 9, 0]),
        ("x5 = 5\n ld (ix+x5-1),x5*2", vec![0xdd, 0x36, 4, 10]),
        (" ld a,(iy)", vec![0xfd, 0x7e, 0]),
        ("table = $1234\n ld h,>table", vec![0x26, 0x12]),
        (" LD A,(HL)", vec![0x7e]),
    ] {
        assert_eq!(assembled(source), Ok(expected), "{source}");
    }
}
