//! The memory of one core: set-associative caches, outstanding misses, a stream prefetcher and a shared bus. Addresses
//! are simulated: each buffer gets a base by its place in the list, never the host's.

use super::core::Account;
use super::params::{LevelParams, Params, TICKS};
use crate::record::Bound;

/// Pages that most prefetchers do not cross, and whose placement in physically indexed caches is scattered.
const PAGE_SHIFT: u32 = 12;

#[derive(Debug)]
struct Level {
    p: LevelParams,
    /// Tags by set, the most recently used first; 0 = empty (simulated addresses start above the first page).
    tags: Vec<u64>,
    /// When each line's data is there.
    ready: Vec<u64>,
    /// [`Level::foreign`] when each line was last used.
    seen: Vec<u32>,
    port_free: u64,
    scatter: bool,
    /// Lines that skipped tasks and other cores have brought into each set, on average. They are newer than every line
    /// not used since, so a line at LRU position `p` is gone when `p` and they fill the set.
    foreign: f64,
}

/// Fixed point of `Level::seen`: sixteenths of a line.
const SEEN: f64 = 16.0;

impl Level {
    fn new(p: &LevelParams, scatter: bool) -> Self {
        let lines = p.sets * p.ways;
        // Zeros come untouched from the operating system: a large cache costs only what is used of it.
        let (tags, ready, seen) = (vec![0; lines], vec![0; lines], vec![0; lines]);
        Self { tags, ready, seen, port_free: 0, scatter, foreign: 0.0, p: p.clone() }
    }

    /// First level: indexed by the address. Outer levels: by a physical address, whose pages lie anywhere.
    fn set_of(&self, tag: u64) -> usize {
        if !self.scatter {
            return tag as usize % self.p.sets;
        }
        let in_page = PAGE_SHIFT - self.p.line_shift.min(PAGE_SHIFT);
        let page = (tag >> in_page).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        ((page << in_page) | (tag & ((1 << in_page) - 1))) as usize % self.p.sets
    }

    /// Finds a line and makes it the most recently used; returns when its data is there.
    #[inline]
    fn touch(&mut self, tag: u64) -> Option<u64> {
        let first = self.set_of(tag) * self.p.ways;
        let seen = (self.foreign * SEEN) as u32;
        if self.tags[first] == tag && self.seen[first] == seen {
            return Some(self.ready[first]);
        }
        let way = self.tags[first..first + self.p.ways].iter().position(|t| *t == tag)?;
        let since = (seen - self.seen[first + way]) as usize;
        if way * SEEN as usize + since >= self.p.ways * SEEN as usize {
            return None;
        }
        let ready = self.ready[first + way];
        self.put(first, way, tag, ready, seen);
        Some(ready)
    }

    /// Brings a line in, in place of the least recently used one of its set.
    fn insert(&mut self, tag: u64, ready: u64) {
        let first = self.set_of(tag) * self.p.ways;
        let set = &self.tags[first..first + self.p.ways];
        // A line that foreign ones displaced may still stand in the set under this tag.
        let way = set.iter().position(|t| *t == tag).unwrap_or(self.p.ways - 1);
        self.put(first, way, tag, ready, (self.foreign * SEEN) as u32);
    }

    /// Puts a line first in its set, over the one at `way`.
    #[inline]
    fn put(&mut self, first: usize, way: usize, tag: u64, ready: u64, seen: u32) {
        // A few places at most, most of the time: a loop beats a call to move memory.
        for i in (first..first + way).rev() {
            self.tags[i + 1] = self.tags[i];
            self.ready[i + 1] = self.ready[i];
            self.seen[i + 1] = self.seen[i];
        }
        (self.tags[first], self.ready[first], self.seen[first]) = (tag, ready, seen);
    }

    /// Displaces `n` lines, as skipped tasks or other cores would have.
    fn age(&mut self, n: f64) {
        // More than the whole cache is the whole cache.
        self.foreign += (n / self.p.sets as f64).min(self.p.ways as f64);
    }
}

/// A ring of completion times: the entry that is reused must have completed.
#[derive(Debug)]
struct InFlight {
    done: Vec<u64>,
    at: usize,
}

impl InFlight {
    fn new(n: usize) -> Self {
        Self { done: vec![0; n], at: 0 }
    }

    /// When the next request may start.
    fn free(&self) -> u64 {
        self.done[self.at]
    }

    fn occupy(&mut self, done: u64) {
        self.done[self.at] = done;
        self.at = (self.at + 1) % self.done.len();
    }
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    next: u64,
    ahead: u64,
    used: u64,
    /// Lines it was right about so far.
    length: u64,
}

/// Lines ahead for each line a stream was right about.
const RAMP: u64 = 2;

/// What an access came to.
#[derive(Clone, Copy, Debug)]
pub struct Served {
    /// When the data is ready.
    pub ready: u64,
    /// What served it, or what it waited for.
    pub by: Bound,
}

/// Caches and bus as one core sees them.
#[derive(Debug)]
pub struct Memory {
    levels: Vec<Level>,
    latency: u64,
    bus_ticks_per_byte: f64,
    /// Cores that share the bus right now.
    sharers: f64,
    bus_free: u64,
    misses: InFlight,
    prefetches: InFlight,
    stores: InFlight,
    streams: Vec<Stream>,
    prefetch_lines: u64,
    crosses_pages: bool,
    clock: u64,
    /// When the request being served was issued.
    now: u64,
}

impl Memory {
    /// Empty caches.
    pub fn new(p: &Params) -> Self {
        Self {
            levels: p.levels.iter().enumerate().map(|(i, l)| Level::new(l, i > 0)).collect(),
            latency: p.memory_latency,
            bus_ticks_per_byte: p.bus_ticks_per_byte,
            sharers: 1.0,
            bus_free: 0,
            misses: InFlight::new(p.misses_outstanding),
            prefetches: InFlight::new(p.prefetch_outstanding),
            stores: InFlight::new(p.store_buffer),
            streams: vec![Stream { next: u64::MAX, ahead: 0, used: 0, length: 0 }; p.prefetch_streams],
            prefetch_lines: p.prefetch_lines,
            crosses_pages: p.prefetch_crosses_pages,
            clock: 0,
            now: 0,
        }
    }

    /// `n` cores share the bus from now on.
    pub fn share(&mut self, n: u32) {
        self.sharers = f64::from(n.max(1));
    }

    /// Requests from now on were issued at this tick. Ports and the bus are booked at issue, like the units of the core:
    /// an access that has to wait for its operands leaves room for the later ones that need not.
    pub fn issued(&mut self, at: u64) {
        self.now = at;
    }

    /// Puts a range into the caches without taking time, as an earlier run would have left it.
    pub fn warm(&mut self, base: u64, bytes: usize) {
        for level in &mut self.levels {
            let capacity = (level.tags.len() as u64) << level.p.line_shift;
            let end = base + bytes as u64;
            let first = end.saturating_sub(capacity).max(base) >> level.p.line_shift;
            for tag in first..=(end.saturating_sub(1) >> level.p.line_shift) {
                if level.touch(tag).is_none() {
                    level.insert(tag, 0);
                }
            }
        }
    }

    /// Line shift of the first level (of memory where there is no cache).
    pub fn line_shift(&self) -> u32 {
        self.levels.first().map_or(5, |l| l.p.line_shift)
    }

    /// A load of the line that holds `address`, asked for at tick `at`.
    pub fn load(&mut self, address: u64, at: u64, account: &mut Account) -> Served {
        let Some(first) = self.levels.first_mut() else {
            return self.fetch(0, address, at, 4.0, account);
        };
        let tag = address >> first.p.line_shift;
        let hit = at + first.p.latency;
        if let Some(ready) = first.touch(tag) {
            return Served { ready: hit.max(ready), by: if ready > hit { Bound::MemoryLatency } else { Bound::L1 } };
        }
        account.misses[0] += 1.0;
        let waiting = self.misses.free().max(at);
        let line = 1u64 << self.levels[0].p.line_shift;
        let served = self.fetch(1, address, waiting, line as f64, account);
        self.misses.occupy(served.ready);
        self.levels[0].insert(tag, served.ready);
        self.train(tag, at, account);
        Served { ready: served.ready.max(hit), ..served }
    }

    /// Brings a line in from level `from` or beyond; inner levels keep a copy.
    fn fetch(&mut self, from: usize, address: u64, at: u64, bytes: f64, account: &mut Account) -> Served {
        let Some(level) = self.levels.get_mut(from) else {
            return self.bus(at, bytes, account);
        };
        let tag = address >> level.p.line_shift;
        if let Some(ready) = level.touch(tag) {
            let port = (level.p.line_ticks as f64 * bytes / (1u64 << level.p.line_shift) as f64) as u64;
            let slot = level.port_free.max(self.now);
            level.port_free = slot + port;
            let hit = slot.max(at) + level.p.latency;
            // Found, but still on its way from further out: that is where the time goes.
            let by = if ready > hit { Bound::MemoryLatency } else { [Bound::L1, Bound::L2, Bound::L3][from.min(2)] };
            let by = if ready > hit && self.bus_free > at + self.latency { Bound::MemoryBandwidth } else { by };
            return Served { ready: hit.max(ready), by };
        }
        let line = (1u64 << level.p.line_shift) as f64;
        account.misses[from.min(3)] += 1.0;
        let served = self.fetch(from + 1, address, at, line, account);
        self.levels[from].insert(tag, served.ready);
        served
    }

    /// A transfer over the memory bus.
    fn bus(&mut self, at: u64, bytes: f64, account: &mut Account) -> Served {
        let slot = self.bus_free.max(self.now);
        self.bus_free = slot + (bytes * self.bus_ticks_per_byte * self.sharers) as u64;
        account.memory_bytes += bytes;
        let by = if slot > at { Bound::MemoryBandwidth } else { Bound::MemoryLatency };
        Served { ready: slot.max(at) + self.latency, by }
    }

    /// The stream prefetcher sees a first-level miss and runs ahead of it into the second level, on most
    /// machines no further than the end of the page.
    fn train(&mut self, line: u64, at: u64, account: &mut Account) {
        if self.streams.is_empty() || self.levels.len() < 2 {
            return;
        }
        self.clock += 1;
        let Some(s) = self.streams.iter().position(|s| s.next == line) else {
            let oldest = (0..self.streams.len()).min_by_key(|&s| self.streams[s].used).unwrap_or(0);
            self.streams[oldest] = Stream { next: line + 1, ahead: line, used: self.clock, length: 0 };
            return;
        };
        let shift = self.levels[0].p.line_shift;
        let page_end = if self.crosses_pages { u64::MAX } else { line | ((1 << (PAGE_SHIFT - shift)) - 1) };
        // The longer a stream has been right, the further it runs ahead: short ones bring in little that nobody wants.
        let length = self.streams[s].length + 1;
        let until = (line + self.prefetch_lines.min(RAMP * length)).min(page_end);
        let from = self.streams[s].ahead.max(line) + 1;
        self.streams[s] = Stream { next: line + 1, ahead: until.max(from - 1), used: self.clock, length };
        for ahead in from..=until {
            let address = ahead << shift;
            let tag = address >> self.levels[1].p.line_shift;
            if self.levels[1].touch(tag).is_some() {
                continue;
            }
            account.misses[1] += 1.0;
            let start = self.prefetches.free().max(at);
            let bytes = (1u64 << self.levels[1].p.line_shift) as f64;
            let served = self.fetch(2, address, start, bytes, account);
            self.prefetches.occupy(served.ready);
            self.levels[1].insert(tag, served.ready);
        }
    }

    /// A store of `bytes` at tick `at`; returns when the store buffer has room for it, which is when it may retire.
    pub fn store(&mut self, address: u64, bytes: usize, at: u64, account: &mut Account) -> u64 {
        let room = self.stores.free().max(at);
        let Some(first) = self.levels.first() else {
            let done = self.bus(room, bytes as f64, account).ready;
            self.stores.occupy(done);
            return room;
        };
        if first.p.write_through {
            self.write_through(address, bytes, room, account);
            return room;
        }
        let before = account.memory_bytes;
        let served = self.load(address, room, account);
        let fetched = account.memory_bytes - before;
        if fetched > 0.0 {
            // The line comes in to be written and goes out again later: the bus carries it twice.
            self.bus_free += (fetched * self.bus_ticks_per_byte * self.sharers) as u64;
            account.memory_bytes += fetched;
        }
        self.stores.occupy(served.ready);
        room
    }

    /// A write-through store goes to the second level where that holds the line, else to memory; it allocates nothing.
    fn write_through(&mut self, address: u64, bytes: usize, at: u64, account: &mut Account) {
        let second = self.levels.get_mut(1).and_then(|l| l.touch(address >> l.p.line_shift).map(|_| l));
        let done = match second {
            Some(second) => {
                let share = bytes as f64 / (1u64 << second.p.line_shift) as f64;
                let busy = (second.p.line_ticks as f64 * share).max(TICKS as f64) as u64;
                second.port_free = second.port_free.max(self.now) + busy;
                second.port_free.max(at)
            }
            None => {
                let busy = (bytes as f64 * self.bus_ticks_per_byte * self.sharers) as u64;
                self.bus_free = self.bus_free.max(self.now) + busy;
                account.memory_bytes += bytes as f64;
                self.bus_free.max(at)
            }
        };
        self.stores.occupy(done);
    }

    /// Displaces what `skipped` tasks would have, given the misses of one.
    pub fn age(&mut self, misses_per_task: &[f64; 4], skipped: f64) {
        for (level, misses) in self.levels.iter_mut().zip(misses_per_task) {
            level.age(misses * skipped);
        }
    }

    /// Displaces in shared caches what the other cores brought in while this one ran.
    pub fn age_shared(&mut self, misses: &[f64; 4], cores: u32) {
        for (level, misses) in self.levels.iter_mut().zip(misses) {
            let others = level.p.shared_by.min(cores).saturating_sub(1);
            level.age(misses * f64::from(others));
        }
    }
}
