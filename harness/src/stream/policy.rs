//! The policies: each supplies blocks in the order of the file, pass after pass.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};

use kernels::model::map_range;
use memmap2::{Advice, Mmap};

use super::ahead::{BUFFERS, ReadAhead, spread};
use super::{BLOCK_BYTES, Block, Job, Policy};

/// Blocks asked for ahead of their use.
const AHEAD: usize = BUFFERS - 1;
/// What a process needs beside the weights it keeps, bytes: itself with its outputs, and the blocks under way.
const RESERVE_BYTES: u64 = ((6 << 20) + BUFFERS * BLOCK_BYTES) as u64;

/// Supplies blocks.
pub(super) trait Supply {
    /// The bytes of a block. Blocks are asked for in the order of the file, and again from the first.
    fn block(&mut self, i: usize) -> io::Result<&[u8]>;
}

/// Why pages are not to be kept in some processes.
pub(super) const NOT_LOCKED: &str = "cannot be locked in memory";

/// The policy of a job over an open file.
pub(super) fn supply(job: &Job, file: File, blocks: &[Block]) -> io::Result<Box<dyn Supply>> {
    let bytes = job.policy.format().layer_bytes() as usize;
    // Blocks that stay: as many as fit beside what the process needs.
    let most = job.memory_bytes.saturating_sub(RESERVE_BYTES);
    let mut room = most;
    let fitting = |block: &&Block| {
        let fits = block.bytes as u64 <= room;
        room = room.saturating_sub(block.bytes as u64);
        fits
    };
    let kept = blocks.iter().take_while(fitting).count();
    let (blocks, count) = (blocks.to_vec(), blocks.len());
    Ok(match job.policy {
        Policy::InMemory | Policy::QuantizedInMemory => {
            let mut all = vec![0; bytes];
            (&file).read_exact(&mut all)?;
            Box::new(Whole { bytes: Bytes::Memory(all), blocks })
        }
        Policy::DemandFaults | Policy::Quantized => {
            let map = map_range(&file, 0, bytes)?;
            Box::new(Whole { bytes: Bytes::Map(map), blocks })
        }
        Policy::Window => Box::new(Window::new(file, blocks, 0, job.memory_bytes)?),
        Policy::Pinned => Box::new(Window::new(file, blocks, kept, job.memory_bytes)?),
        Policy::ReadAhead => Box::new(ReadAhead::new(job, blocks, vec![false; count])?),
        Policy::PinnedReadAhead => {
            let keeps = spread(&blocks, most);
            Box::new(ReadAhead::new(job, blocks, keeps)?)
        }
    })
}

enum Bytes {
    Memory(Vec<u8>),
    Map(Mmap),
}

/// All of it: read, or mapped and left to the system.
struct Whole {
    bytes: Bytes,
    blocks: Vec<Block>,
}

impl Supply for Whole {
    fn block(&mut self, i: usize) -> io::Result<&[u8]> {
        let block = &self.blocks[i];
        let all: &[u8] = match &self.bytes {
            Bytes::Memory(all) => all,
            Bytes::Map(map) => map,
        };
        Ok(&all[block.offset as usize..][..block.bytes])
    }
}

/// The first blocks locked in memory, the others mapped shortly before and unmapped after their use.
struct Window {
    file: File,
    blocks: Vec<Block>,
    pinned: Option<Mmap>,
    /// Blocks in `pinned`.
    kept: usize,
    /// Mapped blocks, the one in use first.
    mapped: VecDeque<(usize, Mmap)>,
    /// False where everything fits: then nothing need be dropped.
    drops: bool,
}

impl Window {
    fn new(file: File, blocks: Vec<Block>, kept: usize, memory_bytes: u64) -> io::Result<Self> {
        let pinned_bytes: usize = blocks[..kept].iter().map(|b| b.bytes).sum();
        let pinned = match kept {
            0 => None,
            _ => {
                let map = map_range(&file, 0, pinned_bytes)?;
                // Asked for at once and in order; locking alone would fault it in page by page.
                map.advise(Advice::WillNeed)?;
                map.lock().map_err(|e| {
                    let mib = pinned_bytes >> 20;
                    io::Error::new(e.kind(), format!("{mib} MiB {NOT_LOCKED}, see `ulimit -l`: {e}"))
                })?;
                Some(map)
            }
        };
        let all: u64 = blocks.iter().map(|b| b.bytes as u64).sum();
        let drops = all > memory_bytes.saturating_sub(RESERVE_BYTES);
        Ok(Self { file, blocks, pinned, kept, mapped: VecDeque::new(), drops })
    }

    fn map(&self, i: usize) -> io::Result<Mmap> {
        let block = &self.blocks[i];
        let map = map_range(&self.file, block.offset, block.bytes)?;
        map.advise(Advice::WillNeed)?;
        Ok(map)
    }

    /// The block after this one that is not locked.
    fn next(&self, i: usize) -> usize {
        if i + 1 < self.blocks.len() { i + 1 } else { self.kept }
    }

    /// A block is no longer needed until the next pass.
    fn unmap(&self, i: usize, map: Mmap) {
        drop(map);
        #[cfg(target_os = "linux")]
        if self.drops {
            let block = &self.blocks[i];
            let bytes = std::num::NonZeroU64::new(block.bytes as u64);
            let _ = rustix::fs::fadvise(&self.file, block.offset, bytes, rustix::fs::Advice::DontNeed);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (i, self.drops);
    }
}

impl Supply for Window {
    fn block(&mut self, i: usize) -> io::Result<&[u8]> {
        while self.mapped.front().is_some_and(|(at, _)| *at != i && (i >= self.kept || *at + 1 == self.blocks.len())) {
            if let Some((at, map)) = self.mapped.pop_front() {
                self.unmap(at, map);
            }
        }
        // While locked blocks are in use, the first of the others are already under way.
        let mut ahead = match self.mapped.back() {
            Some((last, _)) => self.next(*last),
            None => i.max(self.kept),
        };
        while self.kept < self.blocks.len() && self.mapped.len() <= AHEAD {
            self.mapped.push_back((ahead, self.map(ahead)?));
            ahead = self.next(ahead);
        }
        let block = &self.blocks[i];
        match (&self.pinned, self.mapped.front()) {
            (Some(pinned), _) if i < self.kept => Ok(&pinned[block.offset as usize..][..block.bytes]),
            (_, Some((at, map))) if *at == i => Ok(map),
            _ => Err(io::Error::other(format!("block {i} was asked for out of turn"))),
        }
    }
}
