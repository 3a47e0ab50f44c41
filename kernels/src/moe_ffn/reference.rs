//! `y = sum over experts of weight * W_down (silu(W_gate x) * (W_up x))`, in f64.

use super::{Data, Element, Experts};
use crate::kernel::RowReference;

/// A row's product with x, and the sum of its absolute terms.
fn product<E: Element>(row: &[E], x: &[f64]) -> (f64, f64) {
    let terms = row.iter().zip(x).map(|(w, x)| w.decode() * x);
    terms.fold((0.0, 0.0), |(sum, size): (f64, f64), t| (sum + t, size + t.abs()))
}

/// One token. What is between the products errs by its two products' errors, times what the other side is and how steep
/// silu may be, 1.1; the magnitudes pass that on to the outputs.
pub fn token<E: Element>(d: &Data<E>, token: usize) -> RowReference {
    let (size, experts) = (d.size, Experts::in_turn(d.size, d.w.as_slice()));
    let x: Vec<f64> =
        d.x.as_slice()[token * size.width..(token + 1) * size.width].iter().map(|x| f64::from(*x)).collect();
    let (mut values, mut magnitudes) = (vec![0.0; size.width], vec![0.0; size.width]);
    for route in token * size.chosen..(token + 1) * size.chosen {
        let expert = experts.get(d.routes.as_slice()[route] as usize);
        let weight = f64::from(d.weights.as_slice()[route]);
        let silu = |g: f64| g / (1.0 + (-g).exp());
        let between = |f: usize| {
            let ((g, g_terms), (u, u_terms)) = (product(expert.gate(f), &x), product(expert.up(f), &x));
            let h = silu(g) * u;
            (h, h.abs() + 1.1 * g_terms * u.abs() + silu(g).abs() * u_terms)
        };
        let (between, sizes): (Vec<f64>, Vec<f64>) = (0..size.inner).map(between).unzip();
        for r in 0..size.width {
            for ((w, h), size) in expert.down(r).iter().zip(&between).zip(&sizes) {
                values[r] += weight * w.decode() * h;
                magnitudes[r] += (weight * w.decode()).abs() * size;
            }
        }
    }
    RowReference { values, magnitudes }
}
