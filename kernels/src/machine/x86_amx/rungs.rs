//! The rungs on AMX through what the gate asks of every rung, and the probes, in the instructions of their assembly: those
//! of the processor, or trapped.

use half::bf16;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::decode::Operation;
use super::trap::Session;
use crate::dtype::q4_0::BlockQ4_0;
use crate::dtype::q4_k::BlockQ4K;
use crate::dtype::q6_k::BlockQ6K;
use crate::dtype::q8_0::BlockQ8_0;
use crate::gemm::Gemm;
use crate::gemm_packed::GemmPacked;
use crate::input::{Flavor, Input};
use crate::kernel::{Case, Contract, Entry, Kernel, Shape, Width};
use crate::machine::{Avx512, Isa};
use crate::probe::{Probe, ProbeData, native};

/// A session where the rungs can run: they pack and scale in AVX-512.
fn session() -> Option<Session> {
    let session = Session::begin()?;
    let beside = Avx512::detect().is_some() && is_x86_feature_detected!("avx512vnni");
    if !beside {
        eprintln!("no AVX-512 VNNI here, which the rungs on AMX have beside it: they were not tested");
    }
    beside.then_some(session)
}

/// Places and names of the rungs on AMX.
fn rungs(kernel: &dyn Kernel) -> Vec<(usize, &'static str)> {
    let on_amx = kernel.variants().into_iter().enumerate().filter(|(_, about)| about.width == Width::Arch(Isa::Amx));
    let rungs = Vec::from_iter(on_amx.map(|(v, about)| (v, about.name)));
    assert_eq!(rungs.iter().map(|(_, name)| *name).collect::<Vec<_>>(), ["x86_amx", "x86_amx_parallel"]);
    rungs
}

/// What a rung leaves of outputs that were NaN.
fn bits(case: &mut dyn Case, rung: usize) -> Vec<u32> {
    case.poison();
    run_again(case, rung)
}

/// What a rung leaves of its own outputs.
fn run_again(case: &mut dyn Case, rung: usize) -> Vec<u32> {
    case.run(rung, Isa::Amx).expect("the unit is there");
    case.output().into_iter().map(f32::to_bits).collect()
}

/// Every rung at every shape against the reference; their bits alike.
fn check(kernel: &dyn Kernel, shapes: &[Shape], input: &Input) {
    for shape in shapes {
        let mut case = kernel.prepare(shape, input).expect("the shape fits");
        let mut first = None;
        for (rung, name) in rungs(kernel) {
            let label = format!("{} {} {name} {:?}", kernel.name(), kernel.dims(shape), input.flavor);
            let left = bits(&mut *case, rung);
            let verdict = case.verify(rung, Isa::Amx.lanes());
            assert!(verdict.passed(), "{label}: {:?}", verdict.failure);
            assert!(*first.get_or_insert_with(|| left.clone()) == left, "{label}: not the bits of one thread");
        }
    }
}

/// What the gate asks: its shapes and some at random, typical and adversarial operands, the same bits from the same
/// operands and over a rung's own output.
fn gate<C: Contract>() {
    let Some(session) = session() else { return };
    let kernel = Entry::<C>::new();
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let mut below = |most: u32| (rng.next_u32() % most) as usize;
    for input in [Input::typical(1), Input::typical(2), Input { flavor: Flavor::Adversarial, ..Input::typical(3) }] {
        check(&kernel, &C::test_shapes(), &input);
        let random = Vec::from_iter((0..16).map(|_| C::shape_near(below(70), below(150), below(700))));
        check(&kernel, &random, &input);
    }
    let shape = C::shape_near(37, 100, 200);
    let prepare = || kernel.prepare(&shape, &Input::typical(6)).expect("the shape fits");
    let (mut one, mut other) = (prepare(), prepare());
    for (rung, name) in rungs(&kernel) {
        let once = bits(&mut *one, rung);
        assert_eq!(once, bits(&mut *other, rung), "{} {name}", C::NAME);
        assert_eq!(once, run_again(&mut *one, rung), "{} {name}, again", C::NAME);
    }
    assert!(!session.trapped() || session.count(Operation::Load) > 0);
}

#[test]
fn gemm_bf16_passes_the_gate() {
    gate::<Gemm<bf16>>();
}

#[test]
fn gemm_q8_0_passes_the_gate() {
    gate::<GemmPacked<BlockQ8_0>>();
}

#[test]
fn gemm_q4_0_passes_the_gate() {
    gate::<GemmPacked<BlockQ4_0>>();
}

#[test]
fn gemm_q4_k_passes_the_gate() {
    gate::<GemmPacked<BlockQ4K>>();
}

#[test]
fn gemm_q6_k_passes_the_gate() {
    gate::<GemmPacked<BlockQ6K>>();
}

/// Instructions of each kind that one run of the rung for one thread takes: configurations, releases, zeros, loads, stores,
/// products of bytes, of bf16.
fn instructions<C: Contract>(session: &Session, shape: Shape) -> [u64; 7] {
    use Operation::*;
    let kernel = Entry::<C>::new();
    let mut case = kernel.prepare(&shape, &Input::typical(1)).expect("the shape fits");
    let counts = || {
        [Configure, Release, Zero, Load, Store, MultiplyBytes, MultiplyPairs].map(|operation| session.count(operation))
    };
    let before = counts();
    case.run(rungs(&kernel)[0].0, Isa::Amx).expect("the unit is there");
    let after = counts();
    std::array::from_fn(|i| after[i] - before[i])
}

#[test]
fn the_unit_does_no_more_than_the_tiles_take() {
    let Some(session) = session().filter(Session::trapped) else { return };
    // Two by three tiles of 32 × 32, of which each takes four sums, and four loads and products for 32 of k.
    assert_eq!(instructions::<Gemm<bf16>>(&session, Shape::new("test", 64, 70, 96)), [1, 1, 24, 72, 24, 0, 72]);
    // Two by two tiles of 16 × 16, three blocks of k.
    let packed = |m, n, k| Shape::new("test", m, n, k);
    assert_eq!(instructions::<GemmPacked<BlockQ8_0>>(&session, packed(20, 30, 96)), [1, 1, 12, 24, 12, 12, 0]);
    // Sixteen scales a block.
    assert_eq!(instructions::<GemmPacked<BlockQ6K>>(&session, packed(16, 16, 256)), [1, 1, 16, 32, 16, 16, 0]);
}

#[test]
fn the_probes_are_products_on_tiles_alone() {
    let Some(session) = Session::begin() else { return };
    for (probe, operation) in [(Probe::TilesI8, Operation::MultiplyBytes), (Probe::TilesBf16, Operation::MultiplyPairs)]
    {
        let mut data = ProbeData::new(5);
        let released = session.count(Operation::Release);
        assert!(native(Isa::Scalar, probe, &mut data), "{probe:?}");
        if session.trapped() {
            assert_eq!(session.count(operation) as f64, probe.operations(16, &data), "{probe:?}");
            assert_eq!(session.count(Operation::Release) - released, 1, "{probe:?}");
        }
    }
    assert_eq!(session.count(Operation::Load) + session.count(Operation::Store), 0);
}
