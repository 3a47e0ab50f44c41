//! Greedy merging, which both tokenizers do: of all neighbours, the two that a rule likes best become one, until it likes none.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

/// A part of the text; one that was merged into its left neighbour is empty.
#[derive(Clone, Copy)]
struct Part {
    start: usize,
    end: usize,
    left: usize,
    right: usize,
}

const NONE: usize = usize::MAX;

/// Merges `parts`, neighbours in one text, and returns what is left of them. `rank` gives two neighbours' place among
/// merges, by the ranges of the left and the right one: the least is done first, of equals the leftmost, and `None` never.
/// Takes n log n steps, so that a long word cannot stall it.
pub(super) fn merge<R: Ord + Copy>(
    parts: impl Iterator<Item = Range<usize>>,
    rank: impl Fn(Range<usize>, Range<usize>) -> Option<R>,
) -> Vec<Range<usize>> {
    let mut parts: Vec<Part> = parts
        .enumerate()
        .map(|(i, r)| Part { start: r.start, end: r.end, left: i.wrapping_sub(1), right: i + 1 })
        .collect();
    if let Some(last) = parts.last_mut() {
        last.right = NONE;
    }
    let mut heap = BinaryHeap::new();
    let consider = |parts: &[Part], heap: &mut BinaryHeap<_>, left: usize| {
        let Some(right) = parts.get(left).map(|p| p.right).filter(|right| *right != NONE) else { return };
        let (l, r) = (parts[left], parts[right]);
        if let Some(rank) = rank(l.start..l.end, r.start..r.end) {
            // The ends tell later whether both are still what they were.
            heap.push(Reverse((rank, left, l.end, r.end)));
        }
    };
    for left in 0..parts.len() {
        consider(&parts, &mut heap, left);
    }
    while let Some(Reverse((_, left, middle, end))) = heap.pop() {
        let l = parts[left];
        let right = l.right;
        if l.start == l.end || l.end != middle || right == NONE || parts[right].end != end {
            continue;
        }
        let after = parts[right].right;
        parts[left] = Part { end, right: after, ..l };
        parts[right] = Part { start: end, ..parts[right] };
        if after != NONE {
            parts[after].left = left;
        }
        consider(&parts, &mut heap, left);
        consider(&parts, &mut heap, l.left);
    }
    parts.iter().filter(|p| p.start < p.end).map(|p| p.start..p.end).collect()
}

/// The characters of a text.
pub(super) fn characters(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    text.char_indices().map(|(at, c)| at..at + c.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Merges by ranks of joined texts.
    fn merged<'a>(text: &'a str, ranks: &[(&str, u32)]) -> Vec<&'a str> {
        let rank = |l: Range<usize>, r: Range<usize>| {
            ranks.iter().find(|(joined, _)| *joined == &text[l.start..r.end]).map(|(_, rank)| *rank)
        };
        merge(characters(text), rank).into_iter().map(|r| &text[r]).collect()
    }

    #[test]
    fn the_least_rank_is_merged_first_and_the_leftmost_of_equals() {
        assert_eq!(merged("abc", &[("ab", 1), ("bc", 0)]), ["a", "bc"]);
        assert_eq!(merged("abc", &[("ab", 0), ("bc", 1), ("abc", 2)]), ["abc"]);
        assert_eq!(merged("aaa", &[("aa", 0)]), ["aa", "a"]);
        assert_eq!(merged("aaaaa", &[("aa", 1), ("aaaa", 0)]), ["aaaa", "a"]);
        assert_eq!(merged("é日a", &[("é日", 0)]), ["é日", "a"]);
        assert_eq!(merged("", &[]), [""; 0]);
        assert_eq!(merged("x", &[]), ["x"]);
    }

    #[test]
    fn a_merge_that_its_neighbours_have_left_is_forgotten() {
        // "bc" waits while "ab" takes its b; "cd" waits while nothing takes its c.
        assert_eq!(merged("abcd", &[("ab", 0), ("bc", 1), ("cd", 2)]), ["ab", "cd"]);
    }
}
