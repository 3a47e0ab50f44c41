//! What the packed ladders promise beyond their tolerance.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::dtype::q4_0::BlockQ4_0;
use crate::dtype::q4_k::BlockQ4K;
use crate::dtype::q6_k::BlockQ6K;
use crate::machine::Isa;
use crate::machine::traced::Counter;

/// Blocks of random quants whose scales are small integers, so that every sum is an integer below 2^24: any variant's
/// result is exact or wrong.
fn exact_on_every_machine<F: Format>(integer_scales: impl Fn(&mut F)) {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for (rows, blocks) in [(1, 1), (7, 2), (33, 1), (16, 2)] {
        let w: Vec<F> = (0..rows * blocks)
            .map(|_| {
                let mut block = F::zeroed();
                rng.fill_bytes(bytemuck::bytes_of_mut(&mut block));
                integer_scales(&mut block);
                block
            })
            .collect();
        let none = F::zeroed();
        let row = |r: usize, b: usize| if r < rows { w[r * blocks + b] } else { none };
        let groups: Vec<F::Group> = (0..rows.div_ceil(GROUP_ROWS) * blocks)
            .map(|g| F::interleave(&std::array::from_fn(|r| row(g / blocks * GROUP_ROWS + r, g % blocks))))
            .collect();
        let quants: Vec<i8> = (0..blocks * F::LEN).map(|_| (rng.next_u32() as i8).max(-127)).collect();
        let sums: Vec<f32> = quants.chunks(F::SUB).map(|s| s.iter().map(|q| f32::from(*q)).sum()).collect();
        let values: Vec<f32> = quants.iter().map(|q| f32::from(*q)).collect();
        let scales = vec![1.0; blocks];
        let exact: Vec<f32> = w
            .chunks(blocks)
            .map(|row| {
                let weights = row.iter().flat_map(|b| b.exact());
                weights.zip(&quants).map(|(w, x)| w * f64::from(*x)).sum::<f64>() as f32
            })
            .collect();
        for variant in GemvPacked::<F>::LADDER {
            let x = X { quants: &quants, scales: &scales, sums: &sums };
            let run = |way: &dyn Fn(Args<'_, F>) -> bool, label: &str| {
                let mut y = vec![f32::NAN; rows];
                if way(Args { w: &w, groups: &groups, x, values: &values, y: &mut y }) {
                    assert_eq!(y, exact, "{} {} on {label}, {rows} rows", F::KERNEL, variant.about.name);
                }
            };
            for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
                run(&|args| variant.run_native(isa, args), isa.name());
            }
            for lanes in [1, 2, 4, 8, 16] {
                run(&|args| variant.run_traced(&Counter::default(), lanes, args), &format!("{lanes} traced lanes"));
            }
        }
    }
}

#[test]
fn q4_0_is_bit_exact_across_variants_machines_and_lanes() {
    exact_on_every_machine::<BlockQ4_0>(|b| b.d = half::f16::ONE);
}

#[test]
fn q4_k_is_bit_exact_across_variants_machines_and_lanes() {
    exact_on_every_machine::<BlockQ4K>(|b| {
        (b.d, b.dmin) = (half::f16::ONE, half::f16::from_f32(2.0));
        // Keeps the upper two bits of the last four scales and minimums away.
        b.scales = b.scales.map(|s| s & 0x3f);
    });
}

#[test]
fn q6_k_is_bit_exact_across_variants_machines_and_lanes() {
    exact_on_every_machine::<BlockQ6K>(|b| {
        b.d = half::f16::ONE;
        b.scales = b.scales.map(|s| s % 16);
    });
}

#[test]
fn ragged_columns_are_refused_with_the_reason() {
    let shape = Shape::new("odd", 1, 4, 300);
    let error = GemvPacked::<BlockQ4K>::prepare(&shape, &Input::typical(1)).err().expect("300 is no whole block");
    assert!(error.to_string().contains("k = 300 is not a multiple of 256, the weights of a Q4_K block"), "{error}");
}
