//! The correctness gate over every kernel, variant, machine and ragged shape: each output against its f64 reference.

use kernels::KERNELS;
use kernels::input::{Flavor, Input};
use kernels::kernel::{About, Kernel, Width};
use kernels::machine::Isa;
use kernels::machine::traced::Counter;

/// The native machines a variant runs on here.
fn machines(about: &About) -> Vec<Isa> {
    let fits = |isa: &Isa| match about.width {
        Width::Scalar => *isa == Isa::Scalar,
        Width::Any => true,
        Width::SimdF32 | Width::SimdMadd => isa.lanes() > 1,
        Width::Dot4 => isa.has_dot4(),
        Width::Arch(only) => *isa == only,
    };
    Isa::ALL.into_iter().filter(|isa| isa.available() && isa.lanes() <= about.max_lanes && fits(isa)).collect()
}

fn check(kernel: &dyn Kernel, input: &Input) {
    for shape in kernel.test_shapes() {
        let mut case = kernel.prepare(&shape, input).expect("test shapes fit");
        for (v, about) in kernel.variants().iter().enumerate() {
            let label = format!("{} {} {} {:?}", kernel.name(), kernel.dims(&shape), about.name, input.flavor);
            for isa in machines(about) {
                case.poison();
                if let Err(reason) = case.run(v, isa) {
                    // Intrinsics may ask for more than their machine.
                    assert!(matches!(about.width, Width::Arch(_)), "{label}: {reason}");
                    continue;
                }
                let verdict = case.verify(v, isa.lanes());
                assert!(verdict.passed(), "{label} on {}: {:?}", isa.name(), verdict.failure);
            }
            if matches!(about.width, Width::Arch(_)) {
                continue;
            }
            for lanes in [1, 2, 4, 8, 16] {
                if lanes > about.max_lanes || (lanes > 1 && about.width == Width::Scalar) {
                    continue;
                }
                case.poison();
                case.trace(v, &Counter::default(), lanes).expect("traced");
                let verdict = case.verify(v, lanes);
                assert!(verdict.passed(), "{label} traced with {lanes} lanes: {:?}", verdict.failure);
            }
        }
    }
}

#[test]
fn every_variant_matches_its_reference_on_typical_inputs() {
    for kernel in KERNELS {
        for seed in [1, 2] {
            check(*kernel, &Input::typical(seed));
        }
    }
}

#[test]
fn every_variant_matches_its_reference_on_zeros_denormals_and_huge_values() {
    for kernel in KERNELS {
        check(*kernel, &Input { flavor: Flavor::Adversarial, ..Input::typical(3) });
    }
}

#[test]
fn ladders_are_well_formed() {
    for kernel in KERNELS {
        let variants = kernel.variants();
        assert_eq!(variants[0].after, None, "{}: rung 0 has no predecessor", kernel.name());
        for (i, v) in variants.iter().enumerate().skip(1) {
            let after = v.after.unwrap_or_else(|| panic!("{} {}: no predecessor", kernel.name(), v.name));
            assert!(
                variants[..i].iter().any(|p| p.name == after),
                "{} {}: {after} is not below it",
                kernel.name(),
                v.name
            );
        }
    }
}
