//! Grouped top-k of sigmoids, in f64, by sorting.

use super::{Data, Size};
use crate::kernel::RowReference;

/// An expert's score and the sum of the absolute terms of its product.
pub fn score(w: &[f32], x: &[f32]) -> (f64, f64) {
    let terms = w.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x));
    let (sum, size) = terms.fold((0.0, 0.0), |(sum, size): (f64, f64), t| (sum + t, size + t.abs()));
    (1.0 / (1.0 + (-sum).exp()), size)
}

/// Every expert's.
pub fn scores(size: &Size, w: &[f32], x: &[f32]) -> Vec<(f64, f64)> {
    (0..size.experts).map(|e| score(&w[e * size.width..(e + 1) * size.width], x)).collect()
}

/// Indices by value, the largest first, of equals the lowest index.
pub fn best_first(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
    order
}

/// The sum of the two best of each group; of the best alone where a group has no second.
pub fn groups(size: &Size, biased: &[f64]) -> Vec<f64> {
    let two = |group: &[f64]| best_first(group).iter().take(2).map(|i| group[*i]).sum();
    biased.chunks(size.group()).map(two).collect()
}

/// The chosen experts and their weights. A score's error is a relative error of its weight, less where the sigmoid is
/// flat, and of the sum's share in every weight.
pub fn route(d: &Data) -> RowReference {
    let size = d.size;
    let scores = scores(&size, d.w.as_slice(), d.x.as_slice());
    let mut biased: Vec<f64> = scores.iter().zip(d.bias.as_slice()).map(|((s, _), b)| s + f64::from(*b)).collect();
    for group in best_first(&groups(&size, &biased)).into_iter().skip(size.kept) {
        biased[group * size.group()..(group + 1) * size.group()].fill(f64::NEG_INFINITY);
    }
    let chosen: Vec<usize> = best_first(&biased).into_iter().take(size.chosen).collect();
    let sum: f64 = chosen.iter().map(|e| scores[*e].0).sum();
    let relative = |e: usize| scores[e].1 * (1.0 - scores[e].0);
    let worst = chosen.iter().map(|e| relative(*e)).fold(0.0, f64::max);
    let weight = |e: usize| scores[e].0 / sum * f64::from(size.scale);
    let (mut values, mut magnitudes): (Vec<f64>, Vec<f64>) = chosen.iter().map(|e| (*e as f64, 1.0)).unzip();
    values.extend(chosen.iter().map(|e| weight(*e)));
    magnitudes.extend(chosen.iter().map(|e| weight(*e) * (1.0 + relative(*e) + worst)));
    RowReference { values, magnitudes }
}
