//! One figure of a profile, varied: any key that `hw diff` prints, over a range. What cannot be thought apart from it follows,
//! and the profile that comes out is checked like any other.

use std::str::FromStr;

use toml::{Table, Value};

use crate::profile::{ProfileError, Sheet};

/// A figure and its range.
#[derive(Clone, Debug, PartialEq)]
pub struct Vary {
    /// Key path as `hw diff` prints it: `memory.bandwidth_gb_s`, `cache[1].kib`.
    pub key: String,
    /// Least value.
    pub from: f64,
    /// Greatest.
    pub to: f64,
}

/// Why a figure cannot take a value.
#[derive(Debug, thiserror::Error)]
pub enum FigureError {
    /// No such key.
    #[error("{machine} has no figure '{key}' that is a number; `retrobench hw show {machine}` shows what it has")]
    Unknown {
        /// Profile.
        machine: String,
        /// As given.
        key: String,
    },
    /// The machine would be none.
    #[error("{key} = {value}: {reason}")]
    Impossible {
        /// As given.
        key: String,
        /// As given.
        value: f64,
        /// What the profile's checks said.
        reason: ProfileError,
    },
}

impl FromStr for Vary {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('=').and_then(|(key, range)| {
            let (from, to) = range.split_once("..")?;
            Some((key.trim(), from.trim().parse::<f64>().ok()?, to.trim().parse::<f64>().ok()?))
        });
        match parsed {
            Some((key, from, to)) if !key.is_empty() && from > 0.0 && from < to && to.is_finite() => {
                Ok(Self { key: key.into(), from, to })
            }
            _ => Err("KEY=FROM..TO with 0 < FROM < TO, such as memory.bandwidth_gb_s=0.5..64".into()),
        }
    }
}

impl Vary {
    /// For people: `memory bandwidth, GB/s`.
    pub fn label(&self) -> String {
        let words = self.key.replace(['.', '_'], " ");
        for (unit, shown) in [
            (" gb s", "GB/s"),
            (" mib", "MiB"),
            (" kib", "KiB"),
            (" mhz", "MHz"),
            (" ns", "ns"),
            (" cycles", "cycles"),
            (" pct", "%"),
        ] {
            if let Some(name) = words.strip_suffix(unit) {
                return format!("{name}, {shown}");
            }
        }
        words
    }

    /// At most `points` values from end to end, evenly spaced on a logarithmic scale; fewer where the figure takes only some.
    ///
    /// # Errors
    /// [`FigureError::Unknown`].
    pub fn grid<P: Sheet>(&self, base: &P, points: usize) -> Result<Vec<f64>, FigureError> {
        let last = points.max(2) - 1;
        let mut values = Vec::new();
        for i in 0..=last {
            let exact = self.from * (self.to / self.from).powf(i as f64 / last as f64);
            let value = self.nearest(base, exact)?;
            if values.last().is_none_or(|v| value > *v) {
                values.push(value);
            }
        }
        Ok(values)
    }

    /// The value nearest to `value` that the figure can take: whole where it is a count, a power of two where it is lanes, whole
    /// sets where it is a cache.
    ///
    /// # Errors
    /// [`FigureError::Unknown`].
    pub fn nearest<P: Sheet>(&self, base: &P, value: f64) -> Result<f64, FigureError> {
        let mut table = table_of(base);
        let unknown = || FigureError::Unknown { machine: base.id().into(), key: self.key.clone() };
        let step = set_step(&table, &self.key);
        let figure = figure(&mut table, &self.key).ok_or_else(unknown)?;
        Ok(match figure {
            _ if self.key.ends_with("_lanes") && self.key.starts_with("simd.") => 2f64.powf(value.log2().round()),
            Value::Integer(_) => value.round().max(1.0),
            Value::Float(_) | Value::Array(_) => match step {
                Some(step) => (value / step).round().max(1.0) * step,
                // Three digits, so that tables read well.
                None => format!("{value:.2e}").parse().unwrap_or(value),
            },
            _ => return Err(unknown()),
        })
    }
}

/// The machine with figures set, and with what follows from them:
/// - of a memory bandwidth, what the machine sustains of it stays the same share, and a processor has as many prefetches in
///   flight as one core needs to draw it;
/// - of cores, a cache that all shared is shared by all, and none by more than there are;
/// - of f32 lanes, i32 lanes where there were as many.
///
/// # Errors
/// [`FigureError`].
pub fn set<P: Sheet>(base: &P, figures: &[(&str, f64)]) -> Result<P, FigureError> {
    let mut table = table_of(base);
    for (key, to) in figures {
        let unknown = || FigureError::Unknown { machine: base.id().into(), key: (*key).into() };
        let was = number(figure(&mut table, key).ok_or_else(unknown)?).ok_or_else(unknown)?;
        put(&mut table, key, *to);
        match *key {
            "memory.bandwidth_gb_s" => {
                scale(&mut table, "memory.sustained_gb_s", to / was);
                draw(&mut table);
            }
            "machine.cores" => share_caches(&mut table, was, *to),
            "simd.f32_lanes" if at(&mut table, "simd.i32_lanes") == Some(was) => put(&mut table, "simd.i32_lanes", *to),
            _ => {}
        }
    }
    let text = toml::to_string(&table).unwrap_or_default();
    P::parse(base.id(), &text).map_err(|reason| {
        let (key, value) = figures.last().map_or(("", 0.0), |(key, value)| (key, *value));
        FigureError::Impossible { key: key.into(), value, reason }
    })
}

fn table_of<P: Sheet>(profile: &P) -> Table {
    profile.to_toml().parse().unwrap_or_default()
}

/// The value of the figure at a key path, to read or change.
fn figure<'t>(table: &'t mut Table, key: &str) -> Option<&'t mut Value> {
    let mut parts = key.split('.');
    let first = parts.next()?;
    let mut value = match first.strip_suffix(']').and_then(|f| f.split_once('[')) {
        Some((name, number)) => table.get_mut(name)?.as_array_mut()?.get_mut(number.parse::<usize>().ok()?)?,
        None => table.get_mut(first)?,
    };
    for part in parts {
        value = value.as_table_mut()?.get_mut(part)?;
    }
    value.as_table_mut()?.get_mut("value")
}

/// A figure as a number; of `[latency, interval]` the interval.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(n) => Some(*n as f64),
        Value::Float(x) => Some(*x),
        Value::Array(pair) => number(pair.last()?),
        _ => None,
    }
}

fn at(table: &mut Table, key: &str) -> Option<f64> {
    number(figure(table, key)?)
}

/// Sets a figure that is there; of `[latency, interval]` both, an operation that is not pipelined.
fn put(table: &mut Table, key: &str, to: f64) {
    if let Some(value) = figure(table, key) {
        *value = match value {
            Value::Integer(_) => Value::Integer(to.round() as i64),
            Value::Array(_) => Value::Array(vec![Value::Float(to); 2]),
            _ => Value::Float(to),
        };
    }
}

fn scale(table: &mut Table, key: &str, by: f64) {
    if let Some(was) = at(table, key) {
        put(table, key, was * by);
    }
}

/// Prefetches in flight that one core needs to draw the bandwidth, twice over. GB/s times ns are bytes.
fn draw(table: &mut Table) {
    let levels = table.get("cache").and_then(Value::as_array).map_or(0, Vec::len);
    let (Some(last), Some(bandwidth)) = (levels.checked_sub(1), at(table, "memory.bandwidth_gb_s")) else { return };
    let (Some(line), Some(latency)) = (at(table, &format!("cache[{last}].line_bytes")), at(table, "memory.latency_ns"))
    else {
        return;
    };
    let lines = (2.0 * bandwidth * latency / line).ceil().min(4096.0);
    for key in ["memory.prefetch_outstanding", "memory.prefetch_lines"] {
        if let Some(was) = at(table, key).filter(|was| *was > 0.0) {
            put(table, key, was.max(lines));
        }
    }
}

fn share_caches(table: &mut Table, was: f64, cores: f64) {
    let levels = table.get("cache").and_then(Value::as_array).map_or(0, Vec::len);
    for level in 0..levels {
        let key = format!("cache[{level}].shared_by");
        if let Some(shared) = at(table, &key) {
            put(table, &key, if shared == was { cores } else { shared.min(cores) });
        }
    }
}

/// KiB of one line of every way of a cache, where the key is a cache's size.
fn set_step(table: &Table, key: &str) -> Option<f64> {
    let mut table = table.clone();
    let level = key.strip_suffix(".kib")?;
    let line = at(&mut table, &format!("{level}.line_bytes"))?;
    Some(line * at(&mut table, &format!("{level}.ways")).unwrap_or(1.0) / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{self, GpuProfile, Hardware, Profile};

    fn cpu(id: &str) -> Profile {
        profile::find(id).expect("built in").profile
    }

    fn gpu(id: &str) -> GpuProfile {
        Hardware::select(id).expect("built in").gpus.remove(0).profile
    }

    fn vary(text: &str) -> Vary {
        text.parse().expect("a range")
    }

    #[test]
    fn ranges_are_read_and_wrong_ones_refused() {
        let read = vary("memory.bandwidth_gb_s=0.5..64");
        assert_eq!((read.key.as_str(), read.from, read.to), ("memory.bandwidth_gb_s", 0.5, 64.0));
        assert_eq!(read.label(), "memory bandwidth, GB/s");
        for wrong in ["x", "x=1", "x=1..", "x=2..1", "x=0..1", "=1..2", "x=1..inf", "x=a..b"] {
            assert!(wrong.parse::<Vary>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_figure_of_every_machine_can_be_set_to_what_it_is() {
        let all = Hardware::built_in().expect("built in");
        for machine in &all.cpus {
            let keys =
                ["memory.bandwidth_gb_s", "machine.cores", "machine.clock_mhz", "machine.memory_mib", "cache[0].kib"];
            for key in keys {
                let mut table = table_of(&machine.profile);
                let was = at(&mut table, key).expect(key);
                let same = set(&machine.profile, &[(key, was)]).expect(key);
                let changed = key == "memory.bandwidth_gb_s" && same.memory != machine.profile.memory;
                assert!(same == machine.profile || changed, "{}: {key}", machine.profile.id);
            }
        }
        for machine in &all.gpus {
            let same = set(&machine.profile, &[("machine.sms", f64::from(machine.profile.machine.sms.value))]);
            assert!(same.is_ok_and(|same| same == machine.profile), "{}", machine.profile.id);
        }
    }

    #[test]
    fn what_belongs_together_moves_together() {
        let base = cpu("ryzen-9-5950x");
        let half = set(&base, &[("memory.bandwidth_gb_s", 25.6)]).expect("possible");
        assert!((half.shared_bandwidth_gb_s() - 42.5 / 2.0).abs() < 1e-9);
        let fast = set(&base, &[("memory.bandwidth_gb_s", 512.0)]).expect("possible");
        assert!(fast.memory.prefetch_outstanding.value >= 1248, "{}", fast.memory.prefetch_outstanding.value);
        let few = set(&base, &[("machine.cores", 4.0)]).expect("possible");
        assert_eq!((few.machine.cores.value, few.caches[2].shared_by.value, few.caches[0].shared_by.value), (4, 4, 1));
        let wide = set(&base, &[("simd.f32_lanes", 16.0)]).expect("possible").simd.expect("SIMD");
        assert_eq!((wide.f32_lanes.value, wide.i32_lanes.value), (16, 16));
        let a100 = gpu("a100");
        let halved =
            set(&a100, &[("memory.bandwidth_gb_s", a100.memory.bandwidth_gb_s.value / 2.0)]).expect("possible");
        assert!((halved.memory.sustained_gb_s.value - a100.memory.sustained_gb_s.value / 2.0).abs() < 1e-9);
        let both = set(&base, &[("memory.bandwidth_gb_s", 10.0), ("machine.clock_mhz", 1000.0)]).expect("possible");
        assert_eq!((both.memory.bandwidth_gb_s.value, both.machine.clock_mhz.value), (10.0, 1000.0));
    }

    #[test]
    fn grids_keep_to_what_a_figure_can_be() {
        let base = cpu("ryzen-9-5950x");
        assert_eq!(vary("simd.f32_lanes=2..16").grid(&base, 25).expect("known"), [2.0, 4.0, 8.0, 16.0]);
        assert_eq!(vary("machine.cores=1..4").grid(&base, 25).expect("known"), [1.0, 2.0, 3.0, 4.0]);
        let sizes = vary("cache[1].kib=64..4096").grid(&base, 13).expect("known");
        assert!(sizes.iter().all(|kib| set(&base, &[("cache[1].kib", *kib)]).is_ok()), "{sizes:?}");
        let bandwidths = vary("memory.bandwidth_gb_s=0.5..64").grid(&base, 8).expect("known");
        assert_eq!((bandwidths.len(), bandwidths[0], bandwidths[7]), (8, 0.5, 64.0));
    }

    #[test]
    fn unknown_and_impossible_figures_say_so() {
        let base = cpu("ryzen-9-5950x");
        for key in
            ["memory.speed", "cache[9].kib", "simd.isa", "memory", "", "cache[1].write_through", "sources.x.cite"]
        {
            let vary = Vary { key: key.into(), from: 1.0, to: 2.0 };
            assert!(matches!(vary.grid(&base, 3), Err(FigureError::Unknown { .. })), "{key}");
        }
        let error = set(&base, &[("cache[1].kib", 16.0)]).expect_err("smaller than the first level").to_string();
        assert!(error.contains("cache[1].kib = 16") && error.contains("grow"), "{error}");
    }
}
