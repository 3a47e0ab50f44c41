//! Each weight of a row by its format's definition, in f64.

use super::Format;
use crate::kernel::RowReference;

/// Values, and the sums of their absolute terms.
pub fn row<F: Format>(row: &[F]) -> RowReference {
    let terms: Vec<[f64; 2]> = row.iter().flat_map(Format::terms).collect();
    RowReference {
        values: terms.iter().map(|[a, b]| a - b).collect(),
        magnitudes: terms.iter().map(|[a, b]| a.abs() + b.abs()).collect(),
    }
}
