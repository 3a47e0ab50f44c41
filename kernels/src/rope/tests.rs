//! What the ladder promises beyond its tolerance.

use super::*;
use crate::kernel::{Entry, Kernel};
use crate::machine::traced::Counter;
use crate::machine::{Isa, Machine, Portable, Scalar};

#[test]
fn two_parts_hold_a_frequency_and_the_first_times_a_position_is_exact() {
    for width in [8, 64, 128] {
        for i in 0..width / 2 {
            for radians in [Interleaved::frequency(i, width), Yarn::frequency(i, width)] {
                let turns = radians / std::f64::consts::TAU;
                let [high, low] = split(turns);
                let error = (f64::from(high) + f64::from(low) - turns).abs() / turns;
                assert!(error < 2f64.powi(-35), "{turns}: {error:e}");
                for position in [1, 3, NEAR - 1] {
                    let exact = f64::from(high) * position as f64;
                    assert_eq!(f64::from(high * position as f32), exact);
                }
            }
        }
    }
}

#[test]
fn yarn_keeps_fast_pairs_slows_slow_ones_by_forty_and_blends_between() {
    // DeepSeek-V3: 32 turns over 4096 positions end between pairs 10 and 11 of 32, one turn between 22 and 23.
    let ratio = |i: usize| Interleaved::frequency(i, 64) / Yarn::frequency(i, 64);
    assert_eq!(ratio(0), 1.0);
    assert_eq!(ratio(10), 1.0);
    assert!((ratio(23) - 40.0).abs() < 1e-9 && (ratio(31) - 40.0).abs() < 1e-9);
    for i in 11..23 {
        assert!(ratio(i - 1) < ratio(i) && ratio(i) <= ratio(i + 1), "{i}");
    }
}

#[test]
fn folded_sines_are_within_4e_7_over_three_quarters_of_a_turn_either_way() {
    let worst = |of: &dyn Fn(f32) -> (f32, f32)| {
        let points = (-300_000..=300_000).map(|i| i as f32 * 2.5e-6);
        points.fold(0.0, |worst: f64, t| {
            let ((sin, cos), (s, c)) = (of(t), (std::f64::consts::TAU * f64::from(t)).sin_cos());
            worst.max((f64::from(sin) - s).abs()).max((f64::from(cos) - c).abs())
        })
    };
    let scalar = |t: f32| {
        let sine = sine::Sine::new(Scalar);
        (sine.sin_of(Scalar, &t), sine.cos_of(Scalar, &t))
    };
    let portable = |t: f32| {
        let (sine, t) = (sine::Sine::new(Portable), Portable.splat(t));
        (sine.sin_of(Portable, &t).to_array()[3], sine.cos_of(Portable, &t).to_array()[3])
    };
    for of in [&scalar as &dyn Fn(f32) -> (f32, f32), &portable] {
        assert!(worst(of) < 4e-7, "{:.2e}", worst(of));
        assert_eq!(of(0.0).1, 1.0);
    }
}

/// At position 0 every variety leaves its input as it is.
#[test]
fn nothing_turns_at_position_0() {
    fn check<V: Variety>() {
        let x: Vec<f32> = (0..48).map(|i| i as f32 - 20.0).collect();
        let frequencies = frequencies(16, |i| V::frequency(i, 16));
        for variant in Rope::<V>::LADDER {
            let (mut y, mut room) = (vec![f32::NAN; 48], vec![0.0; 16 * (1 + recurrence::STEPS)]);
            let args = Args {
                heads: 3,
                width: 16,
                first: 0,
                frequencies: frequencies.as_slice(),
                x: &x,
                y: &mut y,
                room: &mut room,
            };
            let isa = if variant.about.width == Width::Scalar { Isa::Scalar } else { Isa::Portable };
            assert!(variant.run_native(isa, args));
            for (y, x) in y.iter().zip(&x) {
                assert!((y - x).abs() <= 1e-5 * 30.0, "{}: {x} became {y}", variant.about.name);
            }
        }
    }
    check::<Interleaved>();
    check::<Halves>();
    check::<Yarn>();
}

/// Every rung, at positions of which some are of another run than others, up to the last.
#[test]
fn positions_of_long_texts_turn_by_their_own_angle() {
    fn check<V: Variety>() {
        const COUNT: usize = 70;
        let x: Vec<f32> = (0..COUNT * 64).map(|i| (i * 37 % 101) as f32 - 50.0).collect();
        let frequencies = frequencies(64, |i| V::frequency(i, 64));
        for first in [NEAR - 1, 131_071 - COUNT, 163_840 - COUNT / 2, POSITIONS - COUNT] {
            for variant in Rope::<V>::LADDER {
                for isa in Isa::EVERY {
                    let (mut y, mut room) = (vec![f32::NAN; x.len()], vec![0.0; room(COUNT, 64)]);
                    let (f, x) = (frequencies.as_slice(), &x[..]);
                    let args = Args { heads: 1, width: 64, first, frequencies: f, x, y: &mut y, room: &mut room };
                    let known = crate::kernel::machine_among(&variant.about, None, &[isa]).is_ok();
                    if !known || !variant.run_native(isa, args) {
                        continue;
                    }
                    for (p, (y, x)) in y.chunks_exact(64).zip(x.chunks_exact(64)).enumerate() {
                        for i in 0..32 {
                            // Beside the definition, not the parts that the kernel was given.
                            let (sin, cos) = (V::frequency(i, 64) * (first + p) as f64).sin_cos();
                            let at = V::Pairs::places(i, 64);
                            let [a, b] = at.map(|at| f64::from(x[at]));
                            let errors =
                                [f64::from(y[at[0]]) - (a * cos - b * sin), f64::from(y[at[1]]) - (a * sin + b * cos)];
                            let worst = errors.map(f64::abs).into_iter().fold(0.0, f64::max) / a.hypot(b).max(1.0);
                            assert!(
                                worst < 4e-6,
                                "{} {} {first}+{p}, pair {i}: {worst:e}",
                                variant.about.name,
                                isa.name()
                            );
                        }
                    }
                }
            }
        }
    }
    check::<Interleaved>();
    check::<Halves>();
    check::<Yarn>();
}

#[test]
#[cfg_attr(not(feature = "traced"), ignore = "counts what the traced machine does")]
fn the_library_is_called_twice_a_pair_and_position_once_shared_and_for_few_positions_in_recurrence() {
    /// Calls of the library: of the counted operations only they differ between `polynomial` and the others.
    fn operations(variant: &str) -> u64 {
        let kernel = Entry::<Rope<Halves>>::new();
        let mut case = kernel.prepare(&Shape::new("count", 10, 64, 64), &Input::typical(1)).expect("it fits");
        let v = kernel.variants().iter().position(|v| v.name == variant).expect("it exists");
        let counter = Counter::default();
        case.trace(v, &counter, 1).expect("traced");
        counter.counts().operations
    }
    let turns = 64 * 10 * 32 * 6;
    assert_eq!(operations("naive"), turns / 6 * 15);
    assert_eq!(operations("shared"), turns + 64 * 32 * 9);
    // One position and six steps by the library, 63 positions by a turn.
    assert_eq!(operations("recurrence"), turns + 7 * 32 * 9 + 63 * 32 * 6);
}

#[test]
fn odd_heads_and_late_positions_are_refused_with_the_reason() {
    for (n, k) in [(1, 7), (NEAR + 1, 8)] {
        let error = Rope::<Yarn>::prepare(&Shape::new("odd", 1, n, k), &Input::typical(1)).err().expect("refused");
        assert!(error.to_string().contains("an even number of values, and there are at most 4096 positions"));
    }
}
