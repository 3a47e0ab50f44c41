//! Every instruction's T-states, and what the ULA adds to them, against the documented tables.

use rustzx_z80::RegName8;

use super::*;

const TABLE: &str = include_str!("../asm/z80.txt");

/// One instruction of the table.
struct Instruction {
    text: &'static str,
    bytes: Vec<u8>,
    /// The documented T-states, the longer way first.
    t: Vec<u64>,
    accesses: &'static str,
}

fn instructions() -> Vec<Instruction> {
    let mut accesses = "";
    let mut found = Vec::new();
    for line in TABLE.lines() {
        if let Some(title) = line.strip_prefix("# ") {
            accesses = title;
            continue;
        }
        let (text, rest) = line.split_at(16);
        let mut rest = rest.split_whitespace();
        let (hex, t) = (rest.next().expect("machine code"), rest.next().expect("T-states"));
        let bytes = (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex")).collect();
        let t = t.split('/').map(|t| t.parse().expect("T-states")).collect();
        found.push(Instruction { text: text.trim(), bytes, t, accesses });
    }
    found
}

/// Where things lie in a test.
#[derive(Clone, Copy, Debug)]
struct Places {
    code: u16,
    data: u16,
    refresh: u8,
    odd_port: bool,
}

impl Places {
    /// BC, which is an address, a port or a counter.
    fn bc(self, i: &Instruction, longer: bool) -> u16 {
        let counter = u16::from(longer) + 1;
        match i.text.split(' ').next().expect("a mnemonic") {
            "djnz" | "inir" | "indr" | "otir" | "otdr" => counter << 8 | u16::from(self.odd_port),
            "ldir" | "lddr" | "cpir" | "cpdr" => counter,
            _ => self.data | u16::from(self.odd_port),
        }
    }

    fn port(self, i: &Instruction, longer: bool) -> u16 {
        let bc = self.bc(i, longer);
        match i.bytes[0] {
            // A is 0x60.
            0xdb | 0xd3 => 0x6000 | u16::from(i.bytes[1]),
            // These count before they write.
            _ if i.text.starts_with('o') && i.text.len() == 4 => bc.wrapping_sub(0x100),
            _ => bc,
        }
    }
}

/// Runs one instruction from a T-state on and gives the T-states it took.
fn measured(i: &Instruction, longer: bool, at: Places, start: u64) -> u64 {
    let mut m = Spectrum::new(3.5e6, 0, None);
    let mut bytes = i.bytes.clone();
    if i.accesses.contains("nn:") {
        let end = bytes.len();
        bytes[end - 2..].copy_from_slice(&at.data.to_le_bytes());
    }
    m.write(at.code.into(), &bytes);
    // A's 0x60 is nowhere in memory, so that a search goes on.
    m.cpu.regs.set_reg_8(RegName8::A, 0x60);
    m.cpu.regs.set_reg_8(RegName8::I, at.refresh);
    for (pair, value) in [
        (RegName16::PC, at.code),
        (RegName16::BC, at.bc(i, longer)),
        (RegName16::DE, at.data),
        (RegName16::HL, at.data),
        (RegName16::IX, at.data),
        (RegName16::IY, at.data),
        (RegName16::SP, at.data),
    ] {
        m.cpu.regs.set_reg_16(pair, value);
    }
    let condition = i.text.split([' ', ',']).nth(1).unwrap_or_default();
    let (flag, set) = match condition {
        "nz" => (0x40, false),
        "z" => (0x40, true),
        "nc" => (0x01, false),
        "c" => (0x01, true),
        "po" => (0x04, false),
        "pe" => (0x04, true),
        "p" => (0x80, false),
        _ => (0x80, true),
    };
    m.cpu.regs.set_reg_8(RegName8::F, if set == longer { flag } else { 0 });
    m.ula.t = start;
    m.cpu.emulate(&mut m.ula);
    m.ula.t - start
}

/// What the documents say it takes.
fn documented(i: &Instruction, longer: bool, at: Places, start: u64, delays: &[u64]) -> u64 {
    let shared = |address: u16| (0x4000..0x8000).contains(&address);
    let mut t = start;
    let mut optional = false;
    for part in i.accesses.split(' ') {
        optional |= part.starts_with('[');
        let ends = part.ends_with(']');
        let part = part.trim_matches(['[', ']']);
        if !optional || longer {
            let held = |t: u64, is: bool| if is { delays[(t % 69_888) as usize] } else { 0 };
            if part == "io" {
                let port = at.port(i, longer);
                let (high, even) = (shared(port), port.is_multiple_of(2));
                t += held(t, high) + 1;
                match (high, even) {
                    (_, true) => t += held(t, true) + 3,
                    (true, false) => (0..3).for_each(|_| t += held(t, true) + 1),
                    (false, false) => t += 3,
                }
            } else {
                let (what, length) = part.split_once(':').expect("where and how long");
                let (length, times) = length.split_once('x').unwrap_or((length, "1"));
                let is = match what {
                    "pc" => shared(at.code),
                    "ir" => shared(u16::from(at.refresh) << 8),
                    // OTIR counts before it waits.
                    "bc" if part.contains("1x5") => shared(at.bc(i, longer) - 0x100),
                    _ => shared(at.data),
                };
                for _ in 0..times.parse().expect("a number") {
                    t += held(t, is) + length.parse::<u64>().expect("a number");
                }
            }
        }
        optional &= !ends;
    }
    t - start
}

/// The documented delays of a whole frame, written out.
fn delays() -> Vec<u64> {
    let mut delays = vec![0; 69_888];
    for line in 0..192 {
        for eight in 0..16 {
            for (i, delay) in [6, 5, 4, 3, 2, 1].into_iter().enumerate() {
                delays[14_335 + line * 224 + eight * 8 + i] = delay;
            }
        }
    }
    delays
}

fn ways(i: &Instruction) -> impl Iterator<Item = (bool, u64)> {
    let n = i.t.len();
    i.t.iter().enumerate().map(move |(way, &t)| (n == 2 && way == 0, t))
}

#[test]
fn every_instruction_takes_its_documented_time() {
    let at = Places { code: 0x9100, data: 0xa010, refresh: 0xb0, odd_port: true };
    let all = instructions();
    assert_eq!(all.len(), 807);
    let mut wrong = Vec::new();
    for i in &all {
        for (longer, t) in ways(i) {
            // A in `in a,(n)` makes the port one that the ULA holds: not while it draws no pixels.
            let got = measured(i, longer, at, 0);
            if got != t {
                wrong.push(format!("{}: {t} documented, {got} measured", i.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_ula_holds_every_instruction_as_documented() {
    let delays = delays();
    let starts = (14_315..14_360).chain(14_440..14_480).chain(57_225..57_260).chain(69_870..69_900);
    let starts: Vec<u64> = starts.collect();
    let mut wrong = Vec::new();
    for i in &instructions() {
        for (longer, _) in ways(i) {
            for mask in 0..16 {
                let pick = |bit: u32, shared: u16, free: u16| if mask >> bit & 1 == 1 { shared } else { free };
                let at = Places {
                    code: pick(0, 0x6100, 0x9100),
                    data: pick(1, 0x7010, 0xa010),
                    refresh: pick(2, 0x50, 0xb0) as u8,
                    odd_port: mask >> 3 & 1 == 1,
                };
                for &start in &starts {
                    let (want, got) = (documented(i, longer, at, start, &delays), measured(i, longer, at, start));
                    if got != want {
                        wrong.push(format!("{} from {start}, {at:?}: {want} documented, {got} measured", i.text));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}: {:#?}", wrong.len(), wrong.iter().step_by(wrong.len() / 30 + 1).collect::<Vec<_>>());
}
