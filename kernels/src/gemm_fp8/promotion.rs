//! The study beside the kernel: DeepSeek-V3's tensor cores (H800) sum FP8 products in about 14 bits, so the report takes
//! the sum out into an f32 every 128 products ("promotion", arXiv 2412.19437, section 3.3.2). What does each interval cost
//! in accuracy, and in additions? A software model of such an accumulator, not H800 hardware: see [`Accumulator`].

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::dtype::e4m3;

/// Products of a dot product.
pub const K: usize = 4096;
/// Bits that the accumulator keeps, the leading one counted.
pub const BITS: i32 = 14;
/// Products that are summed exactly before the accumulator takes their sum: the inner size of one WGMMA.
pub const AT_ONCE: usize = 32;
/// Intervals of promotion: none is once, at the end.
pub const INTERVALS: [Option<usize>; 7] = [None, Some(1024), Some(512), Some(256), Some(128), Some(64), Some(32)];
/// Dot products of which the worst counts.
const TRIALS: usize = 40;

/// What the factors are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Uniform in 0..1: sums only grow.
    Positive,
    /// Uniform in -1..1.
    ZeroMean,
}

/// What becomes of bits that the accumulator does not keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Cut off, toward zero: errors add up.
    Truncated,
    /// To nearest, halves to even: errors partly cancel.
    Nearest,
}

/// One case of the study.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Products after which the sum is promoted.
    pub interval: Option<usize>,
    /// What the factors are like.
    pub sign: Sign,
    /// How the accumulator rounds.
    pub rounding: Rounding,
    /// The worst error of 40 dot products, over the sum of absolute products.
    pub worst: f64,
    /// f32 additions for each product.
    pub additions: f64,
}

/// An accumulator of [`BITS`] bits: each value it takes is added exactly, and the result rounded to so many significant
/// bits. Its exponent has no bounds.
#[derive(Clone, Copy, Debug)]
pub struct Accumulator {
    rounding: Rounding,
    value: f64,
}

impl Accumulator {
    /// Zero.
    pub fn new(rounding: Rounding) -> Self {
        Self { rounding, value: 0.0 }
    }

    /// Adds.
    pub fn add(&mut self, x: f64) {
        let exact = self.value + x;
        if exact == 0.0 {
            self.value = 0.0;
            return;
        }
        // The exponent of a normal f64, and what the last kept bit is worth.
        let exponent = (exact.abs().to_bits() >> 52) as i32 - 1023;
        let step = 2f64.powi(exponent + 1 - BITS);
        let steps = exact / step;
        self.value = step
            * match self.rounding {
                Rounding::Truncated => steps.trunc(),
                Rounding::Nearest => steps.round_ties_even(),
            };
    }

    /// What it holds; it is zero after.
    pub fn take(&mut self) -> f64 {
        std::mem::replace(&mut self.value, 0.0)
    }
}

/// Every interval with either sign and rounding, over dot products of e4m3 factors: the same ones in each case.
pub fn study(seed: u64) -> Vec<Row> {
    let mut rows = Vec::new();
    for sign in [Sign::Positive, Sign::ZeroMean] {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let trials: Vec<Vec<f64>> = (0..TRIALS).map(|_| products(&mut rng, sign)).collect();
        for rounding in [Rounding::Nearest, Rounding::Truncated] {
            for interval in INTERVALS {
                let worst = trials.iter().map(|p| error(p, interval, rounding)).fold(0.0, f64::max);
                let additions = 1.0 / interval.unwrap_or(K) as f64;
                rows.push(Row { interval, sign, rounding, worst, additions });
            }
        }
    }
    rows
}

/// Products of two rows of [`K`] values as a scaled tile holds them: the largest is about 448.
fn products(rng: &mut ChaCha8Rng, sign: Sign) -> Vec<f64> {
    let mut factor = || {
        let uniform = rng.next_u32() as f32 / u32::MAX as f32;
        let x = if sign == Sign::Positive { uniform } else { 2.0 * uniform - 1.0 };
        f64::from(e4m3::decode(e4m3::encode(x * e4m3::MAX)))
    };
    (0..K).map(|_| factor() * factor()).collect()
}

/// The error of one dot product, over the sum of absolute products. Promoted sums are added in f64: f32 would add 6e-8.
fn error(products: &[f64], interval: Option<usize>, rounding: Rounding) -> f64 {
    let mut total = 0.0;
    let mut accumulator = Accumulator::new(rounding);
    for part in products.chunks(interval.unwrap_or(products.len())) {
        part.chunks(AT_ONCE).for_each(|few| accumulator.add(few.iter().sum()));
        total += accumulator.take();
    }
    (total - products.iter().sum::<f64>()).abs() / products.iter().map(|p| p.abs()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accumulator_keeps_fourteen_bits() {
        let sum = |rounding, terms: &[f64]| {
            let mut a = Accumulator::new(rounding);
            terms.iter().for_each(|t| a.add(*t));
            a.take()
        };
        let (cut, near) = (Rounding::Truncated, Rounding::Nearest);
        // 2^13 needs all fourteen bits for its ones; a half is beyond them.
        assert_eq!((sum(cut, &[8192.0, 0.5]), sum(near, &[8192.0, 0.5])), (8192.0, 8192.0));
        assert_eq!((sum(cut, &[8193.0, 0.5]), sum(near, &[8193.0, 0.5])), (8193.0, 8194.0));
        assert_eq!((sum(cut, &[-8193.0, -0.75]), sum(near, &[-8193.0, -0.75])), (-8193.0, -8194.0));
        assert_eq!((sum(cut, &[16384.0, 1.9]), sum(near, &[16384.0, 1.9])), (16384.0, 16386.0));
        assert_eq!(sum(near, &[3.0, -3.0]), 0.0);
    }

    /// Within a factor of two of the reference note's model (K = 4096, worst of 40).
    #[test]
    fn errors_are_of_the_published_size() {
        let rows = study(1);
        let worst = |sign, rounding, interval| {
            let case = |r: &&Row| (r.sign, r.rounding, r.interval) == (sign, rounding, interval);
            rows.iter().find(case).expect("every case").worst
        };
        for (sign, rounding, none, promoted) in [
            (Sign::Positive, Rounding::Nearest, 5.9e-4, 1.4e-5),
            (Sign::Positive, Rounding::Truncated, 3.2e-3, 1.1e-4),
            (Sign::ZeroMean, Rounding::Truncated, 2.8e-4, 7.4e-6),
            (Sign::ZeroMean, Rounding::Nearest, 9.7e-6, 2.5e-6),
        ] {
            for (interval, known) in [(None, none), (Some(128), promoted)] {
                let found = worst(sign, rounding, interval);
                let label = format!("{sign:?} {rounding:?} {interval:?}: {found:.1e}, known {known:.1e}");
                assert!((0.5..2.0).contains(&(found / known)), "{label}");
            }
        }
        // Of sums that only grow, a shorter interval never loses; it costs as many more additions.
        for rounding in [Rounding::Nearest, Rounding::Truncated] {
            let errors: Vec<f64> = INTERVALS.iter().map(|i| worst(Sign::Positive, rounding, *i)).collect();
            assert!(errors.is_sorted_by(|a, b| a > b), "{rounding:?} {errors:?}");
        }
        let additions: Vec<f64> = rows[..INTERVALS.len()].iter().map(|r| r.additions * K as f64).collect();
        assert_eq!(additions, [1.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0]);
    }
}
