//! Crossovers: where the faster of two variants changes as one figure of a machine varies. The model answers, by bisection:
//! what a technique is worth depends on the machine, and this says on what of it.

use kernels::KERNELS;
use kernels::input::{Flavor, Input};
use kernels::kernel::{Case, Cost};

use crate::profile::{self, Profile};
use crate::timed::cells::{peak_ops, stays_cached};
use crate::timed::{Mode, Params, lanes, model};

/// A variant at a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Kernel.
    pub kernel: &'static str,
    /// Shape.
    pub shape: &'static str,
    /// Variant.
    pub variant: &'static str,
}

/// The figure that varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Memory bandwidth, GB/s, with as many lines in flight as one core needs to draw it.
    Bandwidth,
    /// Architectural SIMD registers.
    SimdRegisters,
    /// Cycles of an integer multiply, which is not pipelined.
    IntegerMultiply,
}

impl Figure {
    /// Name and unit for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Bandwidth => "memory bandwidth, GB/s",
            Self::SimdRegisters => "SIMD registers",
            Self::IntegerMultiply => "integer multiply, cycles",
        }
    }

    fn is_whole(self) -> bool {
        self == Self::SimdRegisters
    }

    /// Sets it.
    fn set(self, p: &mut Profile, to: f64) {
        match self {
            Self::Bandwidth => {
                let memory = &mut p.memory;
                memory.bandwidth_gb_s.value = to;
                memory.sustained_gb_s = None;
                let line = p.caches.last().map_or(4.0, |c| f64::from(c.line_bytes.value));
                // GB/s times ns are bytes.
                let lines = (2.0 * to * memory.latency_ns.value / line).ceil() as u32;
                for figure in [&mut memory.prefetch_outstanding, &mut memory.prefetch_lines] {
                    figure.value = figure.value.max(lines);
                }
            }
            Self::SimdRegisters => {
                if let Some(simd) = &mut p.simd {
                    simd.registers.value = to as u32;
                }
            }
            Self::IntegerMultiply => p.integer.mul_cycles.value = [to, to],
        }
    }
}

/// What is asked of the model.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Name on the command line and in tables.
    pub name: &'static str,
    /// What the answer shows.
    pub lesson: &'static str,
    /// Profile whose figure varies.
    pub machine: &'static str,
    /// What varies.
    pub figure: Figure,
    /// From where to where.
    pub range: (f64, f64),
    /// One contestant.
    pub first: Cell,
    /// The other.
    pub second: Cell,
}

const fn cell(kernel: &'static str, shape: &'static str, variant: &'static str) -> Cell {
    Cell { kernel, shape, variant }
}

/// The lessons that DeepSeek's and its ancestors' tricks teach, each where it flips.
pub const QUESTIONS: &[Question] = &[
    Question {
        name: "absorbed-mla",
        lesson: "attention over latents trades operations for bytes: it pays where bytes are scarce",
        machine: "ryzen-9-5950x",
        figure: Figure::Bandwidth,
        range: (2.0, 200.0),
        first: cell("mla_decode", "deepseek-v2-lite/t1024", "absorbed_online"),
        second: cell("mla_decode", "deepseek-v2-lite/t1024", "expanded_simd"),
    },
    Question {
        name: "smaller-format",
        lesson: "six bits a weight instead of eight save bytes and cost operations to take apart",
        machine: "raspberry-pi-zero",
        figure: Figure::Bandwidth,
        range: (0.01, 10.0),
        first: cell("gemv_q6_k", "r1-distill-qwen-1.5b/ffn-down", "integer"),
        second: cell("gemv_q8", "r1-distill-qwen-1.5b/ffn-down", "integer"),
    },
    Question {
        name: "wide-register-tile",
        lesson: "24 accumulators halve the loads where the registers hold them, and spill where they do not",
        machine: "ryzen-9-5950x",
        figure: Figure::SimdRegisters,
        range: (8.0, 64.0),
        first: cell("gemm_f32", "r1-distill-qwen-1.5b/attn-k-prefill", "packed"),
        second: cell("gemm_f32", "r1-distill-qwen-1.5b/attn-k-prefill", "wide_tile"),
    },
    Question {
        name: "lookup-table",
        lesson: "a table of quarter squares makes a product of two lookups: it pays where multiplying is slow",
        machine: "i486dx2-66",
        figure: Figure::IntegerMultiply,
        range: (1.0, 100.0),
        first: cell("dot_fixed", "r1-distill-qwen-1.5b/attn-k", "integer"),
        second: cell("dot_fixed", "r1-distill-qwen-1.5b/attn-k", "quarter_square"),
    },
];

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crossover {
    /// Time of the first over that of the second at the low end of the range.
    pub ratio_low: f64,
    /// The same at the high end.
    pub ratio_high: f64,
    /// Where it passes 1; absent where one wins at both ends.
    pub at: Option<f64>,
    /// The machine balance there: operations that one core can do at best in the time of a byte of memory. Only where the
    /// bandwidth varies.
    pub balance: Option<f64>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CrossoverError {
    /// A name that is not there.
    #[error("crossover {question}: no {what} here; `retrobench list` shows what there is")]
    Unknown {
        /// Question.
        question: &'static str,
        /// What is missing.
        what: String,
    },
    /// The machine cannot run a contestant.
    #[error("crossover {question}: {reason}")]
    NotRun {
        /// Question.
        question: &'static str,
        /// Why.
        reason: String,
    },
}

/// A contestant with its operands.
struct Contestant {
    case: Box<dyn Case>,
    variant: usize,
    lanes: usize,
    cost: Cost,
}

impl Contestant {
    fn new(question: &'static str, cell: &Cell, profile: &Profile) -> Result<Self, CrossoverError> {
        let unknown = |what: String| CrossoverError::Unknown { question, what };
        let not_run = |reason: String| CrossoverError::NotRun { question, reason };
        let kernel = KERNELS.iter().find(|k| k.name() == cell.kernel);
        let kernel = kernel.ok_or_else(|| unknown(format!("kernel {}", cell.kernel)))?;
        let shape = kernel.shapes().into_iter().find(|s| s.name == cell.shape);
        let shape = shape.ok_or_else(|| unknown(format!("shape {}/{}", cell.kernel, cell.shape)))?;
        let abouts = kernel.variants();
        let variant = abouts.iter().position(|a| a.name == cell.variant);
        let variant = variant.ok_or_else(|| unknown(format!("variant {}/{}", cell.kernel, cell.variant)))?;
        let lanes = lanes(&abouts[variant], profile).map_err(|e| not_run(e.to_string()))?;
        let input = Input { flavor: Flavor::Blank, ..Input::typical(1) };
        let case = kernel.prepare(&shape, &input).map_err(|e| not_run(e.to_string()))?;
        Ok(Self { case, variant, lanes, cost: kernel.cost(&shape) })
    }

    fn time_ns(&mut self, question: &'static str, profile: &Profile) -> Result<f64, CrossoverError> {
        let warm = stays_cached(&mut *self.case, profile);
        let estimate = model(&mut *self.case, self.variant, self.lanes, &Params::new(profile), Mode::Sampled, warm);
        estimate.map(|e| e.time_ns).map_err(|e| CrossoverError::NotRun { question, reason: e.to_string() })
    }
}

impl Question {
    /// Asks the model.
    ///
    /// # Errors
    /// [`CrossoverError`] where a name is not there or a contestant cannot run.
    pub fn ask(&self) -> Result<Crossover, CrossoverError> {
        let unknown = |_| CrossoverError::Unknown { question: self.name, what: format!("profile {}", self.machine) };
        let base = profile::find(self.machine).map_err(unknown)?.profile;
        let mut first = Contestant::new(self.name, &self.first, &base)?;
        let mut second = Contestant::new(self.name, &self.second, &base)?;
        let mut ratio = |at: f64| {
            let mut machine = base.clone();
            self.figure.set(&mut machine, at);
            Ok(first.time_ns(self.name, &machine)? / second.time_ns(self.name, &machine)?)
        };
        let (mut low, mut high) = self.range;
        let (ratio_low, ratio_high) = (ratio(low)?, ratio(high)?);
        let mut found = Crossover { ratio_low, ratio_high, at: None, balance: None };
        if (ratio_low < 1.0) == (ratio_high < 1.0) {
            return Ok(found);
        }
        // Halves the range on a logarithmic scale, to 1 %, or between two whole figures.
        while if self.figure.is_whole() { high - low > 1.0 } else { high / low > 1.01 } {
            let middle = (low * high).sqrt();
            let middle = if self.figure.is_whole() { middle.round().clamp(low + 1.0, high - 1.0) } else { middle };
            let side = if (ratio(middle)? < 1.0) == (ratio_low < 1.0) { &mut low } else { &mut high };
            *side = middle;
        }
        let at = if self.figure.is_whole() { high } else { (low * high).sqrt() };
        found.at = Some(at);
        if self.figure == Figure::Bandwidth {
            let peak = peak_ops(&base, &first.cost) / f64::from(base.machine.cores.value);
            found.balance = Some(peak / (at * 1e9));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(name: &str) -> Crossover {
        let question = QUESTIONS.iter().find(|q| q.name == name).expect("a question of that name");
        question.ask().expect("an answer")
    }

    /// The contestants lie on the sides that the lesson says, and the crossover between.
    fn flips(found: Crossover, low_first: bool) -> f64 {
        assert_eq!((found.ratio_low < 1.0, found.ratio_high < 1.0), (low_first, !low_first), "{found:?}");
        found.at.expect("the order changes inside the range")
    }

    #[test]
    fn absorbed_mla_wins_where_a_byte_costs_more_than_about_two_operations() {
        let found = ask("absorbed-mla");
        flips(found, true);
        // f32 caches, so half the 3.4 operations a byte of bf16 ones: see kernels/src/mla_decode/mod.rs.
        let balance = found.balance.expect("the bandwidth varies");
        assert!((1.7 * 0.75..1.7 * 1.25).contains(&balance), "{balance}");
    }

    #[test]
    fn a_smaller_format_wins_only_where_bytes_are_scarce() {
        flips(ask("smaller-format"), true);
    }

    #[test]
    fn twenty_four_accumulators_need_more_than_twenty_four_registers() {
        let registers = flips(ask("wide-register-tile"), true);
        assert!((20.0..=32.0).contains(&registers), "{registers}");
    }

    /// Two loads, two lookups and two additions stand against a load, a multiply and an addition.
    #[test]
    fn a_table_beats_a_multiplier_that_takes_longer_than_two_lookups() {
        let cycles = flips(ask("lookup-table"), true);
        assert!((3.0..20.0).contains(&cycles), "{cycles}");
    }

    #[test]
    fn unknown_names_are_errors() {
        let wrong = Question { machine: "abacus", ..QUESTIONS[0] };
        assert!(wrong.ask().is_err_and(|e| e.to_string().contains("abacus")));
        let wrong = Question { first: Cell { variant: "prayer", ..QUESTIONS[0].first }, ..QUESTIONS[0] };
        assert!(wrong.ask().is_err_and(|e| e.to_string().contains("mla_decode/prayer")));
    }
}
