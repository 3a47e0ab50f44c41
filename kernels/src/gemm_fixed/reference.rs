//! `y[t, r] = sum over c of w[r, c] x[t, c]`, in f64: integers far below 2^53, so exact.

use crate::kernel::RowReference;

/// The upper and the lower sixteen bits of one output.
pub fn row(w: &[i8], x: &[i8]) -> RowReference {
    let sum: f64 = w.iter().zip(x).map(|(&w, &x)| f64::from(w) * f64::from(x)).sum();
    let upper = (sum / 65536.0).floor();
    let values = vec![upper, sum - upper * 65536.0];
    RowReference { magnitudes: values.iter().map(|v| v.abs()).collect(), values }
}
