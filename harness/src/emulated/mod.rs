//! The emulated tier: rungs in machine code run on the processors and in the memories of old machines, to the cycle.
//!
//! `asm` assembles the kernels' `.asm` files, at build time; `program` holds what came of them; `console` says what a
//! machine is to the harness, and each machine has a folder; `convention` puts a program and a kernel's operands into a
//! machine; `cells` makes records; `copies` moves bytes; `decode` does a whole token.

mod arrange;
pub mod asm;
mod c64;
pub mod cells;
mod compiled;
pub mod console;
pub mod convention;
pub mod copies;
pub mod decode;
mod playstation;
pub mod program;
mod spectrum;

use kernels::foreign::Processor;

use crate::profile::{self, Emulated};
use console::Console;

/// The processor whose rungs a machine runs.
pub fn processor(profile: &Emulated) -> Processor {
    match profile.console {
        profile::Console::Commodore64 => Processor::Mos6510,
        profile::Console::ZxSpectrum48k => Processor::Z80,
        profile::Console::Playstation => Processor::R3000a,
    }
}

/// The machine of a profile, switched on.
///
/// # Errors
/// The reason where the profile's machine has no emulator here.
pub fn switch_on(profile: &Emulated) -> Result<Box<dyn Console>, String> {
    let clock_hz = profile.machine.clock_hz.value;
    let store = profile.store();
    let store_bytes = (store.store_kib.value * 1024.0) as usize;
    // What is neither the expansion's DMA nor a tape is known by its rate.
    let rate = (!matches!(store.name.as_str(), "reu" | "tape")).then_some(store.bytes_per_s.value);
    match profile.console {
        profile::Console::Commodore64 => Ok(Box::new(c64::Commodore64::new(clock_hz, store_bytes, rate))),
        profile::Console::Playstation => Ok(Box::new(playstation::Playstation::new(profile)?)),
        profile::Console::ZxSpectrum48k => Ok(Box::new(spectrum::Spectrum::new(clock_hz, store_bytes, rate))),
    }
}
