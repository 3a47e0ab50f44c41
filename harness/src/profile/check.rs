//! Checks that a profile describes a machine that could exist. The parser has refused unknown and missing keys; here are
//! the figures, their sources and how they fit together.

use std::collections::{BTreeMap, BTreeSet};

use toml::Value;

use super::catalog::one_line;
use super::{CacheFigures, Profile, SimdFigures, Source};

/// What a figure may be, by its key. Wide on purpose: they catch a wrong unit or a slipped digit, not a wrong guess.
/// `[latency, interval]` pairs (`*_cycles`) are covered by [`OP_CYCLES`].
pub(super) const RANGES: &[(&str, f64, f64)] = &[
    ("clock_mhz", 0.1, 20_000.0),
    ("cores", 1.0, 4096.0),
    ("memory_mib", 0.001, 1e9),
    ("fork_join_ns", 0.0, 1e8),
    ("issue_width", 1.0, 32.0),
    ("window_ops", 0.0, 4096.0),
    ("fp_units", 1.0, 16.0),
    ("int_units", 1.0, 16.0),
    ("load_units", 1.0, 8.0),
    ("store_units", 1.0, 8.0),
    ("store_forward_cycles", 0.0, 100.0),
    ("loop_ops", 0.0, 16.0),
    ("mispredict_cycles", 0.0, 100.0),
    ("predicted_trips", 0.0, 1e6),
    ("registers", 1.0, 256.0),
    ("f32_lanes", 0.0, 16.0),
    ("i32_lanes", 0.0, 16.0),
    ("dot4_prepare_ops", 0.0, 16.0),
    ("kib", 0.0625, 4e6),
    ("ways", 1.0, 65_536.0),
    ("line_bytes", 4.0, 1024.0),
    ("latency_cycles", 1.0, 2000.0),
    ("bytes_per_cycle", 0.01, 1024.0),
    ("shared_by", 1.0, 4096.0),
    ("write_through", 0.0, 1.0),
    ("latency_ns", 1.0, 1e5),
    ("bandwidth_gb_s", 1e-4, 1e5),
    ("sustained_gb_s", 1e-4, 1e5),
    ("bandwidth_spread_pct", 0.0, 100.0),
    ("misses_outstanding", 1.0, 4096.0),
    ("prefetch_streams", 0.0, 1024.0),
    ("prefetch_lines", 0.0, 4096.0),
    ("prefetch_outstanding", 0.0, 4096.0),
    ("prefetch_crosses_pages", 0.0, 1.0),
    ("one_core_gop_s", 1e-6, 1e9),
    ("all_cores_gop_s", 1e-6, 1e9),
    ("spread_pct", 0.0, 100.0),
    ("one_core_latency_ns", 0.01, 1e5),
    ("all_cores_latency_ns", 0.01, 1e6),
    ("one_core_read_gb_s", 1e-4, 1e6),
    ("all_cores_read_gb_s", 1e-4, 1e6),
    ("storage_read_mb_s", 0.01, 1e6),
    ("minor_fault_ns", 1.0, 1e6),
    ("major_fault_us", 0.1, 1e6),
];

/// Latency and interval of an operation, cycles.
const OP_CYCLES: (f64, f64) = (0.05, 10_000.0);

/// One finding: key path and reason. The file is added at the end.
pub(super) type Check = Result<(), (String, String)>;

/// True for what may be the id of a profile.
pub fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// Checks what every profile begins with.
pub(super) fn check_head(schema: u32, id: &str, name: &str, year: u16) -> Check {
    ensure(schema == 1, "schema", || format!("is {schema}; this version reads schema 1"))?;
    ensure(is_id(id), "id", || format!("{id:?} may only have a-z, 0-9 and '-'"))?;
    ensure(!name.trim().is_empty(), "name", || "is empty".into())?;
    ensure((1970..=2100).contains(&year), "year", || format!("{year} is not within 1970..2100"))
}

/// Finds every figure by its form (a table of `value` and `source`), so that a new key cannot be forgotten here, and
/// checks that it is within its range and names a source, and that every source is named.
pub(super) fn check_figures_and_sources(
    table: &toml::Table,
    sources: &BTreeMap<String, Source>,
    ranges: &[(&str, f64, f64)],
) -> Check {
    let mut used = BTreeSet::new();
    let mut figures = Vec::new();
    for (key, value) in table {
        if key != "sources" {
            collect(key, value, &mut figures);
        }
    }
    for (path, value, source) in &figures {
        check_range(path, value, ranges)?;
        ensure(!source.is_empty(), path, || "names no source".into())?;
        let known = sources.contains_key(*source);
        ensure(known, path, || format!("source {source:?} is not in [sources]"))?;
        used.insert(*source);
    }
    for (key, source) in sources {
        let path = format!("sources.{}", one_line(key));
        let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        ensure(plain, &path, || "a source's key may only have letters, digits and '-'".into())?;
        ensure(used.contains(key.as_str()), &path, || "no figure names it; remove it".into())?;
        ensure(!source.cite.trim().is_empty(), &format!("{path}.cite"), || "is empty".into())?;
    }
    Ok(())
}

impl Profile {
    /// Checks everything that the types cannot say.
    pub(super) fn check(&self) -> Check {
        check_head(self.schema, &self.id, &self.name, self.year)?;
        check_figures_and_sources(&self.as_table(), &self.sources, RANGES)?;
        self.check_caches()?;
        self.check_memory()?;
        self.simd.as_ref().map_or(Ok(()), check_simd)
    }

    fn check_caches(&self) -> Check {
        let levels = self.caches.len();
        ensure((1..=4).contains(&levels), "cache", || format!("{levels} levels; one to four can be modelled"))?;
        for (i, cache) in self.caches.iter().enumerate() {
            let key = |name: &str| format!("cache[{i}].{name}");
            let CacheFigures { kib, ways, line_bytes, latency_cycles, shared_by, .. } = cache;
            ensure(!cache.name.trim().is_empty(), &key("name"), || "is empty".into())?;
            let line = line_bytes.value;
            ensure(line.is_power_of_two(), &key("line_bytes"), || format!("{line} is not a power of two"))?;
            let lines = kib.value * 1024.0 / f64::from(line);
            ensure(lines.fract() == 0.0, &key("kib"), || format!("{} KiB is no whole number of lines", kib.value))?;
            let even = lines % f64::from(ways.value) == 0.0;
            ensure(even, &key("ways"), || format!("{} does not divide the {lines} lines", ways.value))?;
            let cores = self.machine.cores.value;
            let fits = shared_by.value <= cores;
            ensure(fits, &key("shared_by"), || format!("{} is more than the {cores} cores", shared_by.value))?;
            let Some(inner) = i.checked_sub(1).map(|j| &self.caches[j]) else {
                continue;
            };
            let grows = |name: &str, inner: f64, outer: f64, strictly: bool| {
                let fits = outer > inner || (!strictly && outer == inner);
                ensure(fits, &key(name), || format!("{outer} after {inner} of the level before; levels grow outwards"))
            };
            grows("kib", inner.kib.value, kib.value, true)?;
            grows("line_bytes", inner.line_bytes.value.into(), line.into(), false)?;
            grows("latency_cycles", inner.latency_cycles.value, latency_cycles.value, true)?;
            grows("shared_by", inner.shared_by.value.into(), shared_by.value.into(), false)?;
        }
        Ok(())
    }

    fn check_memory(&self) -> Check {
        let memory = &self.memory;
        let last_ns = self.caches.last().map_or(0.0, |cache| cache.latency_cycles.value) * self.cycle_ns();
        ensure(memory.latency_ns.value > last_ns, "memory.latency_ns", || {
            format!("{} is no more than the {last_ns:.1} ns of the last cache", memory.latency_ns.value)
        })?;
        if let Some(seen) = &memory.sustained_gb_s {
            let fits = seen.value <= memory.bandwidth_gb_s.value;
            ensure(fits, "memory.sustained_gb_s", || format!("{} is more than bandwidth_gb_s", seen.value))?;
        }
        let prefetch = [&memory.prefetch_streams, &memory.prefetch_lines, &memory.prefetch_outstanding];
        let set = prefetch.iter().filter(|figure| figure.value > 0).count();
        ensure(set == 0 || set == 3, "memory.prefetch_streams", || {
            "prefetch_streams, prefetch_lines and prefetch_outstanding are all 0 (no prefetcher) or all above 0".into()
        })
    }
}

fn check_simd(simd: &SimdFigures) -> Check {
    ensure(!simd.isa.trim().is_empty(), "simd.isa", || "is empty".into())?;
    for (key, lanes) in [("simd.f32_lanes", simd.f32_lanes.value), ("simd.i32_lanes", simd.i32_lanes.value)] {
        let fits = matches!(lanes, 0 | 2 | 4 | 8 | 16);
        ensure(fits, key, || format!("{lanes} is none of 0, 2, 4, 8, 16"))?;
    }
    let (f32s, i32s) = (simd.f32_lanes.value > 0, simd.i32_lanes.value > 0);
    ensure(f32s || i32s, "simd.f32_lanes", || "f32_lanes and i32_lanes are both 0; leave [simd] out".into())?;
    // Without lanes no operation on them; with f32 lanes all but the fused multiply-add and f16.
    for (key, present, lanes, required) in [
        ("add_cycles", simd.add_cycles.is_some(), f32s, true),
        ("mul_cycles", simd.mul_cycles.is_some(), f32s, true),
        ("div_cycles", simd.div_cycles.is_some(), f32s, true),
        ("max_cycles", simd.max_cycles.is_some(), f32s, true),
        ("convert_cycles", simd.convert_cycles.is_some(), f32s, true),
        ("fma_cycles", simd.fma_cycles.is_some(), f32s, false),
        ("f16_convert_cycles", simd.f16_convert_cycles.is_some(), f32s, false),
        ("widen_cycles", simd.widen_cycles.is_some(), i32s, simd.madd_i16_cycles.is_some()),
        ("madd_i16_cycles", simd.madd_i16_cycles.is_some(), i32s, false),
        ("dot4_i8_cycles", simd.dot4_i8_cycles.is_some(), i32s, false),
        ("bf16_pairs_cycles", simd.bf16_pairs_cycles.is_some(), f32s, false),
    ] {
        let path = format!("simd.{key}");
        ensure(lanes || !present, &path, || "belongs to lanes that the set has 0 of; remove it".into())?;
        ensure(!(lanes && required) || present, &path, || "is missing, and the set's lanes need it".into())?;
    }
    let orphan = simd.dot4_prepare_ops.is_some() && simd.dot4_i8_cycles.is_none();
    ensure(!orphan, "simd.dot4_prepare_ops", || "belongs to dot4_i8_cycles, which is absent; remove it".into())
}

/// Figures below a value, with their key paths: `(cache[1].ways, 8, "vendor")`.
pub(super) fn collect<'a>(path: &str, value: &'a Value, figures: &mut Vec<(String, &'a Value, &'a str)>) {
    match value {
        Value::Array(levels) => {
            for (i, level) in levels.iter().enumerate() {
                collect(&format!("{path}[{i}]"), level, figures);
            }
        }
        Value::Table(entries) => match (entries.get("value"), entries.get("source")) {
            (Some(value), Some(Value::String(source))) => figures.push((path.into(), value, source)),
            _ => entries.iter().for_each(|(key, value)| collect(&format!("{path}.{key}"), value, figures)),
        },
        _ => {}
    }
}

fn check_range(path: &str, value: &Value, ranges: &[(&str, f64, f64)]) -> Check {
    let key = path.rsplit('.').next().unwrap_or(path);
    let numbers = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let range = ranges.iter().find(|(name, ..)| *name == key).map(|&(_, low, high)| (low, high));
    let (low, high) = range.or(value.is_array().then_some(OP_CYCLES)).unwrap_or((0.0, f64::MAX));
    for number in numbers {
        let number = match number {
            Value::Integer(n) => *n as f64,
            Value::Float(x) => *x,
            _ => continue,
        };
        // Not a number fails every comparison, so it is refused here too.
        let fits = number >= low && number <= high;
        ensure(fits, path, || format!("{number} is not within {low}..{high}"))?;
    }
    Ok(())
}

pub(super) fn ensure(fits: bool, key: &str, reason: impl FnOnce() -> String) -> Check {
    if fits { Ok(()) } else { Err((key.to_owned(), reason())) }
}
