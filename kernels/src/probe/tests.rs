//! The probes compute what they say.

use super::*;
use crate::machine::traced::Counter;

const CHAINS: [Chain; 2] = [Chain::Dependent, Chain::Independent];

fn floats() -> impl Iterator<Item = Probe> {
    use FloatOp::*;
    [Add, Mul, MulAdd, Max, Div, MulSqrt, MulExp].into_iter().flat_map(|op| CHAINS.map(|chain| Probe::Float(op, chain)))
}

fn integers() -> impl Iterator<Item = Probe> {
    CHAINS
        .into_iter()
        .flat_map(|c| [Probe::IntAdd(c), Probe::IntMul(c), Probe::Dot4(c)])
        .chain([Probe::Madd, Probe::MaddLoaded])
}

#[test]
fn native_and_traced_machines_compute_the_same() {
    for probe in floats().chain(integers()).chain([Probe::SumHalves, Probe::SumExp, Probe::SumInMemory, Probe::Stores])
    {
        for isa in Isa::ALL {
            let (mut here, mut there) = (ProbeData::new(3), ProbeData::new(3));
            if !native(isa, probe, &mut here) {
                continue;
            }
            assert!(traced(&Counter::default(), isa.lanes(), probe, &mut there));
            let (a, b) = (here.result(), there.result());
            assert!(a != 0.0 && a.is_finite(), "{probe:?} on {}: {a}", isa.name());
            assert!((a - b).abs() <= b.abs() * 1e-5, "{probe:?} on {}: {a} natively, {b} traced", isa.name());
        }
    }
}

#[test]
fn results_depend_on_every_step() {
    for probe in [Probe::IntAdd(Chain::Dependent), Probe::Float(FloatOp::Add, Chain::Independent), Probe::Madd] {
        for isa in Isa::ALL {
            let (mut few, mut many) = (ProbeData::new(2), ProbeData::new(5));
            if native(isa, probe, &mut few) && native(isa, probe, &mut many) {
                assert_ne!(few.result(), many.result(), "{probe:?} on {}", isa.name());
            }
        }
    }
}

#[test]
fn counted_operations_are_the_declared_ones() {
    let counter = Counter::default();
    let mut data = ProbeData::new(10);
    let probe = Probe::Float(FloatOp::MulAdd, Chain::Independent);
    assert!(traced(&counter, 4, probe, &mut data));
    let (counted, declared) = (counter.counts().operations as f64 / 8.0, probe.operations(4, &data));
    // The reduction of the chains at the end is all that is left over.
    assert!(counted >= declared && counted < declared + wide(4) as f64, "{counted} counted, {declared} declared");
}

#[test]
fn a_chase_visits_every_line_once() {
    let mut seed = 1usize;
    let table = chase_table(64 * 100, |n| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % n
    });
    let (mut at, mut seen) = (0usize, 0);
    loop {
        at = table[at] as usize;
        assert_eq!(at % LINE_WORDS, 0);
        seen += 1;
        if at == 0 {
            break;
        }
    }
    assert_eq!(seen, 100);
    let mut data = ProbeData::chase(37, table.clone());
    assert!(native(Isa::Scalar, Probe::Chase, &mut data));
    let expected = (0..37).fold(data.at[0], |at, _| table[at as usize]);
    assert_eq!(data.result(), expected as f32);
}

#[test]
fn the_stream_is_summed_whole() {
    for isa in Isa::ALL {
        let mut data = ProbeData::stream(2, Buffer::filled(1024 + 5, |_| 1.0));
        if native(isa, Probe::ReadStream, &mut data) {
            assert_eq!(data.result(), 2048.0, "{}", isa.name());
            assert_eq!(Probe::ReadStream.operations(isa.lanes(), &data), 2.0 * 4096.0);
        }
    }
}

#[test]
fn the_widest_dot_runs_where_it_exists() {
    let mut data = ProbeData::new(2);
    if native(Isa::Scalar, Probe::WidestDot4, &mut data) {
        assert!(data.result() != 0.0);
    }
    for chain in [Chain::Dependent, Chain::Independent] {
        if native(Isa::Scalar, Probe::PairsBf16(chain), &mut data) {
            assert!(data.result().is_finite() && data.result() > 0.0);
        }
    }
}

#[test]
fn the_matrix_unit_runs_where_it_is_granted() {
    let probes = [Probe::TilesI8, Probe::TilesBf16];
    for probe in probes {
        assert!(!native(Isa::Scalar, probe, &mut ProbeData::new(2)) || Isa::Amx.available(), "{probe:?}");
    }
    let _unit = crate::machine::matrix_unit();
    for probe in probes {
        let mut data = ProbeData::new(2);
        let ran = native(Isa::Scalar, probe, &mut data);
        // A unit that is trapped is there without AVX-512 too, which the probes do not use.
        assert!(ran || !Isa::Amx.available(), "{probe:?}");
        assert!(!ran || data.result() == 1.0, "{probe:?}");
        assert_eq!(probe.operations(16, &data), 8.0);
    }
}
