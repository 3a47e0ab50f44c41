//! What instructions compute: random operands against Rust's arithmetic, and the corners that psx-spx lists.

use proptest::prelude::*;

use super::{T0, T1, T2, fault, run};

/// Register t2 after one instruction on t0 and t1.
fn after(instruction: &str, a: u32, b: u32) -> u32 {
    run(&format!(" {instruction}"), &[(T0, a), (T1, b)]).expect("a program that ends").0.registers[T2]
}

/// HI and LO after one.
fn hi_lo(instruction: &str, a: u32, b: u32) -> [u32; 2] {
    let (cpu, _) = run(&format!(" {instruction}"), &[(T0, a), (T1, b)]).expect("a program that ends");
    [cpu.hi_lo.hi, cpu.hi_lo.lo]
}

fn operand() -> impl Strategy<Value = u32> {
    prop_oneof![any::<u32>(), prop::sample::select(vec![0, 1, 2, 0x7ff, 0x800, 0x7fff_ffff, 0x8000_0000, u32::MAX])]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn register_arithmetic(a in operand(), b in operand()) {
        for (name, expected) in [
            ("addu", a.wrapping_add(b)),
            ("subu", a.wrapping_sub(b)),
            ("and", a & b),
            ("or", a | b),
            ("xor", a ^ b),
            ("nor", !(a | b)),
            ("slt", u32::from((a as i32) < b as i32)),
            ("sltu", u32::from(a < b)),
            ("sllv", b.wrapping_shl(a)),
            ("srlv", b.wrapping_shr(a)),
            ("srav", (b as i32).wrapping_shr(a) as u32),
        ] {
            let operands = if name.ends_with('v') { "t2, t1, t0" } else { "t2, t0, t1" };
            prop_assert_eq!(after(&format!("{name} {operands}"), a, b), expected, "{}", name);
        }
    }

    #[test]
    fn immediate_arithmetic(a in operand(), value in any::<i16>(), amount in 0_u32..32) {
        let (signed, unsigned) = (i32::from(value), u32::from(value as u16));
        for (name, value, expected) in [
            ("addiu", signed, a.wrapping_add(signed as u32)),
            ("slti", signed, u32::from((a as i32) < signed)),
            ("sltiu", signed, u32::from(a < signed as u32)),
            ("andi", unsigned as i32, a & unsigned),
            ("ori", unsigned as i32, a | unsigned),
            ("xori", unsigned as i32, a ^ unsigned),
            ("sll", amount as i32, a << amount),
            ("srl", amount as i32, a >> amount),
            ("sra", amount as i32, ((a as i32) >> amount) as u32),
        ] {
            prop_assert_eq!(after(&format!("{name} t2, t0, {value}"), a, 0), expected, "{}", name);
        }
        prop_assert_eq!(after(&format!("lui t2, {unsigned}"), a, 0), unsigned << 16);
    }

    #[test]
    fn products_and_quotients(a in operand(), b in operand()) {
        let product = i64::from(a as i32) * i64::from(b as i32);
        prop_assert_eq!(hi_lo("mult t0, t1", a, b), [(product >> 32) as u32, product as u32]);
        let product = u64::from(a) * u64::from(b);
        prop_assert_eq!(hi_lo("multu t0, t1", a, b), [(product >> 32) as u32, product as u32]);
        if b != 0 {
            let (a, b) = (a as i32, b as i32);
            let signed = [a.wrapping_rem(b) as u32, a.wrapping_div(b) as u32];
            prop_assert_eq!(&hi_lo("div t0, t1", a as u32, b as u32), &signed);
        }
        if b != 0 {
            prop_assert_eq!(hi_lo("divu t0, t1", a, b), [a % b, a / b]);
        }
    }

    /// Traps where the signed sum does not fit, and is `addu` where it does.
    #[test]
    fn trapping_arithmetic(a in operand(), b in operand(), value in any::<i16>()) {
        let instructions = [
            ("add t2, t0, t1".to_owned(), (a as i32).checked_add(b as i32)),
            ("sub t2, t0, t1".to_owned(), (a as i32).checked_sub(b as i32)),
            (format!("addi t2, t0, {value}"), (a as i32).checked_add(i32::from(value))),
        ];
        for (instruction, expected) in instructions {
            match expected {
                Some(sum) => prop_assert_eq!(after(&instruction, a, b), sum as u32),
                None => {
                    let said = fault(&format!(" {instruction}"), &[(T0, a), (T1, b)]);
                    prop_assert!(said.contains("overflowed"), "{}", said);
                }
            }
        }
    }

    #[test]
    fn branches(a in operand(), b in operand()) {
        let (sa, zero) = (a as i32, 0);
        for (branch, taken) in [
            ("beq t0, t1", a == b),
            ("bne t0, t1", a != b),
            ("blez t0", sa <= zero),
            ("bgtz t0", sa > zero),
            ("bltz t0", sa < zero),
            ("bgez t0", sa >= zero),
        ] {
            // 1 for the delay slot, 2 where the branch is not taken, 4 where it leads.
            let program = format!(" li t2, 0\n {branch}, there\n addiu t2, t2, 1\n addiu t2, t2, 2\nthere addiu t2, t2, 4");
            let (cpu, _) = run(&program, &[(T0, a), (T1, b)]).expect("a program that ends");
            prop_assert_eq!(cpu.registers[T2], if taken { 5 } else { 7 }, "{}", branch);
        }
    }
}

/// psx-spx, "Multiply/divide": the table of divisions that go wrong.
#[test]
fn divisions_that_go_wrong() {
    for (name, a, b, hi, lo) in [
        ("divu", 7, 0, 7, u32::MAX),
        ("divu", u32::MAX, 0, u32::MAX, u32::MAX),
        ("div", 7, 0, 7, u32::MAX),
        ("div", 0, 0, 0, u32::MAX),
        ("div", -7_i32 as u32, 0, -7_i32 as u32, 1),
        ("div", 0x8000_0000, u32::MAX, 0, 0x8000_0000),
    ] {
        assert_eq!(hi_lo(&format!("{name} t0, t1"), a, b), [hi, lo], "{name} {a:#x}, {b:#x}");
    }
}

/// Register 0 stays 0, whoever writes it.
#[test]
fn register_zero() {
    let program = " li zero, 5\n lw zero, (t0)\n nop\n move t2, zero";
    let (cpu, _) = run(program, &[(T0, 0x8001_0000)]).expect("a program that ends");
    assert_eq!(cpu.registers[T2], 0);
}

/// psx-spx, "CPU Opcode Encoding" (reserved), "Memory Exceptions", "exception opcodes".
#[test]
fn faults_say_where_and_why() {
    for (program, expected) in [
        (" long 0xfc000000", "at 0x80010000: 0xfc000000 is no instruction of MIPS I"),
        (" long 0x00000001", "at 0x80010000: 0x00000001 is no instruction of MIPS I"),
        (" long 0x40026000", "at 0x80010000: 0x40026000 is an instruction of the system coprocessor"),
        (" long 0x44000000", "at 0x80010000: 0x44000000 needs coprocessor 1"),
        (" lh t1, 1(t0)", "at 0x80010000: address 0x80000001 is no multiple of 2"),
        (" nop\n sw t1, 2(t0)", "at 0x80010004: address 0x80000002 is no multiple of 4"),
        (" lui t0, 0x8020\n lw t1, (t0)", "at 0x80010004: nothing answers at 0x80200000"),
        (" lui t0, 0xbf80\n lw t1, (t0)", "at 0x80010004: nothing answers at 0xbf800000"),
        (" lui t0, 0x1f80\n jr t0\n nop", "at 0x1f800000: code at 0x1f800000 is not run"),
        (" lui t0, 0xa001\n jr t0\n nop", "at 0xa0010000: code at 0xa0010000 is not run"),
        (" ori t0, t0, 2\n jr t0\n nop", "at 0x80000002: address 0x80000002 is no multiple of 4"),
        (" break 3", "at 0x80010000: break 0x3"),
        (" syscall", "at 0x80010000: syscall 0x0"),
        (" b *+8\n b *+8", "at 0x80010004: a branch stands in another's delay slot"),
        (" b *\n nop", "still running after 100000 cycles"),
        (" long 0x49000000", "bc2f and bc2t test a flag that no command sets"),
    ] {
        let said = fault(program, &[(T0, 0x8000_0000)]);
        assert!(said.contains(expected), "{program}: {said}");
    }
}
