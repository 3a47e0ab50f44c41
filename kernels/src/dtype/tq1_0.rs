//! tq1_0: 256 weights -1, 0 or 1 share one f16 scale, five to a byte, 54 bytes a block (1.6875 bits per weight). The layout
//! is ggml's: a byte is a fraction in base three, `ceil(256 v / 243)` for the five digits' number v, so that each
//! multiplication by three carries the next digit out of it, the first weight's first.

use bytemuck::{Pod, Zeroable};
use half::f16;

use super::Block;
use super::tq2_0::{BLOCK_LEN, BlockTq2_0, ternary};

/// One tq1_0 block, byte for byte as in a GGUF file.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct BlockTq1_0 {
    /// 32 bytes hold the first 160 weights, in five runs of 32; 16 bytes the next 80, in five runs of 16.
    pub qs: [u8; 48],
    /// Four bytes hold the last 16 weights, in four runs of 4; their fifth digits are unused.
    pub qh: [u8; 4],
    /// Scale.
    pub d: f16,
}

const _: () = assert!(size_of::<BlockTq1_0>() == 54 && align_of::<BlockTq1_0>() == 2);

/// Parts of a block: its first byte of qs followed by qh, how many bytes, and how many weights each holds.
const PARTS: [(usize, usize, usize); 3] = [(0, 32, 5), (32, 16, 5), (48, 4, 4)];

impl BlockTq1_0 {
    /// Byte and digit of every weight, in order of the weights.
    fn places() -> impl Iterator<Item = (usize, usize)> {
        PARTS.into_iter().flat_map(|(first, bytes, digits)| {
            (0..digits).flat_map(move |digit| (first..first + bytes).map(move |byte| (byte, digit)))
        })
    }

    /// The codes, weight plus one, in order of the weights.
    pub fn codes(&self) -> [u8; BLOCK_LEN] {
        let mut codes = [0; BLOCK_LEN];
        for (code, (byte, digit)) in codes.iter_mut().zip(Self::places()) {
            let byte = if byte < 48 { self.qs[byte] } else { self.qh[byte - 48] };
            let fraction = byte.wrapping_mul([1, 3, 9, 27, 81][digit]);
            *code = ((u16::from(fraction) * 3) >> 8) as u8;
        }
        codes
    }

    /// The block of these codes, which are 0, 1 or 2.
    pub fn from_codes(codes: &[u8; BLOCK_LEN], d: f16) -> Self {
        let mut numbers = [0u16; 52];
        for (code, (byte, digit)) in codes.iter().zip(Self::places()) {
            numbers[byte] += u16::from(*code) * [81, 27, 9, 3, 1][digit];
        }
        let byte = |i: usize| (numbers[i] * 256).div_ceil(243) as u8;
        Self { qs: std::array::from_fn(byte), qh: std::array::from_fn(|i| byte(48 + i)), d }
    }
}

impl From<&BlockTq2_0> for BlockTq1_0 {
    /// The same weights, none of which is 2.
    fn from(block: &BlockTq2_0) -> Self {
        Self::from_codes(&block.codes(), block.d)
    }
}

impl From<&BlockTq1_0> for BlockTq2_0 {
    /// The same weights.
    fn from(block: &BlockTq1_0) -> Self {
        Self::from_codes(&block.codes(), block.d)
    }
}

impl Block for BlockTq1_0 {
    const NAME: &'static str = "TQ1_0";
    const LEN: usize = BLOCK_LEN;
    const LARGEST: f32 = BlockTq2_0::LARGEST;

    fn encode(values: &[f32]) -> Self {
        let (codes, d) = ternary(values);
        Self::from_codes(&codes, d)
    }

    fn decode(&self, values: &mut [f32]) {
        BlockTq2_0::from(self).decode(values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_five_digits_come_out_of_their_byte() {
        for v in 0..243u16 {
            let digits = [v / 81, v / 27 % 3, v / 9 % 3, v / 3 % 3, v % 3];
            let mut codes = [1; BLOCK_LEN];
            for (run, digit) in digits.iter().enumerate() {
                codes[32 * run + 7] = *digit as u8;
                codes[160 + 16 * run + 15] = *digit as u8;
                if run < 4 {
                    codes[240 + 4 * run + 3] = *digit as u8;
                }
            }
            let block = BlockTq1_0::from_codes(&codes, f16::ONE);
            assert_eq!(block.codes(), codes, "{v}");
            assert_eq!(u16::from(block.qs[7]), (v * 256).div_ceil(243), "{v}");
        }
    }

    #[test]
    fn every_weight_has_a_place_of_its_own() {
        let places: Vec<_> = BlockTq1_0::places().collect();
        assert_eq!(places.len(), BLOCK_LEN);
        assert_eq!(
            [0, 33, 160, 177, 240, 245].map(|i| places[i]),
            [(0, 0), (1, 1), (32, 0), (33, 1), (48, 0), (49, 1)]
        );
        let distinct: std::collections::BTreeSet<_> = places.iter().collect();
        assert_eq!(distinct.len(), BLOCK_LEN);
    }
}
