//! What a measured host's profile holds beside the figures that the timing model needs: best rates by instruction set, each
//! level of memory with one core and with all at work, storage and page faults, and how well each measurement was known.

use kernels::kernel::Work;
use kernels::machine::Isa;
use serde::{Deserialize, Serialize};

use super::{Figure, Profile};

/// Operands of a best rate.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Operands {
    /// f32.
    F32,
    /// bf16, with f32 sums.
    Bf16,
    /// i8, with i32 sums.
    I8,
}

impl Operands {
    /// Those of a kernel's work.
    pub fn of(work: Work) -> Self {
        match work {
            Work::F32 | Work::F16 => Self::F32,
            Work::Bf16 => Self::Bf16,
            Work::I8 => Self::I8,
        }
    }
}

/// The best rate of one kind of operands with one instruction set; a multiply-add counts two.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PeakFigures {
    /// Instruction set as records name it: `avx2`, `avx512`, `amx`, ...
    pub isa: String,
    /// What is multiplied.
    pub operands: Operands,
    /// Of one core alone, 1e9 operations/s.
    pub one_core_gop_s: Figure<f64>,
    /// Of all cores together, 1e9 operations/s.
    pub all_cores_gop_s: Figure<f64>,
    /// How far repeated measurements lay apart, percent: times may beat this ceiling by as much.
    pub spread_pct: Figure<f64>,
}

/// One level of memory as its readers find it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct LevelFigures {
    /// `L1`, `L2`, ..., `memory`.
    pub name: String,
    /// Load-to-use latency, one core reading, ns.
    pub one_core_latency_ns: Figure<f64>,
    /// The same while every core chases pointers of its own, ns.
    pub all_cores_latency_ns: Figure<f64>,
    /// Read by one core, GB/s (1e9 bytes).
    pub one_core_read_gb_s: Figure<f64>,
    /// Read by all cores together, GB/s.
    pub all_cores_read_gb_s: Figure<f64>,
}

/// What lies behind memory. A figure is absent where this host does not let it be measured.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PagingFigures {
    /// Rate of reading a file past the page cache, 1e6 bytes/s.
    pub storage_read_mb_s: Option<Figure<f64>>,
    /// First touch of a 4 KiB page of new memory, its clearing included, ns.
    pub minor_fault_ns: Option<Figure<f64>>,
    /// First touch of a page of a mapped file that no cache holds, µs.
    pub major_fault_us: Option<Figure<f64>>,
}

/// How well a measurement was known.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Residual {
    /// Best of the runs: ns for one operation, byte or hop.
    pub best_ns: f64,
    /// How far the median of the runs lay above, percent.
    pub spread_pct: f64,
    /// How far the timing model on this profile, asked the same, lies above (below: negative), percent; absent where the
    /// model has no such operation.
    pub model_pct: Option<f64>,
}

/// A ceiling and how far repeated measurements of it lay apart, as a share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeasuredPeak {
    /// Operations/s of one core.
    pub one_core_ops_per_s: f64,
    /// Operations/s of all cores together.
    pub all_cores_ops_per_s: f64,
    /// Share.
    pub spread: f64,
}

impl Profile {
    /// The best measured rate with one of the `allowed` instruction sets; none where nothing was measured.
    ///
    /// Code of one lane may use the build's own SIMD wherever its compiler sees how, so the portable machine always counts.
    pub fn measured_peak(&self, work: Work, allowed: &[Isa]) -> Option<MeasuredPeak> {
        let counts = |isa: &str| isa == Isa::Portable.name() || allowed.iter().any(|a| a.name() == isa);
        // Other operands can be widened to f32 once and multiplied there.
        let right = |p: &PeakFigures| p.operands == Operands::of(work) || p.operands == Operands::F32;
        let fits = |p: &&PeakFigures| right(p) && counts(&p.isa);
        let best = self.peaks.iter().filter(fits).max_by(|a, b| {
            let rate = |p: &PeakFigures| p.all_cores_gop_s.value;
            rate(a).total_cmp(&rate(b))
        })?;
        Some(MeasuredPeak {
            one_core_ops_per_s: best.one_core_gop_s.value * 1e9,
            all_cores_ops_per_s: best.all_cores_gop_s.value * 1e9,
            spread: best.spread_pct.value / 100.0,
        })
    }

    /// One line each on how well the profile's measurements are known; none where it was not measured.
    pub fn residuals_text(&self) -> Vec<String> {
        let line = |what: &str, of: &dyn Fn(&Residual) -> Option<f64>| {
            let mut all: Vec<_> = self.residuals.iter().filter_map(|(key, r)| Some((of(r)?, key))).collect();
            all.sort_by(|a, b| a.0.abs().total_cmp(&b.0.abs()));
            let (middle, (worst, key)) = (all.get(all.len() / 2)?.0.abs(), all.last()?);
            Some(format!("{what}: median {middle:.1} %, most {worst:+.1} % ({key})"))
        };
        let spread = line("repeated measurements lie apart", &|r| Some(r.spread_pct));
        let model = line("the timing model misses the measurements by", &|r| r.model_pct);
        spread.into_iter().chain(model).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::find;

    fn peak(isa: &str, operands: Operands, one: f64) -> PeakFigures {
        let figure = |value: f64| Figure { value, source: "measured".into() };
        PeakFigures {
            isa: isa.into(),
            operands,
            one_core_gop_s: figure(one),
            all_cores_gop_s: figure(1.9 * one),
            spread_pct: figure(2.0),
        }
    }

    fn profile() -> Profile {
        let mut profile = find("ryzen-9-5950x").expect("built in").profile;
        let f32s = [("scalar", 10.0), ("portable", 40.0), ("avx2", 80.0), ("avx512", 160.0)];
        profile.peaks = f32s.map(|(isa, one)| peak(isa, Operands::F32, one)).into();
        profile.peaks.push(peak("amx", Operands::I8, 2000.0));
        profile
    }

    #[test]
    fn a_ceiling_is_that_of_the_best_set_allowed() {
        let profile = profile();
        let one = |work, allowed: &[Isa]| profile.measured_peak(work, allowed).map(|p| p.one_core_ops_per_s);
        assert_eq!(one(Work::F32, &Isa::EVERY), Some(160e9));
        assert_eq!(one(Work::F32, &[Isa::Scalar, Isa::Portable, Isa::Avx2]), Some(80e9));
        // A compiler may use the build's SIMD in code of one lane.
        assert_eq!(one(Work::F32, &[Isa::Scalar]), Some(40e9));
        assert_eq!(one(Work::I8, &[Isa::Scalar, Isa::Avx512]), Some(160e9));
        assert_eq!(one(Work::I8, &Isa::EVERY), Some(2000e9));
        let all = profile.measured_peak(Work::F32, &Isa::EVERY).expect("measured");
        assert_eq!((all.all_cores_ops_per_s, all.spread), (304e9, 0.02));
    }

    #[test]
    fn residuals_say_the_usual_and_the_worst() {
        let mut profile = profile();
        assert!(profile.residuals_text().is_empty());
        for (key, spread_pct, model_pct) in [("a, 1", 0.5, Some(-30.0)), ("b, 2", 7.0, None), ("c, 1", 1.0, Some(2.0))]
        {
            profile.residuals.insert(key.into(), Residual { best_ns: 1.0, spread_pct, model_pct });
        }
        let lines = profile.residuals_text();
        assert_eq!(lines[0], "repeated measurements lie apart: median 1.0 %, most +7.0 % (b, 2)");
        assert!(lines[1].ends_with("median 30.0 %, most -30.0 % (a, 1)"), "{}", lines[1]);
        // With keys that have to be quoted, the text is read back the same; its peaks name a source that it lacks.
        let source = profile.sources.keys().next().cloned().expect("it has sources");
        for p in &mut profile.peaks {
            for figure in [&mut p.one_core_gop_s, &mut p.all_cores_gop_s, &mut p.spread_pct] {
                figure.source.clone_from(&source);
            }
        }
        let read = Profile::parse("ryzen-9-5950x.toml", &profile.to_toml()).expect("what is written is read");
        assert_eq!(read, profile);
    }
}
