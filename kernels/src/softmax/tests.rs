//! What the softmax ladder promises beyond its tolerance.

use super::*;
use crate::exp::Exp;
use crate::machine::{Isa, Portable, Scalar};

/// Runs a variant on rows of `n` and gives its output.
fn run(variant: usize, isa: Isa, x: &[f32], n: usize) -> Vec<f32> {
    let mut y = vec![f32::NAN; x.len()];
    assert!(Softmax::LADDER[variant].run_native(isa, Args { x, n, y: &mut y }));
    y
}

/// Every variant on each machine that it runs on here.
fn everywhere() -> impl Iterator<Item = (usize, Isa)> {
    let all = (0..Softmax::LADDER.len()).flat_map(|v| Isa::ALL.map(|isa| (v, isa)));
    all.filter(|(v, isa)| {
        let scalar = Softmax::LADDER[*v].about.width == Width::Scalar;
        isa.available() && scalar == (*isa == Isa::Scalar)
    })
}

#[test]
fn polynomial_exp_is_within_3e_7_of_exp_and_flushes_to_zero() {
    let largest_error = |of: &dyn Fn(f32) -> f32| {
        let points = (0..=880_000).map(|i| -(i as f32) * 9.9e-5);
        points.map(|x| (f64::from(of(x)) / f64::from(x).exp() - 1.0).abs()).fold(0.0, f64::max)
    };
    let scalar = |x: f32| Exp::new(Scalar).of(Scalar, &x);
    let portable = |x: f32| Exp::new(Portable).of(Portable, &wide::f32x8::splat(x)).to_array()[7];
    for of in [&scalar as &dyn Fn(f32) -> f32, &portable] {
        let worst = largest_error(of);
        assert!(worst < 3e-7, "{worst:.2e}");
        assert_eq!(of(0.0), 1.0);
        for x in [-88.0, -104.0, -1e12, f32::MIN, f32::NEG_INFINITY] {
            assert_eq!(of(x), 0.0, "{x}");
        }
    }
}

#[test]
fn rows_sum_to_one_as_closely_as_their_sum_is_rounded() {
    for flavor in [crate::input::Flavor::Typical, crate::input::Flavor::Adversarial] {
        for n in [1, 7, 64, 1000] {
            let input = Input { flavor, ..Input::typical(4) };
            let x = input.values(0, 20 * n, 1.0);
            for (v, isa) in everywhere() {
                let about = Softmax::LADDER[v].about;
                let bound = 1e-6 + sum_error(n, about.accumulators * isa.lanes());
                for row in run(v, isa, x.as_slice(), n).chunks(n) {
                    let sum: f64 = row.iter().map(|&p| f64::from(p)).sum();
                    let name = about.name;
                    assert!((sum - 1.0).abs() <= bound, "{name} on {}, {flavor:?}, n = {n}: {sum}", isa.name());
                }
            }
        }
    }
}

#[test]
fn masked_scores_get_probability_zero() {
    for (v, isa) in everywhere() {
        for n in [3, 40, 200] {
            // The mask is at the front, so that running maxima begin with it.
            let x: Vec<f32> = (0..n).map(|c| if c + 2 < n { f32::NEG_INFINITY } else { 5.0 }).collect();
            let y = run(v, isa, &x, n);
            let right = y.iter().enumerate().all(|(c, &p)| p == if c + 2 < n { 0.0 } else { 0.5 });
            assert!(right, "{} on {}: {y:?}", Softmax::LADDER[v].about.name, isa.name());
        }
    }
}
