//! `o[i] = sum over j <= i of softmax(q[i] · k[j] / sqrt(width)) v[j]`, in f64, from the stored f16.

use half::f16;

use super::Data;
use crate::attention_decode::reference::attend;
use crate::kernel::RowReference;

/// One head of one token.
pub fn row(d: &Data, token: usize, head: usize) -> RowReference {
    let (size, row) = (d.size, token * d.size.heads + head);
    let decoded = |values: &[f16]| values.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
    let cached = |cache: &[f16], t: usize| decoded(&size.cache(cache, head / size.group(), t)[..size.width]);
    let q = decoded(&d.q.as_slice()[row * size.width..(row + 1) * size.width]);
    attend(&q, token + 1, |t| cached(d.k.as_slice(), t), |t| cached(d.v.as_slice(), t))
}
