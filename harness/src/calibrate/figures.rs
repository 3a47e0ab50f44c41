//! From measurements to a profile.

use std::collections::BTreeMap;

use kernels::machine::Isa;
use kernels::probe::{Chain, FloatOp, Probe};

use super::probes::{level_bytes, memory_bytes, widest};
use super::quantity::Quantity;
use super::{CalibrateError, Calibration, RUNS, family, host as measured_host};
use crate::environment::Host;
use crate::profile::{
    CacheFigures, Class, CoreFigures, Figure, IntegerFigures, MachineFigures, MemoryFigures, OpCycles, PagingFigures,
    PeakFigures, Profile, ScalarFigures, SimdFigures, Source, SourceStatus,
};

pub(super) const MEASURED: &str = "measured";
const SYSTEM: &str = "system";
const FAMILY: &str = "family";
const GENERAL: &str = "general";
const FITTED: &str = "fitted";
pub(super) const BOUNDED: &str = "bounded";
pub(super) const FAULTS: &str = "faults";
pub(super) const DIRECT: &str = "direct";

pub(super) fn figure<T>(value: T, source: &str) -> Figure<T> {
    Figure { value, source: source.into() }
}

/// The profile of `host`.
pub(super) fn profile(id: &str, host: &Host, year: u16, c: &Calibration) -> Result<Profile, CalibrateError> {
    let family = family::of(host.cpu_id.as_deref(), &host.cpu);
    let units = Units::of(c)?;
    let caches = caches(host, c)?;
    let memory = memory(host, c, &caches)?;
    let (peaks, paging) = (measured_host::peaks(c), measured_host::paging(c));
    let megabytes = host.memory_bytes.map_or(1024.0, |b| (b >> 20) as f64);
    let profile = Profile {
        schema: 1,
        id: id.into(),
        name: host.cpu.clone(),
        class: Class::Host,
        year,
        machine: MachineFigures {
            clock_mhz: figure(c.clock_mhz.round(), MEASURED),
            cores: figure(host.cores, SYSTEM),
            memory_mib: figure(megabytes, SYSTEM),
            fork_join_ns: figure(c.on(Quantity::ForkJoin, true).unwrap_or(0.0).max(0.0).round(), MEASURED),
        },
        core: CoreFigures {
            issue_width: figure(family.issue_width.max(units.int), FAMILY),
            window_ops: figure(family.window_ops, FAMILY),
            fp_units: figure(units.fp, MEASURED),
            int_units: figure(units.int, MEASURED),
            load_units: figure(Units::load(c)?, MEASURED),
            store_units: figure(Units::store(c)?, MEASURED),
            store_forward_cycles: Some(figure(tidy(forward(c)?), MEASURED)),
            loop_ops: figure(2, GENERAL),
            mispredict_cycles: figure(family.mispredict_cycles, FAMILY),
            predicted_trips: figure(family.predicted_trips, FAMILY),
        },
        integer: integer(c, &units)?,
        scalar: scalar(c, &units)?,
        simd: simd(c, &units)?,
        caches,
        memory,
        levels: measured_host::levels(host, c)?,
        sources: sources(host, family.name, &peaks, paging.as_ref()),
        peaks,
        paging,
        residuals: BTreeMap::new(),
    };
    Ok(profile)
}

fn sources(
    host: &Host,
    family: &str,
    peaks: &[PeakFigures],
    paging: Option<&PagingFigures>,
) -> BTreeMap<String, Source> {
    let noted =
        if host.hypervisor { " inside a virtual machine that shares caches and memory with others" } else { "" };
    [
        (
            MEASURED,
            SourceStatus::Measured,
            format!(
                "retrobench calibrate on this host{noted}: best of {RUNS} interleaved runs of each probe, 4 KiB pages"
            ),
        ),
        (SYSTEM, SourceStatus::Read, "the operating system of this host".into()),
        (
            FITTED,
            SourceStatus::Derived,
            "prefetches in flight = measured one-core read bandwidth × measured latency / line".into(),
        ),
        (FAMILY, SourceStatus::Unverified, format!("general knowledge of {family}")),
        (GENERAL, SourceStatus::Unverified, "general knowledge of current processors; not measured here".into()),
        (
            BOUNDED,
            SourceStatus::Derived,
            "the measured rate of f32 multiplies, each taken to be the multiply of this set that makes most products".into(),
        ),
        (
            FAULTS,
            SourceStatus::Measured,
            format!("retrobench calibrate on this host{noted}: best of several runs over pages of 4 KiB, new ones cleared, those \
                     of a file read from storage one by one"),
        ),
        (
            DIRECT,
            SourceStatus::Measured,
            format!("retrobench calibrate on this host{noted}: a file in the temporary folder, read past the page cache in \
                     pieces of 1 MiB, one after the other; caches of the device and of a hypervisor may answer"),
        ),
    ]
    .into_iter()
    // Every source is used.
    .filter(|(key, ..)| match *key {
        BOUNDED => peaks.iter().any(|p| p.one_core_gop_s.source == BOUNDED),
        FAULTS => paging.is_some_and(|p| p.minor_fault_ns.is_some() || p.major_fault_us.is_some()),
        DIRECT => paging.is_some_and(|p| p.storage_read_mb_s.is_some()),
        _ => true,
    })
    .map(|(key, status, cite)| (key.to_owned(), Source { cite, status }))
    .collect()
}

/// How many units of each kind there are, from the operation that comes nearest to filling them.
struct Units {
    fp: u32,
    int: u32,
}

impl Units {
    fn of(c: &Calibration) -> Result<Self, CalibrateError> {
        let per_cycle = |isa, probe| c.cycles(Quantity::Op(isa, probe)).map(|cycles| 1.0 / cycles);
        let add = Probe::Float(FloatOp::Add, Chain::Independent);
        let fma = Probe::Float(FloatOp::MulAdd, Chain::Independent);
        // A register of `wide` on SSE2 is two; only real machines count.
        let simd = if widest() == Isa::Portable { 0.0 } else { per_cycle(widest(), fma)? };
        let fp = per_cycle(Isa::Scalar, add)?.max(simd);
        let int = per_cycle(Isa::Scalar, Probe::IntAdd(Chain::Independent))?;
        let whole = |x: f64| (x.round() as u32).clamp(1, 8);
        Ok(Self { fp: whole(fp), int: whole(int) })
    }

    /// Loads started per cycle: scalar ones, as the first level may be too narrow for two of the widest.
    fn load(c: &Calibration) -> Result<u32, CalibrateError> {
        let loads = 1.0 / (4.0 * c.cycles(Quantity::SCALAR_BYTE)?);
        Ok((loads.round() as u32).clamp(1, 4))
    }

    /// Stores of the widest registers started per cycle.
    fn store(c: &Calibration) -> Result<u32, CalibrateError> {
        let stores = 1.0 / c.cycles(Quantity::Op(widest(), Probe::Stores))?;
        Ok((stores.round() as u32).clamp(1, 4))
    }
}

/// From a store to the load of what it stored: an addition to a value in memory takes that and the addition.
fn forward(c: &Calibration) -> Result<f64, CalibrateError> {
    let both = c.cycles(Quantity::Op(widest(), Probe::SumInMemory))?;
    Ok((both - latency(c, widest(), FloatOp::Add)?).max(1.0))
}

/// Two decimals, and a whole number where it is within 5 % of one.
fn tidy(cycles: f64) -> f64 {
    let whole = cycles.round();
    let near = whole > 0.0 && (cycles / whole - 1.0).abs() < 0.05;
    if near { whole } else { (cycles * 100.0).round().max(5.0) / 100.0 }
}

/// Latency of the dependent probe less `before`, interval of the independent one on `units` units.
fn float_op(c: &Calibration, isa: Isa, op: FloatOp, before: f64, units: u32) -> Result<OpCycles, CalibrateError> {
    let of = |chain| c.cycles(Quantity::Op(isa, Probe::Float(op, chain)));
    let interval = of(Chain::Independent)? * f64::from(units);
    let latency = (of(Chain::Dependent)? - before).max(1.0);
    Ok(figure([tidy(latency), tidy(interval)], MEASURED))
}

fn latency(c: &Calibration, isa: Isa, op: FloatOp) -> Result<f64, CalibrateError> {
    c.cycles(Quantity::Op(isa, Probe::Float(op, Chain::Dependent)))
}

fn integer(c: &Calibration, units: &Units) -> Result<IntegerFigures, CalibrateError> {
    let of = |probe| c.cycles(Quantity::Op(Isa::Scalar, probe));
    let int = f64::from(units.int);
    let mul = [of(Probe::IntMul(Chain::Dependent))?, of(Probe::IntMul(Chain::Independent))? * int];
    let registers = if cfg!(target_arch = "x86_64") { 14 } else { 28 };
    Ok(IntegerFigures {
        registers: figure(registers, GENERAL),
        add_cycles: figure([1.0, tidy(of(Probe::IntAdd(Chain::Independent))? * int).max(1.0)], MEASURED),
        mul_cycles: figure(mul.map(tidy), MEASURED),
    })
}

fn scalar(c: &Calibration, units: &Units) -> Result<ScalarFigures, CalibrateError> {
    use FloatOp::*;
    let multiply = latency(c, Isa::Scalar, Mul)?;
    let op = |op, before| float_op(c, Isa::Scalar, op, before, units.fp);
    Ok(ScalarFigures {
        registers: figure(scalar_registers(), GENERAL),
        add_cycles: op(Add, 0.0)?,
        mul_cycles: op(Mul, 0.0)?,
        // Compilers do not contract plain code; the scalar machine multiplies, then adds.
        fma_cycles: None,
        div_cycles: op(Div, 0.0)?,
        sqrt_cycles: op(MulSqrt, multiply)?,
        max_cycles: op(Max, 0.0)?,
        convert_cycles: figure([4.0, 1.0], GENERAL),
        // Not divided by units: the call occupies the whole core, and what its caller keeps waits in memory meanwhile.
        exp_cycles: figure(
            [
                tidy((latency(c, Isa::Scalar, MulExp)? - multiply).max(1.0)),
                tidy(c.cycles(Quantity::Op(Isa::Scalar, Probe::SumExp))?),
            ],
            MEASURED,
        ),
    })
}

fn scalar_registers() -> u32 {
    if cfg!(target_arch = "x86_64") { 16 } else { 32 }
}

/// The SIMD unit as the widest machine here sees it; none where only the portable machine is left.
fn simd(c: &Calibration, units: &Units) -> Result<Option<SimdFigures>, CalibrateError> {
    use FloatOp::*;
    let isa = widest();
    if isa == Isa::Portable {
        return Ok(None);
    }
    let fp = f64::from(units.fp);
    let lanes = isa.lanes() as u32;
    let op = |op| float_op(c, isa, op, 0.0, units.fp).map(Some);
    // One shuffle port beside the multiply-add ports on x86; Arm shuffles on all of them.
    let shuffle = if cfg!(target_arch = "x86_64") { [3.0, fp] } else { [2.0, 1.0] };
    let int_add = 1.0;
    let filling = |probe| c.cycles(Quantity::Op(isa, probe)).map(|cycles| cycles * fp);
    let pair = filling(Probe::Madd)?;
    // Two more vectors widened for each; what is left of a half, one addition less.
    let widen = tidy(((filling(Probe::MaddLoaded)? - pair) / 2.0).max(0.5));
    let half = tidy((filling(Probe::SumHalves)? - 1.0).max(0.5));
    let (dot4, prepare) = dot4(c, isa, fp);
    Ok(Some(SimdFigures {
        isa: isa.name().into(),
        f32_lanes: figure(lanes, SYSTEM),
        i32_lanes: figure(lanes, SYSTEM),
        registers: figure(if isa == Isa::Avx2 { 16 } else { 32 }, SYSTEM),
        add_cycles: op(Add)?,
        mul_cycles: op(Mul)?,
        fma_cycles: op(MulAdd)?,
        div_cycles: op(Div)?,
        max_cycles: op(Max)?,
        convert_cycles: Some(figure([4.0, 1.0], GENERAL)),
        shuffle_cycles: figure(shuffle, GENERAL),
        byte_shuffle_cycles: Some(figure(shuffle, GENERAL)),
        int_add_cycles: figure([1.0, int_add], GENERAL),
        widen_cycles: Some(figure([shuffle[0], widen], MEASURED)),
        // The probe does the multiply-add and the addition of its result.
        madd_i16_cycles: Some(figure([5.0, tidy((pair - int_add).max(0.5))], MEASURED)),
        dot4_i8_cycles: dot4,
        dot4_prepare_ops: prepare,
        bf16_pairs_cycles: bf16_pairs(c, fp),
        splat_load_cycles: None,
        f16_convert_cycles: Some(figure([7.0, half], MEASURED)),
    }))
}

/// The byte dot product on registers as wide as the others, and the sign moves that x86 needs before it.
fn dot4(c: &Calibration, isa: Isa, fp: f64) -> (Option<OpCycles>, Option<Figure<u32>>) {
    let of = |isa, probe| c.cycles(Quantity::Op(isa, probe)).ok();
    let Some(with) = [Isa::Avx2Vnni, Isa::NeonDot].into_iter().find(|isa| isa.available()) else {
        return (None, None);
    };
    let wide = of(Isa::Scalar, Probe::WidestDot4).filter(|_| isa.lanes() == 16);
    // Without the wide form, a register of lanes takes as many narrow ones as cover it.
    let narrow = of(with, Probe::Dot4(Chain::Independent)).map(|cycles| cycles * (isa.lanes() / with.lanes()) as f64);
    let (Some(latency), Some(each)) = (of(with, Probe::Dot4(Chain::Dependent)), wide.or(narrow)) else {
        return (None, None);
    };
    let prepare = (with == Isa::Avx2Vnni).then(|| figure(1, GENERAL));
    (Some(figure([tidy(latency), tidy(each * fp)], MEASURED)), prepare)
}

/// The dot of bf16 pairs; its probe runs where registers have sixteen lanes alone.
fn bf16_pairs(c: &Calibration, fp: f64) -> Option<OpCycles> {
    let of = |chain| c.cycles(Quantity::Op(Isa::Scalar, Probe::PairsBf16(chain))).ok();
    let (latency, each) = (of(Chain::Dependent)?, of(Chain::Independent)?);
    Some(figure([tidy(latency), tidy(each * fp)], MEASURED))
}

fn caches(host: &Host, c: &Calibration) -> Result<Vec<CacheFigures>, CalibrateError> {
    if host.caches.is_empty() {
        return Err(CalibrateError::Missing("the cache hierarchy (this system does not tell it)".into()));
    }
    let mut figures: Vec<CacheFigures> = Vec::new();
    for (i, cache) in host.caches.iter().enumerate() {
        let bytes = level_bytes(i, cache.bytes);
        let inner = figures.last();
        // Noise must not turn the hierarchy upside down.
        let least = inner.map_or(1.0, |f| f.latency_cycles.value + 1.0);
        let latency = tidy(c.cycles(Quantity::Latency(bytes))?).max(least);
        let lines = cache.bytes as u32 / cache.line_bytes.max(1);
        let ways = (1..=cache.ways.max(1)).rev().find(|w| lines.is_multiple_of(*w)).unwrap_or(1);
        let shared_by = cache.shared_by.clamp(inner.map_or(1, |f| f.shared_by.value), host.cores);
        figures.push(CacheFigures {
            name: format!("L{}", cache.level),
            kib: figure(cache.bytes as f64 / 1024.0, SYSTEM),
            ways: figure(ways, SYSTEM),
            line_bytes: figure(cache.line_bytes, SYSTEM),
            latency_cycles: figure(latency, MEASURED),
            bytes_per_cycle: figure(tidy(1.0 / c.cycles(Quantity::Byte(bytes))?), MEASURED),
            shared_by: figure(shared_by, SYSTEM),
            write_through: figure(false, GENERAL),
        });
    }
    Ok(figures)
}

/// What neighbours take of the bus changes by the minute, which a calibration of seconds does not see: on one virtual host
/// three calibrations within ten minutes gave 40.2, 41.1 and 45.3 GB/s for one core.
const LEAST_SPREAD_OF_A_GUEST_PCT: f64 = 12.0;

fn spread(host: &Host, measured_pct: f64) -> Figure<f64> {
    if host.hypervisor && measured_pct < LEAST_SPREAD_OF_A_GUEST_PCT {
        return figure(LEAST_SPREAD_OF_A_GUEST_PCT, GENERAL);
    }
    figure((measured_pct * 10.0).ceil() / 10.0, MEASURED)
}

fn memory(host: &Host, c: &Calibration, caches: &[CacheFigures]) -> Result<MemoryFigures, CalibrateError> {
    let bytes = memory_bytes(host);
    let last = caches.last().expect("there is a level");
    let least = (last.latency_cycles.value + 1.0) * 1e3 / c.clock_mhz;
    let latency_ns = c.best_ns(Quantity::Latency(bytes))?.max(least);
    let line = f64::from(last.line_bytes.value);
    // Lines in flight that make the measured bandwidth of one core, rounded up: a ceiling is computed from them.
    let streaming = (latency_ns / (c.best_ns(Quantity::Byte(bytes))? * line)).ceil().max(1.0) as u32;
    let demand = (latency_ns / c.best_ns(Quantity::LatencyShared(bytes))?).round().max(1.0) as u32;
    let all_ns = c.on(Quantity::Byte(bytes), true).ok_or_else(|| CalibrateError::Missing("bandwidth".into()))?;
    Ok(MemoryFigures {
        latency_ns: figure((latency_ns * 10.0).round() / 10.0, MEASURED),
        // What all cores read: a virtual machine does not tell the peak of the bus.
        bandwidth_gb_s: figure((100.0 / all_ns).ceil() / 100.0, MEASURED),
        sustained_gb_s: None,
        bandwidth_spread_pct: Some(spread(host, c.spread_pct(Quantity::Byte(bytes)))),
        misses_outstanding: figure(demand, MEASURED),
        prefetch_streams: figure(16, GENERAL),
        prefetch_lines: figure(streaming.max(16), GENERAL),
        prefetch_outstanding: figure(streaming, FITTED),
        prefetch_crosses_pages: Some(figure(true, GENERAL)),
    })
}
