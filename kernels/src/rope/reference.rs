//! `(a cos - b sin, a sin + b cos)` of each pair `(a, b)`, the angle being position times frequency, in f64.

use super::{NEAR, Pairs, Variety};
use crate::kernel::RowReference;

/// One head; its values are checked relative to the length of their pair.
pub fn head<V: Variety>(x: &[f32], frequencies: &[f32], position: usize) -> RowReference {
    let (width, half) = (x.len(), x.len() / 2);
    let (mut values, mut magnitudes) = (vec![0.0; width], vec![0.0; width]);
    for i in 0..half {
        let part = |part: usize| f64::from(frequencies[part * half + i]);
        let turns = (part(0) + part(1)) * (position % NEAR) as f64 + (part(2) + part(3)) * (position / NEAR) as f64;
        let (sin, cos) = (std::f64::consts::TAU * turns).sin_cos();
        let places = V::Pairs::places(i, width);
        let [a, b] = places.map(|at| f64::from(x[at]));
        (values[places[0]], values[places[1]]) = (a * cos - b * sin, a * sin + b * cos);
        (magnitudes[places[0]], magnitudes[places[1]]) = (a.hypot(b), a.hypot(b));
    }
    RowReference { values, magnitudes }
}
