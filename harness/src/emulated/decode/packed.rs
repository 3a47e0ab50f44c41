//! Weights of a ternary model as digits to the base 3, five to a byte: what of them stays in memory, and what comes from the
//! store in which blocks.

use std::ops::Range;

use super::model::{Matrix, Model, TRIT};

/// Bytes of memory for a block from the store.
pub const BLOCK: usize = 4096;
/// Digits of a byte, 3^5 being 243.
const DIGITS: usize = 5;

/// All matrices in the order of their use, row after row, each from a byte of its own on.
pub struct Packed {
    bytes: Vec<u8>,
    /// Where the next matrix begins.
    next: usize,
    /// What is in memory from `next` on ends here.
    here: usize,
}

/// What a product's weights are, packed, and what must come from the store before they are in memory.
pub struct Taken {
    /// Place of the product's weights in [`Packed::bytes`].
    pub weights: Range<usize>,
    /// Place of the block that is brought; empty where all is there.
    pub block: Range<usize>,
}

impl Packed {
    /// The matrices of a model, of which the first `kept` bytes stay in memory.
    pub fn new(model: &Model, kept: usize) -> Self {
        let bytes: Vec<u8> = model.matrices().flat_map(pack).collect();
        Self { here: kept.min(bytes.len()), bytes, next: 0 }
    }

    /// Bytes of all matrices.
    pub fn bytes_of(model: &Model) -> usize {
        model.matrices().map(|m| m.n * m.k.div_ceil(DIGITS)).sum()
    }

    /// All of them.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What is not in memory yet.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.here..]
    }

    /// Goes on by some rows; none where they are not those that come next or are more than a block.
    pub fn take(&mut self, rows: &Matrix) -> Option<Taken> {
        let packed = pack(rows);
        let weights = self.next..self.next + packed.len();
        if packed.len() > BLOCK || self.bytes.get(weights.clone()) != Some(&packed[..]) {
            return None;
        }
        let mut block = self.here..self.here;
        if weights.end > self.here {
            // What is left of the block before stays.
            let left = self.here - weights.start;
            block.end = self.bytes.len().min(self.here + BLOCK - left);
        }
        (self.next, self.here) = (weights.end, block.end);
        Some(Taken { weights, block })
    }
}

/// Rows of -[`TRIT`], 0 and [`TRIT`], five to a byte, the first the lowest digit.
fn pack(m: &Matrix) -> Vec<u8> {
    let digit = |w: &i8| (w.signum() + 1) as u8;
    let byte = |five: &[i8]| five.iter().rev().fold(0, |byte, w| 3 * byte + digit(w));
    m.w.chunks(m.k.max(1)).flat_map(|row| row.chunks(DIGITS).map(byte)).collect()
}

/// Tables of 256 for each digit: the weight of a byte's digit, with a bias.
pub fn digits(bias: i32) -> Vec<u8> {
    let weight = |digit: u32, byte: u32| (i32::from(TRIT) * ((byte / 3_u32.pow(digit) % 3) as i32 - 1) + bias) as u8;
    (0..DIGITS as u32).flat_map(|digit| (0..256).map(move |byte| weight(digit, byte))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::model::Sizes;
    use super::*;

    #[test]
    fn bytes_hold_five_weights_and_rows_begin_their_own() {
        let m = Matrix { n: 2, k: 6, w: vec![64, 0, -64, 0, 64, -64, 0, 0, 0, 0, 0, 64] };
        let packed = pack(&m);
        assert_eq!(packed.len(), 4);
        let tables = digits(0);
        let unpacked = |byte: u8, digit: usize| tables[256 * digit + usize::from(byte)] as i8;
        for (row, bytes) in m.w.chunks(6).zip(packed.chunks(2)) {
            let read: Vec<i8> = (0..6).map(|i| unpacked(bytes[i / 5], i % 5)).collect();
            assert_eq!(read, row);
        }
    }

    #[test]
    fn what_is_kept_is_not_brought_and_all_else_once() {
        let model = Model::ternary(&Sizes::stories260k(), 1, 3);
        let total = Packed::bytes_of(&model);
        let mut packed = Packed::new(&model, 10_000);
        assert_eq!(packed.bytes().len(), total);
        let mut brought = 0;
        for m in model.matrices() {
            for first in (0..m.n).step_by(128) {
                let taken = packed.take(&m.rows(first..m.n.min(first + 128))).expect("in order");
                brought += taken.block.len();
                assert!(taken.weights.end <= 10_000 + brought && taken.block.len() <= BLOCK);
            }
        }
        assert_eq!(brought, total - 10_000);
        assert!(Packed::new(&model, 0).take(&model.layers[1].q).is_none());
    }
}
