//! Where the operands of a cell lie: cold in memory or warm in cache, and whether they fit.

use kernels::input::{Flavor, Input};
use kernels::kernel::{Case, Kernel, Shape, ShapeError};
use kernels::operand::Operand;

use crate::environment::{Host, available_bytes};

/// What is known of this host's memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Second-level cache, bytes.
    pub l2_bytes: usize,
    /// Last-level cache, bytes.
    pub llc_bytes: usize,
    /// What a process can still get, bytes; absent where the system does not tell.
    pub available_bytes: Option<u64>,
}

/// Most bytes of copies that a cold cell may take.
const ROTATION_CAP: u64 = 1 << 30;
/// What a case needs beside its operands: samples, threads.
const SLACK: u64 = 64 << 20;

/// What the operands of a case take, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Footprint {
    /// One copy of each operand.
    pub all: u64,
    /// One copy of the weights, in the contract's order.
    pub weights: u64,
    /// The same with the weights in other orders: what there are copies of.
    pub copied: u64,
    /// How many operands there are copies of.
    pub operands: u64,
    /// Copies of that operand which has fewest.
    pub copies: u64,
    /// Activations too large for any cache.
    pub activations: u64,
}

impl Footprint {
    /// Of a case as it is.
    pub fn of(case: &mut dyn Case) -> Self {
        let mut sum = Self { copies: u64::MAX, ..Self::default() };
        for operand in &case.operands() {
            let bytes = operand.bytes().len() as u64;
            sum.all += bytes;
            match operand {
                Operand::Weights(w) | Operand::Repacked(w) => {
                    sum.copied += bytes;
                    sum.operands += 1;
                    sum.copies = (w.total_bytes() as u64).checked_div(bytes).map_or(sum.copies, |n| n.min(sum.copies));
                }
                others => sum.activations += others.rotation_bytes() as u64,
            }
            if matches!(operand, Operand::Weights(_)) {
                sum.weights += bytes;
            }
        }
        sum
    }

    /// Of a case with one copy of each operand, none of whose memory is touched.
    pub fn before(kernel: &dyn Kernel, shape: &Shape) -> Result<Self, ShapeError> {
        let blank = Input { flavor: Flavor::Blank, ..Input::typical(1) };
        Ok(Self::of(kernel.prepare(shape, &blank)?.as_mut()))
    }

    /// The share of the weights that a run of so many bytes reads: not all experts are chosen.
    fn share_read(&self, cost_bytes: u64) -> f64 {
        (cost_bytes as f64 / self.weights.max(1) as f64).min(1.0)
    }

    /// Bytes that runs read before they come back to the first copy, each run so many.
    fn walked(&self, cost_bytes: u64) -> f64 {
        let weights = self.copies as f64 * self.weights as f64 * self.share_read(cost_bytes);
        weights + self.activations as f64
    }
}

impl Room {
    /// As it is now.
    pub fn of(host: &Host) -> Self {
        Self { l2_bytes: host.l2_bytes(), llc_bytes: host.llc_bytes(), available_bytes: available_bytes() }
    }

    /// Bytes of copies of each operand to rotate through, 0 for a warm cell.
    ///
    /// A shape whose operands exceed the second-level cache is cold: each operand that a run reads once rotates through four
    /// times the last-level cache (of twice as much, one that does not replace the oldest first keeps up to a third). All
    /// copies of all operands together take at most 1 GiB and half of what is available. Smaller shapes are warm.
    pub fn rotation_bytes(&self, cost_bytes: u64, footprint: &Footprint, warm: bool) -> usize {
        if warm || cost_bytes <= self.l2_bytes as u64 {
            return 0;
        }
        let most = self.available_bytes.map_or(ROTATION_CAP, |available| ROTATION_CAP.min(available / 2));
        // The last copy of each reaches up to one copy beyond its rotation. A kernel whose runs read a share of its weights
        // makes as many more copies of them, since a rotation is one of bytes that are read.
        let each = most.saturating_sub(footprint.copied) / footprint.operands.max(1);
        let each = (each as f64 * footprint.share_read(cost_bytes)) as usize;
        (4 * self.llc_bytes).min(each)
    }

    /// True where runs of so many bytes find their weights out of the last-level cache when they come again.
    pub fn is_cold(&self, cost_bytes: u64, footprint: &Footprint) -> bool {
        footprint.walked(cost_bytes) >= 2.0 * self.llc_bytes as f64
    }

    /// Needed and available, where the operands do not fit.
    pub fn does_not_fit(&self, operand_bytes: u64) -> Option<String> {
        let available = self.available_bytes?;
        // Little memory, as under a cap, is not all slack.
        let needed = operand_bytes.saturating_add(SLACK.min(available / 4));
        let mib = |bytes: u64| bytes >> 20;
        (needed > available).then(|| format!("needs {} MiB, {} MiB are available", mib(needed), mib(available)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { l2_bytes: 1 << 20, llc_bytes: 32 << 20, available_bytes: Some(8 << 30) };

    /// A case of so many operands of these bytes, each in so many copies, read one as the others.
    fn alike(operands: u64, bytes: u64, copies: u64) -> Footprint {
        let copied = operands * bytes;
        Footprint { all: copied, weights: bytes, copied, operands, copies, activations: 0 }
    }

    /// Copies of each operand that a rotation makes, as `Copies` does.
    fn rotated(room: &Room, of: &Footprint, cost_bytes: u64) -> Footprint {
        let each = (of.copied / of.operands) as usize;
        let rotation = room.rotation_bytes(cost_bytes, of, false);
        Footprint { copies: rotation.div_ceil(each).max(1) as u64, ..*of }
    }

    #[test]
    fn shapes_beyond_the_second_level_are_cold() {
        let small = alike(1, 1 << 20, 1);
        assert_eq!(ROOM.rotation_bytes(1 << 20, &small, false), 0);
        assert_eq!(ROOM.rotation_bytes((1 << 20) + 1, &small, false), 128 << 20);
        assert_eq!(ROOM.rotation_bytes(1 << 29, &alike(1, 1 << 29, 1), true), 0);
        assert!(ROOM.is_cold(1 << 20, &alike(1, 1 << 20, 64)) && !ROOM.is_cold(1 << 20, &alike(1, 1 << 20, 63)));
        // What exceeds every cache needs no copies.
        assert!(ROOM.is_cold(2 << 30, &rotated(&ROOM, &alike(1, 2 << 30, 1), 2 << 30)));
        // Without weights there are the activations.
        let activations = Footprint { copies: u64::MAX, activations: 64 << 20, ..Footprint::default() };
        assert!(ROOM.is_cold(64 << 20, &activations) && !ROOM.is_cold(1 << 20, &Footprint::default()));
    }

    #[test]
    fn the_bound_on_copies_is_one_of_the_case() {
        for available in [64 << 20, 256 << 20, 1 << 30, 64u64 << 30] {
            let room = Room { available_bytes: Some(available), llc_bytes: 260 << 20, ..ROOM };
            for (operands, bytes) in [(1, 2 << 20), (2, 7 << 20), (6, 5 << 20), (5, 200 << 20)] {
                let case = rotated(&room, &alike(operands, bytes, 1), bytes);
                let all = case.copies * case.copied;
                let bound = (available / 2).min(1 << 30);
                assert!(all <= bound || case.copies == 1, "{all} of {bound} in {case:?}");
                // No copy that the bound allows is left out.
                assert!(all + 2 * case.copied > bound, "{all} of {bound} in {case:?}");
            }
        }
        // Eight times what a run reads: the copies that are cold take eight times as much.
        let experts = Footprint { weights: 64 << 20, copied: 64 << 20, ..alike(1, 64 << 20, 1) };
        assert_eq!(ROOM.rotation_bytes(8 << 20, &experts, false), ((1024 - 64) << 20) / 8);
    }

    #[test]
    fn the_caps_make_a_cell_warm_instead_of_wrong() {
        let huge_cache = Room { llc_bytes: 700 << 20, ..ROOM };
        let case = rotated(&huge_cache, &alike(1, 4 << 20, 1), 4 << 20);
        assert_eq!(case.copies, 255);
        assert!(!huge_cache.is_cold(4 << 20, &case));
        let small_memory = Room { available_bytes: Some(64 << 20), ..ROOM };
        assert_eq!(rotated(&small_memory, &alike(1, 4 << 20, 1), 4 << 20).copies, 7);
    }

    #[test]
    fn a_case_is_as_large_as_its_operands_in_their_copies() {
        for kernel in kernels::KERNELS {
            let least = |s: &Shape| kernel.cost(s).operations;
            let shapes = kernel.test_shapes().into_iter().filter(|s| least(s) > 0);
            let shape = shapes.min_by_key(least).expect("a test shape that is not empty");
            let before = Footprint::before(*kernel, &shape).expect("a test shape");
            let input = Input { rotation_bytes: 2 * before.copied as usize, ..Input::typical(1) };
            let mut case = kernel.prepare(&shape, &input).expect("a test shape");
            let after = Footprint::of(case.as_mut());
            assert_eq!(Footprint { copies: before.copies, ..after }, before, "{}", kernel.name());
            assert!(before.copied == 0 || before.copies == 1 && after.copies > 1, "{}", kernel.name());
            assert!(after.copied >= after.weights && after.all >= after.copied, "{}", kernel.name());
        }
    }

    #[test]
    fn what_does_not_fit_says_how_much_it_needs() {
        assert_eq!(ROOM.does_not_fit(7 << 30), None);
        assert_eq!(ROOM.does_not_fit(9 << 30).unwrap(), "needs 9280 MiB, 8192 MiB are available");
        let capped = Room { available_bytes: Some(64 << 20), ..ROOM };
        assert_eq!(capped.does_not_fit(48 << 20), None);
        assert_eq!(capped.does_not_fit(49 << 20).unwrap(), "needs 65 MiB, 64 MiB are available");
        assert_eq!(Room { available_bytes: None, ..ROOM }.does_not_fit(u64::MAX), None);
    }
}
