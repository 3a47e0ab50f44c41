//! Places labels near their points so that none covers another, a marker, or the edge.

use super::super::text;

/// A rectangle: left, top, right, bottom.
pub type Box4 = (i32, i32, i32, i32);

/// What has been placed so far.
pub struct Placer {
    frame: Box4,
    taken: Vec<Box4>,
}

/// Where a label went: its left edge and middle, and whether it needs a line to its point.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Left edge.
    pub x: i32,
    /// Vertical middle.
    pub y: i32,
    /// End of the leader line, where the label is away from its point.
    pub leader: Option<(i32, i32)>,
}

const HALF: i32 = 7;

impl Placer {
    /// Labels stay inside `frame`.
    pub fn new(frame: Box4) -> Self {
        Placer { frame, taken: Vec::new() }
    }

    /// Marks a rectangle as used.
    pub fn take(&mut self, b: Box4) {
        self.taken.push(b);
    }

    /// Finds room for `words` near `point`: beside it, then further and further off; none where all is full.
    pub fn near(&mut self, point: (i32, i32), words: &str, size: f64) -> Option<Place> {
        let w = text::width(words, size);
        for dy in (0..=9).flat_map(|i| [-13 * i, 13 * i]) {
            for (gap, left) in [(9, false), (9, true), (30, false), (30, true)] {
                let x = if left { point.0 - gap - w } else { point.0 + gap };
                let y = point.1 + dy;
                if self.fits((x - 2, y - HALF, x + w + 2, y + HALF)) {
                    self.take((x - 2, y - HALF, x + w + 2, y + HALF));
                    let end = if left { x + w + 2 } else { x - 2 };
                    let leader = (dy != 0 || gap > 9).then_some((end, y));
                    return Some(Place { x, y, leader });
                }
            }
        }
        None
    }

    /// True where the rectangle is inside the frame and free.
    pub fn fits(&self, b: Box4) -> bool {
        let f = self.frame;
        let inside = b.0 >= f.0 && b.1 >= f.1 && b.2 <= f.2 && b.3 <= f.3;
        inside && self.taken.iter().all(|t| b.2 <= t.0 || t.2 <= b.0 || b.3 <= t.1 || t.3 <= b.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_never_overlap_and_give_up_when_full() {
        let mut placer = Placer::new((0, 0, 200, 60));
        let places: Vec<Place> = (0..20).filter_map(|_| placer.near((100, 30), "label", 11.0)).collect();
        assert!(!places.is_empty() && places.len() < 20);
        for (i, a) in placer.taken.iter().enumerate() {
            for b in &placer.taken[i + 1..] {
                assert!(a.2 <= b.0 || b.2 <= a.0 || a.3 <= b.1 || b.3 <= a.1);
            }
        }
    }
}
