//! The correctness gate over every kernel, variant, machine and ragged shape: each output against its f64 reference.

use std::cell::RefCell;
use std::collections::HashSet;

use kernels::KERNELS;
use kernels::foreign::Binding;
use kernels::input::{Flavor, Input};
use kernels::kernel::{About, Case, Kernel, Shape, Width};
use kernels::machine::Isa;
use kernels::machine::traced::{Access, Counter, Op, Ticket, Trace};
use kernels::operand::{Operand, Presence};
use proptest::prelude::*;

/// The native machines a variant runs on here.
fn machines(about: &About) -> Vec<Isa> {
    Isa::EVERY.into_iter().filter(|isa| isa.available() && about.suits(*isa)).collect()
}

/// Lane counts a variant is traced with.
fn lane_counts(about: &About) -> impl Iterator<Item = usize> {
    let lanes = about.traced_lanes();
    [1, 2, 4, 8, 16].into_iter().filter(move |n| cfg!(feature = "traced") && lanes.contains(n))
}

/// Poisons the output, runs the variant natively, and tells whether it could.
fn run(case: &mut dyn Case, v: usize, about: &About, isa: Isa) -> bool {
    case.poison();
    let ran = case.run(v, isa);
    // Intrinsics may ask for more than their machine.
    assert!(ran.is_ok() || matches!(about.width, Width::Arch(_)), "{}: {ran:?}", about.name);
    ran.is_ok()
}

/// Every variant on every machine at one shape.
fn check_shape(kernel: &dyn Kernel, shape: &Shape, input: &Input) {
    let mut case = kernel.prepare(shape, input).expect("the shape fits");
    for (v, about) in kernel.variants().iter().enumerate() {
        let label = format!("{} {} {} {:?}", kernel.name(), kernel.dims(shape), about.name, input.flavor);
        for isa in machines(about) {
            if run(&mut *case, v, about, isa) {
                let verdict = case.verify(v, isa.lanes());
                assert!(verdict.passed(), "{label} on {}: {:?}", isa.name(), verdict.failure);
            }
        }
        for lanes in lane_counts(about) {
            case.poison();
            case.trace(v, &Counter::default(), lanes).expect("traced");
            let verdict = case.verify(v, lanes);
            assert!(verdict.passed(), "{label} traced with {lanes} lanes: {:?}", verdict.failure);
        }
    }
}

fn check(kernel: &dyn Kernel, input: &Input) {
    for shape in kernel.test_shapes() {
        check_shape(kernel, &shape, input);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_variant_matches_its_reference_at_any_size(
        m in 0..20_usize, n in 0..150_usize, k in 0..300_usize, seed: u64, adversarial: bool,
    ) {
        let flavor = if adversarial { Flavor::Adversarial } else { Flavor::Typical };
        for kernel in KERNELS {
            check_shape(*kernel, &kernel.shape_near(m, n, k), &Input { flavor, ..Input::typical(seed) });
        }
    }
}

#[test]
fn the_same_variant_on_the_same_machine_gives_the_same_bits() {
    let bits = |case: &dyn Case| case.output().into_iter().map(f32::to_bits).collect::<Vec<_>>();
    for kernel in KERNELS {
        let shape = kernel.shape_near(7, 100, 200);
        let prepare = || kernel.prepare(&shape, &Input::typical(6)).expect("the shape fits");
        let (mut first, mut second) = (prepare(), prepare());
        for (v, about) in kernel.variants().iter().enumerate() {
            for isa in machines(about) {
                if run(&mut *first, v, about, isa) && run(&mut *second, v, about, isa) {
                    let once = bits(&*first);
                    assert_eq!(once, bits(&*second), "{} {} on {}", kernel.name(), about.name, isa.name());
                    // Again over its own output: a run must not depend on what the one before left.
                    first.run(v, isa).expect("it ran before");
                    assert_eq!(once, bits(&*first), "{} {} on {}, again", kernel.name(), about.name, isa.name());
                }
            }
            for lanes in lane_counts(about) {
                for case in [&mut first, &mut second] {
                    case.poison();
                    case.trace(v, &Counter::default(), lanes).expect("traced");
                }
                assert_eq!(bits(&*first), bits(&*second), "{} {}, {lanes} lanes", kernel.name(), about.name);
            }
        }
    }
}

/// Counts, and knows every byte that was loaded or stored.
#[derive(Default)]
struct Touched {
    counter: Counter,
    bytes: RefCell<HashSet<usize>>,
}

impl Touched {
    /// Bytes of those operands.
    fn touched(&self, operands: &[Operand<'_>], of: impl Fn(&Operand<'_>) -> bool) -> usize {
        let regions: Vec<_> = operands.iter().filter(|o| of(o)).map(Operand::region).collect();
        let inside = |byte: &&usize| regions.iter().any(|r| (r.start..r.start + r.bytes).contains(*byte));
        self.bytes.borrow().iter().filter(inside).count()
    }
}

impl Trace for Touched {
    fn op(&self, op: Op, lanes: usize, inputs: &[Ticket], live: u32) -> Ticket {
        self.counter.op(op, lanes, inputs, live)
    }
    fn load(&self, access: Access, live: u32) -> Ticket {
        self.bytes.borrow_mut().extend(access.address..access.address + access.bytes);
        self.counter.load(access, live)
    }
    fn store(&self, access: Access, value: Ticket) {
        self.bytes.borrow_mut().extend(access.address..access.address + access.bytes);
        self.counter.store(access, value);
    }
    fn iteration(&self) {
        self.counter.iteration();
    }
    fn loop_exit(&self, trips: usize) {
        self.counter.loop_exit(trips);
    }
    fn begin_tasks(&self, n: usize, period: usize, parallel: bool) {
        self.counter.begin_tasks(n, period, parallel);
    }
    fn next_task(&self) -> Option<usize> {
        self.counter.next_task()
    }
}

/// The declared work against what rung 0 does on one lane. The counter counts arithmetic on values, a multiply-add as
/// two, an exp as one; it counts neither conversions nor loop counters and addresses. A row-wise rung 0 may have a
/// division or a root per row beside what is declared.
#[test]
#[cfg_attr(not(feature = "traced"), ignore = "counts what the traced machine does")]
fn declared_work_is_what_rung_0_does() {
    for kernel in KERNELS {
        let shape = kernel.shape_near(8, 128, 256);
        let cost = kernel.cost(&shape);
        let mut case = kernel.prepare(&shape, &Input::typical(1)).expect("the shape fits");
        let counter = Touched::default();
        case.trace(0, &counter, 1).expect("rung 0 runs on one lane");
        let counts = counter.counter.counts();
        let ratio = counts.operations as f64 / (cost.operations as f64 * kernel.rung_0_operations(&shape));
        assert!((0.99..1.05).contains(&ratio), "{}: {ratio} times the declared {cost:?}", kernel.name());
        // Every byte that is declared is used. Beyond them are f32 of which the contract counts the bytes or f16 that they
        // stand for, and experts that nobody chose.
        let touched = counter.touched(&case.operands(), |o| !matches!(o, Operand::Scratch(_)));
        let touched = touched as f64 / cost.bytes as f64;
        assert!((1.0..1.25).contains(&touched), "{}: {touched} times the declared {cost:?}", kernel.name());
    }
}

/// What is kept for some variants alone takes room in a machine's memory only where they run.
#[test]
#[cfg_attr(not(feature = "traced"), ignore = "sees what the traced machine reads")]
fn variants_that_read_expanded_operands_say_so() {
    let is_expanded = |o: &Operand<'_>| o.presence() == Presence::Expanded;
    for kernel in KERNELS {
        let mut case = kernel.prepare(&kernel.shape_near(3, 20, 64), &Input::typical(1)).expect("the shape fits");
        for (v, about) in kernel.variants().iter().enumerate() {
            if let Some(lanes) = lane_counts(about).next() {
                let counter = Touched::default();
                case.trace(v, &counter, lanes).expect("traced");
                let reads = counter.touched(&case.operands(), is_expanded) > 0;
                assert_eq!(reads, about.expanded, "{} {}", kernel.name(), about.name);
            }
        }
        let operands = case.operands();
        for shader in kernel.shaders() {
            let reads = |b: &Binding| matches!(b, Binding::Operand(i) if is_expanded(&operands[*i]));
            assert_eq!(shader.bindings.iter().any(reads), shader.expanded, "{} {}", kernel.name(), shader.name);
        }
    }
}

/// Against what is not rounded: rounding inputs, or caches made of others, costs what eight bits cost, no more and no less.
#[test]
fn variants_that_read_what_is_rounded_say_what_it_costs() {
    let mut expanded = 0;
    for kernel in KERNELS {
        let shape = kernel.shape_near(8, 128, 1024);
        let mut case = kernel.prepare(&shape, &Input::typical(4)).expect("the shape fits");
        for (v, about) in kernel.variants().iter().enumerate() {
            let coarse_cache = kernel.name() == "mla_decode_bf16" && about.expanded;
            expanded += usize::from(coarse_cache);
            for isa in machines(about).into_iter().filter(|_| coarse_cache || about.rounds_to_bf16) {
                if run(&mut *case, v, about, isa) {
                    let verdict = case.verify(v, isa.lanes());
                    let label = format!("{} {}: {verdict:?}", kernel.name(), about.name);
                    assert!(verdict.passed() && (1e-8..1e-5).contains(&verdict.nmse), "{label}");
                }
            }
        }
    }
    assert_eq!(expanded, 2);
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
