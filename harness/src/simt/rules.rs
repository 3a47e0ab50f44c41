//! How a generation of GPUs turns what a warp's lanes touch into work: transactions, tags and banks.

use crate::profile::GpuProfile;
use crate::profile::gpu::{Coalescing, Generation};

/// What machines must have in common to share an interpretation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rules {
    /// Lanes of a warp.
    pub lanes: u32,
    /// Which of the three rules.
    rule: u8,
    /// Lanes whose addresses are put together.
    group: u32,
    /// What a tag covers, bytes.
    line: u32,
    /// Smallest transaction, bytes.
    pub block: u32,
    /// Banks of workgroup memory, and lanes that compete for them.
    banks: u32,
    bank_group: u32,
    /// Words of workgroup memory that a lane moves at once.
    bank_words: u32,
}

/// What one access of a warp to a buffer comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Access {
    /// Distinct tags.
    pub tags: u32,
    /// Numbers of the blocks, each once for a group of lanes.
    pub blocks: Vec<u32>,
    /// Bytes of all transactions.
    pub bytes: u32,
}

impl Rules {
    /// Those of a machine.
    pub fn of(gpu: &GpuProfile) -> Self {
        let rule = match gpu.memory.coalescing.value {
            Coalescing::InOrderSegment => 0,
            Coalescing::ShrinkingSegments => 1,
            Coalescing::DistinctBlocks => 2,
        };
        let block = gpu.memory.transaction_bytes.value;
        Self {
            lanes: gpu.sm.warp_lanes.value,
            rule,
            group: gpu.memory.coalescing_lanes.value,
            line: gpu.l1.as_ref().map_or(128, |l1| l1.line_bytes.value).max(block),
            block,
            banks: gpu.sm.shared_banks.value,
            bank_group: gpu.sm.shared_group_lanes.value,
            // CUDA C Programming Guide 4.2, F.3.3: larger accesses are split into those of 32 bits.
            bank_words: if gpu.generation == Generation::Tesla { 1 } else { 4 },
        }
    }

    /// Puts the lanes' addresses together; each lane moves `words` words.
    pub fn coalesce(&self, addresses: &[u32], mask: u64, words: u32, access: &mut Access) {
        (access.tags, access.bytes) = (0, 0);
        access.blocks.clear();
        let size = 4 * words;
        for first in (0..addresses.len()).step_by(self.group as usize) {
            let end = (first + self.group as usize).min(addresses.len());
            let active = (first..end).filter(|l| mask >> l & 1 == 1);
            if mask >> first & group_mask(end - first) == 0 {
                continue;
            }
            match self.rule {
                0 => self.in_order(addresses, first, active, size, access),
                1 => self.shrinking(addresses, active, size, access),
                _ => self.distinct(addresses, active, size, access),
            }
        }
    }

    /// Lane k on word k of an aligned segment, or one word for all, or everyone alone. NVIDIA's guide does not name the case
    /// of one word, but the untiled SGEMM of an 8-series card at 80 GB/s (17 GFLOP/s, published row G290) would be out of
    /// reach by four times if it were sixteen transactions.
    fn in_order(
        &self,
        addresses: &[u32],
        first: usize,
        active: impl Iterator<Item = usize> + Clone,
        size: u32,
        access: &mut Access,
    ) {
        let segment = 16 * size;
        let mut lanes = active.clone();
        let Some(one) = lanes.next() else { return };
        let base = addresses[one].wrapping_sub((one - first) as u32 * size);
        let together = base.is_multiple_of(segment)
            && active.clone().all(|l| addresses[l] == base.wrapping_add((l - first) as u32 * size));
        if together {
            // 16-byte words are two transactions of 128 bytes.
            access.tags += segment.div_ceil(128);
            access.bytes += segment;
        } else if active.clone().all(|l| addresses[l] == addresses[one]) {
            access.tags += 1;
            access.bytes += self.block.max(size);
        } else {
            let alone = active.count() as u32;
            access.tags += alone;
            access.bytes += alone * self.block.max(size);
        }
    }

    /// The fewest segments of 128 bytes, each halved while one half is enough.
    fn shrinking(&self, addresses: &[u32], active: impl Iterator<Item = usize>, size: u32, access: &mut Access) {
        let mut segments: Vec<(u32, u32, u32)> = Vec::new();
        for lane in active {
            let (low, high) = (addresses[lane] % 128, addresses[lane] % 128 + size - 1);
            let number = addresses[lane] / 128;
            match segments.iter_mut().find(|s| s.0 == number) {
                Some(s) => (s.1, s.2) = (s.1.min(low), s.2.max(high)),
                None => segments.push((number, low, high)),
            }
        }
        for (_, low, high) in segments {
            let mut bytes = 128;
            while bytes > self.block && low / (bytes / 2) == high / (bytes / 2) {
                bytes /= 2;
            }
            access.tags += 1;
            access.bytes += bytes;
        }
    }

    fn distinct(&self, addresses: &[u32], active: impl Iterator<Item = usize>, size: u32, access: &mut Access) {
        let from = access.blocks.len();
        let mut ascending = true;
        for lane in active {
            let (first, last) = (addresses[lane] / self.block, (addresses[lane] + size - 1) / self.block);
            for block in first..=last {
                let before = access.blocks[from..].last().copied();
                if before != Some(block) {
                    ascending &= before.is_none_or(|b| b < block);
                    access.blocks.push(block);
                }
            }
        }
        if !ascending {
            access.blocks[from..].sort_unstable();
            let mut kept = from;
            for i in from..access.blocks.len() {
                if i == from || access.blocks[i] != access.blocks[kept - 1] {
                    access.blocks[kept] = access.blocks[i];
                    kept += 1;
                }
            }
            access.blocks.truncate(kept);
        }
        let of_line = self.line / self.block;
        let mut before = None;
        for block in &access.blocks[from..] {
            access.tags += u32::from(before != Some(block / of_line));
            before = Some(block / of_line);
        }
        access.bytes += (access.blocks.len() - from) as u32 * self.block;
    }

    /// Turns that workgroup memory needs: in each, a bank gives one word, to as many lanes as want it. Lanes that move
    /// several words compete in smaller groups, or move them one after the other.
    pub fn bank_turns(&self, addresses: &[u32], mask: u64, words: u32) -> u32 {
        let at_once = words.min(self.bank_words);
        (0..words).step_by(at_once.max(1) as usize).map(|behind| self.turns(addresses, mask, behind, at_once)).sum()
    }

    /// Those for so many words of each lane, behind so many others.
    fn turns(&self, addresses: &[u32], mask: u64, behind: u32, words: u32) -> u32 {
        let group = (self.bank_group / words.next_power_of_two()).max(1) as usize;
        let mut turns = 0;
        for first in (0..addresses.len()).step_by(group) {
            let lanes = (first..(first + group).min(addresses.len())).filter(|l| mask >> l & 1 == 1);
            // Words wanted by bank, in the few turns there usually are.
            let mut wanted: [u32; 128] = [0; 128];
            let mut seen: Vec<u32> = Vec::with_capacity(32);
            for lane in lanes {
                let first = addresses[lane] / 4 + behind;
                for word in first..first + words {
                    if seen.last() == Some(&word) || seen.contains(&word) {
                        continue;
                    }
                    seen.push(word);
                    wanted[(word % self.banks) as usize] += 1;
                }
            }
            turns += wanted.iter().copied().max().unwrap_or(0);
        }
        turns
    }
}

fn group_mask(lanes: usize) -> u64 {
    if lanes == 64 { u64::MAX } else { (1 << lanes) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(rule: u8, group: u32, line: u32, block: u32, banks: u32) -> Rules {
        let bank_words = if banks == 16 { 1 } else { 4 };
        Rules { lanes: 32, rule, group, line, block, banks, bank_group: banks, bank_words }
    }

    fn access(rules: &Rules, address: impl Fn(u32) -> u32, words: u32) -> (u32, u32) {
        let addresses: Vec<u32> = (0..32).map(address).collect();
        let mut access = Access::default();
        rules.coalesce(&addresses, u64::from(u32::MAX), words, &mut access);
        (access.tags, access.bytes)
    }

    // The cases of NVIDIA's CUDA C Programming Guide 3.x, appendix G.3.2.
    #[test]
    fn the_first_generation_wants_lanes_in_order_on_an_aligned_segment() {
        let g80 = rules(0, 16, 128, 32, 16);
        assert_eq!(access(&g80, |l| 128 + 4 * l, 1), (2, 128));
        assert_eq!(access(&g80, |l| 132 + 4 * l, 1), (32, 1024), "misaligned");
        assert_eq!(access(&g80, |l| 128 + 4 * (l ^ 1), 1), (32, 1024), "out of order");
        assert_eq!(access(&g80, |_| 128, 1), (2, 64), "one word for all");
        assert_eq!(access(&g80, |l| 16 * l, 4), (4, 512), "sixteen bytes each");
    }

    #[test]
    fn the_second_takes_segments_that_shrink() {
        let gt200 = rules(1, 16, 128, 32, 16);
        assert_eq!(access(&gt200, |l| 128 + 4 * l, 1), (2, 128));
        assert_eq!(access(&gt200, |l| 128 + 4 * (l ^ 1), 1), (2, 128), "order does not matter");
        assert_eq!(access(&gt200, |_| 128, 1), (2, 64), "one word for all");
        assert_eq!(access(&gt200, |l| 132 + 4 * (l % 16), 1), (2, 256), "across the middle of a segment");
        assert_eq!(access(&gt200, |l| 4096 * l, 1), (32, 1024));
    }

    #[test]
    fn caches_fetch_distinct_blocks() {
        let fermi = rules(2, 32, 128, 128, 32);
        assert_eq!(access(&fermi, |l| 4 * l, 1), (1, 128));
        assert_eq!(access(&fermi, |l| 4 + 4 * l, 1), (2, 256), "misaligned");
        assert_eq!(access(&fermi, |l| 4 * (l * 7 % 32), 1), (1, 128));
        let later = rules(2, 32, 128, 32, 32);
        assert_eq!(access(&later, |l| 4 + 4 * l, 1), (2, 160));
        assert_eq!(access(&later, |l| 4096 * l, 1), (32, 1024));
        assert_eq!(access(&later, |l| 16 * l, 4), (4, 512));
        assert_eq!(access(&later, |_| 0, 1), (1, 32));
    }

    #[test]
    fn banks_take_turns_and_broadcast() {
        let turns = |rules: &Rules, address: &dyn Fn(u32) -> u32, words| {
            let addresses: Vec<u32> = (0..32).map(address).collect();
            rules.bank_turns(&addresses, u64::from(u32::MAX), words)
        };
        let (old, new) = (rules(0, 16, 128, 32, 16), rules(2, 32, 128, 32, 32));
        assert_eq!((turns(&old, &|l| 4 * l, 1), turns(&new, &|l| 4 * l, 1)), (2, 1));
        assert_eq!((turns(&old, &|_| 0, 1), turns(&new, &|_| 0, 1)), (2, 1), "broadcast");
        assert_eq!((turns(&old, &|l| 8 * l, 1), turns(&new, &|l| 8 * l, 1)), (4, 2));
        assert_eq!(turns(&new, &|l| 128 * l, 1), 32);
        assert_eq!(turns(&new, &|l| 132 * l, 1), 1, "a padded column");
        assert_eq!(turns(&new, &|l| 16 * l, 4), 4, "sixteen bytes each: four groups of eight");
        assert_eq!(turns(&old, &|l| 8 * l, 2), 8, "doubles: two requests, each with two lanes at a bank");
        assert_eq!(turns(&old, &|_| 0, 4), 8, "four broadcasts");
    }
}
