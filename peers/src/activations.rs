//! Activations as i8 blocks or bf16, made as a part of our time. ggml and candle convert the activations inside every
//! product; our kernels get them converted, once for all layers that share them. So that neither side is spared the work,
//! rows of such kernels add this to our time, at the size of the row: the rule of `kernels::activations`, in loops that
//! compilers vectorize, compiled for AVX-512 or AVX2.

use rayon::prelude::*;

use crate::host::Host;

/// How a kernel is given its activations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stored {
    /// As they are.
    F32,
    /// Rounded to bf16.
    Bf16,
    /// Quantized, `block` values to a scale and `sub` to a sum.
    I8 { block: usize, sub: usize },
}

/// The activations of a row and room for what they become.
pub struct Converter {
    x: Vec<f32>,
    k: usize,
    stored: Stored,
    quants: Vec<i8>,
    scales: Vec<f32>,
    sums: Vec<f32>,
    bf16: Vec<u16>,
}

impl Converter {
    /// For rows of `k` activations.
    pub fn new(x: &[f32], k: usize, stored: Stored) -> Self {
        let n = x.len();
        let mut new = Self { x: x.to_vec(), k, stored, quants: vec![], scales: vec![], sums: vec![], bf16: vec![] };
        match stored {
            Stored::F32 => {}
            Stored::Bf16 => new.bf16 = vec![0; n],
            Stored::I8 { block, sub } => {
                (new.quants, new.scales, new.sums) = (vec![0; n], vec![0.0; n / block], vec![0.0; n / sub]);
            }
        }
        new
    }

    /// Converts all rows, several of them on all threads.
    pub fn run(&mut self, host: &Host) {
        let Self { x, k, quants, scales, sums, bf16, .. } = self;
        let k = if host.threads == 1 { x.len() } else { *k };
        let whole = k == x.len();
        let rows = x.par_chunks(k);
        match self.stored {
            Stored::F32 => {}
            Stored::Bf16 => host.pool.install(|| rows.zip(bf16.par_chunks_mut(k)).for_each(|(x, y)| to_bf16(x, y))),
            Stored::I8 { block, sub } if whole => quantize(x, quants, scales, sums, (block, sub)),
            Stored::I8 { block, sub } => {
                let (scales, sums) = (scales.par_chunks_mut(k / block), sums.par_chunks_mut(k / sub));
                let rows = rows.zip(quants.par_chunks_mut(k)).zip(scales.zip(sums));
                host.pool.install(|| rows.for_each(|((x, q), (d, s))| quantize(x, q, d, s, (block, sub))));
            }
        }
    }
}

/// Rounded to nearest, halves to even; no NaN.
pub fn to_bf16(x: &[f32], y: &mut [u16]) {
    for (y, x) in y.iter_mut().zip(x) {
        let bits = x.to_bits();
        *y = ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16;
    }
}

fn quantize(x: &[f32], quants: &mut [i8], scales: &mut [f32], sums: &mut [f32], sizes: (usize, usize)) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
        fn avx512(x: &[f32], quants: &mut [i8], scales: &mut [f32], sums: &mut [f32], sizes: (usize, usize)) {
            body(x, quants, scales, sums, sizes);
        }
        #[target_feature(enable = "avx2,fma")]
        fn avx2(x: &[f32], quants: &mut [i8], scales: &mut [f32], sums: &mut [f32], sizes: (usize, usize)) {
            body(x, quants, scales, sums, sizes);
        }
        if is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
        {
            // SAFETY: the features were just detected; AVX2 and FMA come with them.
            return unsafe { avx512(x, quants, scales, sums, sizes) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the features were just detected.
            return unsafe { avx2(x, quants, scales, sums, sizes) };
        }
    }
    body(x, quants, scales, sums, sizes);
}

#[inline(always)]
fn body(x: &[f32], quants: &mut [i8], scales: &mut [f32], sums: &mut [f32], (block, sub): (usize, usize)) {
    for ((x, q), d) in x.chunks_exact(block).zip(quants.chunks_exact_mut(block)).zip(scales) {
        // Magnitudes of floats order as their bits do, and compilers vectorize a maximum of integers.
        let largest = x.iter().fold(0, |m: u32, v| m.max(v.to_bits() & 0x7fff_ffff));
        *d = f32::from_bits(largest) / 127.0;
        let inverse = if *d == 0.0 { 0.0 } else { 1.0 / *d };
        for (q, v) in q.iter_mut().zip(x) {
            // Adding and taking off 1.5 * 2^23 rounds to an integer, whose low bits are then the float's.
            *q = (v * inverse + 12_582_912.0).to_bits() as i8;
        }
    }
    for (q, sum) in quants.chunks_exact(sub).zip(sums) {
        *sum = q.iter().map(|q| i32::from(*q)).sum::<i32>() as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bf16_is_rounded_as_the_half_crate_does() {
        let x: Vec<f32> = (0..4096u32).map(|i| f32::from_bits(i.wrapping_mul(0x9e37_79b9) & 0xbfff_ffff)).collect();
        let mut y = vec![0; x.len()];
        to_bf16(&x, &mut y);
        assert!(x.iter().zip(y).all(|(x, y)| half::bf16::from_f32(*x).to_bits() == y));
    }

    #[test]
    fn quants_are_nearest_and_sums_are_theirs() {
        let x: Vec<f32> = (0..512).map(|i| (i as f32 * 0.7).sin() * 3.0).collect();
        let mut q = Converter::new(&x, 256, Stored::I8 { block: 32, sub: 16 });
        q.run(&Host::new(1));
        for (i, v) in x.iter().enumerate() {
            assert!((q.scales[i / 32] * f32::from(q.quants[i]) - v).abs() <= 0.501 * q.scales[i / 32]);
        }
        assert_eq!(q.sums[3], q.quants[48..64].iter().map(|q| f32::from(*q)).sum::<f32>());
    }
}
