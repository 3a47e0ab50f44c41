//! q5_0: 32 weights share one f16 scale, 22 bytes a block (5.5 bits per weight), value = `d * (q - 16)`. The rule is
//! ggml's `quantize_row_q5_0_ref`: the value of largest magnitude becomes -16, so the scale carries its sign. llama.cpp
//! stores so what is no whole number of q4_K blocks. No kernel multiplies by it: [`BlockQ5_0::widened`] loses nothing.

use bytemuck::{Pod, Zeroable};
use half::f16;

use super::q8_0::BlockQ8_0;
use super::{Block, largest_magnitude};

/// One q5_0 block, byte for byte as in a GGUF file.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ5_0 {
    /// Scale.
    pub d: f16,
    /// The fifth bit of each quant: bit `j`, of 32 in little endian, is that of weight `j`.
    pub qh: [u8; 4],
    /// Four bits of each: byte `j` holds weight `j` in its low half and weight `j + 16` in its high half.
    pub qs: [u8; 16],
}

const _: () = assert!(size_of::<BlockQ5_0>() == 22 && align_of::<BlockQ5_0>() == 2);

impl BlockQ5_0 {
    /// The quants in `0..32`, in order of the weights.
    pub fn quants(&self) -> [u8; 32] {
        let fifth = u32::from_le_bytes(self.qh);
        std::array::from_fn(|i| {
            let four = if i < 16 { self.qs[i] & 15 } else { self.qs[i - 16] >> 4 };
            four | ((fifth >> i & 1) as u8 * 16)
        })
    }

    /// The same values in q8_0: its quants, less 16, under the same scale.
    pub fn widened(&self) -> BlockQ8_0 {
        BlockQ8_0 { d: self.d, qs: self.quants().map(|q| q as i8 - 16) }
    }
}

impl Block for BlockQ5_0 {
    const NAME: &'static str = "Q5_0";
    const LEN: usize = 32;

    /// A block with a NaN or an infinity, or whose scale is beyond f16, decodes to no finite number but zeros.
    fn encode(values: &[f32]) -> Self {
        let amax = largest_magnitude(values);
        // The first of the largest decides the sign.
        let largest = values.iter().copied().find(|v| v.abs() == amax).unwrap_or(f32::NAN);
        let d = largest / -16.0;
        let inverse = if d == 0.0 { 0.0 } else { 1.0 / d };
        let quants: [u8; 32] = std::array::from_fn(|i| (values[i] * inverse + 16.5).clamp(0.0, 31.0) as u8);
        let fifth = quants.iter().enumerate().fold(0, |bits, (i, q)| bits | u32::from(q >> 4) << i);
        let qs = std::array::from_fn(|j| quants[j] & 15 | quants[j + 16] << 4);
        Self { d: f16::from_f32(d), qh: fifth.to_le_bytes(), qs }
    }

    fn decode(&self, values: &mut [f32]) {
        let d = self.d.to_f32();
        for (value, q) in values.iter_mut().zip(self.quants()) {
            *value = d * (f32::from(q) - 16.0);
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
    fn the_largest_becomes_minus_sixteen_and_halves_round_up() {
        let b = BlockQ5_0::encode(&block(&[-16.0, 15.0, 0.5, -0.5, 1.49, -15.5, 14.6]));
        assert_eq!(b.d, f16::ONE);
        assert_eq!(b.quants()[..8], [0, 31, 17, 16, 17, 1, 31, 16]);
        // A positive one of largest magnitude turns the scale's sign.
        let b = BlockQ5_0::encode(&block(&[16.0, -15.0]));
        assert_eq!((b.d.to_f32(), &b.quants()[..3]), (-1.0, &[0, 31, 16][..]));
    }

    #[test]
    fn bytes_are_scale_then_fifth_bits_then_halves() {
        let mut values = [0.0; 32];
        (values[0], values[16], values[17], values[31]) = (-32.0, 30.0, 2.0, -2.0);
        let bytes: [u8; 22] = bytemuck::cast(BlockQ5_0::encode(&values));
        assert_eq!(bytes[..2], [0x00, 0x40]);
        // Of zeros, which are 16, and above: all but the first and the last.
        assert_eq!(bytes[2..6], [0xfe, 0xff, 0xff, 0x7f]);
        assert_eq!((&bytes[6..8], bytes[21]), (&[0xf0, 0x10][..], 0xf0));
    }

    /// Every quant at every place, by the formula of ggml's `dequantize_row_q5_0`; and the same in q8_0.
    #[test]
    fn every_quant_at_every_place_is_what_its_bits_say() {
        for place in 0..32 {
            for q in 0..32u8 {
                let (mut qh, mut qs) = ([0; 4], [0; 16]);
                qh[place / 8] = (q >> 4) << (place % 8);
                qs[place % 16] = (q & 15) << if place < 16 { 0 } else { 4 };
                let b = BlockQ5_0 { d: f16::from_f32(0.5), qh, qs };
                let values = decode_row(&[b]);
                for (i, value) in values.iter().enumerate() {
                    let wanted = if i == place { (f32::from(q) - 16.0) / 2.0 } else { -8.0 };
                    assert_eq!(*value, wanted, "quant {q} at {place}, weight {i}");
                }
                assert_eq!(decode_row(&[b.widened()]), values);
            }
        }
    }

    #[test]
    fn zeros_stay_and_what_cannot_be_held_is_not_finite() {
        assert_eq!(decode_row(&encode_row::<BlockQ5_0>(&[0.0; 64])), [0.0; 64]);
        for x in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 16.0 * 65520.0] {
            let back = decode_row(&[BlockQ5_0::encode(&block(&[x, 1.0]))]);
            assert!(back.iter().all(|v| !v.is_finite() || *v == 0.0), "{x}: {back:?}");
        }
    }

    proptest! {
        #[test]
        fn error_is_a_step_at_the_short_end_and_half_elsewhere(
            unit in prop::array::uniform32(-1.0_f32..=1.0), exponent in -10..15_i32,
        ) {
            let x = unit.map(|v| v * 2.0_f32.powi(exponent));
            let d = f64::from(largest_magnitude(&x)) / 16.0;
            // Beyond 15 steps against the sign of the largest there is no quant: up to a whole step is cut off.
            let bound = d * (1.0 + 1e-4) + 16.0 * (d * 2.0_f64.powi(-11)).max(2.0_f64.powi(-25));
            for (a, v) in x.iter().zip(decode_row(&[BlockQ5_0::encode(&x)])) {
                prop_assert!((f64::from(*a) - f64::from(v)).abs() <= bound, "{a} became {v}, bound {bound:e}");
            }
        }

        /// All blocks that a file may hold, but for scales that are no numbers, which stay none.
        #[test]
        fn q8_0_holds_the_same_values(bytes in prop::array::uniform22(any::<u8>())) {
            let b: BlockQ5_0 = bytemuck::cast(bytes);
            let (own, wide) = (decode_row(&[b]), decode_row(&[b.widened()]));
            let same = own.iter().zip(&wide).all(|(a, b)| a == b || a.is_nan() && b.is_nan());
            prop_assert!(same, "{own:?}, {wide:?}");
        }
    }
}
