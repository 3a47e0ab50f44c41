//! The machine around the processor: what it refuses, its tape, and copies in and out of the memory that the ULA shares.

use super::super::asm::{assemble, encoder};
use super::*;

fn running(source: &str) -> Spectrum {
    let program = assemble("test.asm", source, encoder("z80").expect("an encoder")).expect("a source without errors");
    let mut spectrum = Spectrum::new(3.5e6, 16, None);
    spectrum.load(&program.segments).expect("a program in RAM");
    spectrum
}

/// LDIR of 1000 bytes, its code and data where it is told.
fn copied(code: u16, from: u16, to: u16) -> Spent {
    let source = format!(" org {code}\n ld hl,{from}\n ld de,{to}\n ld bc,1000\n ldir\n ret");
    running(&source).call(code.into(), 1_000_000).expect("it returns")
}

#[test]
fn ldir_takes_its_documented_time_where_nothing_is_shared() {
    let spent = copied(0x8000, 0x9000, 0xa000);
    // Three loads of 10, 21 for each byte but the last, which takes 16, and 10 for the return.
    assert_eq!((spent.cycles, spent.contention), (30 + 999 * 21 + 16 + 10, 0));
    assert_eq!(spent.instructions, 3 + 1000 + 1);
}

#[test]
fn the_ula_holds_a_copy_only_while_it_draws() {
    // A frame begins with 64 lines without pixels: 14335 T-states, longer than 600 bytes take.
    let mut spectrum = running(" org $6000\n ld hl,$4000\n ld de,$5000\n ld bc,600\n ldir\n ret");
    let first = spectrum.call(0x6000, 1_000_000).expect("it returns");
    assert_eq!((first.cycles, first.contention), (30 + 599 * 21 + 16 + 10, 0));
    // From there on into the picture.
    let second = spectrum.call(0x6000, 1_000_000).expect("it returns");
    assert_eq!(second.cycles, first.cycles + second.contention);
    assert!(second.contention > 1000, "{second:?}");
    assert!(copied(0x8000, 0x4000, 0xa000).contention < copied(0x6000, 0x4000, 0x5000).contention);
}

/// The stack moves two bytes in 21 T-states where LDIR moves one, but each block of registers moves the stack pointer twice.
#[test]
fn a_copy_by_the_stack_takes_little_more_than_half_of_ldir() {
    let blocks = 62;
    let source = format!(
        " org $8000
        ld (saved),sp
        rept {blocks}, i
        ld sp,$9000+16*i
        pop af\n pop bc\n pop de\n pop hl\n exx\n pop bc\n pop de\n pop hl\n pop ix
        ld sp,$c010+16*i
        push ix\n push hl\n push de\n push bc\n exx\n push hl\n push de\n push bc\n push af
        endr
        ld sp,(saved)\n ret
        saved: word 0"
    );
    let mut spectrum = running(&source);
    let bytes: Vec<u8> = (0..16 * blocks).map(|i| (i * 7 % 251) as u8).collect();
    spectrum.write(0x9000, &bytes);
    let spent = spectrum.call(0x8000, 1_000_000).expect("it returns");
    assert_eq!(spectrum.read(0xc000, bytes.len()), bytes);
    // Two pointers of 10, sixteen registers by 10 and 11 but for ix, which takes 4 more, two exchanges of 4.
    assert_eq!(spent.cycles, 20 + 62 * (2 * 10 + 8 * 10 + 4 + 8 * 11 + 4 + 2 * 4) + 20 + 10);
    let each = spent.cycles as f64 / bytes.len() as f64;
    assert!((12.7..12.9).contains(&each), "{each} T-states a byte");
}

#[test]
fn a_block_of_tape_takes_its_leader_and_its_bits() {
    let mut spectrum = Spectrum::new(3.5e6, 16, None);
    spectrum.store()[4..6].copy_from_slice(&[0x00, 0xf0]);
    let spent = spectrum.stream(4, 0x8000, 2);
    assert_eq!(spectrum.read(0x8000, 2), [0x00, 0xf0]);
    // The flag is all ones, and the parity 0x0f: 16 ones and 16 zeros.
    assert_eq!(spent.cycles, 3223 * 2168 + 667 + 735 + 16 * (2 * 855 + 2 * 1710));
    assert_eq!((spent.transfer, spent.transferred_bytes), (spent.cycles, 2));
    let before = spectrum.ula.t;
    spectrum.stream(0, 0x8000, 16);
    assert!(spectrum.ula.t > before);
}

#[test]
fn another_store_has_its_rate() {
    let mut spectrum = Spectrum::new(3.5e6, 1 << 12, Some(20_480.0));
    let spent = spectrum.stream(0, 0x8000, 1 << 12);
    assert_eq!((spent.cycles, spent.transferred_bytes), (700_000, 1 << 12));
}

#[test]
fn what_the_machine_lacks_is_a_fault() {
    for (source, expected) in [
        (" org $8000\n ld a,($1234)\n ret", "at $8000: $1234 is in the ROM, and there is none"),
        (" org $8000\n nop\n ld ($0000),a\n ret", "at $8001: $0000 is in the ROM, and there is none"),
        (" org $8000\n halt", "at $8000: halt with interrupts off: nothing wakes the processor"),
        (" org $8000\n byte $ed, $00", "at $8000: an opcode that the Z80 has no instruction for"),
        (" org $8000\n jr *", "it did not return within 1000 cycles"),
        (
            " org $8000\n pop hl\n ld sp,$9000\n jp (hl)",
            "at $8000: it returned with another stack than it was called with",
        ),
    ] {
        let fault = running(source).call(0x8000, 1000).expect_err(source);
        assert_eq!(fault.to_string(), expected);
    }
    let refused = Spectrum::new(3.5e6, 0, None).holds(0x3fff, 1).expect_err("no RAM");
    assert_eq!(refused, "$3fff..$04000 is not in RAM below the stack, $4000..$ff00");
    assert!(Spectrum::new(3.5e6, 0, None).holds(0xff00, 1).is_err());
}
