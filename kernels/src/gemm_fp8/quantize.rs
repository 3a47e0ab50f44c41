//! Values to e4m3 with a scale for each tile of rows by 128 columns, as DeepSeek-V3 does it.

use super::BLOCK;
use crate::dtype::e4m3;
use crate::input::Buffer;

/// The least magnitude that a tile is scaled for: a tile of zeros must not divide by one.
const LEAST: f32 = 1e-4;

/// Codes and scales: `s = max(|x|, 1e-4) / 448` over the tile, `code = e4m3(x / s)`. Columns are whole blocks.
pub(super) fn tiles(values: &[f32], columns: usize, tile_rows: usize) -> (Buffer<u8>, Buffer<f32>) {
    let blocks = columns / BLOCK;
    let rows = values.len().checked_div(columns).unwrap_or(0);
    let mut scales = Buffer::zeroed(rows.div_ceil(tile_rows) * blocks);
    let scale_of = |i: usize| i / columns / tile_rows * blocks + i % columns / BLOCK;
    let largest = scales.as_mut_slice();
    largest.fill(LEAST);
    for (i, x) in values.iter().enumerate() {
        largest[scale_of(i)] = largest[scale_of(i)].max(x.abs());
    }
    largest.iter_mut().for_each(|s| *s /= e4m3::MAX);
    let scales_of = scales.as_slice();
    let codes = Buffer::filled(values.len(), |i| e4m3::encode(values[i] / scales_of[scale_of(i)]));
    (codes, scales)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn the_largest_of_a_tile_becomes_448_and_zeros_stay() {
        let mut values = vec![0.0; 3 * 256];
        (values[0], values[5], values[256 + 200], values[512]) = (7.0, -3.5, 28.0, 1e-6);
        let (codes, scales) = tiles(&values, 256, 2);
        assert_eq!(scales.as_slice(), [7.0 / 448.0, 28.0 / 448.0, 1e-4 / 448.0, 1e-4 / 448.0]);
        let decoded = |i: usize| e4m3::decode(codes.as_slice()[i]);
        assert_eq!([0, 1, 5, 456].map(decoded), [448.0, 0.0, -224.0, 448.0]);
        assert!((decoded(512) - 4.48).abs() < 0.26);
    }

    /// The format's error on normal data: the reference note measured 6.6e-4.
    #[test]
    fn the_format_loses_as_much_as_it_is_known_to() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut uniform = || f64::from(rng.next_u32()) / 4_294_967_296.0;
        let values: Vec<f32> = (0..64 * 256).map(|_| ((0..12).map(|_| uniform()).sum::<f64>() - 6.0) as f32).collect();
        let (codes, scales) = tiles(&values, 256, 1);
        let (mut error, mut square) = (0.0, 0.0);
        for (i, x) in values.iter().enumerate() {
            let back = f64::from(scales.as_slice()[i / BLOCK]) * f64::from(e4m3::decode(codes.as_slice()[i]));
            error += (f64::from(*x) - back).powi(2);
            square += f64::from(*x).powi(2);
        }
        assert!((4.6e-4..8.6e-4).contains(&(error / square)), "{:.2e}", error / square);
    }
}
