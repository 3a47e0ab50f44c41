//! The 6510's cycles and flags against its documentation, the picture's cycles, the expansion unit, and faults.

use mos6502::registers::Status;

use super::*;
use crate::emulated::asm;

/// Where test programs lie.
const HERE: u16 = 0x0800;

fn machine() -> Commodore64 {
    Commodore64::new(985_248.0, 1 << 16, None)
}

/// One instruction at [`HERE`] with these indices; returns the cycles.
fn cycles(code: &[u8], index: u8, status: Status) -> u64 {
    let mut machine = machine();
    machine.write(HERE.into(), code);
    // Pointers of the zero page: $10 to the end of a page, $12 to a page's begin.
    machine.write(0x10, &[0xff, 0x20, 0x00, 0x30]);
    let registers = &mut machine.cpu.registers;
    registers.program_counter = HERE;
    (registers.index_x, registers.index_y) = (index, index);
    registers.stack_pointer = StackPointer(0xf0);
    registers.status = status;
    machine.step().expect("a documented instruction");
    machine.cpu.cycles
}

/// Opcodes with their cycles; a number above 10 is ten times the cycles, plus one for those of an index that leaves the
/// page. Source: MCS6500 Microcomputer Family Programming Manual (1976), appendix B, "instruction addressing modes and
/// execution times". Branches, `brk` and `jmp (a)` are apart.
#[rustfmt::skip]
const ONE_BYTE: [(u8, u64); 28] = [
    (0x08, 3), (0x0a, 2), (0x18, 2), (0x28, 4), (0x2a, 2), (0x38, 2), (0x40, 6), (0x48, 3), (0x4a, 2), (0x58, 2),
    (0x60, 6), (0x68, 4), (0x6a, 2), (0x78, 2), (0x88, 2), (0x8a, 2), (0x98, 2), (0x9a, 2), (0xa8, 2), (0xaa, 2),
    (0xb8, 2), (0xba, 2), (0xc8, 2), (0xca, 2), (0xd8, 2), (0xe8, 2), (0xea, 2), (0xf8, 2),
];
/// Immediate, zero page, zero page with an index, and through a pointer: by x, or plus y, where a read takes one more if the
/// sum leaves the page and the store always has it.
#[rustfmt::skip]
const TWO_BYTES: [(u8, u64); 66] = [
    (0x01, 6), (0x05, 3), (0x06, 5), (0x09, 2), (0x15, 4), (0x16, 6), (0x21, 6), (0x24, 3), (0x25, 3), (0x26, 5),
    (0x29, 2), (0x35, 4), (0x36, 6), (0x41, 6), (0x45, 3), (0x46, 5), (0x49, 2), (0x55, 4), (0x56, 6), (0x61, 6),
    (0x65, 3), (0x66, 5), (0x69, 2), (0x75, 4), (0x76, 6), (0x81, 6), (0x84, 3), (0x85, 3), (0x86, 3), (0x94, 4),
    (0x95, 4), (0x96, 4), (0xa0, 2), (0xa1, 6), (0xa2, 2), (0xa4, 3), (0xa5, 3), (0xa6, 3), (0xa9, 2), (0xb4, 4),
    (0xb5, 4), (0xb6, 4), (0xc0, 2), (0xc1, 6), (0xc4, 3), (0xc5, 3), (0xc6, 5), (0xc9, 2), (0xd5, 4), (0xd6, 6),
    (0xe0, 2), (0xe1, 6), (0xe4, 3), (0xe5, 3), (0xe6, 5), (0xe9, 2), (0xf5, 4), (0xf6, 6), (0x11, 51), (0x31, 51),
    (0x51, 51), (0x71, 51), (0xb1, 51), (0xd1, 51), (0xf1, 51), (0x91, 6),
];
#[rustfmt::skip]
const THREE_BYTES: [(u8, u64); 48] = [
    (0x0d, 4), (0x0e, 6), (0x20, 6), (0x2c, 4), (0x2d, 4), (0x2e, 6), (0x4c, 3), (0x4d, 4), (0x4e, 6), (0x6d, 4),
    (0x6e, 6), (0x8c, 4), (0x8d, 4), (0x8e, 4), (0xac, 4), (0xad, 4), (0xae, 4), (0xcc, 4), (0xcd, 4), (0xce, 6),
    (0xec, 4), (0xed, 4), (0xee, 6), (0x19, 41), (0x1d, 41), (0x39, 41), (0x3d, 41), (0x59, 41), (0x5d, 41), (0x79, 41),
    (0x7d, 41), (0xb9, 41), (0xbc, 41), (0xbd, 41), (0xbe, 41), (0xd9, 41), (0xdd, 41), (0xf9, 41), (0xfd, 41), (0x1e, 7),
    (0x3e, 7), (0x5e, 7), (0x7e, 7), (0x99, 5), (0x9d, 5), (0xde, 7), (0xfe, 7), (0x6c, 5),
];

#[test]
fn instructions_take_what_the_manual_says() {
    let status = Status::PS_DISABLE_INTERRUPTS;
    for (opcode, expected) in ONE_BYTE {
        assert_eq!(cycles(&[opcode], 0, status), expected, "${opcode:02x}");
    }
    let indexed = |code: &[u8], leaves: &[u8], expected: u64| {
        let (least, more) = if expected > 10 { (expected / 10, expected % 10) } else { (expected, 0) };
        assert_eq!(cycles(code, 0, status), least, "{code:02x?} within the page");
        assert_eq!(cycles(leaves, 1, status), least + more, "{leaves:02x?} beyond it");
    };
    for (opcode, expected) in TWO_BYTES {
        indexed(&[opcode, 0x12], &[opcode, 0x10], expected);
    }
    for (opcode, expected) in THREE_BYTES {
        indexed(&[opcode, 0x00, 0x30], &[opcode, 0xff, 0x20], expected);
    }
    let documented = ONE_BYTE.len() + TWO_BYTES.len() + THREE_BYTES.len();
    assert_eq!(documented, 151 - 8 - 1, "all but the branches and brk");
}

#[test]
fn branches_cost_one_more_taken_and_another_into_a_further_page() {
    for (opcode, flag, set) in [
        (0x10, Status::PS_NEGATIVE, false),
        (0x30, Status::PS_NEGATIVE, true),
        (0x50, Status::PS_OVERFLOW, false),
        (0x70, Status::PS_OVERFLOW, true),
        (0x90, Status::PS_CARRY, false),
        (0xb0, Status::PS_CARRY, true),
        (0xd0, Status::PS_ZERO, false),
        (0xf0, Status::PS_ZERO, true),
    ] {
        let (taken, not) = if set { (flag, Status::empty()) } else { (Status::empty(), flag) };
        assert_eq!(cycles(&[opcode, 0x10], 0, not), 2, "${opcode:02x} not taken");
        assert_eq!(cycles(&[opcode, 0x10], 0, taken), 3, "${opcode:02x} taken");
        assert_eq!(cycles(&[opcode, 0x80], 0, taken), 4, "${opcode:02x} into the page before");
    }
}

/// What `opcode #m` leaves of `a` and the carry: the accumulator and the status.
fn immediate(machine: &mut Commodore64, opcode: u8, a: u8, m: u8, status: Status) -> (u8, Status) {
    machine.write(HERE.into(), &[opcode, m]);
    let registers = &mut machine.cpu.registers;
    (registers.program_counter, registers.accumulator, registers.status) = (HERE, a, status);
    machine.cpu.cycles = 0;
    machine.step().expect("a documented instruction");
    (machine.cpu.registers.accumulator, machine.cpu.registers.status)
}

#[test]
fn sums_differences_and_comparisons_set_the_flags_of_wider_arithmetic() {
    let mut machine = machine();
    for (a, m) in (0..=255u8).flat_map(|a| (0..=255u8).map(move |m| (a, m))) {
        for carry in [false, true] {
            let status = if carry { Status::PS_CARRY } else { Status::empty() };
            let borrow = i32::from(!carry);
            let sum = (
                i32::from(a) + i32::from(m) + i32::from(carry),
                i32::from(a as i8) + i32::from(m as i8) + i32::from(carry),
            );
            let difference = (i32::from(a) - i32::from(m) - borrow, i32::from(a as i8) - i32::from(m as i8) - borrow);
            for (opcode, (unsigned, signed), carries) in
                [(0x69, sum, sum.0 > 255), (0xe9, difference, difference.0 >= 0)]
            {
                let (value, flags) = immediate(&mut machine, opcode, a, m, status);
                assert_eq!(value, unsigned as u8, "${opcode:02x} {a} {m} {carry}");
                let expected = [
                    (Status::PS_CARRY, carries),
                    (Status::PS_OVERFLOW, i8::try_from(signed).is_err()),
                    (Status::PS_ZERO, value == 0),
                    (Status::PS_NEGATIVE, value >= 0x80),
                ];
                for (flag, set) in expected {
                    assert_eq!(flags.contains(flag), set, "${opcode:02x} {a} {m} {carry}: {flag:?}");
                }
            }
        }
        let (kept, flags) = immediate(&mut machine, 0xc9, a, m, Status::empty());
        assert_eq!(kept, a);
        let expected =
            [(Status::PS_CARRY, a >= m), (Status::PS_ZERO, a == m), (Status::PS_NEGATIVE, a.wrapping_sub(m) >= 0x80)];
        assert!(expected.iter().all(|(flag, set)| flags.contains(*flag) == *set), "cmp {a} {m}: {flags:?}");
    }
}

#[test]
fn decimal_sums_are_those_of_two_digits() {
    let mut machine = machine();
    let packed = |n: u8| n / 10 * 16 + n % 10;
    for (a, m) in (0..100u8).flat_map(|a| (0..100u8).map(move |m| (a, m))) {
        for carry in [false, true] {
            let status = Status::PS_DECIMAL_MODE | if carry { Status::PS_CARRY } else { Status::empty() };
            let (sum, flags) = immediate(&mut machine, 0x69, packed(a), packed(m), status);
            let expected = a + m + u8::from(carry);
            assert_eq!((sum, flags.contains(Status::PS_CARRY)), (packed(expected % 100), expected > 99), "{a} + {m}");
            let (left, flags) = immediate(&mut machine, 0xe9, packed(a), packed(m), status);
            let expected = i32::from(a) - i32::from(m) - i32::from(!carry);
            let digits = expected.rem_euclid(100) as u8;
            assert_eq!((left, flags.contains(Status::PS_CARRY)), (packed(digits), expected >= 0), "{a} - {m}");
        }
    }
}

/// A routine from text, in a machine, called.
fn called(source: &str) -> (Commodore64, Result<Spent, Fault>) {
    let encoder = asm::encoder("mos6510").expect("an encoder");
    let assembled = asm::assemble("test.asm", source, encoder).expect("no errors");
    let mut machine = machine();
    machine.load(&assembled.segments).expect("fits");
    let spent = machine.call(HERE.into(), 10_000_000);
    (machine, spent)
}

#[test]
fn the_picture_takes_forty_to_forty_three_cycles_on_twenty_five_lines() {
    let source = |screen: &str| {
        format!(
            " org $0800\n lda #{screen}\n sta $d011\n ldy #0\nloop: ldx #0\n.in dex\n bne .in\n iny\n bne loop\n rts"
        )
    };
    let of = |screen: &str| called(&source(screen)).1.expect("returns");
    let (blank, shown) = (of("$0b"), of("$1b"));
    // 256 turns of an inner loop of 256 × 5 - 1 cycles and of 2 + 2 + 3 about it.
    assert_eq!(blank.cycles, 2 + 4 + 2 + 256 * (2 + 256 * 5 - 1 + 2 + 3) - 1 + 6);
    assert_eq!((blank.contention, blank.instructions), (0, shown.instructions));
    assert_eq!(shown.cycles - shown.contention, blank.cycles);
    let whole_frames = shown.cycles / vic::FRAME;
    let lines = whole_frames * 25..=(whole_frames + 1) * 25;
    assert!(shown.contention >= lines.start() * 40 && shown.contention <= lines.end() * 43, "{shown:?}");
    // Reads only, so that the chip never waits for a write: 43 cycles on every line.
    assert_eq!(shown.contention % 43, 0, "{shown:?}");
}

#[test]
fn the_expansion_moves_a_byte_a_cycle_while_the_processor_stands() {
    let source = " org $0800\n lda #$0b\n sta $d011\n lda #<$2000\n sta $df02\n lda #>$2000\n sta $df03\n lda #$34\n sta $df04\n \
                  lda #$12\n sta $df05\n lda #0\n sta $df06\n sta $df07\n lda #1\n sta $df08\n lda #$91\n sta $df01\n rts";
    let encoder = asm::encoder("mos6510").expect("an encoder");
    let program = asm::assemble("test.asm", source, encoder).expect("no errors");
    let mut machine = machine();
    machine.load(&program.segments).expect("fits");
    for (i, byte) in machine.store().iter_mut().enumerate() {
        *byte = (i * 7 / 8) as u8;
    }
    let spent = machine.call(HERE.into(), 10_000).expect("returns");
    let moved = machine.store()[0x1234..0x1334].to_vec();
    assert_eq!(machine.read(0x2000, 256), moved);
    assert_eq!((spent.transfer, spent.transferred_bytes, spent.contention), (256, 256, 0));
    assert_eq!(spent.cycles, 256 + 8 * 2 + 9 * 4 + 6);
}

#[test]
fn what_is_not_emulated_ends_the_run_and_says_where() {
    for (source, words) in [
        (" org $0800\n byte $02", "$02 is no opcode"),
        (" org $0800\nhere: jmp here", "did not return"),
        (" org $0800\n pha\n jmp 0", "another stack"),
        (" org $0800\n lda $d400\n rts", "$d400 is a register"),
        (" org $0800\n lda #$37\n sta 1\n rts", "shows ROMs"),
        (" org $0800\n lda #$ff\n sta $df06\n lda #$91\n sta $df01\n rts", "beyond the expansion"),
        (" org $0800\n lda #$93\n sta $df01\n rts", "compares"),
    ] {
        let error = called(source).1.expect_err(source).to_string();
        assert!(error.contains(words) && !error.contains('\n'), "{source}: {error}");
    }
}

#[test]
fn programs_keep_off_the_stack_the_port_and_the_chips() {
    let machine = machine();
    for (address, bytes, fits) in [
        (2, 0xfe, true),
        (0, 1, false),
        (0x1ff, 1, false),
        (0x200, 0xce00, true),
        (0xcfff, 2, false),
        (0xe000, 0x2000, true),
        (0xffff, 2, false),
    ] {
        assert_eq!(machine.holds(address, bytes).is_ok(), fits, "${address:04x} + {bytes}");
    }
}
