//! The emulated tier: rungs in machine code run on the processors and in the memories of old machines, to the cycle.

pub mod asm;
pub mod spectrum;
