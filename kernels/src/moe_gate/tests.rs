//! What the gate's ladder promises beyond its tolerance: every variant chooses the same experts, ties included.

use super::*;
use crate::kernel::{Case, Entry, Kernel};
use crate::machine::Isa;
use crate::machine::traced::Counter;

/// The indices that each variant leaves, on every machine.
fn choices(case: &mut dyn Case, check: impl Fn(&[f32], &str)) {
    for (v, about) in Entry::<MoeGate>::new().variants().iter().enumerate() {
        for isa in Isa::ALL {
            case.poison();
            if case.run(v, isa).is_ok() {
                check(&case.output(), &format!("{} on {}", about.name, isa.name()));
            }
        }
        for lanes in [1, 2, 4, 8, 16] {
            case.poison();
            if case.trace(v, &Counter::default(), lanes).is_ok() {
                check(&case.output(), &format!("{} with {lanes} traced lanes", about.name));
            }
        }
    }
}

#[test]
fn of_equals_the_lowest_index_wins() {
    let blank = Input { flavor: Flavor::Blank, ..Input::typical(1) };
    for (experts, groups) in [(64, 1), (256, 8), (40, 4), (30, 3), (64, 16), (20, 1), (10, 5)] {
        let shape = Shape::new("equal", 1, experts, 24).parts(groups);
        let size = Size::of(&shape);
        let mut case = Entry::<MoeGate>::new().prepare(&shape, &blank).expect("the shape fits");
        let chosen = size.chosen;
        choices(&mut *case, |y, label| {
            let lowest: Vec<f32> = (0..chosen).map(|e| e as f32).collect();
            assert_eq!(y[..chosen], lowest, "{experts}/{groups} {label}");
            let each = size.scale / chosen as f32;
            assert!(y[chosen..].iter().all(|w| (w - each).abs() < 1e-6), "{experts}/{groups} {label}: {y:?}");
        });
    }
}

#[test]
fn every_variant_chooses_the_same_experts() {
    for seed in 0..8 {
        for (experts, groups, width) in [(64, 1, 256), (256, 8, 128), (96, 4, 200), (48, 3, 77)] {
            let shape = Shape::new("test", 1, experts, width).parts(groups);
            let chosen = Size::of(&shape).chosen;
            let mut case = Entry::<MoeGate>::new().prepare(&shape, &Input::typical(seed)).expect("the shape fits");
            case.run(0, Isa::Scalar).expect("rung 0 runs anywhere");
            let naive = case.output();
            choices(&mut *case, |y, label| assert_eq!(y[..chosen], naive[..chosen], "{experts}/{groups} {label}"));
        }
    }
}

#[test]
fn inputs_have_no_near_ties() {
    let gap_of = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min)
    };
    for flavor in [Flavor::Typical, Flavor::Adversarial] {
        for shape in MoeGate::test_shapes() {
            let d = MoeGate::prepare(&shape, &Input { flavor, ..Input::typical(7) }).expect("the shape fits");
            let scores = reference::scores(&d.size, d.w.as_slice(), d.x.as_slice());
            let biased: Vec<f64> = scores.iter().zip(d.bias.as_slice()).map(|(s, b)| s.0 + f64::from(*b)).collect();
            let (group, expert) = (gap_of(reference::groups(&d.size, &biased)), gap_of(biased));
            assert!(expert > 1e-5 && (d.size.groups == 1 || group > 1e-5), "{}", MoeGate::dims(&shape));
        }
    }
}

#[test]
fn groups_that_differ_in_size_are_refused() {
    let error = |n, parts| MoeGate::prepare(&Shape::new("odd", 1, n, 8).parts(parts), &Input::typical(1)).err();
    assert!(error(10, 3).is_some() && error(4, 4).is_some() && error(0, 1).is_some() && error(4, 2).is_none());
}
