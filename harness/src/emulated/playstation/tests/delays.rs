//! What a program sees late, and what it waits for.

use super::{T0, T1, T2, fault, run, waited};

const DATA: u32 = 0x8002_0000;

/// t2 after a program with `words` at t0.
fn t2(program: &str, words: &[u32]) -> u32 {
    let stores: String =
        words.iter().enumerate().map(|(i, word)| format!(" li t1, {word}\n sw t1, {}(t0)\n", 4 * i)).collect();
    let (cpu, _) = run(&format!("{stores}{program}"), &[(T0, DATA)]).expect("a program that ends");
    cpu.registers[T2]
}

/// psx-spx, "Caution - Load Delay": the next opcode receives the old value.
#[test]
fn a_load_is_seen_after_its_delay_slot() {
    assert_eq!(t2(" li t1, 5\n lw t1, (t0)\n move t2, t1", &[7]), 5);
    assert_eq!(t2(" li t1, 5\n lw t1, (t0)\n nop\n move t2, t1", &[7]), 7);
}

/// MIPS RISC Architecture: what the delay slot writes is written after the loaded value.
#[test]
fn a_write_in_the_delay_slot_wins() {
    assert_eq!(t2(" lw t2, (t0)\n li t2, 5\n nop", &[7]), 5);
    // A second load too, and the first is not seen in between.
    assert_eq!(t2(" li t1, 5\n lw t1, (t0)\n lw t1, 4(t0)\n move t2, t1", &[7, 9]), 5);
    assert_eq!(t2(" lw t1, (t0)\n lw t1, 4(t0)\n nop\n move t2, t1", &[7, 9]), 9);
}

/// psx-spx, "CPU Load/Store Opcodes": MFC2 has the same delay.
#[test]
fn a_move_from_the_gte_is_seen_after_its_delay_slot() {
    assert_eq!(t2(" li t1, 7\n mtc2 t1, lzcs\n li t1, 5\n nop\n mfc2 t1, lzcs\n move t2, t1", &[]), 5);
    assert_eq!(t2(" li t1, 7\n mtc2 t1, lzcs\n li t1, 5\n nop\n mfc2 t1, lzcs\n nop\n move t2, t1", &[]), 7);
}

/// psx-spx, "Unaligned Load/Store": an unaligned word by two instructions with no delay between them.
#[test]
fn unaligned_words() {
    let words = [0x3322_1100, 0x7766_5544];
    for (offset, expected) in [(0, 0x3322_1100), (1, 0x4433_2211), (2, 0x5544_3322), (3, 0x6655_4433)] {
        let both = format!(" lwl t2, {}(t0)\n lwr t2, {offset}(t0)\n nop", offset + 3);
        assert_eq!(t2(&both, &words), expected, "at {offset}");
        let other_order = format!(" lwr t2, {offset}(t0)\n lwl t2, {}(t0)\n nop", offset + 3);
        assert_eq!(t2(&other_order, &words), expected, "at {offset}");
    }
}

/// psx-spx, "Unaligned Load/Store (Details)": which bytes each moves, and that it leaves the others.
#[test]
fn parts_of_words() {
    let load = |part: &str| t2(&format!(" li t2, 0xaabbccdd\n nop\n {part}(t0)\n nop"), &[0x3322_1100]);
    assert_eq!(
        ["lwl t2, 0", "lwl t2, 1", "lwl t2, 2", "lwl t2, 3"].map(load),
        [0x00bb_ccdd, 0x1100_ccdd, 0x2211_00dd, 0x3322_1100]
    );
    assert_eq!(
        ["lwr t2, 0", "lwr t2, 1", "lwr t2, 2", "lwr t2, 3"].map(load),
        [0x3322_1100, 0xaa33_2211, 0xaabb_3322, 0xaabb_cc33]
    );
    let store = |part: &str| t2(&format!(" li t1, 0xaabbccdd\n {part}(t0)\n lw t2, (t0)\n nop"), &[0x3322_1100]);
    assert_eq!(
        ["swl t1, 0", "swl t1, 1", "swl t1, 2", "swl t1, 3"].map(store),
        [0x3322_11aa, 0x3322_aabb, 0x33aa_bbcc, 0xaabb_ccdd]
    );
    assert_eq!(
        ["swr t1, 0", "swr t1, 1", "swr t1, 2", "swr t1, 3"].map(store),
        [0xaabb_ccdd, 0xbbcc_dd00, 0xccdd_1100, 0xdd22_1100]
    );
    assert_eq!(
        ["sb t1, 1", "sb t1, 3", "sh t1, 0", "sh t1, 2"].map(store),
        [0x3322_dd00, 0xdd22_1100, 0x3322_ccdd, 0xccdd_1100]
    );
    let narrow = |part: &str| t2(&format!(" {part}(t0)\n nop"), &[0x80ff_7f01]);
    assert_eq!(["lb t2, 0", "lb t2, 2", "lbu t2, 2", "lb t2, 3"].map(narrow), [1, u32::MAX, 0xff, 0xffff_ff80]);
    assert_eq!(["lh t2, 0", "lh t2, 2", "lhu t2, 2"].map(narrow), [0x7f01, 0xffff_80ff, 0x80ff]);
}

/// psx-spx, "CPU Jump Opcodes": the delay slot runs, links point behind it, and a link's register may be the one tested.
#[test]
fn jumps_and_links() {
    // Three instructions before the jump.
    let at = |n: u32| 0x8001_0000 + 4 * n;
    assert_eq!(
        t2(
            " move t3, ra\n jal there\n li t1, 1\n b done\n nop\nthere move t2, ra\n jr ra\n addu t2, t2, t1\ndone move ra, t3",
            &[]
        ),
        at(3) + 1
    );
    assert_eq!(t2(" la t1, there\n jalr t2, t1\n nop\nthere nop", &[]), at(4));
    assert_eq!(t2(" move t3, ra\n bltzal zero, *+8\n nop\n move t2, ra\n move ra, t3", &[]), at(3));
    assert_eq!(t2(" move t3, ra\n bgezal zero, there\n nop\n nop\nthere move t2, ra\n move ra, t3", &[]), at(3));
    // ra is negative before and the link is too: the branch tests the former, which here is not.
    assert_eq!(t2(" move t3, ra\n li ra, 1\n bltzal ra, there\n li t2, 1\n li t2, 2\nthere move ra, t3", &[]), 2);
}

/// psx-spx, "Multiply/divide": 6, 9 or 13 cycles by the first operand alone, and 36.
#[test]
fn products_take_time_by_the_first_operand() {
    let wait = |name: &str, a: u32, b: u32| waited(&format!(" {name} t0, t1\n mflo t2"), &[(T0, a), (T1, b)]);
    for (a, cycles) in [(0, 6), (0x7ff, 6), (0x800, 9), (0xf_ffff, 9), (0x10_0000, 13), (0x7fff_ffff, 13)] {
        assert_eq!(wait("multu", a, u32::MAX), cycles, "multu {a:#x}");
        assert_eq!(wait("mult", a, u32::MAX), cycles, "mult {a:#x}");
        assert_eq!(wait("mult", !a, 1), cycles, "mult {:#x}", !a);
        assert_eq!(wait("multu", !a, 1), 13, "multu {:#x}", !a);
        assert_eq!(wait("div", a, 3), 36);
        assert_eq!(wait("divu", a, 0), 36);
    }
}

/// The same page: six instructions fit between `multu` and `mflo`, and a new operation replaces one that is busy.
#[test]
fn products_overlap_what_does_not_need_them() {
    let nops = |n: usize| format!(" multu t0, t1\n{} mflo t2", " nop\n".repeat(n));
    let waits: Vec<i64> = (0..9).map(|n| waited(&nops(n), &[(T0, 0x123), (T1, 0x1234_5678)])).collect();
    assert_eq!(waits, [6, 5, 4, 3, 2, 1, 0, 0, 0]);
    assert_eq!(waited(" mult t0, t1\n mult t1, t0\n mflo t2", &[(T0, 0x1234_5678), (T1, 1)]), 6);
    assert_eq!(waited(" div t0, t1\n mult t1, t0\n mfhi t2", &[(T0, 0x1234_5678), (T1, 1)]), 6);
}

/// MIPS R2000 architecture: the two instructions after `mfhi` or `mflo` may not write HI or LO; psx-spx: `mthi` aborts a product.
#[test]
fn what_is_undefined_of_hi_and_lo_is_refused() {
    for between in ["", " nop\n"] {
        let said = fault(&format!(" mflo t2\n{between} mult t0, t1"), &[]);
        assert!(said.contains("one of the two instructions after mfhi or mflo changes HI or LO"), "{said}");
    }
    assert_eq!(waited(" mflo t2\n nop\n nop\n mult t0, t1", &[]), 0);
    assert!(fault(" mult t0, t1\n mthi t0", &[]).contains("leaves the other undefined"));
    let (cpu, _) = run(" mthi t0\n mtlo t1", &[(T0, 3), (T1, 4)]).expect("a program that ends");
    assert_eq!([cpu.hi_lo.hi, cpu.hi_lo.lo], [3, 4]);
}
