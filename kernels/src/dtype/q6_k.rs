//! q6_K: 256 weights in sixteen sub-blocks of 16, each with an i8 scale, and one f16 scale for them; 210 bytes (6.5625
//! bits per weight), value = `d * sc * (q - 32)`. Layout as ggml's `block_q6_K`; the encoder is a plain one: the value of
//! largest magnitude of each sub-block becomes quant 0 or just below the top.

use bytemuck::{Pod, Zeroable};
use half::f16;

use super::{Block, largest_magnitude};

/// Weights of a sub-block.
pub const SUB_LEN: usize = 16;

/// One q6_K block, byte for byte as in a GGUF file.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ6K {
    /// Low four bits of the quants, see [`BlockQ6K::quants`].
    pub ql: [u8; 128],
    /// High two bits.
    pub qh: [u8; 64],
    /// Scales of the sub-blocks.
    pub scales: [i8; 16],
    /// Scale of the scales.
    pub d: f16,
}

const _: () = assert!(size_of::<BlockQ6K>() == 210 && align_of::<BlockQ6K>() == 2);

impl BlockQ6K {
    /// Where weight `i` lies: byte of `ql` and its shift, byte of `qh` and its shift. Each half of the weights has 64
    /// bytes of `ql` and 32 of `qh`; its four runs of 32 share them.
    fn place(i: usize) -> (usize, u32, usize, u32) {
        let (half, run, l) = (i / 128, i % 128 / 32, i % 32);
        (64 * half + 32 * (run % 2) + l, 4 * (run as u32 / 2), 32 * half + l, 2 * run as u32)
    }

    /// The quants in `0..64`, in order of the weights.
    pub fn quants(&self) -> [u8; 256] {
        std::array::from_fn(|i| {
            let (low, low_shift, high, high_shift) = Self::place(i);
            self.ql[low] >> low_shift & 15 | (self.qh[high] >> high_shift & 3) << 4
        })
    }
}

impl Block for BlockQ6K {
    const NAME: &'static str = "Q6_K";
    const LEN: usize = 256;

    /// A block with a NaN or an infinity, or whose scale is beyond f16, decodes to no finite number but zeros.
    fn encode(values: &[f32]) -> Self {
        let amax = largest_magnitude(values);
        let d = if amax.is_finite() { amax / 31.0 / 127.0 } else { f32::NAN };
        let mut block = Self { d: f16::from_f32(d), ..Self::zeroed() };
        let stored = block.d.to_f32();
        for (j, sub) in values.chunks_exact(SUB_LEN).enumerate() {
            let ideal = largest_magnitude(sub) / 31.0;
            let sc = if stored == 0.0 { 0.0 } else { (ideal / stored).round().clamp(0.0, 127.0) };
            block.scales[j] = sc as i8;
            let step = stored * sc;
            for (i, v) in sub.iter().enumerate() {
                let q = if step == 0.0 { 32 } else { ((v / step).round().clamp(-32.0, 31.0) + 32.0) as u8 };
                let (low, low_shift, high, high_shift) = Self::place(j * SUB_LEN + i);
                block.ql[low] |= (q & 15) << low_shift;
                block.qh[high] |= (q >> 4) << high_shift;
            }
        }
        block
    }

    fn decode(&self, values: &mut [f32]) {
        let d = self.d.to_f32();
        for (i, (value, q)) in values.iter_mut().zip(self.quants()).enumerate() {
            *value = d * f32::from(self.scales[i / SUB_LEN]) * (f32::from(q) - 32.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::decode_row;
    use proptest::prelude::*;

    #[test]
    fn every_quant_has_its_own_six_bits() {
        let mut low = [0u8; 128];
        let mut high = [0u8; 64];
        for i in 0..256 {
            let (l, ls, h, hs) = BlockQ6K::place(i);
            assert_eq!((low[l] >> ls & 15, high[h] >> hs & 3), (0, 0), "weight {i} lies on another");
            low[l] |= 15 << ls;
            high[h] |= 3 << hs;
        }
        assert!(low.iter().chain(&high).all(|b| *b == 0xff));
        // The runs of the first half, as the layout's description names them.
        assert_eq!([0, 32, 64, 96].map(BlockQ6K::place), [(0, 0, 0, 0), (32, 0, 0, 2), (0, 4, 0, 4), (32, 4, 0, 6)]);
    }

    #[test]
    fn what_cannot_be_held_is_not_finite() {
        for x in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            let mut values = [1.0; 256];
            values[100] = x;
            let back = decode_row(&[BlockQ6K::encode(&values)]);
            assert!(back.iter().all(|v| !v.is_finite() || *v == 0.0), "{x}: {back:?}");
        }
        assert_eq!(decode_row(&[BlockQ6K::encode(&[0.0; 256])]), [0.0; 256]);
    }

    proptest! {
        #[test]
        fn error_is_half_a_step(values in prop::collection::vec(-1.0_f32..=1.0, 256), e in -2..15_i32) {
            let x: Vec<f32> = values.iter().map(|v| v * 2.0_f32.powi(e)).collect();
            let back = decode_row(&[BlockQ6K::encode(&x)]);
            let unit = largest_magnitude(&x) / 31.0;
            // Half a quant; the scale is off by half a 127th over 31 quants; f16's rounding.
            let bound = unit * (0.5 + 31.0 * 0.5 / 127.0 + 0.05);
            for (a, v) in x.iter().zip(back) {
                prop_assert!((a - v).abs() <= bound, "{} became {}, bound {:e}", a, v, bound);
            }
        }
    }
}
