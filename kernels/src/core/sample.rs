//! Which token comes next: the likeliest, or one drawn by its probability.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::matrix::shape;
use super::rungs::{Ladders, Watch};
use crate::softmax;

/// How the next token is chosen. Seeded: the same text every time.
pub struct Sampler {
    temperature: f32,
    top_p: f32,
    rng: ChaCha8Rng,
    probabilities: Vec<f32>,
    order: Vec<u32>,
}

impl Sampler {
    /// `temperature` 0 is greedy; `top_p` in 0..=1 keeps the likeliest tokens that together have this probability.
    pub fn new(temperature: f32, top_p: f32, seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self { temperature, top_p, rng, probabilities: Vec::new(), order: Vec::new() }
    }

    /// The likeliest token, always.
    pub fn greedy() -> Self {
        Self::new(0.0, 1.0, 0)
    }

    /// True where no probability is needed.
    pub fn is_greedy(&self) -> bool {
        self.temperature <= 0.0
    }

    /// The next token; `logits` become how far each is below the largest, in units of the temperature.
    pub(super) fn next(&mut self, l: &Ladders, watch: &mut dyn Watch, logits: &mut [f32]) -> u32 {
        if self.is_greedy() {
            return likeliest(logits);
        }
        // The largest is 0 at any temperature, however small, and the others finite.
        let largest = logits[likeliest(logits) as usize];
        logits.iter_mut().for_each(|logit| *logit = ((*logit - largest) / self.temperature).max(f32::MIN));
        self.probabilities.resize(logits.len(), 0.0);
        let args = softmax::Args { x: logits, n: logits.len(), y: &mut self.probabilities };
        l.softmax.run(watch, &shape(1, logits.len(), 1, 1), args);
        // 24 random bits, in 0..1.
        let coin = (self.rng.next_u32() >> 8) as f32 / (1 << 24) as f32;
        self.draw(coin)
    }

    /// The token at which the probabilities, largest first, reach `coin` of what the kept ones have.
    fn draw(&mut self, coin: f32) -> u32 {
        let p = &self.probabilities;
        self.order.clear();
        self.order.extend(0..p.len() as u32);
        if self.top_p < 1.0 {
            // What is less likely than this cannot be among them: llama2.c's shortcut before the sort.
            let least = (1.0 - self.top_p) / (p.len().max(2) - 1) as f32;
            self.order.retain(|i| p[*i as usize] >= least);
            // Nearly equal ones may all be below it.
            if self.order.is_empty() {
                return likeliest(p);
            }
            self.order.sort_unstable_by(|a, b| p[*b as usize].total_cmp(&p[*a as usize]).then(a.cmp(b)));
            let mut sum = 0.0;
            let kept = self.order.iter().position(|i| {
                sum += p[*i as usize];
                sum >= self.top_p
            });
            self.order.truncate(kept.map_or(usize::MAX, |last| last + 1));
        }
        let all: f32 = self.order.iter().map(|i| p[*i as usize]).sum();
        let mut sum = 0.0;
        let reached = self.order.iter().find(|i| {
            sum += p[**i as usize];
            sum > coin * all
        });
        reached.or(self.order.last()).copied().unwrap_or(0)
    }
}

/// The first of the largest.
fn likeliest(logits: &[f32]) -> u32 {
    let mut best = 0;
    for (i, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = i;
        }
    }
    best as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rungs::Rungs;
    use crate::machine::Isa;

    fn drawn(p: &[f32], top_p: f32, coin: f32) -> u32 {
        let mut sampler = Sampler::new(1.0, top_p, 0);
        sampler.probabilities = p.to_vec();
        sampler.draw(coin)
    }

    #[test]
    fn coins_fall_by_probability() {
        let p = [0.1, 0.6, 0.3];
        assert_eq!([0.0, 0.05, 0.15, 0.65, 0.75, 0.999].map(|coin| drawn(&p, 1.0, coin)), [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn what_is_beyond_top_p_is_never_drawn() {
        let p = [0.1, 0.6, 0.3];
        // 0.6 alone, then 0.6 and 0.3.
        assert!((0..100).all(|i| drawn(&p, 0.5, i as f32 / 100.0) == 1));
        let seen: Vec<u32> = (0..100).map(|i| drawn(&p, 0.85, i as f32 / 100.0)).collect();
        assert_eq!(seen.iter().filter(|t| **t == 1).count(), 67);
        assert!(!seen.contains(&0));
    }

    #[test]
    fn the_likeliest_is_kept_where_nothing_reaches_the_cutoff() {
        assert_eq!(drawn(&[0.249, 0.251, 0.25, 0.25], 0.0, 0.9), 1);
    }

    #[test]
    fn tiny_temperatures_are_greedy() {
        let ladders =
            Ladders::choose(&Rungs::default(), 1, &[Isa::Scalar], true).expect("every kernel runs everywhere");
        for temperature in [1e-39, f32::MIN_POSITIVE, 1e-6] {
            let mut sampler = Sampler::new(temperature, 0.9, 1);
            assert_eq!(
                sampler.next(&ladders, &mut (), &mut [1.0, -3.0, 2.5, 2.4, f32::NEG_INFINITY]),
                2,
                "{temperature:e}"
            );
        }
    }

    #[test]
    fn of_equals_the_first_is_likeliest() {
        assert_eq!(likeliest(&[1.0, 3.0, 3.0, 2.0]), 1);
    }
}
