//! What the ladders promise beyond their tolerance.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::gemv_packed::tests::{Exact, every_way, integer_scales};
use crate::kernel::{Entry, Kernel};
use crate::machine::Isa;

/// Checks what is in C.
#[cfg(target_arch = "x86_64")]
pub(super) fn verify<F: Format>(shape: &Shape, data: &Data<F>) {
    let tolerance = GemmPacked::<F>::tolerance(shape, SUMS * 16);
    let row = |r: usize| (GemmPacked::reference(data, r), GemmPacked::output(data, r));
    let verdict = crate::compare::verify(&tolerance, &Vec::from_iter(0..shape.m), row);
    let intact = data.c.canaries_intact() && data.strips.canaries_intact() && data.packed.canaries_intact();
    assert!(verdict.passed() && intact, "{} {}: {verdict:?}", F::KERNEL, GemmPacked::<F>::dims(shape));
}

fn exact_on_every_machine<F: Format>(scales: impl Fn(&mut F)) {
    let _unit = crate::machine::matrix_unit();
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for (m, n, blocks) in [(1, 1, 1), (2, 7, 1), (7, 33, 1), (21, 16, 2)] {
        let e = Exact::new(&mut rng, (m, n, blocks), &scales);
        let row = |x: &[i8]| reference::row(&e.w, n, x, &e.x().scales[..blocks]).values;
        let exact: Vec<f32> = e.quants.chunks(blocks * F::LEN).flat_map(row).map(|v| v as f32).collect();
        for variant in GemmPacked::<F>::LADDER {
            every_way(variant, |way, label| {
                let mut c = vec![f32::NAN; m * n];
                let mut strips = vec![0.0; m * n.next_multiple_of(GROUP_ROWS)];
                let mut packed = vec![0; packed_bytes::<F>(m, blocks)];
                let (w, groups, values) = (&e.w[..], e.groups.as_slice(), &e.values[..]);
                let (strips, packed) = (&mut strips[..], &mut packed[..]);
                if way(Args { m, n, blocks, w, groups, x: e.x(), values, c: &mut c, strips, packed }) {
                    assert_eq!(c, exact, "{} {} on {label}, {m}×{n}", F::KERNEL, variant.about.name);
                }
            });
        }
    }
}

#[test]
fn q8_0_is_bit_exact_across_variants_machines_and_lanes() {
    exact_on_every_machine::<BlockQ8_0>(|b| b.d = half::f16::ONE);
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

/// More of A than the second cache keeps, and more of k than the first: sums wait in strips.
fn several_blocks_of_k_in_intrinsics<F: Format>() {
    let _unit = crate::machine::matrix_unit();
    let gemm = Entry::<GemmPacked<F>>::new();
    let mut case = gemm.prepare(&Shape::new("test", 70, 20, 8192), &Input::typical(4)).unwrap();
    for (v, about) in gemm.variants().iter().enumerate() {
        let Width::Arch(isa) = about.width else { continue };
        case.poison();
        if case.run(v, isa).is_ok() {
            let verdict = case.verify(v, isa.lanes());
            assert!(verdict.passed(), "{} {}: {verdict:?}", F::KERNEL, about.name);
        }
    }
}

#[test]
fn several_blocks_of_k_match_the_reference() {
    several_blocks_of_k_in_intrinsics::<BlockQ8_0>();
    several_blocks_of_k_in_intrinsics::<BlockQ6K>();
}

/// How the columns are shared out does not matter.
#[test]
fn one_thread_and_many_give_the_same_bits() {
    let _unit = crate::machine::matrix_unit();
    let gemm = Entry::<GemmPacked<BlockQ4K>>::new();
    let mut case = gemm.prepare(&Shape::new("test", 19, 130, 1024), &Input::typical(4)).unwrap();
    let variant = |name: &str| gemm.variants().iter().position(|v| v.name == name);
    for (one, many) in
        [("register_tile", "parallel"), ("x86_vnni", "x86_vnni_parallel"), ("x86_amx", "x86_amx_parallel")]
    {
        let (Some(one), Some(many)) = (variant(one), variant(many)) else { continue };
        for isa in Isa::EVERY {
            if case.run(one, isa).is_ok() {
                let expected = case.output();
                case.poison();
                case.run(many, isa).unwrap();
                assert_eq!(case.output(), expected, "{}", isa.name());
            }
        }
    }
}
