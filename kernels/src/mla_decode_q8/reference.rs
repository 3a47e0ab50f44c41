//! `o = sum over t of softmax(q · [W_k c_t, p_t]) W_v c_t`, in f64, from the stored quants, scales and bf16.

use super::{Data, RUN};
use crate::kernel::RowReference;
use crate::mla_decode::reference;

/// One head.
pub fn head(d: &Data, head: usize) -> RowReference {
    let (latent, rope) = (d.size.latent, d.size.rope);
    let (quants, scales) = (d.quants.as_slice(), d.scales.as_slice());
    let row = |t: usize| -> Vec<f64> {
        let value = |i: usize| f64::from(quants[i]) * f64::from(scales[i / RUN]);
        let position = d.rope.as_slice()[t * rope..(t + 1) * rope].iter().map(|x| f64::from(*x));
        (t * latent..(t + 1) * latent).map(value).chain(position).collect()
    };
    reference::head(&d.size, d.q.as_slice(), (d.to_key.as_slice(), d.to_value.as_slice()), head, row)
}
