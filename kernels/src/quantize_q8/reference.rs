//! The rule, step by step in f64, each step rounded to f32 as it states.

use super::Blocks;
use crate::kernel::RowReference;

/// The quants of a row, then its scales.
pub fn row<B: Blocks>(x: &[f32]) -> RowReference {
    let rounded = |v: f64| f64::from(v as f32);
    let (mut values, mut scales) = (Vec::new(), Vec::new());
    for block in x.chunks(B::LEN) {
        let largest = block.iter().fold(0.0, |m: f64, v| m.max(f64::from(*v).abs()));
        let scale = rounded(largest / 127.0).max(f64::from(f32::MIN_POSITIVE));
        let reciprocal = rounded(1.0 / scale);
        values.extend(block.iter().map(|v| rounded(f64::from(*v) * reciprocal).round_ties_even()));
        scales.push(scale);
    }
    values.append(&mut scales);
    let magnitudes = values.iter().map(|v| v.abs()).collect();
    RowReference { values, magnitudes }
}
