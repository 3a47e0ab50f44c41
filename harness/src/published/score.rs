//! How good predictions are: mean absolute error in percent, and rank correlation.

/// Mean of absolute relative errors, percent; none without any.
pub fn mape(errors: &[f64]) -> Option<f64> {
    let sum: f64 = errors.iter().map(|e| e.abs()).sum();
    (!errors.is_empty()).then(|| 100.0 * sum / errors.len() as f64)
}

/// Spearman's rank correlation, ties sharing their mean rank; none with fewer than three pairs or where one side is all
/// the same.
pub fn spearman(pairs: &[(f64, f64)]) -> Option<f64> {
    if pairs.len() < 3 {
        return None;
    }
    let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let (a, b) = (ranks(&a), ranks(&b));
    let mean = (pairs.len() as f64 + 1.0) / 2.0;
    let product = |x: &[f64], y: &[f64]| -> f64 { x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum() };
    let scale = (product(&a, &a) * product(&b, &b)).sqrt();
    (scale > 0.0).then(|| product(&a, &b) / scale)
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |v: &f64| {
        let below = values.iter().filter(|w| *w < v).count() as f64;
        let same = values.iter().filter(|w| *w == v).count() as f64;
        below + (same + 1.0) / 2.0
    };
    values.iter().map(rank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_alone_makes_a_rank_correlation() {
        assert_eq!(spearman(&[(1.0, 10.0), (2.0, 11.0), (3.0, 99.0)]), Some(1.0));
        assert_eq!(spearman(&[(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)]), Some(-1.0));
        // Worked by hand: ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
        let tied = spearman(&[(1.0, 1.0), (2.0, 2.0), (2.0, 3.0), (4.0, 4.0)]).expect("four pairs");
        assert!((tied - 4.5 / 22.5f64.sqrt()).abs() < 1e-12, "{tied}");
        assert_eq!(spearman(&[(1.0, 1.0), (2.0, 2.0)]), None);
        assert_eq!(spearman(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]), None);
    }

    #[test]
    fn errors_of_both_signs_count() {
        assert_eq!(mape(&[0.5, -0.25]), Some(37.5));
        assert_eq!(mape(&[]), None);
    }
}
