//! `y = g / (1 + e^-g) * u`, in f64.

use super::RELATIVE;
use crate::kernel::RowReference;

/// One row. A result is as exact as its own size asks, down to gates that let less through than a normal f32 can say: of
/// those an f32 exp leaves nothing or overflows. Likewise a gated value below the smallest normal f32 has fewer bits.
pub fn row(g: &[f32], u: &[f32]) -> RowReference {
    let least = f64::from(f32::MIN_POSITIVE);
    let pairs = || g.iter().zip(u).map(|(g, u)| (f64::from(*g), f64::from(*u)));
    let gate = |g: f64| 1.0 / (1.0 + (-g).exp());
    RowReference {
        values: pairs().map(|(g, u)| g * gate(g) * u).collect(),
        magnitudes: pairs().map(|(g, u)| ((g * gate(g).max(least / RELATIVE)).abs() + least) * u.abs()).collect(),
    }
}
