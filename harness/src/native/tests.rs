//! The native tier on the real kernels, at small shapes.

use kernels::KERNELS;

use super::*;
use crate::guard::Rate;
use crate::profile::find;

/// A few samples: these tests look at what is recorded, never at how long it took.
fn bay(options: Options, calibrated: Option<Loaded>) -> Bay {
    let options = Options { time_budget: Duration::from_millis(20), max_rounds: 4, min_rounds: 3, ..options };
    Bay::new(Host::read(), options, Environment::build("test", 1), calibrated).unwrap()
}

fn small(kernel: &dyn Kernel) -> Shape {
    kernel.shapes().into_iter().min_by_key(|s| kernel.cost(s).operations).unwrap()
}

#[test]
fn every_variant_of_a_small_shape_gets_a_record() {
    let bay = bay(Options::default(), None);
    for kernel in KERNELS {
        let all: Vec<usize> = (0..kernel.variants().len()).collect();
        let records = bay.measure(*kernel, &small(*kernel), &all, None).unwrap();
        assert_eq!(records.iter().map(|r| r.rung as usize).collect::<Vec<_>>(), all);
        for record in &records {
            match &record.outcome {
                Outcome::Timed(t) => {
                    assert!(t.low_ns <= t.time_ns && t.time_ns <= t.high_ns && t.samples_ns.len() >= 3);
                    assert!(t.floor_ns.is_none() && t.speedup.is_some(), "{}", record.variant);
                }
                Outcome::NotAvailable { .. } => assert_ne!(record.machine.isa, "scalar"),
                other => panic!("{} {}: {other:?}", record.kernel, record.variant),
            }
        }
        let Outcome::Timed(naive) = &records[0].outcome else { panic!("rung 0 runs everywhere") };
        assert_eq!(naive.speedup, Some(Speedup { ratio: 1.0, low: 1.0, high: 1.0 }));
    }
}

#[test]
fn only_wanted_variants_are_recorded_but_rung_0_is_timed_for_their_speedup() {
    let bay = bay(Options { isa: Some(Isa::Portable), ..Options::default() }, None);
    let kernel = KERNELS[0];
    let last = kernel.variants().iter().position(|v| v.name == "multi_row").unwrap();
    let records = bay.measure(kernel, &small(kernel), &[last], None).unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].machine.isa, "portable");
    assert!(matches!(&records[0].outcome, Outcome::Timed(t) if t.speedup.is_some() && t.warm));
}

#[test]
fn a_time_below_the_floor_is_refused() {
    // No host is as slow as this one, so every time here is "impossible" there.
    let slow = find("i486dx2-66").unwrap();
    let bay = bay(Options::default(), Some(slow));
    let records = bay.measure(KERNELS[0], &small(KERNELS[0]), &[1], None).unwrap();
    assert!(matches!(&records[0].outcome, Outcome::Refused { reason } if reason.contains("ceiling")), "{records:?}");
}

#[test]
fn a_time_below_the_floor_of_a_limit_is_refused_without_any_calibration() {
    // A limit that nothing enforces: whatever is out of the caches comes faster.
    let limited = Limited { bytes: Some(Rate::limit(1e6, 0.0)), ..Limited::default() };
    let bay = bay(Options { limited, ..Options::default() }, None);
    let kernel = KERNELS[0];
    let mut shapes = kernel.shapes();
    shapes.sort_by_key(|s| kernel.cost(s).bytes);
    let cold = shapes.iter().find(|s| kernel.cost(s).bytes > bay.host.l2_bytes() as u64).unwrap();
    let records = bay.measure(kernel, cold, &[1], None).unwrap();
    let refused = |words: &str| matches!(&records[0].outcome, Outcome::Refused { reason } if reason.contains(words));
    assert!(refused("bytes from memory") && refused("the limit was not in force") && refused("1.000e6"), "{records:?}");
    assert_eq!(records[0].machine.peak_bytes_per_s, Some(1e6));
    // In the caches it is no limit.
    let warm = bay.measure(kernel, &small(kernel), &[1], None).unwrap();
    assert!(matches!(&warm[0].outcome, Outcome::Timed(t) if t.floor_ns.is_none()), "{warm:?}");
}

#[test]
fn what_cannot_fit_is_a_result() {
    let bay = bay(Options::default(), None);
    let kernel = KERNELS[0];
    let shape = Shape::new("test/too-big", 1, 1 << 20, 1 << 26);
    let records = bay.measure(kernel, &shape, &[0, 1], None).unwrap();
    if available_bytes().is_some() {
        assert!(records.iter().all(|r| matches!(&r.outcome, Outcome::DoesNotFit { .. })));
    }
}
