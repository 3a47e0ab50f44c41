//! The correctness gate: an output against its f64 reference, by NMSE over everything and backward error per value.

use crate::kernel::{RowReference, Tolerance};

/// What the gate says of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// `sum((y - ref)^2) / sum(ref^2)` over the checked rows; every `|ref|` counts the smallest normal f32 more.
    pub nmse: f64,
    /// `max |y - ref| / magnitude` over the checked rows.
    pub backward: f64,
    /// Why it failed; absent when it passed.
    pub failure: Option<String>,
}

impl Verdict {
    /// A failure without numbers.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self { nmse: f64::NAN, backward: f64::NAN, failure: Some(reason.into()) }
    }

    /// True when the variant may show its time.
    pub fn passed(&self) -> bool {
        self.failure.is_none()
    }
}

/// Reference operations beyond which only some rows are checked.
const CHECKED_OPERATIONS: u64 = 200_000_000;

/// All rows where the reference is cheap, else the first, the last and rows spread evenly between by the golden ratio.
pub fn rows_to_check(rows: usize, operations: u64) -> Vec<usize> {
    let affordable = (CHECKED_OPERATIONS as f64 / operations.max(1) as f64 * rows as f64) as usize;
    if affordable >= rows {
        return (0..rows).collect();
    }
    let wanted = affordable.max(8).min(rows);
    let mut picked: Vec<usize> =
        (0..wanted).map(|i| ((i as f64 * 0.618_033_988_749_895).fract() * rows as f64) as usize).collect();
    picked.push(rows - 1);
    picked.sort_unstable();
    picked.dedup();
    picked
}

/// Compares the rows; `row` gives the reference and the output of one.
pub fn verify(tolerance: &Tolerance, rows: &[usize], row: impl Fn(usize) -> (RowReference, Vec<f32>)) -> Verdict {
    let (mut squared_error, mut squared_reference) = (0.0f64, 0.0f64);
    let mut worst = (0.0f64, 0, 0);
    for &r in rows {
        let (reference, output) = row(r);
        if output.len() != reference.values.len() {
            return Verdict::failed(format!("row {r}: {} outputs, {} expected", output.len(), reference.values.len()));
        }
        for (c, ((&y, &truth), &magnitude)) in
            output.iter().zip(&reference.values).zip(&reference.magnitudes).enumerate()
        {
            let y = f64::from(y);
            if !y.is_finite() {
                return Verdict::failed(format!("output [{r}, {c}] is {y}, reference {truth:.6e}"));
            }
            let error = (y - truth).abs();
            squared_error += error * error;
            // Results below the smallest normal f32 are rounded absolutely, not relatively.
            let smallest = f64::from(f32::MIN_POSITIVE);
            squared_reference += (truth.abs() + smallest).powi(2);
            let relative = error / (magnitude + smallest);
            if relative > worst.0 {
                worst = (relative, r, c);
            }
        }
    }
    let nmse = if squared_error == 0.0 { 0.0 } else { squared_error / squared_reference };
    let (backward, r, c) = worst;
    let failure = if backward > tolerance.backward {
        Some(format!("output [{r}, {c}]: backward error {backward:.2e}, tolerance {:.2e}", tolerance.backward))
    } else if nmse > tolerance.nmse {
        Some(format!("NMSE {nmse:.2e}, tolerance {:.2e}", tolerance.nmse))
    } else {
        None
    };
    Verdict { nmse, backward, failure }
}

/// Rounding-error bound of a dot product of `k` f32 terms kept in `partial_sums` sums: the sequential bound
/// `k 2^-24`, or the tree bound `4 (log2 k + k / partial_sums) 2^-24` where that is smaller (Higham, Accuracy and
/// Stability of Numerical Algorithms, section 4.2).
pub fn dot_error_bound(k: usize, partial_sums: usize) -> f64 {
    let k = k.max(1) as f64;
    let tree = 4.0 * (k.log2() + k / partial_sums.max(1) as f64);
    // Each product is rounded too when it is not fused: one more unit.
    (k.min(tree) + 1.0) * 2f64.powi(-24)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_row(values: &[f64], output: &[f32]) -> Verdict {
        let tolerance = Tolerance { nmse: 1e-10, backward: 1e-6 };
        verify(&tolerance, &[0], |_| {
            let reference =
                RowReference { values: values.to_vec(), magnitudes: values.iter().map(|v| v.abs()).collect() };
            (reference, output.to_vec())
        })
    }

    #[test]
    fn exact_output_passes_and_a_wrong_one_fails() {
        assert!(one_row(&[1.0, -2.0, 0.0], &[1.0, -2.0, 0.0]).passed());
        let wrong = one_row(&[1.0, -2.0], &[1.0, -2.00001]);
        assert!(!wrong.passed() && wrong.failure.unwrap().contains("[0, 1]"));
    }

    #[test]
    fn small_error_beside_a_huge_value_is_seen() {
        // NMSE alone would hide it: 1e12 squared dwarfs the error in the second output.
        assert!(!one_row(&[1e12, 1.0], &[1e12, 1.001]).passed());
    }

    #[test]
    fn denormal_results_may_be_rounded_as_denormals_are() {
        let unit = f64::from(f32::from_bits(1));
        assert!(one_row(&[100.0 * unit, 0.0], &[f32::from_bits(101), f32::from_bits(1)]).passed());
        assert!(!one_row(&[1e-37, 0.0], &[1e-37, 1e-40]).passed());
    }

    #[test]
    fn unwritten_output_fails() {
        assert!(!one_row(&[1.0], &[f32::NAN]).passed());
        assert!(!one_row(&[1.0, 2.0], &[1.0]).passed());
    }

    #[test]
    fn checked_rows_hold_the_ends_and_stay_inside() {
        for rows in [1, 2, 7, 100, 100_000] {
            let picked = rows_to_check(rows, 4_000_000_000);
            assert!(picked.contains(&0) && picked.contains(&(rows - 1)));
            assert!(picked.iter().all(|&r| r < rows));
        }
        assert_eq!(rows_to_check(5, 10), [0, 1, 2, 3, 4]);
        assert!(rows_to_check(0, 0).is_empty());
    }
}
