//! What the q8_0 ladder promises beyond its tolerance.

use super::*;
use crate::machine::Isa;
use crate::machine::traced::Counter;
use rand::{Rng, SeedableRng};

/// Scales of one make every sum an integer below 2^24: any variant's result is exact or wrong.
#[test]
fn integer_parts_are_bit_exact_across_variants_machines_and_lanes() {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(9);
    for (rows, blocks) in [(1, 1), (7, 5), (9, 32)] {
        let w: Vec<BlockQ8_0> = (0..rows * blocks)
            .map(|_| {
                let mut qs = [0; BLOCK_LEN];
                rng.fill_bytes(bytemuck::cast_slice_mut(&mut qs));
                qs[rng.next_u32() as usize % BLOCK_LEN] = -128;
                BlockQ8_0 { d: half::f16::ONE, qs }
            })
            .collect();
        let xq: Vec<i8> = (0..blocks * BLOCK_LEN).map(|_| (rng.next_u32() as i8).max(-127)).collect();
        let x: Vec<f32> = xq.iter().map(|&q| f32::from(q)).collect();
        let xd = vec![1.0; blocks];
        let exact: Vec<f32> = w
            .chunks(blocks)
            .map(|row| {
                let products = row.iter().flat_map(|b| b.qs).zip(&xq).map(|(w, &x)| i32::from(w) * i32::from(x));
                products.sum::<i32>() as f32
            })
            .collect();
        for variant in GemvQ8::LADDER {
            let name = variant.about.name;
            for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
                let mut y = vec![f32::NAN; rows];
                if variant.run_native(isa, Args { w: &w, xq: &xq, xd: &xd, x: &x, y: &mut y }) {
                    assert_eq!(y, exact, "{name} on {}", isa.name());
                }
            }
            for lanes in [1, 2, 4, 8, 16] {
                let mut y = vec![f32::NAN; rows];
                let args = Args { w: &w, xq: &xq, xd: &xd, x: &x, y: &mut y };
                if variant.run_traced(&Counter::default(), lanes, args) {
                    assert_eq!(y, exact, "{name} traced with {lanes} lanes");
                }
            }
        }
    }
}

#[test]
fn ragged_columns_are_refused_with_the_reason() {
    let error = GemvQ8::prepare(&Shape::new("odd", 1, 4, 33), &Input::typical(1)).err().expect("33 is no whole block");
    assert!(error.to_string().contains("k = 33 is not a multiple of 32"), "{error}");
}

#[test]
fn periods_are_whole_cache_lines() {
    for blocks in 0..300 {
        let period = rows_per_whole_lines(blocks);
        assert_eq!(period * blocks * 34 % 64, 0);
        assert!(period == 1 || !((period / 2) * blocks * 34).is_multiple_of(64));
    }
}
