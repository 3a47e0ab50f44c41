//! What a PlayStation's processor is wired to: 2 MiB of RAM behind one bus, 1 KiB of scratchpad that needs no bus, the
//! instruction cache and the write queue.
//!
//! Sources: psx-spx, "Memory Map" (instruction cache, scratchpad, write queue) and "CPU Specifications" (load timing, load
//! shadow); emu-russia/psxcpu, core.md (what filling a line and draining the queue cost).

use std::collections::VecDeque;

use super::cpu::{Bus, Loaded, Stored};
use super::fault::Fault;

/// Bytes of RAM.
pub const RAM_BYTES: usize = 2 << 20;
/// First address of the scratchpad.
pub const SCRATCHPAD: u32 = 0x1f80_0000;
/// Bytes of it.
pub const SCRATCHPAD_BYTES: usize = 1 << 10;

const CACHE_LINES: usize = 256;
const QUEUE_WORDS: usize = 4;
/// Within so many bytes a write follows another sooner.
const PAGE_BYTES: u32 = 1 << 10;

/// What the two published measurements of a load leave open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Cycles of a load from RAM with nothing to hide it, its own among them.
    pub load_cycles: u64,
    /// Cycles of those that independent instructions behind it hide.
    pub hidden_cycles: u64,
}

#[cfg(test)]
impl Timing {
    /// Both: 7 cycles back to back (psx-spx), 5 before four instructions that use neither the register nor the bus, which
    /// is the loop in which ps1-tests' cpu/access-time has measured 5.14 (the rest is refresh).
    pub const MEASURED: Timing = Timing { load_cycles: 7, hidden_cycles: 2 };
    /// As if nothing were ever hidden: the slow edge of a record's band.
    pub const SLOWEST: Timing = Timing { load_cycles: 7, hidden_cycles: 0 };
    /// As if the most were always hidden: the fast edge.
    pub const FASTEST: Timing = Timing { load_cycles: 5, hidden_cycles: 0 };
}

/// Memory, cache and queue.
pub struct Memory {
    ram: Vec<u32>,
    scratchpad: [u32; SCRATCHPAD_BYTES / 4],
    timing: Timing,
    /// Address of a line's first word, its page alone, or'ed with a bit for each word that is there.
    tags: [u32; CACHE_LINES],
    cached: [u32; 4 * CACHE_LINES],
    queue: VecDeque<Queued>,
    /// From when the bus is free.
    bus_free: u64,
    /// Page of the last access.
    page: u32,
}

/// A word on its way to RAM.
struct Queued {
    address: u32,
    since: u64,
}

enum Place {
    Ram(u32),
    Scratchpad(u32),
}

impl Memory {
    /// All zeros.
    pub fn new(timing: Timing) -> Self {
        Memory {
            ram: vec![0; RAM_BYTES / 4],
            scratchpad: [0; SCRATCHPAD_BYTES / 4],
            timing,
            tags: [0; CACHE_LINES],
            cached: [0; 4 * CACHE_LINES],
            queue: VecDeque::with_capacity(QUEUE_WORDS),
            bus_free: 0,
            page: u32::MAX,
        }
    }

    /// Copies bytes into RAM or scratchpad, at no cost.
    pub fn put(&mut self, address: u32, bytes: &[u8]) -> Result<(), Fault> {
        for (address, &byte) in (address..).zip(bytes) {
            let bits = (address & 3) * 8;
            let word = self.word(address & !3)?;
            *word = *word & !(0xff << bits) | u32::from(byte) << bits;
        }
        Ok(())
    }

    /// Copies bytes out of RAM or scratchpad, at no cost.
    pub fn get(&self, address: u32, bytes: usize) -> Result<Vec<u8>, Fault> {
        let byte = |address: u32| {
            let word = match place(address & !3)? {
                Place::Ram(at) => self.ram[at as usize / 4],
                Place::Scratchpad(at) => self.scratchpad[at as usize / 4],
            };
            Ok((word >> ((address & 3) * 8)) as u8)
        };
        (address..).take(bytes).map(byte).collect()
    }

    /// Forgets every cached instruction, as the system's FlushCache does after it has loaded a program.
    pub fn flush_cache(&mut self) {
        self.tags = [0; CACHE_LINES];
    }

    fn word(&mut self, address: u32) -> Result<&mut u32, Fault> {
        match place(address)? {
            Place::Ram(at) => Ok(&mut self.ram[at as usize / 4]),
            Place::Scratchpad(at) => Ok(&mut self.scratchpad[at as usize / 4]),
        }
    }

    /// Writes what has room and time to be written before `now`; a write that has begun keeps the bus to its end.
    fn drain(&mut self, now: u64) {
        while let Some(first) = self.queue.front() {
            let start = self.bus_free.max(first.since);
            if start >= now {
                return;
            }
            self.write_first(start);
        }
    }

    /// Begins the queue's first write.
    fn write_first(&mut self, start: u64) {
        if let Some(Queued { address, .. }) = self.queue.pop_front() {
            self.bus_free = start + if self.turn(address) { 2 } else { 4 };
        }
    }

    /// True for the page of the access before.
    fn turn(&mut self, address: u32) -> bool {
        std::mem::replace(&mut self.page, address / PAGE_BYTES) == address / PAGE_BYTES
    }

    /// A read overtakes the writes that have not begun, but for those of its own address.
    fn before_read(&mut self, address: u32, now: u64) -> u64 {
        self.drain(now);
        while self.queue.iter().any(|q| q.address == address) {
            self.write_first(self.bus_free.max(now));
        }
        self.turn(address);
        self.bus_free.max(now)
    }

    #[cold]
    fn fill(&mut self, address: u32, now: u64) -> Result<(u32, u64), Fault> {
        let Ok(Place::Ram(at)) = place(address) else { return Err(Fault::Uncached { address }) };
        if address >= 0xa000_0000 {
            return Err(Fault::Uncached { address });
        }
        let (line, first) = ((address as usize >> 4) % CACHE_LINES, (address as usize >> 2) % 4);
        let tag = address & 0x1fff_f000;
        // A line that is there in part is read whole.
        let first = if self.tags[line] & !0xf == tag && self.tags[line] & 0xf != 0 { 0 } else { first };
        let begin = at as usize / 16 * 4;
        for word in first..4 {
            self.cached[4 * line + word] = self.ram[begin + word];
        }
        self.tags[line] = tag | (0xf << first & 0xf);
        let start = self.before_read(at, now);
        // The first word takes 4 cycles, each further one 1.
        self.bus_free = start + 3 + (4 - first as u64);
        Ok((self.ram[at as usize / 4], self.bus_free - now))
    }
}

impl Bus for Memory {
    #[inline(always)]
    fn fetch(&mut self, address: u32, now: u64) -> Result<(u32, u64), Fault> {
        let line = (address as usize >> 4) % CACHE_LINES;
        let word = (address as usize >> 2) % 4;
        let tag = self.tags[line];
        if tag & !0xf == address & 0x1fff_f000 && tag >> word & 1 != 0 && address < 0xa000_0000 {
            return Ok((self.cached[4 * line + word], 0));
        }
        self.fill(address, now)
    }

    fn load(&mut self, address: u32, now: u64) -> Result<Loaded, Fault> {
        match place(address)? {
            Place::Scratchpad(at) => {
                Ok(Loaded { word: self.scratchpad[at as usize / 4], wait_cycles: 0, shadow_cycles: 0 })
            }
            Place::Ram(at) => {
                let start = self.before_read(at, now);
                self.bus_free = start + self.timing.load_cycles;
                Ok(Loaded {
                    word: self.ram[at as usize / 4],
                    wait_cycles: self.bus_free - 1 - now,
                    shadow_cycles: self.timing.hidden_cycles,
                })
            }
        }
    }

    fn store(&mut self, address: u32, word: u32, mask: u32, now: u64) -> Result<Stored, Fault> {
        let place = place(address)?;
        let held = self.word(address)?;
        *held = *held & !mask | word & mask;
        let Place::Ram(at) = place else { return Ok(Stored { wait_cycles: 0, bus: false }) };
        let mut time = now;
        self.drain(time);
        while self.queue.len() == QUEUE_WORDS {
            // The first write begins when the bus is free; then there is room.
            time = time.max(self.bus_free);
            self.write_first(time);
        }
        self.queue.push_back(Queued { address: at, since: time + 1 });
        Ok(Stored { wait_cycles: time - now, bus: true })
    }
}

/// Where an address leads: 2 MiB of RAM appear in three segments, the scratchpad in two of them.
#[inline(always)]
fn place(address: u32) -> Result<Place, Fault> {
    let at = address & 0x1fff_ffff;
    match address >> 29 {
        0 | 4 | 5 if (at as usize) < RAM_BYTES => Ok(Place::Ram(at)),
        0 | 4 if at.wrapping_sub(SCRATCHPAD) < SCRATCHPAD_BYTES as u32 => Ok(Place::Scratchpad(at - SCRATCHPAD)),
        _ => Err(Fault::Unmapped { address }),
    }
}
