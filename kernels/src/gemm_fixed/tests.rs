//! Integers, exact, at the ends of their ranges and for any number of tokens.

use super::*;
use crate::dot_fixed::MOST_COLUMNS;
use crate::input::Canary;
use crate::machine::Isa;
use crate::machine::traced::Counter;

/// Every variant, native and traced.
fn exact_everywhere(w: &[i8], x: &[i8], k: usize) {
    let dot = |w: &[i8], x: &[i8]| w.iter().zip(x).map(|(w, x)| i32::from(*w) * i32::from(*x)).sum::<i32>();
    let exact: Vec<i32> = x.chunks(k).flat_map(|x| w.chunks(k).map(move |w| dot(w, x))).collect();
    let mut y = Buffer::<i32>::zeroed(exact.len());
    for variant in GemmFixed::LADDER {
        let mut check = |label: String, run: &dyn Fn(Args<'_>) -> bool| {
            y.as_mut_slice().fill(i32::VALUE);
            if run(Args { w, x, k, y: y.as_mut_slice() }) {
                assert_eq!(y.as_slice(), exact, "{} {label}", variant.about.name);
            }
        };
        for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
            check(format!("on {}", isa.name()), &|args| variant.run_native(isa, args));
        }
        for lanes in [1, 4] {
            check(format!("traced with {lanes} lanes"), &|args| variant.run_traced(&Counter::default(), lanes, args));
        }
    }
}

#[test]
fn every_product_of_two_bytes_is_exact() {
    let w: Vec<i8> = (-128..=127).collect();
    let x: Vec<i8> = (-127..=127).collect();
    exact_everywhere(&w, &x, 1);
}

#[test]
fn sums_beyond_24_bits_and_near_the_ends_of_an_i32_are_exact() {
    for k in [1033, MOST_COLUMNS] {
        for (w, x) in [(-128, 127), (-128, -127), (127, 127)] {
            exact_everywhere(&vec![w; k], &vec![x; 2 * k], k);
        }
    }
}

#[test]
fn sums_that_may_overflow_are_refused_with_the_reason() {
    let shape = Shape::new("long", 1, 1, MOST_COLUMNS + 1);
    let error = GemmFixed::prepare(&shape, &Input::typical(1)).err().expect("too long");
    assert!(error.to_string().contains("k = 131073 products may overflow an i32, at most 131072"), "{error}");
}
