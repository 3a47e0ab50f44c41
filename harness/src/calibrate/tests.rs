//! The calibration makes a valid profile.

use kernels::machine::Isa;
use kernels::probe::{Chain, FloatOp, Probe};

use super::probes::{level_bytes, memory_bytes, widest};
use super::*;
use crate::environment::Cache;
use crate::profile::Class;

fn host() -> Host {
    let cache = |level, bytes, shared_by| Cache { level, bytes, ways: 8, line_bytes: 64, shared_by };
    Host {
        cpu: "Test CPU".into(),
        cpu_id: Some("GenuineIntel 6 106".into()),
        cores: 2,
        caches: vec![cache(1, 32 << 10, 1), cache(2, 1 << 20, 1), cache(3, 32 << 20, 8)],
        memory_bytes: Some(8 << 30),
        matrix_unit: false,
        hypervisor: true,
        container: false,
        governor: None,
    }
}

/// A calibration of round figures: 4 GHz, two units, four integer units.
fn calibration(host: &Host) -> Calibration {
    let mut measured = Vec::new();
    let mut add = |quantity: Quantity, threads: u32, cycles: f64| {
        let ns = cycles / 4.0;
        let name = quantity.name();
        measured.push(Measured { name, threads, best_ns: ns, median_ns: ns, spread_pct: 0.0, runs: 9, quantity });
    };
    use FloatOp::*;
    for isa in [Isa::Scalar, widest()] {
        for (op, latency, each) in [
            (Add, 4.0, 0.5),
            (Mul, 4.0, 0.5),
            (MulAdd, 4.0, 0.5),
            (Max, 4.0, 0.5),
            (Div, 11.0, 5.0),
            (MulSqrt, 16.0, 6.0),
            (MulExp, 40.0, 10.0),
        ] {
            add(Quantity::Op(isa, Probe::Float(op, Chain::Dependent)), 1, latency);
            add(Quantity::Op(isa, Probe::Float(op, Chain::Independent)), 1, each);
        }
    }
    for (probe, cycles) in [
        (Probe::IntAdd(Chain::Dependent), 1.0),
        (Probe::IntAdd(Chain::Independent), 0.26),
        (Probe::IntMul(Chain::Dependent), 3.0),
        (Probe::IntMul(Chain::Independent), 1.0),
        (Probe::ReadStream, 0.14),
        (Probe::SumExp, 12.0),
        (Probe::PairsBf16(Chain::Dependent), 6.0),
        (Probe::PairsBf16(Chain::Independent), 0.5),
    ] {
        add(Quantity::Op(Isa::Scalar, probe), 1, cycles);
    }
    let loaded = [(Probe::Madd, 1.0), (Probe::MaddLoaded, 2.0), (Probe::SumHalves, 1.0)];
    for (probe, cycles) in loaded.into_iter().chain([(Probe::SumInMemory, 10.0), (Probe::Stores, 1.0)]) {
        add(Quantity::Op(widest(), probe), 1, cycles);
    }
    let far = memory_bytes(host);
    let sizes: Vec<usize> = host.caches.iter().enumerate().map(|(i, c)| level_bytes(i, c.bytes)).chain([far]).collect();
    for (bytes, latency, byte) in [(sizes[0], 5.0, 0.01), (sizes[1], 14.0, 0.025), (sizes[2], 60.0, 0.1)] {
        add(Quantity::Latency(bytes), 1, latency);
        add(Quantity::Byte(bytes), 1, byte);
    }
    add(Quantity::Latency(far), 1, 400.0);
    add(Quantity::LatencyShared(far), 1, 40.0);
    add(Quantity::Byte(far), 1, 0.4);
    add(Quantity::Byte(far), 2, 0.2);
    add(Quantity::ForkJoin, 2, 8000.0);
    Calibration { measured, clock_mhz: 4000.0, seconds: 1.0 }
}

#[test]
fn measurements_become_a_profile_that_parses() {
    let host = host();
    let profile = figures::profile("test-host", &host, 2024, &calibration(&host)).unwrap();
    let read = Profile::parse("test-host.toml", &profile.to_toml()).unwrap();
    assert_eq!((read.class, read.machine.clock_mhz.value), (Class::Host, 4000.0));
    assert_eq!((read.core.int_units.value, read.core.issue_width.value), (4, 5));
    assert_eq!(read.core.load_units.value, 2);
    assert_eq!(read.scalar.sqrt_cycles.value[0], 12.0);
    assert_eq!(read.integer.mul_cycles.value, [3.0, 4.0]);
    assert_eq!(read.caches.iter().map(|c| c.latency_cycles.value).collect::<Vec<_>>(), [5.0, 14.0, 60.0]);
    // 100 ns for a line of 64 bytes, 10 bytes/ns: 15.6 lines in flight.
    assert_eq!((read.memory.latency_ns.value, read.memory.prefetch_outstanding.value), (100.0, 16));
    assert_eq!((read.memory.misses_outstanding.value, read.memory.bandwidth_gb_s.value), (10, 20.0));
    assert!((read.machine.fork_join_ns.value - 2000.0).abs() < 1.0);
}

#[test]
fn the_ceilings_of_the_profile_are_no_lower_than_what_was_measured() {
    let host = host();
    let calibration = calibration(&host);
    let profile = figures::profile("test-host", &host, 2024, &calibration).unwrap();
    let far = Quantity::Byte(memory_bytes(&host));
    assert!(profile.sustained_bytes_per_s(1) >= 1e9 / calibration.on(far, false).unwrap());
    assert!(profile.sustained_bytes_per_s(2) >= 0.999e9 / calibration.on(far, true).unwrap());
    let fma = Quantity::Op(widest(), Probe::Float(FloatOp::MulAdd, Chain::Independent));
    if widest() != Isa::Portable {
        let one_core = fma.operations().unwrap() / calibration.best_ns(fma).unwrap() * 1e9;
        assert!(profile.peak_f32_ops_per_s() >= 0.999 * 2.0 * one_core);
        assert!(profile.peak_bf16_ops_per_s() >= 1.999 * profile.peak_f32_ops_per_s());
    }
}

#[test]
fn what_is_missing_is_named() {
    let host = host();
    let mut calibration = calibration(&host);
    calibration.measured.retain(|m| m.quantity != Quantity::Op(Isa::Scalar, Probe::IntMul(Chain::Dependent)));
    let error = figures::profile("test-host", &host, 2024, &calibration).unwrap_err().to_string();
    assert!(error.contains("scalar i32 multiply, dependent"), "{error}");
    let blind = Host { caches: Vec::new(), ..host };
    assert!(figures::profile("x", &blind, 2024, &calibration).is_err());
}

#[test]
fn the_table_names_everything_measured() {
    let calibration = calibration(&host());
    let host = host();
    let mut profile = figures::profile("test-host", &host, 2024, &calibration).unwrap();
    let lines = calibration.table(&profile).lines().count();
    assert_eq!(lines, calibration.measured.len() + 2);
    profile.residuals = residuals::residuals(&host, &calibration, &profile);
    let table = calibration.table(&profile);
    assert_eq!(table.lines().count(), lines + 2, "and how well they are known");
    assert!(table.contains("GB/s") && table.contains("load latency, 16 KiB"), "{table}");
}
