//! What the fixed-point ladder promises: integers, exact, at the ends of their ranges too.

use super::*;
use crate::input::Canary;
use crate::machine::Isa;
use crate::machine::traced::Counter;

fn biased(of: &[i8], bias: i32) -> Vec<u8> {
    of.iter().map(|v| (i32::from(*v) + bias) as u8).collect()
}

/// Every variant, native and traced, on rows of `x.len()`.
fn exact_everywhere(w: &[i8], x: &[i8]) {
    let (w_biased, x_biased, squares) = (biased(w, W_BIAS), biased(x, X_BIAS), squares());
    let dot = |row: &[i8]| row.iter().zip(x).map(|(w, x)| i32::from(*w) * i32::from(*x)).sum::<i32>();
    let exact: Vec<i32> = w.chunks(x.len()).map(dot).collect();
    let mut y = Buffer::<i32>::zeroed(exact.len());
    for variant in DotFixed::LADDER {
        let mut check = |label: String, run: &dyn Fn(Args<'_>) -> bool| {
            y.as_mut_slice().fill(i32::VALUE);
            let (squares, y_out) = (squares.as_slice(), y.as_mut_slice());
            if run(Args { w, x, w_biased: &w_biased, x_biased: &x_biased, squares, y: y_out }) {
                assert_eq!(y.as_slice(), exact, "{} {label}", variant.about.name);
            }
        };
        for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
            check(format!("on {}", isa.name()), &|args| variant.run_native(isa, args));
        }
        for lanes in [1, 2, 4, 8, 16] {
            check(format!("traced with {lanes} lanes"), &|args| variant.run_traced(&Counter::default(), lanes, args));
        }
    }
}

#[test]
fn every_product_of_two_bytes_is_exact() {
    // One column: each output is a product.
    let w: Vec<i8> = (-128..=127).collect();
    for x in -127..=127 {
        exact_everywhere(&w, &[x]);
    }
}

#[test]
fn sums_beyond_24_bits_and_near_the_ends_of_an_i32_are_exact() {
    for k in [1033, 5000, MOST_COLUMNS] {
        for (w, x) in [(-128, 127), (-128, -127), (127, 127)] {
            exact_everywhere(&vec![w; k], &vec![x; k]);
        }
    }
}

#[test]
fn the_table_holds_quarter_squares() {
    let squares = squares();
    assert_eq!(squares.as_slice().len(), 511);
    assert_eq!(squares.as_slice()[253..258], [1, 0, 0, 0, 1]);
    assert_eq!((squares.as_slice()[0], squares.as_slice()[510]), (255 * 255 / 4, 255 * 255 / 4));
}

#[test]
fn sums_that_may_overflow_are_refused_with_the_reason() {
    let shape = Shape::new("long", 1, 1, MOST_COLUMNS + 1);
    let error = DotFixed::prepare(&shape, &Input::typical(1)).err().expect("too long");
    assert!(error.to_string().contains("k = 131073 products may overflow an i32, at most 131072"), "{error}");
}
