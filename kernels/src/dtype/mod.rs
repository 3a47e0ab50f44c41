//! Weight formats: one file per format, each with its block as it lies in a file, encode and decode. They are the
//! slow, obvious versions that kernels are checked against; the fast ones are inside the kernels.

pub mod e4m3;
pub mod q4_0;
pub mod q4_k;
pub mod q5_0;
pub mod q6_k;
pub mod q8_0;
pub mod tq1_0;
pub mod tq2_0;

/// A block of weights that share their scales, byte for byte as in a file.
pub trait Block: bytemuck::Pod {
    /// Name of the format, as ggml spells it.
    const NAME: &'static str;
    /// Weights of a block.
    const LEN: usize;
    /// A magnitude whose scale fits f16, near the largest: 5e5 for formats of four bits a weight or more.
    const LARGEST: f32 = 5e5;
    /// Encodes [`Block::LEN`] values. Of finite values within the format's range the nearest that its rule finds; never a
    /// wrong finite number for what it cannot hold.
    fn encode(values: &[f32]) -> Self;
    /// Writes the [`Block::LEN`] values, exact in f32.
    fn decode(&self, values: &mut [f32]);
}

/// Encodes a row of whole blocks; values beyond the last whole block are left out.
pub fn encode_row<B: Block>(values: &[f32]) -> Vec<B> {
    values.chunks_exact(B::LEN).map(B::encode).collect()
}

/// Decodes a row.
pub fn decode_row<B: Block>(blocks: &[B]) -> Vec<f32> {
    let mut values = vec![0.0; blocks.len() * B::LEN];
    for (block, values) in blocks.iter().zip(values.chunks_exact_mut(B::LEN)) {
        block.decode(values);
    }
    values
}

/// Largest magnitude, or NaN where there is one (`f32::max` drops it).
fn largest_magnitude(values: &[f32]) -> f32 {
    values.iter().map(|v| v.abs()).fold(0.0, |m, a| if a > m || a.is_nan() { a } else { m })
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// `n` standard normal values (sums of twelve uniforms less six).
    fn normal(n: usize) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut uniform = move || f64::from(rng.next_u32()) / 4_294_967_296.0;
        (0..n).map(|_| ((0..12).map(|_| uniform()).sum::<f64>() - 6.0) as f32).collect()
    }

    fn format_error<B: Block>() -> f64 {
        let values = normal(64 * 256);
        let back = decode_row(&encode_row::<B>(&values));
        let square = |v: f64| v * v;
        let error: f64 = values.iter().zip(&back).map(|(a, b)| square(f64::from(a - b))).sum();
        error / values.iter().map(|v| square(f64::from(*v))).sum::<f64>()
    }

    /// Bands around what the reference note measured for q8_0 and q4_0; K formats must be better than the simple ones.
    #[test]
    fn formats_lose_as_much_as_they_are_known_to() {
        let (q8, q4, q5, q4k, q6k) = (
            format_error::<q8_0::BlockQ8_0>(),
            format_error::<q4_0::BlockQ4_0>(),
            format_error::<q5_0::BlockQ5_0>(),
            format_error::<q4_k::BlockQ4K>(),
            format_error::<q6_k::BlockQ6K>(),
        );
        assert!((2.0e-5..3.8e-5).contains(&q8), "q8_0 {q8:.2e}");
        assert!((5.1e-3..9.5e-3).contains(&q4), "q4_0 {q4:.2e}");
        // A bit more is half the step.
        assert!((3.5..4.5).contains(&(q4 / q5)), "q5_0 {q5:.2e}");
        assert!(q4k < q4, "q4_K {q4k:.2e}, q4_0 {q4:.2e}");
        assert!(q6k < 5e-4 && q8 < q6k, "q6_K {q6k:.2e}");
    }

    /// bf16 comes from the `half` crate: all of its codes against the definition of the upper half of an f32, in f64.
    #[test]
    fn every_bf16_is_what_its_bits_say() {
        for bits in 0..=u16::MAX {
            let value = half::bf16::from_bits(bits);
            let (e, m) = (i32::from(bits >> 7 & 255), f64::from(bits & 127));
            let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
            let exact = match (e, bits & 127) {
                (255, 0) => sign * f64::INFINITY,
                (255, _) => f64::NAN,
                (0, _) => sign * 2f64.powi(-126) * (m / 128.0),
                _ => sign * 2f64.powi(e - 127) * (1.0 + m / 128.0),
            };
            if exact.is_nan() {
                assert!(value.to_f32().is_nan() && f64::from(value).is_nan(), "{bits:#06x}");
                continue;
            }
            assert_eq!(f64::from(value).to_bits(), exact.to_bits(), "{bits:#06x}");
            assert_eq!(value.to_f32().to_bits(), u32::from(bits) << 16, "{bits:#06x}");
            assert_eq!(half::bf16::from_f32(value.to_f32()).to_bits(), bits, "{bits:#06x}");
            // Halfway to the next one of the same sign: to even.
            if bits & 0x7fff < 0x7f7f {
                let middle = f32::from_bits(u32::from(bits) << 16 | 0x8000);
                assert_eq!(half::bf16::from_f32(middle).to_bits(), bits + (bits & 1), "{bits:#06x}");
            }
        }
    }
}
