//! Crossovers: where the faster of two variants changes as one figure of a machine varies. The model answers, by bisection:
//! what a technique is worth depends on the machine, and this says on what of it.

use kernels::KERNELS;

use crate::profile::{self, Profile};
use crate::record::{Environment, Outcome, Speedup};
use crate::sweep::contest::{Arena, Contestant, Gates};
use crate::sweep::figure::{FigureError, Vary, set};
use crate::sweep::flip::flip;

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

/// What is asked of the model.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Name on the command line and in tables.
    pub name: &'static str,
    /// What the answer shows.
    pub lesson: &'static str,
    /// Profile whose figure varies.
    pub machine: &'static str,
    /// Key of the figure that varies, as `hw diff` prints it.
    pub figure: &'static str,
    /// From where to where.
    pub range: (f64, f64),
    /// One contestant.
    pub first: Cell,
    /// The other.
    pub second: Cell,
}

const BANDWIDTH: &str = "memory.bandwidth_gb_s";

const fn cell(kernel: &'static str, shape: &'static str, variant: &'static str) -> Cell {
    Cell { kernel, shape, variant }
}

/// The lessons that DeepSeek's and its ancestors' tricks teach, each where it flips.
pub const QUESTIONS: &[Question] = &[
    Question {
        name: "absorbed-mla",
        lesson: "attention over latents trades operations for bytes: it pays where bytes are scarce",
        machine: "ryzen-9-5950x",
        figure: BANDWIDTH,
        range: (2.0, 200.0),
        first: cell("mla_decode_bf16", "deepseek-v2-lite/t4096", "absorbed_online"),
        second: cell("mla_decode_bf16", "deepseek-v2-lite/t4096", "expanded_simd"),
    },
    Question {
        name: "smaller-format",
        lesson: "six bits a weight instead of eight save bytes and cost operations to take apart",
        machine: "raspberry-pi-zero",
        figure: BANDWIDTH,
        range: (0.01, 10.0),
        first: cell("gemv_q6_k", "r1-distill-qwen-1.5b/ffn-down", "integer"),
        second: cell("gemv_q8", "r1-distill-qwen-1.5b/ffn-down", "integer"),
    },
    Question {
        name: "wide-register-tile",
        lesson: "24 sums keep four units of four cycles busy where the registers hold them, as 12 do not, and spill where they do \
                 not",
        machine: "mac-studio-m2-ultra",
        figure: "simd.registers",
        range: (8.0, 64.0),
        first: cell("gemm_f32", "square-1024", "packed"),
        second: cell("gemm_f32", "square-1024", "wide_tile"),
    },
    Question {
        name: "lookup-table",
        lesson: "a table of quarter squares makes a product of two lookups: it pays where multiplying is slow",
        machine: "i486dx2-66",
        figure: "integer.mul_cycles",
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
    /// Whether the bands of the two times leave no doubt which is faster, at the low end and at the high one.
    pub told_apart: [bool; 2],
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
    /// The figure cannot take a value.
    #[error("crossover {question}: {reason}")]
    Figure {
        /// Question.
        question: &'static str,
        /// Why.
        reason: FigureError,
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

impl Cell {
    fn find(&self, question: &'static str) -> Result<Contestant, CrossoverError> {
        let unknown = |what: String| CrossoverError::Unknown { question, what };
        let kernel = *KERNELS
            .iter()
            .find(|k| k.name() == self.kernel)
            .ok_or_else(|| unknown(format!("kernel {}", self.kernel)))?;
        let shape = kernel.shapes().into_iter().find(|s| s.name == self.shape);
        let shape = shape.ok_or_else(|| unknown(format!("shape {}/{}", self.kernel, self.shape)))?;
        let rung = kernel.variants().iter().position(|a| a.name == self.variant);
        let rung = rung.ok_or_else(|| unknown(format!("variant {}/{}", self.kernel, self.variant)))?;
        Ok(Contestant { kernel, shape, rung })
    }
}

impl Question {
    /// What varies, over the question's range.
    pub fn vary(&self) -> Vary {
        Vary { key: self.figure.into(), from: self.range.0, to: self.range.1 }
    }

    /// Asks the model.
    ///
    /// # Errors
    /// [`CrossoverError`] where a name is not there or a contestant cannot run.
    pub fn ask(&self) -> Result<Crossover, CrossoverError> {
        let question = self.name;
        let unknown = |_| CrossoverError::Unknown { question, what: format!("profile {}", self.machine) };
        let no_figure = |reason| CrossoverError::Figure { question, reason };
        let not_run = |reason: String| CrossoverError::NotRun { question, reason };
        let base = profile::find(self.machine).map_err(unknown)?.profile;
        let contestants = [self.first.find(question)?, self.second.find(question)?];
        let gates = Gates::new(Environment::build("retrobench study crossovers", 1));
        let mut ready = Profile::ready(&gates, &contestants, &[]).map_err(|e| not_run(e.to_string()))?;
        let mut ratio = |at: f64| {
            let machine = set(&base, &[(self.figure, at)]).map_err(no_figure)?;
            match &machine.outcomes(&gates, &contestants, &mut ready)[..] {
                [Outcome::Timed(first), Outcome::Timed(second)] => Ok(Speedup::over(first, second)),
                outcomes => Err(not_run(outcomes.iter().find_map(Outcome::reason).unwrap_or_default().to_string())),
            }
        };
        let vary = self.vary();
        let (low, high) = (ratio(vary.from)?, ratio(vary.to)?);
        let (ratio_low, ratio_high, told_apart) = (low.ratio, high.ratio, [low, high].map(|end| end.told_apart()));
        let mut found = Crossover { ratio_low, ratio_high, told_apart, at: None, balance: None };
        let (first_low, first_high) = (ratio_low < 1.0, ratio_high < 1.0);
        if first_low == first_high {
            return Ok(found);
        }
        let ends = ((vary.from, &first_low), (vary.to, first_high));
        let nearest = |x| vary.nearest(&base, x).map_err(no_figure);
        let at = flip(ends.0, ends.1, nearest, |at| Ok(ratio(at)?.ratio < 1.0))?.at;
        found.at = Some(at);
        if self.figure == BANDWIDTH {
            let machine = set(&base, &[(self.figure, at)]).map_err(no_figure)?;
            found.balance = Some(machine.balance(&contestants[0].kernel.cost(&contestants[0].shape), false));
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
    fn absorbed_mla_wins_where_a_byte_costs_more_than_3_4_operations() {
        let found = ask("absorbed-mla");
        flips(found, true);
        // That of the attention alone: see kernels/src/mla_decode/mod.rs.
        let balance = found.balance.expect("the bandwidth varies");
        assert!((3.4 * 0.75..3.4 * 1.25).contains(&balance), "{balance}");
    }

    #[test]
    fn a_smaller_format_wins_only_where_bytes_are_scarce() {
        flips(ask("smaller-format"), true);
    }

    #[test]
    fn twenty_four_accumulators_need_more_than_twenty_four_registers() {
        let found = ask("wide-register-tile");
        let registers = flips(found, true);
        // 24 sums, a row of B and one value of A.
        assert!((26.0 * 0.75..=26.0 * 1.25).contains(&registers), "{registers}");
        // Sixteen chains fill the units; twelve leave a quarter of them idle. That is within what the model is off by.
        assert!((1.15..16.0 / 12.0).contains(&found.ratio_high), "{found:?}");
        assert!(!found.told_apart[1], "{found:?}");
    }

    /// Two lookups and four more additions stand against the multiply, a cycle each where one operation is issued at a time.
    #[test]
    fn a_table_beats_a_multiplier_that_takes_longer_than_two_lookups() {
        let cycles = flips(ask("lookup-table"), true);
        assert!((6.0 * 0.75..6.0 * 1.25).contains(&cycles), "{cycles}");
    }

    #[test]
    fn unknown_names_are_errors() {
        let wrong = Question { machine: "abacus", ..QUESTIONS[0] };
        assert!(wrong.ask().is_err_and(|e| e.to_string().contains("abacus")));
        let wrong = Question { first: Cell { variant: "prayer", ..QUESTIONS[0].first }, ..QUESTIONS[0] };
        assert!(wrong.ask().is_err_and(|e| e.to_string().contains("mla_decode_bf16/prayer")));
    }
}
