//! How far apart the touches of a block are: the distinct bytes touched in between decide whether a cache of a given size
//! still has it (Mattson's stack distance). Beyond some thousand blocks only those with a small hash are followed, each
//! standing for many (SHARDS: Waldspurger and others, FAST 2015).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Blocks that are followed at most.
const FOLLOWED: usize = 2048;
/// Touches after which times are renumbered.
const TIMES: usize = 1 << 14;

/// Spreads block numbers; not for untrusted keys.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|b| self.write_u64(u64::from(*b)));
    }
    fn write_u64(&mut self, key: u64) {
        self.0 = (self.0 ^ key).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}

/// Distances by power of two.
const BUCKETS: usize = 40;

/// Touches of one buffer by the bytes touched since the last one.
#[derive(Clone, Debug, PartialEq)]
pub struct Distances {
    /// In `2^(i-1)..2^i` bytes; 0: nothing in between.
    near: [f64; BUCKETS],
    /// First touches.
    pub cold: f64,
}

impl Default for Distances {
    fn default() -> Self {
        Self { near: [0.0; BUCKETS], cold: 0.0 }
    }
}

impl Distances {
    /// All touches.
    pub fn total(&self) -> f64 {
        self.near.iter().sum::<f64>() + self.cold
    }

    /// Touches that a cache of so many bytes, managed as if fully associative, does not serve.
    pub fn misses(&self, bytes: f64) -> f64 {
        let mut missed = self.cold;
        for (i, touches) in self.near.iter().enumerate().skip(1) {
            // Evenly spread over the bucket by the logarithm.
            let inside = (bytes.max(1.0).log2() - (i as f64 - 1.0)).clamp(0.0, 1.0);
            missed += touches * (1.0 - inside);
        }
        missed
    }

    /// Adds `weight` times another.
    pub fn add(&mut self, other: &Self, weight: f64) {
        self.near.iter_mut().zip(&other.near).for_each(|(a, b)| *a += weight * b);
        self.cold += weight * other.cold;
    }
}

/// Follows the touches of a workgroup.
#[derive(Debug)]
pub struct Reuse {
    block_bytes: f64,
    last: HashMap<u64, u32, BuildHasherDefault<Spread>>,
    /// Fenwick tree over times: 1 where a block was touched last.
    tree: Vec<u32>,
    now: u32,
    /// Hashes below are followed.
    threshold: u32,
    /// Loads and stores, by buffer.
    pub loads: Vec<Distances>,
    /// Stores.
    pub stores: Vec<Distances>,
}

fn hash(key: u64) -> u32 {
    ((key ^ 0x51_7c_c1_b7).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 32) as u32
}

impl Reuse {
    /// Of blocks of so many bytes in so many buffers.
    pub fn new(block_bytes: u32, buffers: usize) -> Self {
        Self {
            block_bytes: f64::from(block_bytes),
            last: HashMap::default(),
            tree: vec![0; TIMES + 1],
            now: 0,
            threshold: u32::MAX,
            loads: vec![Distances::default(); buffers],
            stores: vec![Distances::default(); buffers],
        }
    }

    /// How many each followed block stands for.
    fn weight(&self) -> f64 {
        2f64.powi(32) / (f64::from(self.threshold) + 1.0)
    }

    /// A block of a buffer is touched.
    pub fn touch(&mut self, buffer: u32, block: u32, store: bool) {
        let key = u64::from(buffer) << 32 | u64::from(block);
        if hash(key) > self.threshold {
            return;
        }
        if self.now as usize == TIMES {
            self.renumber();
        }
        let weight = self.weight();
        self.now += 1;
        let before = self.last.insert(key, self.now);
        let distance = before.map(|time| {
            let between = self.count(self.now - 1) - self.count(time);
            self.mark(time, -1);
            between
        });
        self.mark(self.now, 1);
        let to = if store { &mut self.stores } else { &mut self.loads };
        let to = &mut to[buffer as usize];
        match distance {
            None => to.cold += weight,
            Some(0) => to.near[0] += weight,
            Some(blocks) => {
                let bytes = f64::from(blocks) * weight * self.block_bytes;
                to.near[(bytes.log2().ceil() as usize).clamp(1, BUCKETS - 1)] += weight;
            }
        }
        if self.last.len() > FOLLOWED {
            self.threshold /= 2;
            let threshold = self.threshold;
            self.last.retain(|key, _| hash(*key) <= threshold);
            self.renumber();
        }
    }

    fn mark(&mut self, time: u32, by: i32) {
        let mut at = time as usize;
        while at <= TIMES {
            self.tree[at] = self.tree[at].wrapping_add_signed(by);
            at += at & at.wrapping_neg();
        }
    }

    fn count(&self, time: u32) -> u32 {
        let (mut at, mut sum) = (time as usize, 0u32);
        while at > 0 {
            sum = sum.wrapping_add(self.tree[at]);
            at &= at - 1;
        }
        sum
    }

    fn renumber(&mut self) {
        let mut order: Vec<(u32, u64)> = self.last.iter().map(|(k, t)| (*t, *k)).collect();
        order.sort_unstable();
        self.tree.fill(0);
        for (i, (_, key)) in order.iter().enumerate() {
            self.last.insert(*key, i as u32 + 1);
            self.mark(i as u32 + 1, 1);
        }
        self.now = order.len() as u32;
    }

    /// Share of each buffer's blocks here that `other` touched too.
    pub fn shared_with(&self, other: &Reuse) -> Vec<f64> {
        let threshold = self.threshold.min(other.threshold);
        let (mut both, mut all) = (vec![0.0; self.loads.len()], vec![0.0; self.loads.len()]);
        for key in self.last.keys().filter(|k| hash(**k) <= threshold) {
            let buffer = (key >> 32) as usize;
            all[buffer] += 1.0;
            both[buffer] += f64::from(u8::from(other.last.contains_key(key)));
        }
        both.iter().zip(all).map(|(b, a)| if a > 0.0 { b / a } else { 1.0 }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(blocks: u32, rounds: u32) -> Distances {
        let mut reuse = Reuse::new(32, 1);
        for _ in 0..rounds {
            (0..blocks).for_each(|b| reuse.touch(0, b * 3, false));
        }
        reuse.loads[0].clone()
    }

    #[test]
    fn a_loop_over_what_fits_misses_once_and_one_that_does_not_always() {
        let small = walk(100, 10);
        assert_eq!((small.cold, small.total()), (100.0, 1000.0));
        assert_eq!(small.misses(8192.0), 100.0);
        assert!(small.misses(1024.0) > 990.0);
    }

    #[test]
    fn followed_samples_stand_for_the_rest() {
        let large = walk(50_000, 3);
        assert!((large.cold / 50_000.0 - 1.0).abs() < 0.1, "{}", large.cold);
        assert!((large.total() / 150_000.0 - 1.0).abs() < 0.1, "{}", large.total());
        assert!(large.misses(4.0 * 1024.0 * 1024.0) < 1.1 * large.cold);
        assert!(large.misses(256.0 * 1024.0) > 0.9 * large.total());
    }

    #[test]
    fn neighbours_share_what_both_touch() {
        let touched = |range: std::ops::Range<u32>| {
            let mut reuse = Reuse::new(32, 2);
            range.for_each(|b| reuse.touch(1, b, false));
            reuse
        };
        let shared = touched(0..100).shared_with(&touched(50..150));
        assert_eq!(shared, [1.0, 0.5]);
    }
}
