//! How far a modelled time may lie from the truth: factors under which nine of ten validated rows lie, by kind of machine
//! and of work. They are data (`profiles/published/bands.csv`), made of the rows that the model was held against by
//! `retrobench study bands`; no profile states an error of its own.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::Class;

const TEXT: &str = include_str!("../../../profiles/published/bands.csv");
static KEPT: LazyLock<Vec<Band>> = LazyLock::new(|| parse(TEXT).expect("a test reads them"));

/// Share of the rows that a band is to hold.
pub const SHARE: f64 = 0.9;

/// Machines whose errors are alike.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub enum Machines {
    /// Graphics processors, known by documents.
    Gpu,
    /// Processors known by documents.
    Cpu,
    /// The same of a time whose compilers are not modelled.
    Retro,
    /// A processor whose profile was measured on it.
    Host,
}

/// Work whose errors are alike.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// A whole token.
    Token,
    /// Weights times one token.
    Gemv,
    /// Weights times many tokens.
    Gemm,
    /// Attention.
    Attention,
    /// Value by value, norms, formats, fixed point.
    Rest,
    /// Not a time: a rung's over rung 0, in which errors that both share drop out.
    Speedup,
}

impl Machines {
    /// Those that a processor of this class is of.
    pub fn of(class: Class) -> Self {
        match class {
            Class::Host => Machines::Host,
            Class::Retro => Machines::Retro,
            _ => Machines::Cpu,
        }
    }

    /// As the table spells it.
    pub fn name(self) -> &'static str {
        match self {
            Machines::Gpu => "gpu",
            Machines::Cpu => "cpu",
            Machines::Retro => "retro",
            Machines::Host => "host",
        }
    }
}

impl Work {
    /// As the table spells it.
    pub fn name(self) -> &'static str {
        match self {
            Work::Token => "token",
            Work::Gemv => "gemv",
            Work::Gemm => "gemm",
            Work::Attention => "attention",
            Work::Rest => "rest",
            Work::Speedup => "speedup",
        }
    }

    /// Of a kernel.
    pub fn of(kernel: &str) -> Self {
        let starts = |with: &[&str]| with.iter().any(|start| kernel.starts_with(start));
        match () {
            () if starts(&["decode"]) => Work::Token,
            () if starts(&["gemv_", "head_argmax", "moe_ffn", "moe_gate"]) => Work::Gemv,
            () if starts(&["gemm_"]) => Work::Gemm,
            () if starts(&["attention_", "mla_"]) => Work::Attention,
            () => Work::Rest,
        }
    }
}

/// How far modelled and measured lie apart.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// Whose.
    pub machines: Machines,
    /// At what.
    pub work: Work,
    /// Either way.
    pub factor: f64,
    /// Rows that were validated.
    pub rows: usize,
    /// Those of them that it holds.
    pub held: usize,
    /// What they are.
    pub from: String,
}

impl Band {
    /// The least factor, to two digits behind the point, under which [`SHARE`] of the rows lie; `ratios` are predicted over
    /// measured. None without rows.
    pub fn of(machines: Machines, work: Work, ratios: &[f64], from: &str) -> Option<Self> {
        let mut apart: Vec<f64> = ratios.iter().map(|r| r.max(1.0 / r)).collect();
        apart.sort_by(f64::total_cmp);
        let last = (SHARE * apart.len() as f64).ceil() as usize;
        let factor = (100.0 * apart.get(last.checked_sub(1)?)?).ceil() / 100.0;
        let held = apart.iter().filter(|a| **a <= factor).count();
        Some(Self { machines, work, factor, rows: apart.len(), held, from: from.into() })
    }
}

/// All that are kept.
pub fn kept() -> &'static [Band] {
    &KEPT
}

fn parse(text: &str) -> Result<Vec<Band>, csv::Error> {
    csv::Reader::from_reader(text.as_bytes()).into_deserialize().collect()
}

fn factor(machines: Machines, work: Work) -> f64 {
    kept().iter().find(|b| (b.machines, b.work) == (machines, work)).map_or(1.0, |b| b.factor)
}

/// Factor of a kernel's modelled time on a processor of this class. Of those that only documents describe whole tokens were
/// measured and no kernels: a kernel errs as one on a measured processor does, and at least as those tokens do.
pub fn on_cpu(class: Class, kernel: &str) -> f64 {
    let measured = factor(Machines::Host, Work::of(kernel));
    match Machines::of(class) {
        Machines::Host => measured,
        documented => measured.max(factor(documented, Work::Token)),
    }
}

/// Factor of a kernel's modelled time on a GPU.
pub fn on_gpu(kernel: &str) -> f64 {
    factor(Machines::Gpu, Work::of(kernel))
}

/// Factor of a whole modelled token on a GPU, each kernel by its best rung.
pub fn of_gpu_token() -> f64 {
    factor(Machines::Gpu, Work::Token)
}

/// Factor of a modelled speedup over rung 0 on a processor.
pub fn of_cpu_speedup() -> f64 {
    factor(Machines::Host, Work::Speedup)
}

/// The same on a GPU.
pub fn of_gpu_speedup() -> f64 {
    factor(Machines::Gpu, Work::Speedup)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_holds_nine_of_ten() {
        let apart = (1..=10).map(|i| 0.995 + 0.1 * f64::from(i));
        let ratios: Vec<f64> = apart.enumerate().map(|(i, a)| if i % 2 == 0 { a } else { 1.0 / a }).collect();
        let band = Band::of(Machines::Host, Work::Gemm, &ratios, "made up").expect("rows");
        assert_eq!((band.factor, band.rows, band.held), (1.9, 10, 9));
        let few = Band::of(Machines::Host, Work::Gemm, &[0.5, 1.1], "made up").expect("rows");
        assert_eq!((few.factor, few.held), (2.0, 2), "of few rows the worst counts");
        assert_eq!(Band::of(Machines::Host, Work::Gemm, &[], ""), None);
    }

    #[test]
    fn every_time_has_a_band_and_every_band_its_share() {
        let bands = parse(TEXT).expect("the table reads");
        for work in [Work::Gemv, Work::Gemm, Work::Attention, Work::Rest, Work::Speedup] {
            for machines in [Machines::Gpu, Machines::Host] {
                let of = bands.iter().filter(|b| (b.machines, b.work) == (machines, work));
                assert_eq!(of.count(), 1, "{machines:?} {work:?}");
            }
        }
        for machines in [Machines::Gpu, Machines::Cpu, Machines::Retro] {
            assert!(bands.iter().any(|b| (b.machines, b.work) == (machines, Work::Token)), "{machines:?}");
        }
        for b in &bands {
            assert!(b.factor > 1.0 && b.rows > 0 && !b.from.is_empty(), "{b:?}");
            assert!(b.held as f64 >= SHARE * b.rows as f64 && b.held <= b.rows, "{b:?}");
        }
    }

    #[test]
    fn kernels_are_of_the_work_that_they_do() {
        for (kernel, work) in [
            ("gemv_q4_k", Work::Gemv),
            ("head_argmax_bf16", Work::Gemv),
            ("decode", Work::Token),
            ("gemm_f16_q8_0", Work::Gemm),
            ("mla_attend_f16", Work::Attention),
            ("attention_prefill", Work::Attention),
            ("quantize_q8_k", Work::Rest),
        ] {
            assert_eq!(Work::of(kernel), work, "{kernel}");
        }
        assert!(on_cpu(Class::Retro, "gemv_f32") >= on_cpu(Class::Host, "gemv_f32"));
    }
}
