//! The PlayStation against its documentation. There are no vectors of a real one that a build could fetch, so each test says
//! which statement of which source it puts to the machine.

mod alu;
mod console;
mod delays;
mod gte;
mod memory;

use super::cpu::Cpu;
use super::fault::Stopped;
use super::memory::{Memory, Timing};
use crate::emulated::asm::{assemble, encoder};

/// Where the tests' code begins: at the start of a cache line.
const CODE: u32 = 0x8001_0000;
/// Limit of every test.
const MOST_CYCLES: u64 = 100_000;

/// A machine with a program in it that ends in a return.
fn machine(source: &str) -> (Cpu, Memory) {
    let source = format!(" org {CODE:#x}\n{source}\n jr ra\n nop\n");
    let program = assemble("test", &source, encoder("r3000").expect("an encoder")).expect("a program");
    let mut memory = Memory::new(Timing::MEASURED);
    for segment in program.segments {
        memory.put(segment.address, &segment.bytes).expect("room for the program");
    }
    (Cpu::default(), memory)
}

/// Runs a program with these registers set.
fn run(source: &str, set: &[(usize, u32)]) -> Result<(Cpu, Memory), Stopped> {
    let (mut cpu, mut memory) = machine(source);
    set.iter().for_each(|&(register, value)| cpu.registers[register] = value);
    cpu.call(&mut memory, CODE, MOST_CYCLES)?;
    Ok((cpu, memory))
}

/// Cycles of a program beyond one per instruction, its code in the cache.
fn waited(source: &str, set: &[(usize, u32)]) -> i64 {
    let (mut cpu, mut memory) = machine(source);
    let mut before = (0, 0);
    for _ in 0..2 {
        before = (cpu.cycles, cpu.instructions);
        set.iter().for_each(|&(register, value)| cpu.registers[register] = value);
        cpu.call(&mut memory, CODE, MOST_CYCLES).expect("a program that ends");
        // Long enough for the queue to drain and the GTE to come to rest.
        cpu.cycles += 1000;
    }
    (cpu.cycles - 1000 - before.0) as i64 - (cpu.instructions - before.1) as i64
}

/// What a program dies of.
fn fault(source: &str, set: &[(usize, u32)]) -> String {
    match run(source, set) {
        Ok(_) => panic!("{source} ran to its end"),
        Err(stopped) => stopped.to_string(),
    }
}

const T0: usize = 8;
const T1: usize = 9;
const T2: usize = 10;
