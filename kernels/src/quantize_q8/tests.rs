//! What the rule promises.

use super::*;
use crate::input::Flavor;
use crate::machine::Isa;

/// Every variant on each machine that it runs on here, over one row.
fn everywhere<B: Blocks>(x: &[f32], check: impl Fn(&[i8], &[f32], &str)) {
    for variant in B::LADDER {
        for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
            let (mut quants, mut scales) = (Buffer::<i8>::zeroed(x.len()), Buffer::zeroed(x.len() / B::LEN));
            let args = Args { x, quants: quants.as_mut_slice(), scales: scales.as_mut_slice() };
            if variant.run_native(isa, args) {
                let label = format!("{} on {}", variant.about.name, isa.name());
                check(quants.as_slice(), scales.as_slice(), &label);
            }
        }
    }
}

#[test]
fn halves_round_to_even() {
    let mut x = [0.0; 32];
    x[..9].copy_from_slice(&[127.0, 0.5, -0.5, 1.5, 2.5, -2.5, 126.5, 0.499, -126.4]);
    everywhere::<Of32>(&x, |quants, scales, label| {
        assert_eq!(scales, [1.0], "{label}");
        assert_eq!(quants[..10], [127, 0, 0, 2, 2, -2, 126, 0, -126, 0], "{label}");
    });
}

#[test]
fn zeros_and_the_smallest_have_the_smallest_normal_scale_and_the_largest_is_127() {
    let mut x = [0.0; 128];
    x[32] = f32::from_bits(1);
    x[64] = -200.0 * f32::MIN_POSITIVE;
    (x[96], x[127]) = (f32::MAX, -f32::MAX);
    everywhere::<Of32>(&x, |quants, scales, label| {
        assert_eq!(scales[..2], [f32::MIN_POSITIVE; 2], "{label}");
        assert!(quants[..64].iter().all(|q| *q == 0), "{label}");
        assert_eq!((quants[64], scales[2]), (-127, 200.0 * f32::MIN_POSITIVE / 127.0), "{label}");
        assert_eq!((quants[96], quants[127]), (127, -127), "{label}");
    });
}

fn dequantized_within_half_a_step<B: Blocks>() {
    for flavor in [Flavor::Typical, Flavor::Adversarial] {
        let x = Input { flavor, ..Input::typical(8) }.values(0, B::LEN * 33, 1.0);
        everywhere::<B>(x.as_slice(), |quants, scales, label| {
            for (c, (x, q)) in x.as_slice().iter().zip(quants).enumerate() {
                let scale = f64::from(scales[c / B::LEN]);
                let error = (f64::from(*x) - scale * f64::from(*q)).abs();
                // The reciprocal and the product are rounded: 127 * 2^-23 steps at the most.
                assert!(error <= scale * (0.5 + 2e-5), "{label}: {x} became {q} times {scale}");
            }
        });
    }
}

#[test]
fn dequantized_values_are_within_half_a_step() {
    dequantized_within_half_a_step::<Of32>();
    dequantized_within_half_a_step::<Of256>();
}

#[test]
fn ragged_rows_are_refused_with_the_reason() {
    let error =
        QuantizeQ8::<Of32>::prepare(&Shape::new("odd", 2, 33, 1), &Input::typical(1)).err().expect("no whole block");
    assert!(error.to_string().contains("n = 33 is not a multiple of 32"), "{error}");
}
