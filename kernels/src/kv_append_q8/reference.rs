//! Scale and quants of each block, in f64 of what the format's f32 arithmetic says.

use half::f16;

use super::block::LEAST;
use crate::dtype::q8_0::BLOCK_LEN;
use crate::kernel::RowReference;

/// One token's keys, then its values. The format is defined in f32, so nothing may differ: a quant's magnitude is 1, a
/// scale's its own.
pub fn token(k: &[f32], v: &[f32]) -> RowReference {
    let mut values: Vec<f64> = Vec::new();
    for block in k.chunks(BLOCK_LEN).chain(v.chunks(BLOCK_LEN)) {
        let largest = block.iter().fold(0.0f32, |m, x| m.max(x.abs()));
        let d = largest / 127.0;
        let inverse = 1.0 / d.max(LEAST);
        values.push(f16::from_f32(d).to_f64());
        values.extend(block.iter().map(|x| f64::from((x * inverse).round_ties_even())));
    }
    let magnitudes = vec![1.0; values.len()];
    RowReference { values, magnitudes }
}
