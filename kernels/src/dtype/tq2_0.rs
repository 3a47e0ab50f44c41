//! tq2_0: 256 weights -1, 0 or 1 share one f16 scale, 66 bytes a block (2.0625 bits per weight), value = `d * (q - 1)`. The
//! rule is ggml's `quantize_row_tq2_0_ref`: the largest magnitude becomes the scale, the others round to it or to zero.

use bytemuck::{Pod, Zeroable};
use half::f16;

use super::{Block, largest_magnitude};

/// Weights of a block of either ternary format.
pub const BLOCK_LEN: usize = 256;

/// One tq2_0 block, byte for byte as in a GGUF file.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct BlockTq2_0 {
    /// Codes, two bits each, see [`BlockTq2_0::codes`].
    pub qs: [u8; 64],
    /// Scale.
    pub d: f16,
}

const _: () = assert!(size_of::<BlockTq2_0>() == 66 && align_of::<BlockTq2_0>() == 2);

impl BlockTq2_0 {
    /// Where weight `i` lies: its byte and its shift. Each half of the weights has 32 bytes, which its four runs of 32
    /// share.
    fn place(i: usize) -> (usize, u32) {
        (32 * (i / 128) + i % 32, 2 * (i % 128 / 32) as u32)
    }

    /// The codes, weight plus one, in order of the weights. A file made by others may hold a 3.
    pub fn codes(&self) -> [u8; BLOCK_LEN] {
        std::array::from_fn(|i| {
            let (byte, shift) = Self::place(i);
            self.qs[byte] >> shift & 3
        })
    }

    /// The block of these codes.
    pub fn from_codes(codes: &[u8; BLOCK_LEN], d: f16) -> Self {
        let mut qs = [0; 64];
        for (i, code) in codes.iter().enumerate() {
            let (byte, shift) = Self::place(i);
            qs[byte] |= (code & 3) << shift;
        }
        Self { qs, d }
    }
}

/// The codes and the scale of 256 values, by the rule of both ternary formats. A block with a NaN or an infinity, or whose
/// scale is beyond f16, gets a scale that is not finite.
pub(super) fn ternary(values: &[f32]) -> ([u8; BLOCK_LEN], f16) {
    let d = largest_magnitude(values);
    let inverse = if d == 0.0 { 0.0 } else { 1.0 / d };
    // The clamp matters only where 1/d overflows, the cast maps NaN to 0.
    let code = |v: f32| ((v * inverse).round().clamp(-1.0, 1.0) + 1.0) as u8;
    (std::array::from_fn(|i| code(values[i])), f16::from_f32(d))
}

impl Block for BlockTq2_0 {
    const NAME: &'static str = "TQ2_0";
    const LEN: usize = BLOCK_LEN;
    const LARGEST: f32 = 6e4;

    fn encode(values: &[f32]) -> Self {
        let (codes, d) = ternary(values);
        Self::from_codes(&codes, d)
    }

    fn decode(&self, values: &mut [f32]) {
        let d = self.d.to_f32();
        for (value, code) in values.iter_mut().zip(self.codes()) {
            *value = d * (f32::from(code) - 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::decode_row;
    use crate::dtype::tq1_0::BlockTq1_0;
    use proptest::prelude::*;

    #[test]
    fn every_code_has_its_own_two_bits_in_the_order_of_the_format() {
        let mut seen = [0u8; 64];
        for i in 0..BLOCK_LEN {
            let (byte, shift) = BlockTq2_0::place(i);
            assert_eq!(seen[byte] >> shift & 3, 0, "weight {i} lies on another");
            seen[byte] |= 3 << shift;
        }
        assert_eq!(
            [0, 31, 32, 96, 128, 255].map(BlockTq2_0::place),
            [(0, 0), (31, 0), (0, 2), (0, 6), (32, 0), (63, 6)]
        );
    }

    #[test]
    fn bytes_are_codes_then_scale() {
        let mut values = [0.0; 256];
        (values[0], values[32], values[96], values[255]) = (-2.0, 2.0, 0.99, -1.0);
        let block = BlockTq2_0::encode(&values);
        let bytes = bytemuck::bytes_of(&block);
        // Below half of the largest is nothing, half and above is all of it.
        assert_eq!((bytes[0], bytes[1], bytes[63], &bytes[64..]), (0b01_01_10_00, 0x55, 0x15, &[0x00, 0x40][..]));
    }

    fn holds_what_it_can<B: Block>() {
        let decoded = |values: &[f32; 256]| decode_row(&[B::encode(values)]);
        assert_eq!(decoded(&[0.0; 256]), [0.0; 256]);
        for x in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            let mut values = [1.0; 256];
            values[100] = x;
            assert!(decoded(&values).iter().all(|v| !v.is_finite() || *v == 0.0), "{x}");
        }
        let ternary: [f32; 256] = std::array::from_fn(|i| [0.5, 0.0, -0.5, -0.0][i * 7 % 4]);
        assert_eq!(decoded(&ternary), ternary);
    }

    #[test]
    fn true_ternary_weights_are_kept_and_what_cannot_be_held_is_not_finite() {
        holds_what_it_can::<BlockTq1_0>();
        holds_what_it_can::<BlockTq2_0>();
    }

    proptest! {
        #[test]
        fn both_ternary_formats_hold_the_same(values in prop::collection::vec(-1.0_f32..=1.0, 256), e in -20..15_i32) {
            let x: Vec<f32> = values.iter().map(|v| v * 2.0_f32.powi(e)).collect();
            prop_assert_eq!(decode_row(&[BlockTq1_0::encode(&x)]), decode_row(&[BlockTq2_0::encode(&x)]));
        }
    }
}
