//! q4_K: 256 weights in eight sub-blocks of 32, each with a 6-bit scale and a 6-bit minimum, and an f16 scale for either;
//! 144 bytes (4.5 bits per weight), value = `d * sc * q - dmin * mn`. Layout as ggml's `block_q4_K`; the encoder is a
//! plain one: each sub-block's range from its least (at most zero) to its largest value, in fifteen steps.

use bytemuck::{Pod, Zeroable};
use half::f16;

use super::Block;

/// Weights of a sub-block.
pub const SUB_LEN: usize = 32;

/// One q4_K block, byte for byte as in a GGUF file.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ4K {
    /// Scale of the sub-blocks' scales.
    pub d: f16,
    /// Scale of the sub-blocks' minimums.
    pub dmin: f16,
    /// Scales and minimums, 6 bits each, see [`BlockQ4K::scales_and_mins`].
    pub scales: [u8; 12],
    /// Quants: of each run of 32 bytes the low halves are one sub-block, the high halves the next.
    pub qs: [u8; 128],
}

const _: () = assert!(size_of::<BlockQ4K>() == 144 && align_of::<BlockQ4K>() == 2);

impl BlockQ4K {
    /// The eight scales and the eight minimums. The low 6 bits of bytes 0..4 and 4..8 are those of the first four
    /// sub-blocks; bytes 8..12 hold the low 4 bits of the others, whose upper two lie on top of bytes 0..8.
    pub fn scales_and_mins(&self) -> ([u8; 8], [u8; 8]) {
        let s = &self.scales;
        let scale = |j: usize| if j < 4 { s[j] & 63 } else { s[j + 4] & 15 | s[j - 4] >> 6 << 4 };
        let min = |j: usize| if j < 4 { s[j + 4] & 63 } else { s[j + 4] >> 4 | s[j] >> 6 << 4 };
        (std::array::from_fn(scale), std::array::from_fn(min))
    }

    /// Packs scales and minimums, each in `0..64`.
    fn pack(scales: [u8; 8], mins: [u8; 8]) -> [u8; 12] {
        std::array::from_fn(|i| match i {
            0..4 => scales[i] | scales[i + 4] >> 4 << 6,
            4..8 => mins[i - 4] | mins[i] >> 4 << 6,
            _ => scales[i - 4] & 15 | (mins[i - 4] & 15) << 4,
        })
    }

    /// The quants in `0..16`, in order of the weights.
    pub fn quants(&self) -> [u8; 256] {
        std::array::from_fn(|i| {
            let byte = self.qs[i / 64 * 32 + i % 32];
            if i % 64 < 32 { byte & 15 } else { byte >> 4 }
        })
    }
}

impl Block for BlockQ4K {
    const NAME: &'static str = "Q4_K";
    const LEN: usize = 256;

    /// A block with a NaN or an infinity, or whose scales are beyond f16, decodes to no finite number but zeros.
    fn encode(values: &[f32]) -> Self {
        let subs = values.chunks_exact(SUB_LEN);
        let finite = values.iter().all(|v| v.is_finite());
        let least = |sub: &[f32]| sub.iter().fold(0.0f32, |m, v| m.min(*v));
        let most = |sub: &[f32]| sub.iter().fold(0.0f32, |m, v| m.max(*v));
        let mut steps = [0.0f32; 8];
        let mut mins = [0.0f32; 8];
        for (j, sub) in subs.clone().enumerate() {
            (steps[j], mins[j]) = ((most(sub) - least(sub)) / 15.0, -least(sub));
        }
        let largest = |of: &[f32; 8]| of.iter().fold(0.0f32, |m, v| m.max(*v));
        let (d, dmin) = if finite { (largest(&steps) / 63.0, largest(&mins) / 63.0) } else { (f32::NAN, f32::NAN) };
        let sixths =
            |of: [f32; 8], unit: f32| of.map(|v| if unit == 0.0 { 0 } else { (v / unit).round().min(63.0) as u8 });
        let (sc, mn) = (sixths(steps, d), sixths(mins, dmin));
        let mut block =
            Self { d: f16::from_f32(d), dmin: f16::from_f32(dmin), scales: Self::pack(sc, mn), qs: [0; 128] };
        // Against the scales as they are stored.
        for (j, sub) in subs.enumerate() {
            let (step, min) = (block.d.to_f32() * f32::from(sc[j]), block.dmin.to_f32() * f32::from(mn[j]));
            for (i, v) in sub.iter().enumerate() {
                let q = if step == 0.0 { 0 } else { ((v + min) / step).round().clamp(0.0, 15.0) as u8 };
                block.qs[j / 2 * 32 + i] |= q << (4 * (j % 2));
            }
        }
        block
    }

    fn decode(&self, values: &mut [f32]) {
        let (d, dmin) = (self.d.to_f32(), self.dmin.to_f32());
        let (scales, mins) = self.scales_and_mins();
        for (i, (value, q)) in values.iter_mut().zip(self.quants()).enumerate() {
            let (sc, mn) = (f32::from(scales[i / SUB_LEN]), f32::from(mins[i / SUB_LEN]));
            *value = d * sc * f32::from(q) - dmin * mn;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::decode_row;
    use proptest::prelude::*;

    #[test]
    fn scales_and_minimums_lie_where_ggml_puts_them() {
        // Each of the sixteen 6-bit values alone, against the byte positions written out by hand.
        for j in 0..8 {
            let one = |k: usize, v: u8| std::array::from_fn(|i| if i == k { v } else { 0 });
            let packed = BlockQ4K::pack(one(j, 0b11_0110), [0; 8]);
            let expected: Vec<(usize, u8)> =
                if j < 4 { vec![(j, 0b0011_0110)] } else { vec![(j - 4, 0b1100_0000), (j + 4, 0b0000_0110)] };
            let packed_min = BlockQ4K::pack([0; 8], one(j, 0b11_0110));
            let expected_min: Vec<(usize, u8)> =
                if j < 4 { vec![(j + 4, 0b0011_0110)] } else { vec![(j, 0b1100_0000), (j + 4, 0b0110_0000)] };
            for (packed, expected) in [(packed, expected), (packed_min, expected_min)] {
                let mut want = [0u8; 12];
                expected.into_iter().for_each(|(i, byte)| want[i] = byte);
                assert_eq!(packed, want, "{j}");
            }
        }
    }

    #[test]
    fn what_cannot_be_held_is_not_finite() {
        for x in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, -f32::MAX] {
            let mut values = [1.0; 256];
            values[100] = x;
            let back = decode_row(&[BlockQ4K::encode(&values)]);
            assert!(back.iter().all(|v| !v.is_finite() || *v == 0.0), "{x}: {back:?}");
        }
        assert_eq!(decode_row(&[BlockQ4K::encode(&[0.0; 256])]), [0.0; 256]);
    }

    proptest! {
        #[test]
        fn scales_survive_packing(scales: [u8; 8], mins: [u8; 8]) {
            let (scales, mins) = (scales.map(|s| s & 63), mins.map(|m| m & 63));
            let mut block = BlockQ4K::zeroed();
            block.scales = BlockQ4K::pack(scales, mins);
            prop_assert_eq!(block.scales_and_mins(), (scales, mins));
        }

        #[test]
        fn error_is_a_step_of_the_widest_sub_block(values in prop::collection::vec(-1.0_f32..=1.0, 256), e in -8..10_i32) {
            let x: Vec<f32> = values.iter().map(|v| v * 2.0_f32.powi(e)).collect();
            let range = 2.0 * 2.0_f32.powi(e);
            let back = decode_row(&[BlockQ4K::encode(&x)]);
            // Half a quant, half of a 6-bit step of either scale over its fifteen quants, and f16's rounding.
            let bound = range / 15.0 * 0.5 + range / 63.0 + range * 2.0_f32.powi(-9);
            for (a, v) in x.iter().zip(back) {
                prop_assert!((a - v).abs() <= bound, "{} became {}, bound {:e}", a, v, bound);
            }
        }
    }
}
