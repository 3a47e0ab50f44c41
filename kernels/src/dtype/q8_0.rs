//! q8_0: 32 weights share one f16 scale, 34 bytes a block (8.5 bits per weight), value = `d * q`. The rule is ggml's
//! `quantize_row_q8_0_ref`, so that blocks written here equal those of a GGUF file converted from the same numbers.

use bytemuck::{Pod, Zeroable};
use half::f16;

use super::{Block, largest_magnitude};

/// Weights per block.
pub const BLOCK_LEN: usize = 32;

/// One q8_0 block, byte for byte as in a GGUF file.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ8_0 {
    /// Scale.
    pub d: f16,
    /// Quants, in -127..=127 when written by [`BlockQ8_0::encode`]; a file may also hold -128.
    pub qs: [i8; BLOCK_LEN],
}

const _: () = assert!(size_of::<BlockQ8_0>() == 34 && align_of::<BlockQ8_0>() == 2);

impl Block for BlockQ8_0 {
    const NAME: &'static str = "Q8_0";
    const LEN: usize = BLOCK_LEN;

    /// Encodes 32 values: `d = max|x| / 127` stored as f16, `q = round(x / d)` with `d` still in f32, halves away from
    /// zero.
    ///
    /// What the format cannot hold never turns into a wrong finite number: a block with a NaN or an infinity decodes to
    /// NaN throughout, and one whose `max|x|` is 127 × 65520 or more gets an infinite scale. A scale below 2⁻²⁵ becomes
    /// zero, and so does the block.
    fn encode(x: &[f32]) -> Self {
        let d = largest_magnitude(x) / 127.0;
        let inverse = if d == 0.0 { 0.0 } else { 1.0 / d };
        // The clamp matters only where 1/d overflows, the cast maps NaN to 0.
        let qs = std::array::from_fn(|i| (x[i] * inverse).round().clamp(-127.0, 127.0) as i8);
        Self { d: f16::from_f32(d), qs }
    }

    fn decode(&self, values: &mut [f32]) {
        let d = self.d.to_f32();
        for (value, q) in values.iter_mut().zip(self.qs) {
            *value = d * f32::from(q);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::{decode_row, encode_row};
    use proptest::prelude::*;

    fn block(head: &[f32]) -> [f32; BLOCK_LEN] {
        std::array::from_fn(|i| head.get(i).copied().unwrap_or(0.0))
    }

    #[test]
    fn halves_round_away_from_zero() {
        let b = BlockQ8_0::encode(&block(&[127.0, 0.5, -0.5, 1.5, 2.5, -2.5, 126.5, 0.499, -126.4]));
        assert_eq!(b.d.to_bits(), 0x3c00);
        assert_eq!(b.qs[..10], [127, 1, -1, 2, 3, -3, 127, 0, -126, 0]);
    }

    #[test]
    fn scale_is_rounded_to_f16_after_the_quants_are_made() {
        // 16 / 127 = 2⁻³ × 1.007874, and 0.007874 × 1024 = 8.06.
        let b = BlockQ8_0::encode(&block(&[-16.0, 8.0, 0.063]));
        assert_eq!(b.d.to_bits(), 0x3008);
        assert_eq!(b.qs[..4], [-127, 64, 1, 0]); // 8 × 127/16 = 63.5; 0.063 × 127/16 = 0.50006
        let d = 0.125 * (1.0 + 8.0 / 1024.0);
        assert_eq!(decode_row(&[b])[..2], [-127.0 * d, 64.0 * d]);
    }

    #[test]
    fn bytes_are_scale_then_quants() {
        let b = BlockQ8_0::encode(&block(&[254.0, -254.0]));
        let mut want = [0_u8; 34];
        want[..4].copy_from_slice(&[0x00, 0x40, 127, 0x81]); // f16 2.0, 127, -127
        assert_eq!(bytemuck::bytes_of(&b), want);
    }

    #[test]
    fn zeros_and_the_very_small_decode_to_zero() {
        for x in [0.0, -0.0, f32::from_bits(1), f32::MIN_POSITIVE, 127.0 * 2.0_f32.powi(-26)] {
            let b = BlockQ8_0::encode(&block(&[x, -x]));
            assert_eq!(b.d.to_bits(), 0, "{x}");
            assert!(b.qs.iter().all(|&q| q >= -127), "{x}");
            assert!(decode_row(&[b]).iter().all(|&v| v == 0.0), "{x}");
        }
    }

    #[test]
    fn what_cannot_be_held_is_not_finite() {
        for x in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for place in [0, 31] {
                let mut values = [1.0; BLOCK_LEN];
                values[place] = x;
                assert!(decode_row(&[BlockQ8_0::encode(&values)]).iter().all(|v| v.is_nan()), "{x} at {place}");
            }
        }
        let largest = BlockQ8_0::encode(&block(&[127.0 * 65504.0]));
        assert_eq!(largest.d, f16::MAX);
        for x in [127.0 * 65520.0, f32::MAX] {
            let b = BlockQ8_0::encode(&block(&[x, -x]));
            assert_eq!(decode_row(&[b])[..2], [f32::INFINITY, f32::NEG_INFINITY]);
            assert!(decode_row(&[b])[2].is_nan());
        }
    }

    #[test]
    fn rows_are_whole_blocks() {
        assert_eq!(encode_row::<BlockQ8_0>(&[]), []);
        assert_eq!(decode_row(&encode_row::<BlockQ8_0>(&[127.0; 64])), [127.0; 64]);
    }

    proptest! {
        #[test]
        fn error_is_half_a_step_plus_the_rounding_of_the_scale(
            unit in prop::array::uniform32(-1.0_f32..=1.0), exponent in -40..22_i32,
        ) {
            let x = unit.map(|v| v * 2.0_f32.powi(exponent));
            let b = BlockQ8_0::encode(&x);
            let d = f64::from(x.iter().fold(0.0_f32, |m, v| m.max(v.abs()))) / 127.0;
            // f16: relative 2⁻¹¹, or 2⁻²⁵ where it is denormal; the f32 quotient adds a few 2⁻²⁴.
            let bound = d / 2.0 * (1.0 + 1e-4) + 127.0 * (d * 2.0_f64.powi(-11)).max(2.0_f64.powi(-25));
            for (a, v) in x.iter().zip(decode_row(&[b])) {
                prop_assert!((f64::from(*a) - f64::from(v)).abs() <= bound, "{a} became {v}, bound {bound:e}");
            }
        }

        #[test]
        fn any_bits_encode_and_any_block_decodes(bits in prop::array::uniform32(any::<u32>()), d: u16) {
            let b = BlockQ8_0::encode(&bits.map(f32::from_bits));
            prop_assert!(b.qs.iter().all(|&q| q >= -127));
            let back = decode_row(&[BlockQ8_0 { d: f16::from_bits(d), qs: b.qs }]);
            prop_assert!(f16::from_bits(d).is_finite() == back.iter().all(|v| v.is_finite()));
        }
    }
}
