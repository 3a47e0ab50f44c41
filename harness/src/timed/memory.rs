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
    /// Of a large cache a run touches few sets: lines are there for those alone.
    sets: Vec<Set>,
    lines: Vec<Line>,
    port_free: u64,
    scatter: bool,
    /// Lines that skipped tasks and other cores have brought into each set, on average. They are newer than every line
    /// not used since, so a line at LRU position `p` is gone when `p` and they fill the set.
    foreign: f64,
    /// That in sixteenths.
    now: u32,
}

/// A set is a ring: the newest line stands at `head`, and a new one takes the place of the oldest, just before it.
#[derive(Clone, Copy, Debug, Default)]
struct Set {
    /// Place of its lines, counted from 1; 0 until it is first used.
    place: u32,
    head: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Line {
    /// 0 = empty (simulated addresses start above the first page).
    tag: u64,
    /// When its data is there.
    ready: u64,
    /// [`Level::now`] when it was last used.
    seen: u32,
}

/// Fixed point of [`Level::now`].
const SIXTEENTHS: usize = 16;

impl Level {
    fn new(p: &LevelParams, scatter: bool) -> Self {
        let sets = vec![Set::default(); p.sets];
        Self { sets, lines: Vec::new(), port_free: 0, scatter, foreign: 0.0, now: 0, p: p.clone() }
    }

    /// First level: indexed by the address. Outer levels: by a physical address, whose pages lie anywhere.
    fn set_of(&self, tag: u64) -> usize {
        let place = if self.scatter {
            let in_page = PAGE_SHIFT - self.p.line_shift.min(PAGE_SHIFT);
            let page = (tag >> in_page).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            (page << in_page) | (tag & ((1 << in_page) - 1))
        } else {
            tag
        };
        // Most caches have a power of two sets, and a mask is far cheaper than a division.
        if self.p.sets.is_power_of_two() { place as usize & (self.p.sets - 1) } else { place as usize % self.p.sets }
    }

    /// Finds a line and makes it the most recently used; returns when its data is there.
    #[inline]
    fn touch(&mut self, tag: u64) -> Option<u64> {
        let set = self.sets[self.set_of(tag)];
        let (ways, head, seen) = (self.p.ways, set.head as usize, self.now);
        let first = (set.place as usize).checked_sub(1)?;
        let lines = &mut self.lines[first..first + ways];
        if lines[head].tag == tag && lines[head].seen == seen {
            return Some(lines[head].ready);
        }
        let at = lines.iter().position(|line| line.tag == tag)?;
        let age = if at < head { at + ways - head } else { at - head };
        let line = Line { seen, ..lines[at] };
        if age * SIXTEENTHS + (seen - lines[at].seen) as usize >= ways * SIXTEENTHS {
            lines[at].tag = 0;
            return None;
        }
        let mut to = at;
        while to != head {
            let newer = if to == 0 { ways - 1 } else { to - 1 };
            lines[to] = lines[newer];
            to = newer;
        }
        lines[head] = line;
        Some(line.ready)
    }

    /// Brings in a line that is not there, in place of the least recently used one of its set.
    fn insert(&mut self, tag: u64, ready: u64) {
        let (ways, index) = (self.p.ways, self.set_of(tag));
        let mut set = self.sets[index];
        if set.place == 0 {
            set.place = self.lines.len() as u32 + 1;
            self.lines.resize(self.lines.len() + ways, Line::default());
        }
        set.head = if set.head == 0 { ways as u32 } else { set.head } - 1;
        self.sets[index] = set;
        self.lines[(set.place - 1 + set.head) as usize] = Line { tag, ready, seen: self.now };
    }

    /// Displaces `n` lines, as skipped tasks or other cores would have.
    fn age(&mut self, n: f64) {
        // More than the whole cache is the whole cache.
        self.foreign += (n / self.p.sets as f64).min(self.p.ways as f64);
        self.now = (self.foreign * SIXTEENTHS as f64) as u32;
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
            let capacity = ((level.p.sets * level.p.ways) as u64) << level.p.line_shift;
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
        let before = account.misses[1];
        let served = self.fetch(1, address, waiting, line as f64, account);
        self.misses.occupy(served.ready);
        self.levels[0].insert(tag, served.ready);
        self.train(tag, account.misses[1] > before, at, account);
        Served { ready: served.ready.max(hit), ..served }
    }

    /// Brings a line in from level `from` or beyond; inner levels keep a copy.
    fn fetch(&mut self, from: usize, address: u64, at: u64, bytes: f64, account: &mut Account) -> Served {
        let Some(level) = self.levels.get_mut(from) else {
            return self.bus(at, bytes, account);
        };
        let tag = address >> level.p.line_shift;
        if let Some(ready) = level.touch(tag) {
            let port = (level.p.ticks_per_byte * bytes) as u64;
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
    /// machines no further than the end of the page. A stream begins with a miss of the level that it fills (Jouppi,
    /// ISCA 1990): what that holds already needs none.
    fn train(&mut self, line: u64, missed_second: bool, at: u64, account: &mut Account) {
        if self.streams.is_empty() || self.levels.len() < 2 {
            return;
        }
        self.clock += 1;
        let Some(s) = self.streams.iter().position(|s| s.next == line) else {
            // A stray miss does not end a stream that was right a moment ago; one that ended itself makes room.
            let recent = 2 * self.streams.len() as u64;
            let ended = |s: &&mut Stream| s.next == u64::MAX || self.clock - s.used > recent;
            let victim = self.streams.iter_mut().filter(ended).min_by_key(|s| s.used);
            if let Some(victim) = victim.filter(|_| missed_second) {
                *victim = Stream { next: line + 1, ahead: line, used: self.clock, length: 0 };
            }
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
                let busy = (second.p.ticks_per_byte * bytes as f64).max(TICKS as f64) as u64;
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
