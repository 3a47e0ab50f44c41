//! Where the operands of a cell lie: cold in memory or warm in cache, and whether they fit.

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
const ROTATION_CAP: usize = 1 << 30;
/// What a case needs beside its operands: outputs, scratch, samples.
const SLACK: u64 = 64 << 20;

impl Room {
    /// As it is now.
    pub fn of(host: &Host) -> Self {
        Self { l2_bytes: host.l2_bytes(), llc_bytes: host.llc_bytes(), available_bytes: available_bytes() }
    }

    /// Bytes of copies to rotate through, 0 for a warm cell.
    ///
    /// A shape whose operands exceed the second-level cache is cold: its weights rotate through four times the last-level
    /// cache (of twice as much, one that does not replace the oldest first keeps up to a third), but at most 1 GiB and
    /// half of what is available. Smaller shapes are warm.
    pub fn rotation_bytes(&self, operand_bytes: u64, warm: bool) -> usize {
        if warm || operand_bytes <= self.l2_bytes as u64 {
            return 0;
        }
        let half = self.available_bytes.map_or(usize::MAX, |b| usize::try_from(b / 2).unwrap_or(usize::MAX));
        (4 * self.llc_bytes).min(ROTATION_CAP).min(half)
    }

    /// True where weights that rotate through so many bytes are out of the last-level cache when they come again.
    pub fn is_cold(&self, rotation_bytes: usize) -> bool {
        rotation_bytes >= 2 * self.llc_bytes
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

    #[test]
    fn shapes_beyond_the_second_level_are_cold() {
        assert_eq!(ROOM.rotation_bytes(1 << 20, false), 0);
        assert_eq!(ROOM.rotation_bytes((1 << 20) + 1, false), 128 << 20);
        assert_eq!(ROOM.rotation_bytes(1 << 30, true), 0);
        assert!(ROOM.is_cold(64 << 20) && !ROOM.is_cold(63 << 20));
    }

    #[test]
    fn the_caps_make_a_cell_warm_instead_of_wrong() {
        let huge_cache = Room { llc_bytes: 700 << 20, ..ROOM };
        let rotation = huge_cache.rotation_bytes(4 << 20, false);
        assert_eq!(rotation, 1 << 30);
        assert!(!huge_cache.is_cold(rotation));
        let small_memory = Room { available_bytes: Some(64 << 20), ..ROOM };
        assert_eq!(small_memory.rotation_bytes(4 << 20, false), 32 << 20);
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
