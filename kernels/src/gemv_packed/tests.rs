//! What the packed ladders promise beyond their tolerance.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::dtype::q4_0::BlockQ4_0;
use crate::dtype::q4_k::BlockQ4K;
use crate::dtype::q6_k::BlockQ6K;
use crate::machine::Isa;
use crate::machine::traced::Counter;

/// Weights and activations of one size whose sums are all integers below 2^24: any variant's result is exact or wrong.
pub(crate) struct Exact<F: Packed> {
    pub(crate) w: Vec<F>,
    pub(crate) groups: Buffer<F::Group>,
    pub(crate) quants: Vec<i8>,
    pub(crate) values: Vec<f32>,
    ones: Vec<f32>,
    sums: Vec<f32>,
}

impl<F: Packed> Exact<F> {
    /// Random ones, `m` rows of activations; `scales` makes a block's scales small integers.
    pub(crate) fn new(rng: &mut ChaCha8Rng, (m, n, blocks): (usize, usize, usize), scales: impl Fn(&mut F)) -> Self {
        let mut w = vec![F::zeroed(); n * blocks];
        for block in &mut w {
            rng.fill_bytes(bytemuck::bytes_of_mut(block));
            scales(block);
        }
        let quants: Vec<i8> = (0..m * blocks * F::LEN).map(|_| (rng.next_u32() as i8).max(-127)).collect();
        Self {
            groups: groups(&w, n, &Input::typical(1)),
            w,
            values: quants.iter().map(|q| f32::from(*q)).collect(),
            ones: vec![1.0; m * blocks],
            sums: quants.chunks(F::SUB).map(|s| s.iter().map(|q| f32::from(*q)).sum()).collect(),
            quants,
        }
    }

    pub(crate) fn x(&self) -> X<'_> {
        X { quants: &self.quants, scales: &self.ones, sums: &self.sums }
    }
}

/// Calls `run` with every way to run a variant, and what the way is called.
pub(crate) fn every_way<C: Contract>(variant: &Variant<C>, run: impl Fn(&dyn Fn(C::Args<'_>) -> bool, &str)) {
    for isa in Isa::EVERY.into_iter().filter(|isa| isa.available()) {
        run(&|args| variant.run_native(isa, args), isa.name());
    }
    for lanes in [1, 2, 4, 8, 16] {
        run(&|args| variant.run_traced(&Counter::default(), lanes, args), &format!("{lanes} traced lanes"));
    }
}

/// Small integers as scales.
pub(crate) mod integer_scales {
    use super::*;

    pub(crate) fn q4_k(b: &mut BlockQ4K) {
        (b.d, b.dmin) = (half::f16::ONE, half::f16::from_f32(2.0));
        // Keeps the upper two bits of the last four scales and minimums away.
        b.scales = b.scales.map(|s| s & 0x3f);
    }

    pub(crate) fn q6_k(b: &mut BlockQ6K) {
        b.d = half::f16::ONE;
        b.scales = b.scales.map(|s| s % 16);
    }
}

fn exact_on_every_machine<F: Format>(scales: impl Fn(&mut F)) {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for (rows, blocks) in [(1, 1), (7, 2), (33, 1), (16, 2)] {
        let e = Exact::new(&mut rng, (1, rows, blocks), &scales);
        let row = |row: &[F]| reference::row(row, &e.quants, e.x().scales).values[0] as f32;
        let exact: Vec<f32> = e.w.chunks(blocks).map(row).collect();
        for variant in GemvPacked::<F>::LADDER {
            every_way(variant, |way, label| {
                let mut y = vec![f32::NAN; rows];
                if way(Args { w: &e.w, groups: e.groups.as_slice(), x: e.x(), values: &e.values, y: &mut y }) {
                    assert_eq!(y, exact, "{} {} on {label}, {rows} rows", F::KERNEL, variant.about.name);
                }
            });
        }
    }
}

#[test]
fn q4_0_is_bit_exact_across_variants_machines_and_lanes() {
    exact_on_every_machine::<BlockQ4_0>(|b| b.d = half::f16::ONE);
}

#[test]
fn q4_k_is_bit_exact_across_variants_machines_and_lanes() {
    exact_on_every_machine(integer_scales::q4_k);
}

#[test]
fn q6_k_is_bit_exact_across_variants_machines_and_lanes() {
    exact_on_every_machine(integer_scales::q6_k);
}

#[test]
fn ragged_columns_are_refused_with_the_reason() {
    let shape = Shape::new("odd", 1, 4, 300);
    let error = GemvPacked::<BlockQ4K>::prepare(&shape, &Input::typical(1)).err().expect("300 is no whole block");
    assert!(error.to_string().contains("k = 300 is not a multiple of 256, the weights of a Q4_K block"), "{error}");
}
