//! What the experts' ladder promises beyond its tolerance.

use super::*;
use crate::kernel::{Entry, Kernel};
use crate::machine::Isa;
use crate::machine::traced::Counter;

/// A case with routes of the test's own.
fn with_routes(shape: &Shape, expert: impl Fn(usize, usize) -> usize) -> Data<f32> {
    let mut d = MoeFfn::<f32>::prepare(shape, &Input::typical(5)).expect("the shape fits");
    let chosen = d.size.chosen;
    let routes = d.routes.as_mut_slice().iter_mut().enumerate();
    routes.for_each(|(route, e)| *e = expert(route / chosen, route % chosen) as f32);
    d
}

#[test]
fn any_spread_of_tokens_is_right() {
    let shape = Shape::new("test", 7, 40, 19).parts(12);
    let spreads: [fn(usize, usize) -> usize; 4] = [
        |_, i| i,                    // all tokens to the same experts
        |_, _| 0,                    // a token to one expert several times, as blank routes have it
        |t, i| (t * t + 5 * i) % 12, // some experts to many, some to none
        |t, i| 11 - (t + 3 * i) % 12,
    ];
    for (s, spread) in spreads.into_iter().enumerate() {
        let mut d = with_routes(&shape, spread);
        for variant in MoeFfn::<f32>::LADDER {
            let check = |d: &Data<f32>, label: &str, lanes: usize| {
                let tolerance = MoeFfn::<f32>::tolerance(&shape, variant.about.accumulators * lanes);
                let row = |row| (MoeFfn::reference(d, row), MoeFfn::output(d, row));
                let verdict = crate::compare::verify(&tolerance, &[0, 1, 2, 3, 4, 5, 6], row);
                assert!(verdict.passed(), "spread {s}, {} on {label}: {verdict:?}", variant.about.name);
            };
            for isa in Isa::ALL.into_iter().filter(|isa| isa.available()) {
                d.y.as_mut_slice().fill(f32::NAN);
                if variant.run_native(isa, MoeFfn::args(&mut d)) {
                    check(&d, isa.name(), isa.lanes());
                }
            }
            for lanes in [1, 4, 16] {
                d.y.as_mut_slice().fill(f32::NAN);
                if variant.run_traced(&Counter::default(), lanes, MoeFfn::args(&mut d)) {
                    check(&d, "the traced machine", lanes);
                }
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let kernel = Entry::<MoeFfn<f32>>::new();
    let shape = Shape::new("test", 5, 100, 130).parts(16);
    let parallel = kernel.variants().iter().position(|v| v.threads).expect("a threaded variant");
    let run = |threads: usize| {
        let mut case = kernel.prepare(&shape, &Input::typical(3)).expect("the shape fits");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| case.run(parallel, Isa::Portable)).expect("it runs anywhere");
        case.output().into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    let alone = run(1);
    assert!((2..=4).all(|threads| run(threads) == alone));
}

#[test]
fn the_declared_experts_are_those_that_tokens_go_to() {
    let sizes =
        [(1, 8, 0), (8, 8, 0), (1, 66, 0), (8, 66, 0), (3, 5, 0), (0, 8, 0), (40, 16, 0), (1, 64, 6), (9, 7, 3)];
    for (tokens, experts, chosen) in sizes {
        let shape = Shape::new("test", tokens, 4, 4).parts(experts).chosen(chosen);
        let d = MoeFfn::<f32>::prepare(&shape, &Input::typical(2)).expect("the shape fits");
        let chosen = d.size.chosen;
        let mut active: Vec<u32> = d.routes.as_slice().iter().map(|e| *e as u32).collect();
        assert_eq!(active.len(), tokens * chosen);
        for of_token in active.chunks(chosen) {
            let mut distinct = of_token.to_vec();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), chosen, "{tokens} tokens, {experts} experts");
        }
        active.sort_unstable();
        active.dedup();
        assert_eq!(active.len(), d.size.active(), "{tokens} tokens, {experts} experts");
        assert!(active.iter().all(|e| (*e as usize) < experts));
    }
}

#[test]
fn v2_lite_has_its_experts() {
    let size = Size::of(&Shape::new("v2-lite", 1, 2048, 1408).parts(66));
    assert_eq!((size.chosen, size.shared, size.active()), (8, 2, 8));
    let routed = Size::of(&Shape::new("v2-lite", 1, 2048, 1408).parts(64).chosen(6));
    assert_eq!((routed.chosen, routed.shared, routed.active()), (6, 0, 6));
}
