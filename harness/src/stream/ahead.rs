//! Reading ahead past the page cache: some blocks stay in memory, threads read the others into buffers that go round.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::policy::Supply;
use super::{Block, Job};

/// Threads that read, each a block at a time. A direct read is cut into few requests and waited for, and a disk that works
/// on several at once gives one such reader half of its rate or less.
const READERS: usize = 4;
/// Buffers that go round: one in use, the others full or being filled.
pub(super) const BUFFERS: usize = READERS + 1;
/// Direct reads begin at multiples of this in memory and file.
const ALIGN: usize = 4096;

/// Which blocks to keep: as many as `room` bytes hold, spread over the pass, so that reading goes on while they are used.
pub(super) fn spread(blocks: &[Block], room: u64) -> Vec<bool> {
    let bytes = |block: &Block| block.bytes as u64;
    let all = blocks.iter().map(bytes).sum::<u64>() as f64;
    let (mut kept, mut passed) = (0, 0);
    let mut due = |block: &Block| {
        passed += bytes(block);
        let due = room as f64 * passed as f64 / all;
        let keep = kept + bytes(block) <= room && kept as f64 + bytes(block) as f64 / 2.0 <= due;
        kept += if keep { bytes(block) } else { 0 };
        keep
    };
    let mut keeps: Vec<bool> = blocks.iter().map(&mut due).collect();
    // What rounding left over has room for the first that fit.
    for (keep, block) in keeps.iter_mut().zip(blocks).filter(|(keep, _)| !**keep) {
        *keep = kept + bytes(block) <= room;
        kept += if *keep { bytes(block) } else { 0 };
    }
    keeps
}

/// Memory for a block that begins at a whole page.
struct Buffer {
    memory: Vec<u8>,
    start: usize,
}

impl Buffer {
    fn new(bytes: usize) -> Self {
        let memory = vec![0; bytes + ALIGN];
        let start = memory.as_ptr().align_offset(ALIGN).min(ALIGN);
        Self { memory, start }
    }

    fn bytes(&self, len: usize) -> &[u8] {
        &self.memory[self.start..][..len]
    }

    fn fill(&mut self, file: &File, block: &Block) -> io::Result<()> {
        file.read_exact_at(&mut self.memory[self.start..][..block.bytes], block.offset)
    }
}

/// What is read next: each thread that is idle takes its turn.
struct Turns {
    blocks: Vec<Block>,
    keeps: Vec<bool>,
    /// Blocks in the order of their use, numbered; those that are kept come once.
    order: Box<dyn Iterator<Item = (usize, usize)> + Send>,
    empty: Receiver<Buffer>,
}

impl Turns {
    /// A number, its block and memory for it; none where nothing more will be asked for.
    fn next(&mut self) -> Option<(usize, Block, Buffer)> {
        let (turn, i) = self.order.next()?;
        let block = self.blocks[i];
        let buffer = if self.keeps[i] { Buffer::new(block.bytes) } else { self.empty.recv().ok()? };
        Some((turn, block, buffer))
    }
}

/// What was read, by its number.
type Done = (usize, io::Result<Buffer>);

/// Some blocks kept in memory from the first pass on, the others read by threads.
pub(super) struct ReadAhead {
    blocks: Vec<Block>,
    keeps: Vec<bool>,
    kept: Vec<Option<Buffer>>,
    current: Option<Buffer>,
    /// Blocks that came before their turn.
    early: BTreeMap<usize, io::Result<Buffer>>,
    turn: usize,
    /// Where empty buffers go and full ones come from; none once the threads shall end.
    ends: Option<(Sender<Buffer>, Receiver<Done>)>,
    threads: Vec<JoinHandle<()>>,
}

impl ReadAhead {
    /// Starts to read the file of a job, and keeps the blocks that `keeps` says.
    pub(super) fn new(job: &Job, blocks: Vec<Block>, keeps: Vec<bool>) -> io::Result<Self> {
        let file = Arc::new(open_direct(job)?);
        let (give_empty, empty) = channel::<Buffer>();
        let (give_full, full) = channel();
        let streamed: Vec<usize> = (0..blocks.len()).filter(|i| !keeps[*i]).collect();
        let largest = streamed.iter().map(|i| blocks[*i].bytes).max().unwrap_or(0);
        for _ in 0..BUFFERS.min(streamed.len()) {
            let _ = give_empty.send(Buffer::new(largest));
        }
        let order = Box::new((0..blocks.len()).chain(streamed.into_iter().cycle()).enumerate());
        let turns = Arc::new(Mutex::new(Turns { blocks: blocks.clone(), keeps: keeps.clone(), order, empty }));
        let kept = blocks.iter().map(|_| None).collect();
        let ends = Some((give_empty, full));
        let mut this =
            Self { blocks, keeps, kept, current: None, early: BTreeMap::new(), turn: 0, ends, threads: Vec::new() };
        for _ in 0..READERS {
            let (file, turns, give_full) = (file.clone(), turns.clone(), give_full.clone());
            let thread = std::thread::Builder::new().name("read-ahead".into()).spawn(move || {
                // Who waits for an empty buffer waits with the lock: whoever is next has the next turn.
                let next = || turns.lock().unwrap_or_else(PoisonError::into_inner).next();
                while let Some((turn, block, mut buffer)) = next() {
                    let filled = buffer.fill(&file, &block).map(|()| buffer);
                    if give_full.send((turn, filled)).is_err() {
                        return;
                    }
                }
            })?;
            this.threads.push(thread);
        }
        Ok(this)
    }

    /// The block of the next turn.
    fn next(&mut self) -> io::Result<Buffer> {
        let gone = || io::Error::other("the reading threads have ended");
        loop {
            if let Some(read) = self.early.remove(&self.turn) {
                self.turn += 1;
                return read;
            }
            let (_, full) = self.ends.as_ref().ok_or_else(gone)?;
            let (turn, read) = full.recv().map_err(|_| gone())?;
            self.early.insert(turn, read);
        }
    }
}

impl Supply for ReadAhead {
    fn block(&mut self, i: usize) -> io::Result<&[u8]> {
        let len = self.blocks[i].bytes;
        if let (Some(used), Some((empty, _))) = (self.current.take(), &self.ends) {
            let _ = empty.send(used);
        }
        if self.kept[i].is_none() {
            let read = self.next()?;
            let place = if self.keeps[i] { &mut self.kept[i] } else { &mut self.current };
            return Ok(place.insert(read).bytes(len));
        }
        let kept = self.kept[i].as_ref().ok_or_else(|| io::Error::other("it was kept"))?;
        Ok(kept.bytes(len))
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.ends = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Opens the file for reading past the page cache.
fn open_direct(job: &Job) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(target_os = "linux")]
    options.custom_flags(rustix::fs::OFlags::DIRECT.bits() as i32);
    #[cfg(not(target_os = "linux"))]
    options.custom_flags(0);
    options.open(&job.file).map_err(|e| match e.kind() {
        io::ErrorKind::InvalidInput => io::Error::new(e.kind(), format!("{NOT_DIRECT}: {e}")),
        _ => e,
    })
}

/// Why reading ahead is not to be had on some file systems.
pub(super) const NOT_DIRECT: &str = "its file system does not read past the page cache";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Format, blocks};

    #[test]
    fn kept_blocks_fill_the_room_and_are_spread() {
        let all = blocks(Format::F32);
        let total = Format::F32.layer_bytes();
        let largest = all.iter().map(|b| b.bytes as u64).max().expect("some");
        for room in [0, total / 4, total / 2, 3 * total / 4, total, u64::MAX] {
            let keeps = spread(&all, room);
            let bytes = |until: u64| -> u64 {
                let kept = all.iter().zip(&keeps).filter(|(b, keep)| **keep && b.offset < until);
                kept.map(|(b, _)| b.bytes as u64).sum()
            };
            assert!(bytes(total) <= room && bytes(total) + largest > room.min(total), "{room}");
            // Half of the pass has half of what is kept, to two blocks.
            assert!(bytes(total / 2).abs_diff(bytes(total) / 2) <= 2 * largest, "{room}");
        }
    }
}
