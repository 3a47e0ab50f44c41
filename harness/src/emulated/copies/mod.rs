//! Moving bytes on the machines of the time: what a stream of weights costs the processor before any arithmetic. A copy is a
//! program of this folder with the labels `run`, `data_to` and either `data_from` or `store_from`, which is told where in the
//! machine's store the bytes are, and `bytes`, how many it moves.

use kernels::foreign::Processor;

use super::console::Spent;
use super::program::Program;
use super::{processor, switch_on};
use crate::profile::{Emulated, Loaded};

/// A way to move bytes.
pub struct Copy {
    /// The program's name.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    processor: Processor,
}

impl Copy {
    const fn new(processor: Processor, name: &'static str, about: &'static str) -> Self {
        Self { name, about, processor }
    }
}

/// Every way, the plainest of a processor first.
const COPIES: [Copy; 12] = [
    Copy::new(Processor::Mos6510, "byte_loop", "a byte at a time behind two pointers"),
    Copy::new(Processor::Mos6510, "pages_abreast", "addresses in the code, one index for sixteen pages"),
    Copy::new(Processor::Mos6510, "reu_registers", "from the RAM expansion, a command for each byte"),
    Copy::new(Processor::Mos6510, "reu_block", "from the RAM expansion, one command for all: DMA"),
    Copy::new(Processor::Z80, "byte_loop", "a byte at a time through the accumulator"),
    Copy::new(Processor::Z80, "ldir_shared", "LDIR in the 16 KB that the ULA shares"),
    Copy::new(Processor::Z80, "ldir", "LDIR in memory that nothing shares"),
    Copy::new(Processor::Z80, "ldi_unrolled", "32 LDI, which do not repeat themselves"),
    Copy::new(Processor::Z80, "push_pop", "eight register pairs through the stack pointer, unrolled"),
    Copy::new(Processor::R3000a, "byte_loop", "a byte at a time"),
    Copy::new(Processor::R3000a, "words", "four bytes at a time"),
    Copy::new(Processor::R3000a, "words_unrolled", "eight words at a time, loads between stores"),
];

/// Times that each is done, so that the picture is met wherever it is.
const TIMES: u64 = 64;

/// A copy on a machine.
pub struct Moved {
    /// How.
    pub copy: &'static Copy,
    /// Bytes, all told.
    pub bytes: u64,
    /// What that took.
    pub spent: Spent,
}

/// Every copy of a machine's processor, each checked to have moved what it was given.
///
/// # Errors
/// What faulted or did not arrive.
pub fn measure(machine: &Loaded<Emulated>) -> Result<Vec<Moved>, String> {
    let profile = &machine.profile;
    let of_processor = COPIES.iter().filter(|copy| copy.processor == processor(profile));
    of_processor
        .map(|copy| moved(copy, profile).map_err(|reason| format!("{} on {}: {reason}", copy.name, profile.name)))
        .collect()
}

fn moved(copy: &'static Copy, profile: &Emulated) -> Result<Moved, String> {
    let program = Program::find("copies", copy.name, copy.processor).ok_or("no program was assembled")?;
    let label = |name: &str| program.label(name).ok_or_else(|| format!("it has no label '{name}'"));
    let mut console = switch_on(profile)?;
    console.load(&program.segments())?;
    let bytes = label("bytes")? as usize;
    let (run, to) = (label("run")?, label("data_to")?);
    console.holds(to, bytes)?;
    let data: Vec<u8> = (0..bytes).map(|i| (i * 7 % 251) as u8).collect();
    match program.label("store_from") {
        Some(from) => {
            console.store()[..bytes].copy_from_slice(&data);
            console.write(from, &[0; 4]);
        }
        None => {
            let from = label("data_from")?;
            console.holds(from, bytes)?;
            console.write(from, &data);
        }
    }
    let mut spent = Spent::default();
    for _ in 0..TIMES {
        console.write(to, &vec![0; bytes]);
        spent += console.call(run, 100 * bytes as u64).map_err(|fault| fault.to_string())?;
        if console.read(to, bytes) != data {
            return Err("other bytes arrived than were sent".to_owned());
        }
    }
    Ok(Moved { copy, bytes: TIMES * bytes as u64, spent })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_take_their_documented_times() {
        let machines = Loaded::<Emulated>::embedded().expect("embedded profiles are valid");
        let each = |name: &str, processor: Processor| {
            let machine = machines.iter().find(|m| super::processor(&m.profile) == processor).expect("a machine");
            let all = measure(machine).expect("each arrives");
            let moved = all.iter().find(|m| m.copy.name == name).expect("listed");
            ((moved.spent.cycles - moved.spent.contention) as f64 / moved.bytes as f64, moved.spent.contention)
        };
        // T-states and cycles of the instructions as documented, a little more for what is done once.
        for (name, processor, documented) in [
            ("byte_loop", Processor::Z80, 52.0),
            ("ldir", Processor::Z80, 21.0),
            ("ldi_unrolled", Processor::Z80, 16.0 + 10.0 / 32.0),
            ("push_pop", Processor::Z80, 204.0 / 16.0),
            ("byte_loop", Processor::Mos6510, 16.0),
            ("pages_abreast", Processor::Mos6510, 9.0 + 7.0 / 16.0),
            ("reu_registers", Processor::Mos6510, 25.0),
            ("reu_block", Processor::Mos6510, 1.0),
        ] {
            let (cycles, _) = each(name, processor);
            assert!((0.0..0.1).contains(&(cycles - documented)), "{name}: {cycles}, documented {documented}");
        }
        assert_eq!(each("ldir", Processor::Z80).1, 0);
        assert!(each("ldir_shared", Processor::Z80).1 > 0);
    }
}
