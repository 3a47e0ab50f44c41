//! The GTE against psx-spx, "Geometry Transformation Engine" and "GTE Pipeline Timings".

use proptest::prelude::*;

use super::{T0, T1, T2, fault, run, waited};
use crate::emulated::playstation::cpu::Cpu;

/// Loads GTE registers (by name) before a program, with time for the writes to arrive.
fn with(registers: &[(&str, u32)], program: &str) -> String {
    let loads: String = registers
        .iter()
        .map(|(name, value)| {
            let how = if CONTROLS.contains(name) { "ctc2" } else { "mtc2" };
            format!(" li t9, {value}\n {how} t9, {name}\n")
        })
        .collect();
    format!("{loads} nop\n nop\n{program}")
}

const CONTROLS: [&str; 21] = [
    "rt11", "rt13", "rt22", "rt31", "rt33", "trx", "try", "trz", "l11", "l13", "l22", "l31", "l33", "rbk", "gbk",
    "bbk", "lr1", "lr3", "lg2", "lb1", "lb3",
];

/// MAC1 to MAC3, IR1 to IR3 and FLAG after one command.
#[derive(Debug, PartialEq, Eq)]
struct Results {
    mac: [i32; 3],
    ir: [i32; 3],
    flag: u32,
}

fn results(registers: &[(&str, u32)], command: &str) -> Results {
    let reads = " mfc2 s0, mac1\n mfc2 s1, mac2\n mfc2 s2, mac3\n mfc2 s3, ir1\n mfc2 s4, ir2\n mfc2 s5, ir3\n cfc2 s6, flag\n nop";
    let (cpu, _) = run(&with(registers, &format!(" {command}\n{reads}")), &[]).expect("a program that ends");
    let three = |from: usize| std::array::from_fn(|i| cpu.registers[from + i] as i32);
    Results { mac: three(16), ir: three(19), flag: cpu.registers[22] }
}

fn pair(low: i16, high: i16) -> u32 {
    u32::from(low as u16) | u32::from(high as u16) << 16
}

/// The five registers of a matrix.
fn matrix(names: [&'static str; 5], m: [[i16; 3]; 3]) -> Vec<(&'static str, u32)> {
    let [[a, b, c], [d, e, f], [g, h, i]] = m;
    names.into_iter().zip([pair(a, b), pair(c, d), pair(e, f), pair(g, h), i as u32]).collect()
}

const ROTATION: [&str; 5] = ["rt11", "rt13", "rt22", "rt31", "rt33"];
const LIGHT: [&str; 5] = ["l11", "l13", "l22", "l31", "l33"];
const COLOUR: [&str; 5] = ["lr1", "lr3", "lg2", "lb1", "lb3"];

/// Register and flags of a sum that is `wide` before the shift: "MAC1 Result larger than 43 bits", "IR1 saturated".
fn expected(wide: [i64; 3], shift: u32, least: i32) -> Results {
    let mac: [i32; 3] = std::array::from_fn(|i| (wide[i] >> shift) as i32);
    let ir = mac.map(|m| m.clamp(least, 0x7fff));
    let mut flag = 0;
    for i in 0..3 {
        flag |= u32::from(wide[i] >= 1 << 43) << (30 - i);
        flag |= u32::from(wide[i] < -1 << 43) << (27 - i);
        flag |= u32::from(mac[i] != ir[i]) << (24 - i);
    }
    // "Bit30..23, and 18..13 ORed together".
    flag |= u32::from(flag >> 23 != 0) << 31;
    Results { mac, ir, flag }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// "Multiply vector by matrix and vector addition", every matrix, vector and translation but the two bugs.
    #[test]
    fn matrix_by_vector(
        m in any::<[[i16; 3]; 3]>(), v in any::<[i16; 3]>(), t in any::<[i32; 3]>(),
        sf in 0_u32..2, lm in 0_u32..2, which in (0_usize..3, 0_usize..4, 0_usize..3),
    ) {
        let (names, matrix_name) = [(ROTATION, "rt"), (LIGHT, "ll"), (COLOUR, "lc")][which.0];
        let mut registers = matrix(names, m);
        let vector = ["v0", "v1", "v2", "ir"][which.1];
        match which.1 {
            3 => registers.extend(["ir1", "ir2", "ir3"].into_iter().zip(v.map(|x| x as u32))),
            i => registers.extend([
                (["vxy0", "vxy1", "vxy2"][i], pair(v[0], v[1])),
                (["vz0", "vz1", "vz2"][i], v[2] as u32),
            ]),
        }
        let translation = ["tr", "bk", "none"][which.2];
        registers.extend(["trx", "try", "trz"].into_iter().zip(t.map(|x| if which.2 == 0 { x as u32 } else { 77 })));
        registers.extend(["rbk", "gbk", "bbk"].into_iter().zip(t.map(|x| if which.2 == 1 { x as u32 } else { 99 })));
        let wide = std::array::from_fn(|i| {
            let products: i64 = (0..3).map(|j| i64::from(m[i][j]) * i64::from(v[j])).sum();
            products + if which.2 == 2 { 0 } else { i64::from(t[i]) << 12 }
        });
        let command = format!("mvmva {sf}, {matrix_name}, {vector}, {translation}, {lm}");
        // Within 44 bits the order of the additions does not matter.
        prop_assume!(wide.iter().all(|w: &i64| w.abs() < (1 << 43) - (1 << 33)));
        prop_assert_eq!(results(&registers, &command), expected(wide, 12 * sf, if lm == 1 { 0 } else { -0x8000 }));
    }

    /// "General purpose Interpolation" and "with base", and the square.
    #[test]
    fn vector_by_scalar(v in any::<[i16; 3]>(), x in any::<i16>(), base in any::<[i32; 3]>(), sf in 0_u32..2, lm in 0_u32..2) {
        let mut registers: Vec<_> = ["ir1", "ir2", "ir3"].into_iter().zip(v.map(|x| x as u32)).collect();
        registers.push(("ir0", x as u32));
        registers.extend(["mac1", "mac2", "mac3"].into_iter().zip(base.map(|x| x as u32)));
        let least = if lm == 1 { 0 } else { -0x8000 };
        let products = v.map(|v| i64::from(v) * i64::from(x));
        let same = |command: &str, wide: [i64; 3]| {
            let got = results(&registers, &format!("{command} {sf}, {lm}"));
            // Flags 21 to 19 belong to the colours, which have a test of their own.
            (Results { flag: got.flag & !(7 << 19), ..got }, expected(wide, 12 * sf, least))
        };
        let (got, wanted) = same("gpf", products);
        prop_assert_eq!(got, wanted);
        // "Although the SHL in GPL is theoretically undone by the SAR, 44bit overflows can occur internally when sf=1".
        let sums: [i64; 3] = std::array::from_fn(|i| (i64::from(base[i]) << (12 * sf)) + products[i]);
        let (got, wanted) = same("gpl", sums);
        if sums.iter().all(|s| s.abs() < 1 << 43) {
            prop_assert_eq!(got, wanted);
        } else {
            prop_assert_eq!(got.flag & 0x7e00_0000, wanted.flag & 0x7e00_0000);
        }
        let squares = v.map(|v| i64::from(v) * i64::from(v));
        prop_assert_eq!(results(&registers, &format!("sqr {sf}")), expected(squares, 12 * sf, 0));
    }

    /// "LZCR: leading 0 count if positive, leading 1 count if negative", 1 to 32.
    #[test]
    fn leading_bits(value in any::<u32>(), by in 0_u32..32) {
        let value = ((value as i32) >> by) as u32;
        let (cpu, _) = run(&with(&[("lzcs", value)], " mfc2 t2, lzcr\n nop"), &[]).expect("a program that ends");
        let count = if (value as i32) < 0 { value.leading_ones() } else { value.leading_zeros() };
        prop_assert_eq!(cpu.registers[T2], count);
    }
}

/// "MAC1 Result larger than 43 bits": both directions, each sum its own flag, and FLAG's own bit 31.
#[test]
fn sums_of_more_than_44_bits_are_flagged() {
    let m = matrix(ROTATION, [[0x7fff; 3], [-0x8000; 3], [0; 3]]);
    let registers = |t: u32| {
        let mut r = m.clone();
        r.extend([("trx", t), ("try", t), ("trz", t), ("vxy0", pair(0x7fff, 0x7fff)), ("vz0", 0x7fff)]);
        r
    };
    let positive = results(&registers(0x7fff_ffff), "mvmva 1, rt, v0, tr");
    assert_eq!(positive.flag & 0xfe00_0000, 1 << 31 | 1 << 30);
    let negative = results(&registers(0x8000_0000), "mvmva 1, rt, v0, tr");
    assert_eq!(negative.flag & 0xfe00_0000, 1 << 31 | 1 << 26);
}

/// "The 8bit RGB values written to the top of Color Fifo are the 32bit MACn values divided by 16, and saturated".
#[test]
fn interpolation_pushes_a_colour() {
    let registers = [
        ("ir0", 1),
        ("ir1", 0x7f0),
        ("ir2", 0x1000),
        ("ir3", -16_i32 as u32),
        ("rgbc", 0xab00_0000),
        ("rgb1", 5),
        ("rgb2", 7),
    ];
    let (cpu, _) =
        run(&with(&registers, " gpf 0\n mfc2 s0, rgb2\n mfc2 s1, rgb1\n mfc2 s2, rgb0\n cfc2 s3, flag\n nop"), &[])
            .expect("a program that ends");
    assert_eq!(cpu.registers[16..19], [0xab00_ff7f, 7, 5]);
    assert_eq!(cpu.registers[19], 1 << 20 | 1 << 19);
}

/// "Writing 32bit values to 16bit GTE registers does not trigger any flags": they are cut and read with their sign.
#[test]
fn registers_of_16_bits_are_read_with_their_sign() {
    for (name, read) in [
        ("vz0", 0xffff_8900),
        ("ir0", 0xffff_8900),
        ("sz0", 0x8900),
        ("otz", 0x8900),
        ("mac1", 0x1200_8900),
        ("vxy0", 0x1200_8900),
    ] {
        let (cpu, _) =
            run(&with(&[(name, 0x1200_8900)], &format!(" mfc2 t2, {name}\n nop")), &[]).expect("a program that ends");
        assert_eq!(cpu.registers[T2], read, "{name}");
    }
    for (name, read) in
        [("rt33", 0xffff_8900), ("rt11", 0x1200_8900), ("trx", 0x1200_8900), ("h", 0xffff_8900), ("flag", 0x9200_8000)]
    {
        let program = format!(" ctc2 t0, {name}\n nop\n nop\n cfc2 t2, {name}\n nop");
        let (cpu, _) = run(&program, &[(T0, 0x1200_8900)]).expect("a program that ends");
        assert_eq!(cpu.registers[T2], read, "{name}");
    }
    // "SXYP is a mirror of SXY2 with move-on-write"; "ORGB collapses 16:16:16 bit RGB", saturated at both ends.
    let program = " mtc2 t0, sxy2\n mtc2 t1, sxyp\n nop\n nop\n mfc2 s0, sxy1\n mfc2 s1, sxy2\n mfc2 s2, sxyp\n nop";
    let (cpu, _) = run(program, &[(T0, 3), (T1, 4)]).expect("a program that ends");
    assert_eq!(cpu.registers[16..19], [3, 4, 4]);
    let (cpu, _) = run(&with(&[("ir1", -5_i32 as u32), ("ir2", 0x7fff), ("ir3", 0x180)], " mfc2 t2, orgb\n nop"), &[])
        .expect("a program that ends");
    assert_eq!(cpu.registers[T2], 0x1f << 5 | 3 << 10);
}

/// "Command Summary": cycles; "the CPU will hold until the instruction has finished", for what is left of them.
#[test]
fn the_processor_waits_for_results() {
    let wait =
        |command: &str, nops: usize, then: &str| waited(&format!(" {command}\n{} {then}", " nop\n".repeat(nops)), &[]);
    for (command, cycles) in [("mvmva 0, rt, v0, none", 8), ("gpf 0", 5), ("gpl 0", 5), ("sqr 0", 5)] {
        for then in ["mfc2 t2, mac1", "cfc2 t2, trx", "gpl 0", "swc2 ir0, (t0)"] {
            if then.starts_with("swc2") {
                let stored = waited(&format!(" lui t0, 0x8002\n {command}\n {then}"), &[]);
                assert_eq!(stored, cycles - 1, "{command}, {then}");
                continue;
            }
            for nops in 0..cycles {
                assert_eq!(wait(command, nops as usize, then), cycles - 1 - nops, "{command}, {nops} nops, {then}");
            }
        }
        // "MTC2, CTC2 and LWC2 don't wait".
        assert_eq!(wait(command, 0, "mtc2 t0, lzcs"), 0);
    }
}

/// "Writes have a delay of 2 instructions: a GTE command, MFC2, CFC2 or SWC2 sees the new value only if at least 2
/// instructions sit between, and the old value otherwise."
#[test]
fn writes_take_two_instructions() {
    let read = |nops: usize| {
        let program =
            format!(" mtc2 t0, vz0\n nop\n nop\n nop\n mtc2 t1, vz0\n{} mfc2 t2, vz0\n nop", " nop\n".repeat(nops));
        run(&program, &[(T0, 1), (T1, 2)]).expect("a program that ends").0.registers[T2]
    };
    assert_eq!([read(0), read(1), read(2), read(3)], [1, 1, 2, 2]);
    let product = |nops: usize| {
        let program = format!(
            " mtc2 t0, ir0\n mtc2 t0, ir1\n nop\n nop\n mtc2 t1, ir0\n{} gpf 0\n mfc2 t2, mac1\n nop",
            " nop\n".repeat(nops)
        );
        run(&program, &[(T0, 3), (T1, 5)]).expect("a program that ends").0.registers[T2]
    };
    assert_eq!([product(0), product(1), product(2)], [9, 9, 15]);
}

/// A command has read its operands when the next instruction runs (pipeline timings: N = 0), so they may be written then.
#[test]
fn operands_of_a_running_command_may_be_replaced() {
    let program =
        " mtc2 t0, ir0\n mtc2 t0, ir1\n nop\n nop\n gpf 0\n mtc2 t1, ir0\n mfc2 t2, mac1\n nop\n mfc2 t3, ir0\n nop";
    let (cpu, _): (Cpu, _) = run(program, &[(T0, 3), (T1, 5)]).expect("a program that ends");
    assert_eq!(cpu.registers[T2..T2 + 2], [9, 5]);
}

#[test]
fn what_is_not_documented_is_refused() {
    for (program, expected) in [
        (" long 0x4b400006", "GTE command 0x06 is not modelled"),
        (" long 0x4a180001", "GTE command 0x01 is not modelled"),
        (" mtc2 t0, ir1\n gpl 0", "one of the two instructions before a command writes a register that it writes too"),
        (
            " mtc2 t0, ir1\n nop\n gpl 0",
            "one of the two instructions before a command writes a register that it writes too",
        ),
        (" gpl 0\n nop\n nop\n mtc2 t0, ir1", "is written before it is done"),
        (" mvmva 0, rt, v1, none\n nop\n mtc2 t0, vxy1", "an operand is overwritten within two instructions"),
        (" mvmva 0, ll, v0, none\n ctc2 t0, l33", "an operand is overwritten within two instructions"),
        (" mtc2 t0, irgb", "writing IRGB is not modelled"),
        (" long 0x4a404012", "MVMVA adds the far colour wrongly"),
        (" long 0x4a460012", "matrix 3 of MVMVA"),
    ] {
        let said = fault(program, &[]);
        assert!(said.contains(expected), "{program}: {said}");
    }
    for program in [
        " gpl 0\n nop\n nop\n nop\n nop\n mtc2 t0, ir1",
        " mvmva 0, rt, v1, none\n nop\n nop\n mtc2 t0, vxy1",
        " mvmva 0, rt, v0, none\n mtc2 t0, vxy0\n ctc2 t0, rt33",
        " mtc2 t0, ir1\n nop\n nop\n gpl 0",
    ] {
        run(program, &[]).expect("a program that ends");
    }
}
