//! What the ladder promises beyond its tolerance.

use super::*;
use crate::machine::Isa;
use crate::machine::traced::Counter;

/// Every variant, native and traced, over weights of `h` columns and ones as activations.
fn everywhere(w: &[f32], h: usize, check: impl Fn(&[f32], &str)) {
    let (rows, x) = (w.len() / h, vec![1.0; h]);
    for variant in HeadArgmax::<f32>::LADDER {
        let run = |label: String, run: &dyn Fn(Args<'_, f32>) -> bool| {
            let (mut y, mut room) = ([f32::NAN; 2], vec![0.0; rows.max(parallel::room(rows))]);
            if run(Args { w, rows, x: &x, y: &mut y, room: &mut room }) {
                check(&y, &format!("{} {label}", variant.about.name));
            }
        };
        for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
            run(format!("on {}", isa.name()), &|args| variant.run_native(isa, args));
        }
        run("traced".into(), &|args| variant.run_traced(&Counter::default(), 4, args));
    }
}

#[test]
fn of_equal_rows_the_lowest_wins_also_across_tasks_and_in_the_tail() {
    let (rows, h) = (203, 5);
    for (first, again) in [(0, 202), (1, 2), (3, 4), (63, 64), (100, 170), (200, 202)] {
        let mut w = vec![0.0; rows * h];
        for r in [first, again] {
            w[r * h..(r + 1) * h].fill(2.0);
        }
        everywhere(&w, h, |y, label| assert_eq!(y, [first as f32, 10.0], "{label}"));
    }
    everywhere(&vec![1.0; rows * h], h, |y, label| assert_eq!(y, [0.0, 5.0], "{label}"));
}

#[test]
fn a_maximum_below_zero_is_found_in_every_place() {
    for rows in [1, 2, 3, 4, 5, 8, 130] {
        for place in [0, rows / 2, rows - 1] {
            let mut w = vec![-2.0; rows * 3];
            w[place * 3..(place + 1) * 3].fill(-1.0);
            everywhere(&w, 3, |y, label| assert_eq!(y, [place as f32, -3.0], "{rows} rows, {label}"));
        }
    }
}

#[test]
fn the_winner_is_the_planted_row_and_wins_by_about_half() {
    for flavor in [Flavor::Typical, Flavor::Adversarial] {
        for seed in 0..20 {
            let input = Input { flavor, ..Input::typical(seed) };
            let (v, h) = (97, 130);
            let d = HeadArgmax::<bf16>::prepare(&Shape::new("test", 1, v, h), &input).expect("it fits");
            let (w, x) = (d.w.as_slice(), d.x.as_slice());
            let best = reference::largest(w, v, x).values;
            let planted = winner(v, seed);
            assert_eq!(best[0], planted as f64);
            let others = [&w[..planted * h], &w[(planted + 1) * h..]].concat();
            let second = reference::largest(&others, v - 1, x).values[1];
            assert!(second < 0.51 * best[1], "{flavor:?} {seed}: {second} of {}", best[1]);
        }
    }
}

#[test]
fn no_rows_are_refused_with_the_reason() {
    let error = HeadArgmax::<f32>::prepare(&Shape::new("none", 1, 0, 4), &Input::typical(1)).err().expect("refused");
    assert!(error.to_string().contains("there must be a row, and at most 16777216"), "{error}");
}
