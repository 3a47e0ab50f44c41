//! Activations quantized once for a layer: blocks of i8 with an f32 scale, and their sums.

use crate::input::{Buffer, Input};

/// `k` activations in blocks.
pub struct Activations {
    /// Quants in -127..=127.
    pub quants: Buffer<i8>,
    /// Scale of each block.
    pub scales: Buffer<f32>,
    /// Sum of the quants of each sub-block: exact.
    pub sums: Buffer<f32>,
    /// The same activations as f32, `scale * quant` rounded, for variants that compute in f32.
    pub values: Buffer<f32>,
}

impl Activations {
    /// Seeded ones, `block` to a scale and `sub` to a sum.
    pub fn seeded(k: usize, block: usize, sub: usize, input: &Input) -> Self {
        Self::of(input.values(1, k, 1.0).as_slice(), block, sub)
    }

    /// Those nearest to `values`.
    pub fn of(values: &[f32], block: usize, sub: usize) -> Self {
        let k = values.len();
        let (mut quants, mut scales) = (Buffer::zeroed(k), Buffer::zeroed(k / block));
        quantize(values, block, quants.as_mut_slice(), scales.as_mut_slice());
        let (q, d) = (quants.as_slice(), scales.as_slice());
        let sum = |s: usize| q[s * sub..(s + 1) * sub].iter().map(|q| f32::from(*q)).sum();
        let sums = Buffer::filled(k / sub, sum);
        let values = Buffer::filled(k, |c| d[c / block] * f32::from(q[c]));
        Self { quants, scales, sums, values }
    }
}

/// Activations to blocks: `d = max|x| / 127` in f32, `q = round(x / d)`, halves away from zero.
pub(crate) fn quantize(x: &[f32], block: usize, quants: &mut [i8], scales: &mut [f32]) {
    for ((x, q), d) in x.chunks_exact(block).zip(quants.chunks_exact_mut(block)).zip(scales) {
        *d = x.iter().fold(0.0, |m: f32, v| m.max(v.abs())) / 127.0;
        for (q, v) in q.iter_mut().zip(x) {
            // The clamp is for denormal scales, which are coarse.
            *q = if *d == 0.0 { 0 } else { (v / *d).round().clamp(-127.0, 127.0) as i8 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activations_are_quantized_to_the_nearest_of_127_steps() {
        let mut x = [0.0; 64];
        x[..4].copy_from_slice(&[127.0, -126.5, 0.49, -0.5]);
        let (mut q, mut d) = ([9; 64], [9.0; 2]);
        quantize(&x, 32, &mut q, &mut d);
        assert_eq!(d, [1.0, 0.0]);
        assert_eq!(q[..4], [127, -127, 0, -1]);
        assert!(q[4..].iter().all(|&q| q == 0));
    }

    #[test]
    fn sums_and_values_belong_to_the_quants() {
        let a = Activations::seeded(512, 256, 16, &Input::typical(3));
        for (s, sum) in a.sums.as_slice().iter().enumerate() {
            let exact: i32 = a.quants.as_slice()[16 * s..16 * (s + 1)].iter().map(|q| i32::from(*q)).sum();
            assert_eq!(*sum, exact as f32);
        }
        for (c, value) in a.values.as_slice().iter().enumerate() {
            assert_eq!(*value, a.scales.as_slice()[c / 256] * f32::from(a.quants.as_slice()[c]));
        }
    }
}
