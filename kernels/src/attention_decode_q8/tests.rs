//! What the q8_0 cache promises beyond its tolerance.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::keys::IntegerDots;
use super::*;
use crate::attention_decode::blocks::{Asked, BLOCK};
use crate::machine::traced::{Counter, on_traced};
use crate::machine::{Isa, Machine, OnMachine, on_native};

struct Scores<'a, A> {
    asked: A,
    scores: &'a mut [f32],
}

impl<A: Asked> OnMachine for Scores<'_, A> {
    #[inline(always)]
    fn on<M: Machine>(self, m: M) {
        self.asked.scores(m, 1.0, self.scores, BLOCK);
    }
}

/// Scales of one make every score an integer below 2^24: any way to it is exact or wrong.
#[test]
fn scores_are_bit_exact_in_every_order_and_on_every_machine() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for (heads, count, blocks) in [(1, 1, 1), (6, 64, 4), (5, 33, 2), (11, 17, 3)] {
        let width = blocks * BLOCK_LEN;
        let mut block = || {
            let mut qs = [0; BLOCK_LEN];
            rng.fill_bytes(bytemuck::cast_slice_mut(&mut qs));
            qs[0] = -128;
            BlockQ8_0 { d: half::f16::ONE, qs }
        };
        let k: Vec<BlockQ8_0> = (0..count * blocks).map(|_| block()).collect();
        let key = |t: usize, b: usize| if t < count { k[t * blocks + b] } else { BlockQ8_0::zeroed() };
        let group = |g: usize| Group::interleave(&std::array::from_fn(|t| key(g / blocks * TOKENS + t, g % blocks)));
        let groups: Vec<Group> = (0..count.div_ceil(TOKENS) * blocks).map(group).collect();
        let quants: Vec<i8> = (0..heads * width).map(|_| (rng.next_u32() as i8).max(-127)).collect();
        let scales = vec![1.0; heads * blocks];
        let q = Queries { quants: &quants, scales: &scales };
        let exact = |h: usize, t: usize| {
            let key = k[t * blocks..(t + 1) * blocks].iter().flat_map(|b| b.qs);
            key.zip(&quants[h * width..]).map(|(k, q)| i32::from(k) * i32::from(*q)).sum::<i32>() as f32
        };
        let check = |name: &str, scores: &[f32]| {
            for (h, t) in (0..heads).flat_map(|h| (0..count).map(move |t| (h, t))) {
                assert_eq!(scores[h * BLOCK + t], exact(h, t), "head {h}, token {t}, {name}");
            }
        };
        let in_rows = IntegerDots { q, k: BlockRows { data: &k, blocks, count } };
        let abreast = GroupDots { q, k: &groups, blocks, count };
        let mut scores = vec![f32::NAN; heads * BLOCK];
        for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
            scores.fill(f32::NAN);
            on_native(isa, Scores { asked: in_rows, scores: &mut scores });
            check(isa.name(), &scores);
            scores.fill(f32::NAN);
            on_native(isa, Scores { asked: abreast, scores: &mut scores });
            check(isa.name(), &scores);
        }
        for lanes in [1, 2, 4, 8, 16] {
            scores.fill(f32::NAN);
            on_traced(&Counter::default(), lanes, Scores { asked: in_rows, scores: &mut scores });
            check("traced in rows", &scores);
            scores.fill(f32::NAN);
            on_traced(&Counter::default(), lanes, Scores { asked: abreast, scores: &mut scores });
            check("traced abreast", &scores);
        }
    }
}

#[test]
fn ragged_widths_are_refused_with_the_reason() {
    let shape = Shape::new("odd", 4, 8, 40).parts(2);
    let error = AttentionDecodeQ8::prepare(&shape, &Input::typical(1)).err().expect("40 is no whole block");
    assert!(error.to_string().contains("multiple of 32"), "{error}");
}
