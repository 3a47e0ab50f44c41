//! `o[i] = sum over j <= i of softmax(q[i] · k[j] / sqrt(width)) v[j]`, in f64.

use super::Data;
use crate::attention_decode::reference;
use crate::kernel::RowReference;

/// One head of one token: the attention of a decoder that has just cached it.
pub fn row(d: &Data, token: usize, head: usize) -> RowReference {
    let row = token * d.size.heads + head;
    let q = &d.q.as_slice()[row * d.size.width..(row + 1) * d.size.width];
    let before = crate::attention_decode::Size { tokens: token + 1, ..d.size };
    // The f64 sums are those of decode.
    reference::head(q, d.k.as_slice(), d.v.as_slice(), &before, head)
}
