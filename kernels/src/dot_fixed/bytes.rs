//! What kernels on bytes have in common: seeded operands, how many columns a sum may have, and how it is compared.

use std::ops::RangeInclusive;

use crate::input::{Buffer, Input};
use crate::kernel::{Contract, Shape, ShapeError};

/// Most columns: so many products of the largest do not overflow an i32, and so many activations sum to what an f32 holds.
pub(crate) const MOST_COLUMNS: usize = 1 << 17;

/// Refuses a shape of more columns than that.
pub(crate) fn check_columns<C: Contract>(s: &Shape) -> Result<(), ShapeError> {
    if s.k <= MOST_COLUMNS {
        return Ok(());
    }
    Err(ShapeError {
        kernel: C::NAME,
        shape: format!("{} {}", s.name, C::dims(s)),
        reason: format!("k = {} products may overflow an i32, at most {MOST_COLUMNS}", s.k),
    })
}

/// `len` seeded bytes of about the size `scale`, none beyond `within`.
pub(crate) fn seeded(input: &Input, stream: u64, len: usize, scale: f32, within: RangeInclusive<f32>) -> Buffer<i8> {
    let values = input.values(stream, len, scale);
    Buffer::filled(len, |i| values.as_slice()[i].round().clamp(*within.start(), *within.end()) as i8)
}

/// A sum as its upper and its lower sixteen bits: an f32 does not hold every i32.
pub(crate) fn halves(sum: i32) -> Vec<f32> {
    vec![(sum >> 16) as f32, (sum & 0xffff) as f32]
}
