//! `y[t, r] = sum over c of w[r, c] x[t, c]`: the f64 sum of one product, token after token.

pub use crate::dot_fixed::reference::row;
