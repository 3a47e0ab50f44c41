//! `o = sum over t of softmax(q · k_t / sqrt(width)) v_t`, in f64, over the stored quants and scales.

use super::Data;
use crate::attention_decode::reference::attend;
use crate::dtype::q8_0::{BLOCK_LEN, BlockQ8_0};
use crate::kernel::RowReference;

/// One head.
pub fn head(d: &Data, head: usize) -> RowReference {
    let (width, tokens, blocks) = (d.size.width, d.size.tokens, d.size.width / BLOCK_LEN);
    let (quants, scales) = (d.q.quants.as_slice(), d.q.scales.as_slice());
    let query = |c: usize| f64::from(scales[c / BLOCK_LEN]) * f64::from(quants[c]);
    let q: Vec<f64> = (head * width..(head + 1) * width).map(query).collect();
    let first = head / d.size.group() * tokens;
    let row = |cache: &[BlockQ8_0], t: usize| -> Vec<f64> {
        let row = &cache[(first + t) * blocks..(first + t + 1) * blocks];
        row.iter().flat_map(|b| b.qs.map(|q| b.d.to_f64() * f64::from(q))).collect()
    };
    attend(&q, tokens, |t| row(d.k.as_slice(), t), |t| row(d.v.as_slice(), t))
}
