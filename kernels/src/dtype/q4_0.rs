//! q4_0: 32 weights share one f16 scale, 18 bytes a block (4.5 bits per weight), value = `d * (q - 8)`. The rule is
//! ggml's `quantize_row_q4_0_ref`: the value of largest magnitude becomes -8, so the scale carries its sign.

use bytemuck::{Pod, Zeroable};
use half::f16;

use super::{Block, largest_magnitude};

/// One q4_0 block, byte for byte as in a GGUF file.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ4_0 {
    /// Scale.
    pub d: f16,
    /// Quants: byte `j` holds weight `j` in its low half and weight `j + 16` in its high half.
    pub qs: [u8; 16],
}

const _: () = assert!(size_of::<BlockQ4_0>() == 18 && align_of::<BlockQ4_0>() == 2);

impl BlockQ4_0 {
    /// The quants in `0..16`, in order of the weights.
    pub fn quants(&self) -> [u8; 32] {
        std::array::from_fn(|i| if i < 16 { self.qs[i] & 15 } else { self.qs[i - 16] >> 4 })
    }
}

impl Block for BlockQ4_0 {
    const NAME: &'static str = "Q4_0";
    const LEN: usize = 32;

    /// A block with a NaN or an infinity, or whose scale is beyond f16, decodes to no finite number but zeros.
    fn encode(values: &[f32]) -> Self {
        let amax = largest_magnitude(values);
        // The first of the largest decides the sign.
        let largest = values.iter().copied().find(|v| v.abs() == amax).unwrap_or(f32::NAN);
        let d = largest / -8.0;
        let inverse = if d == 0.0 { 0.0 } else { 1.0 / d };
        let quant = |v: f32| (v * inverse + 8.5).clamp(0.0, 15.0) as u8;
        let qs = std::array::from_fn(|j| quant(values[j]) | quant(values[j + 16]) << 4);
        Self { d: f16::from_f32(d), qs }
    }

    fn decode(&self, values: &mut [f32]) {
        let d = self.d.to_f32();
        for (value, q) in values.iter_mut().zip(self.quants()) {
            *value = d * (f32::from(q) - 8.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::{decode_row, encode_row};
    use proptest::prelude::*;

    fn block(head: &[f32]) -> [f32; 32] {
        std::array::from_fn(|i| head.get(i).copied().unwrap_or(0.0))
    }

    #[test]
    fn the_largest_becomes_minus_eight_and_halves_round_up() {
        let b = BlockQ4_0::encode(&block(&[-8.0, 7.0, 0.5, -0.5, 1.49, -7.5, 6.6]));
        assert_eq!(b.d, f16::ONE);
        assert_eq!(b.quants()[..8], [0, 15, 9, 8, 9, 1, 15, 8]);
        // A positive one of largest magnitude turns the scale's sign.
        let b = BlockQ4_0::encode(&block(&[8.0, -7.0]));
        assert_eq!((b.d.to_f32(), &b.quants()[..3]), (-1.0, &[0, 15, 8][..]));
    }

    #[test]
    fn bytes_are_scale_then_halves() {
        let mut values = [0.0; 32];
        (values[0], values[16], values[17]) = (-16.0, 14.0, 2.0);
        let bytes: [u8; 18] = bytemuck::cast(BlockQ4_0::encode(&values));
        assert_eq!(bytes[..4], [0x00, 0x40, 0xf0, 0x98]);
    }

    #[test]
    fn zeros_stay_and_what_cannot_be_held_is_not_finite() {
        assert_eq!(decode_row(&encode_row::<BlockQ4_0>(&[0.0; 64])), [0.0; 64]);
        for x in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 8.0 * 65520.0] {
            let back = decode_row(&[BlockQ4_0::encode(&block(&[x, 1.0]))]);
            assert!(back.iter().all(|v| !v.is_finite() || *v == 0.0), "{x}: {back:?}");
        }
    }

    proptest! {
        #[test]
        fn error_is_a_step_at_the_short_end_and_half_elsewhere(
            unit in prop::array::uniform32(-1.0_f32..=1.0), exponent in -10..15_i32,
        ) {
            let x = unit.map(|v| v * 2.0_f32.powi(exponent));
            let d = f64::from(largest_magnitude(&x)) / 8.0;
            // Beyond 7 steps against the sign of the largest there is no quant: up to a whole step is cut off.
            let bound = d * (1.0 + 1e-4) + 8.0 * (d * 2.0_f64.powi(-11)).max(2.0_f64.powi(-25));
            for (a, v) in x.iter().zip(decode_row(&[BlockQ4_0::encode(&x)])) {
                prop_assert!((f64::from(*a) - f64::from(v)).abs() <= bound, "{a} became {v}, bound {bound:e}");
            }
        }
    }
}
