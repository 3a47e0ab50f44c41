//! How well each measurement was known: how far repeated runs lay apart, and how far the timing model on the finished
//! profile, asked the same probe, lies off.

use std::collections::BTreeMap;

use kernels::input::Buffer;
use kernels::machine::Isa;
use kernels::operand::{Presence, Region};
use kernels::probe::{Probe, ProbeData, chase_table, traced};

use super::probes::{memory_bytes, widest};
use super::quantity::Quantity;
use super::{Calibration, Measured};
use crate::environment::Host;
use crate::profile::{Profile, Residual};
use crate::timed::{Engine, Mode, Params};

/// Steps of a modelled arithmetic probe: enough to drown its start.
const STEPS: usize = 4000;
/// Hops of a modelled chase.
const HOPS: usize = 20_000;
/// Bytes that a modelled stream reads at least.
const READ_BYTES: usize = 16 << 20;

/// One of each measurement.
pub(super) fn residuals(host: &Host, c: &Calibration, profile: &Profile) -> BTreeMap<String, Residual> {
    let params = Params::new(profile);
    let of = |m: &Measured| Residual {
        best_ns: shortened(m.best_ns),
        spread_pct: shortened(m.spread_pct),
        model_pct: predicted_ns(host, profile, &params, m).map(|ns| shortened(100.0 * (ns / m.best_ns - 1.0))),
    };
    c.measured.iter().map(|m| (m.key(), of(m))).collect()
}

/// Four digits: more would be noise.
fn shortened(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// What the model says one operation, byte or hop takes, ns; none where it has no such thing.
fn predicted_ns(host: &Host, profile: &Profile, params: &Params, m: &Measured) -> Option<f64> {
    let far = memory_bytes(host);
    if m.threads > 1 {
        // What all cores read is a figure of the profile; of their other doings the model says nothing here.
        let all = m.quantity == Quantity::Byte(far);
        return all.then(|| 1e9 / profile.sustained_bytes_per_s(m.threads));
    }
    match m.quantity {
        // Done on this processor's own instructions, which the model does not have.
        Quantity::Op(_, Probe::WidestDot4 | Probe::PairsBf16(_) | Probe::TilesI8 | Probe::TilesBf16) => None,
        Quantity::Op(Isa::Scalar, Probe::ReadStream) => {
            stream(params, 1, host.caches.first().map_or(1 << 14, |first| first.bytes / 2), false)
        }
        Quantity::Op(isa, probe) => arithmetic(params, lanes(profile, isa)?, probe),
        Quantity::Latency(bytes) => chase(params, Probe::Chase, bytes, bytes == far),
        Quantity::LatencyShared(bytes) => chase(params, Probe::ChaseMany, bytes, bytes == far),
        Quantity::Byte(bytes) => stream(params, lanes(profile, widest())?, bytes, bytes == far),
        Quantity::ForkJoin | Quantity::MinorFault | Quantity::MajorFault | Quantity::StorageByte => None,
    }
}

/// Lanes on which the model knows an instruction set: one, or those of the widest.
fn lanes(profile: &Profile, isa: Isa) -> Option<usize> {
    match isa {
        Isa::Scalar => Some(1),
        _ if isa == widest() => profile.simd.as_ref().map(|simd| simd.f32_lanes.value as usize),
        _ => None,
    }
}

fn arithmetic(params: &Params, lanes: usize, probe: Probe) -> Option<f64> {
    let mut data = ProbeData::new(STEPS);
    let engine = Engine::new(params, Mode::Full);
    traced(&engine, lanes, probe, &mut data).then(|| engine.estimate().time_ns / probe.operations(lanes, &data))
}

fn chase(params: &Params, probe: Probe, bytes: usize, cold: bool) -> Option<f64> {
    let mut state = 1u64;
    let pick = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let mut data = ProbeData::chase(HOPS, chase_table(bytes, pick));
    let engine = Engine::new(params, Mode::Full);
    let (start, bytes) = (data.table.as_ptr() as usize, size_of_val(data.table.as_slice()));
    engine.map(&[Region { start, bytes, streamed: true, presence: Presence::Own }], !cold);
    traced(&engine, 1, probe, &mut data).then(|| engine.estimate().time_ns / probe.operations(1, &data))
}

fn stream(params: &Params, lanes: usize, bytes: usize, cold: bool) -> Option<f64> {
    // From memory one pass is long enough; of a level in the caches as many as make it so.
    let passes = if cold { 1 } else { READ_BYTES.div_ceil(bytes).min(64) };
    let mut data = ProbeData::stream(passes, Buffer::filled(bytes.min(4 * READ_BYTES) / 4, |i| (i % 7) as f32));
    let engine = Engine::new(params, Mode::Full);
    let (start, bytes) = (data.stream.as_slice().as_ptr() as usize, size_of_val(data.stream.as_slice()));
    engine.map(&[Region { start, bytes, streamed: true, presence: Presence::Own }], !cold);
    let probe = Probe::ReadStream;
    traced(&engine, lanes, probe, &mut data).then(|| engine.estimate().time_ns / probe.operations(lanes, &data))
}
