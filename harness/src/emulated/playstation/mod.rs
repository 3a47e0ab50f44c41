//! The PlayStation of 1994: an R3000A at 33.8688 MHz without floating point, 4 KiB of instruction cache, no data cache but
//! 1 KiB of fast memory in its place, 2 MiB of RAM, and a coprocessor that multiplies 3×3 matrices of 16-bit numbers.
//! No system software: a program is put into RAM and called.

pub mod cpu;
pub mod fault;
pub mod gte;
pub mod memory;
#[cfg(test)]
mod tests;

pub use cpu::Cpu;
pub use fault::{Fault, Stopped};
pub use memory::{Memory, Timing};
