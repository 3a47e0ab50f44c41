//! The R3000A's table against another assembler, and what it refuses.

use super::r3000::TABLE;
use super::{assemble, encoder};

fn words(source: &str) -> Vec<u32> {
    let assembled =
        assemble("test.asm", source, encoder("r3000").expect("an encoder")).expect("a source without errors");
    let bytes: Vec<u8> = assembled.segments.into_iter().flat_map(|s| s.bytes).collect();
    bytes.chunks(4).map(|word| u32::from_le_bytes(word.try_into().expect("four bytes"))).collect()
}

fn error(source: &str) -> String {
    assemble("test.asm", source, encoder("r3000").expect("an encoder")).expect_err("an error").to_string()
}

/// Words that GNU as 2.40 makes of the same instructions (`mipsel-linux-gnu-as -march=r3000`, one of each of 1660 with
/// random operands that were compared).
#[rustfmt::skip]
const GNU: &[(&str, &[u32])] = &[
    ("addu a1, ra, s0", &[0x03f0_2821]),
    ("subu v0, zero, t1", &[0x0009_1023]),
    ("and fp, s7, s4", &[0x02f4_f024]),
    ("or at, s1, ra", &[0x023f_0825]),
    ("xor t4, k0, a2", &[0x0346_6026]),
    ("nor t4, s0, a1", &[0x0205_6027]),
    ("slt k1, s5, a1", &[0x02a5_d82a]),
    ("sltu s7, k0, s0", &[0x0350_b82b]),
    ("add gp, a2, t4", &[0x00cc_e020]),
    ("sub s2, a2, v0", &[0x00c2_9022]),
    ("sll t4, s7, 31", &[0x0017_67c0]),
    ("srl t4, at, 23", &[0x0001_65c2]),
    ("sra t7, k1, 19", &[0x001b_7cc3]),
    ("sllv s6, a3, a1", &[0x00a7_b004]),
    ("srlv t4, a3, s1", &[0x0227_6006]),
    ("srav s3, t4, t8", &[0x030c_9807]),
    ("mult fp, t6", &[0x03ce_0018]),
    ("multu t0, t5", &[0x010d_0019]),
    ("div zero, t4", &[0x000c_001a]),
    ("divu t2, at", &[0x0141_001b]),
    ("mfhi s5", &[0x0000_a810]),
    ("mflo s3", &[0x0000_9812]),
    ("mthi s7", &[0x02e0_0011]),
    ("mtlo t8", &[0x0300_0013]),
    ("jr t8", &[0x0300_0008]),
    ("addi s2, t0, 0", &[0x2112_0000]),
    ("addiu t3, k1, 0", &[0x276b_0000]),
    ("slti gp, t7, -32768", &[0x29fc_8000]),
    ("sltiu gp, gp, 0", &[0x2f9c_0000]),
    ("andi k1, fp, 32768", &[0x33db_8000]),
    ("ori a1, t4, 32768", &[0x3585_8000]),
    ("xori ra, t3, 0", &[0x397f_0000]),
    ("lui a3, 32917", &[0x3c07_8095]),
    ("lb s7, -32768(t4)", &[0x8197_8000]),
    ("lbu gp, 32767(s5)", &[0x92bc_7fff]),
    ("lh k0, -32768(ra)", &[0x87fa_8000]),
    ("lhu fp, 1(fp)", &[0x97de_0001]),
    ("lw t8, 7297(ra)", &[0x8ff8_1c81]),
    ("lwl sp, 15266(s4)", &[0x8a9d_3ba2]),
    ("lwr t2, -1(t8)", &[0x9b0a_ffff]),
    ("sb t9, -1(ra)", &[0xa3f9_ffff]),
    ("sh zero, 1(gp)", &[0xa780_0001]),
    ("sw at, -1(a3)", &[0xace1_ffff]),
    ("swl ra, 1(v1)", &[0xa87f_0001]),
    ("swr s1, -32768(zero)", &[0xb811_8000]),
    ("lwc2 c2r31, 1(a0)", &[0xc89f_0001]),
    ("swc2 c2r6, 1(s7)", &[0xeae6_0001]),
    ("mfc2 t7, c2r20", &[0x480f_a000]),
    ("mtc2 t1, c2r2", &[0x4889_1000]),
    ("cfc2 a2, c2r38", &[0x4846_3000]),
    ("ctc2 v0, c2r62", &[0x48c2_f000]),
    ("beq sp, a0, *+28", &[0x13a4_0006]),
    ("bne at, t0, *+24", &[0x1428_0005]),
    ("blez k0, *+-8", &[0x1b40_fffd]),
    ("bgtz a1, *+24", &[0x1ca0_0005]),
    ("bltz s4, *+4", &[0x0680_0000]),
    ("bgez sp, *+40", &[0x07a1_0009]),
    ("bltzal gp, *+28", &[0x0790_0006]),
    ("bgezal t6, *+16", &[0x05d1_0003]),
    ("beqz s6, *+-12", &[0x12c0_fffc]),
    ("bnez t9, *+28", &[0x1720_0006]),
    ("jalr t0, t4", &[0x0180_4009]),
    ("syscall 1004879", &[0x03d5_53cc]),
    ("break 1004544", &[0x03d5_000d]),
    ("nop", &[0x0000_0000]),
    ("li gp, 0", &[0x241c_0000]),
    ("li gp, 1", &[0x241c_0001]),
    ("li gp, 65535", &[0x341c_ffff]),
    ("li gp, -1", &[0x241c_ffff]),
    ("li gp, -32768", &[0x241c_8000]),
    ("li gp, 65536", &[0x3c1c_0001]),
    ("li gp, 305397760", &[0x3c1c_1234]),
    ("li gp, 305419896", &[0x3c1c_1234, 0x379c_5678]),
    ("li gp, -32769", &[0x3c1c_ffff, 0x379c_7fff]),
    ("li gp, 4294934528", &[0x241c_8000]),
    ("li gp, 1920188252", &[0x3c1c_7273, 0x379c_bf5c]),
    ("negu s1, fp", &[0x001e_8823]),
    ("not s1, fp", &[0x03c0_8827]),
    ("subiu s1, fp, -24422", &[0x27d1_5f66]),
];

#[test]
fn every_instruction_is_what_gnu_as_makes_of_it() {
    for (source, expected) in GNU {
        assert_eq!(words(&format!(" {source}")), *expected, "{source}");
    }
    let covered = |name: &str| GNU.iter().any(|(source, _)| source.split(' ').next() == Some(name));
    let missing: Vec<_> = TABLE.iter().map(|(name, ..)| name).filter(|name| !covered(name)).collect();
    // Jumps to an address depend on where they stand.
    assert_eq!(missing, [&"j", &"jal"]);
    assert_eq!(words(" org 0x80010000\n j 0x80010040\n jal *"), [0x0800_4010, 0x0c00_4001]);
}

#[test]
fn aliases() {
    for (source, expected) in [
        ("move t0, t1", vec![0x0120_4021]),
        ("b *+8", vec![0x1000_0001]),
        ("bal *", vec![0x0411_ffff]),
        ("jalr t1", vec![0x0120_f809]),
        ("la t0, 0x80018000", vec![0x3c08_8002, 0x2508_8000]),
        ("li t0, later\nlater = 5", vec![0x3c08_0000, 0x3508_0005]),
        ("lw s8, (r29)", vec![0x8fbe_0000]),
        ("break", vec![0x0000_000d]),
    ] {
        assert_eq!(words(&format!(" {source}")), expected, "{source}");
    }
}

/// psx-spx: "GTE Command Encoding" and the commands' own numbers, e.g. 0400012h of MVMVA.
#[test]
fn gte_commands_and_registers() {
    for (source, expected) in [
        ("mvmva 0, rt, v0, tr", 0x4a40_0012),
        ("mvmva 1, lc, ir, none, 1", 0x4a40_0012 | 1 << 19 | 2 << 17 | 3 << 15 | 3 << 13 | 1 << 10),
        ("mvmva 0, ll, v2, bk", 0x4a40_0012 | 1 << 17 | 2 << 15 | 1 << 13),
        ("gpf 0", 0x4b90_003d),
        ("gpl 1, 1", 0x4ba0_003e | 1 << 19 | 1 << 10),
        ("sqr 0", 0x4aa0_0428),
        ("mtc2 t0, ir0", 0x4888_4000),
        ("mfc2 t0, mac3", 0x4808_d800),
        ("ctc2 t0, rt33", 0x48c8_2000),
        ("cfc2 t0, flag", 0x4848_f800),
        ("lwc2 vxy1, 4(a0)", 0xc882_0004),
    ] {
        assert_eq!(words(&format!(" {source}")), [expected], "{source}");
    }
}

#[test]
fn errors_say_what_would_be_right() {
    for (source, expected) in [
        (" addu t0, t1", "'addu' takes rd, rs, rt"),
        (" addu t0, t1, 5", "a register is wanted"),
        (" addiu t0, t1, 32768", "32768 is not within -32768..=32767"),
        (" andi t0, t1, -1", "-1 is not within 0..=65535"),
        (" sll t0, t1, 32", "32 is not within 0..=31"),
        (" lw t0, table\ntable = 5", "an address is offset(register): load a label's with la"),
        (" lw t0, 4(x9)", "'x9' is no register"),
        (" mtc2 t0, rt11", "'rt11' is no data register of the GTE"),
        (" ctc2 t0, ir0", "'ir0' is no control register of the GTE"),
        (" beqz t0, *+2", "a branch over -2 bytes: multiples of 4 from -131072 to 131068 reach"),
        (" bnez t0, *+0x40000", "a branch over 262140 bytes: multiples of 4 from -131072 to 131068 reach"),
        (" j 0x80000000", "a jump to 0x80000000: a multiple of 4 in the same 256 MiB is within reach"),
        (" jalr t0, t0", "'jalr' takes two different registers"),
        (" byte 1\n nop", "an instruction at 0x1, which is no multiple of 4: align 4"),
        (" mvmva 1, rt, v3, tr", "one of v0, v1, v2, ir is wanted"),
        (" gpl 2", "2 is not within 0..=1"),
        ("t0 = 3", "'t0' is a word of the processor: choose another name"),
        (" rtpt", "no instruction, directive or macro is called 'rtpt'"),
    ] {
        let said = error(source);
        assert!(said.ends_with(expected), "{source:?}: {said}");
    }
}
