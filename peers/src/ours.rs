//! Our side: of a kernel's rungs those that are fastest at a shape on this host, found by trying all; and rung 0.

use kernels::input::Input;
use kernels::kernel::{About, Case, Kernel, Shape, Width};
use kernels::machine::Isa;
use std::time::Instant;

use crate::activations::{Converter, Stored};
use crate::host::Host;
use crate::measure::{Contestant, Runner};

/// Rungs that go into the rounds after all have been tried.
const FINALISTS: usize = 4;
/// Times that all are tried.
const PASSES: usize = 2;
/// Rows of activations of rung 0 and of the trials: rung 0 does row after row, so its time for more is in proportion.
const TRIAL_ROWS: [usize; 2] = [16, 64];
/// Outputs for each of them in the first trial.
const TRIAL_COLUMNS: usize = 1024;
/// After that trial only rungs go on that are at most so many times as slow as the fastest: some like
/// few rows less, but none so much less.
const HOPELESS: f64 = 12.0;

/// What is to be run.
pub struct Entry<'a> {
    pub kernel: &'static dyn Kernel,
    pub shape: &'a Shape,
    /// True where `m` are rows of activations that rung 0 takes one after the other.
    pub by_rows: bool,
    pub rotation_bytes: usize,
    /// How the kernel is given these activations.
    pub stored: Stored,
    pub activations: &'a [f32],
}

/// One rung with its operands.
struct Rung<'h> {
    case: Box<dyn Case>,
    variant: usize,
    isa: Isa,
    threads: bool,
    converter: Option<Converter>,
    host: &'h Host,
}

impl Runner for Rung<'_> {
    fn run(&mut self, times: usize) {
        let Self { case, variant, isa, converter, .. } = self;
        let host = self.host;
        let mut all = || {
            for _ in 0..times {
                if let Some(converter) = converter {
                    converter.run(host);
                }
                case.run(*variant, *isa).expect("it was tried before");
                case.rotate();
            }
        };
        if self.threads { host.pool.install(all) } else { all() }
    }

    fn output(&self) -> Vec<f32> {
        self.case.output()
    }
}

impl Entry<'_> {
    fn rung<'h>(&self, shape: &Shape, variant: usize, isa: Isa, host: &'h Host) -> Result<Rung<'h>, String> {
        let input = Input { rotation_bytes: self.rotation_bytes, ..Input::typical(1) };
        let case = self.kernel.prepare(shape, &input).map_err(|e| e.to_string())?;
        let k = shape.k;
        let converts = self.stored != Stored::F32;
        let converter = converts.then(|| Converter::new(&self.activations[..shape.m * k], k, self.stored));
        Ok(Rung { case, variant, isa, threads: self.kernel.variants()[variant].threads, converter, host })
    }

    fn at_most(&self, rows: usize) -> Shape {
        if self.by_rows && self.shape.m > rows {
            self.kernel.shape_near(rows, self.shape.n, self.shape.k).parts(self.shape.parts)
        } else {
            self.shape.clone()
        }
    }

    /// Rung 0 on one core.
    pub fn naive<'h>(&self, host: &'h Host) -> Result<Contestant<'h>, String> {
        let shape = self.at_most(TRIAL_ROWS[0]);
        let mut contestant = Contestant::new("naive", self.rung(&shape, 0, Isa::Scalar, host)?);
        contestant.scale = self.shape.m as f64 / shape.m as f64;
        Ok(contestant)
    }

    /// The fastest rungs, checked against the reference, fastest first by the trial.
    pub fn best<'h>(&self, host: &'h Host) -> Result<Vec<Contestant<'h>>, String> {
        let variants = self.kernel.variants();
        let mut few = self.at_most(TRIAL_ROWS[0]);
        if self.by_rows && few.n > TRIAL_COLUMNS {
            few = self.kernel.shape_near(few.m, TRIAL_COLUMNS, few.k).parts(few.parts);
        }
        let mut rung = self.rung(&few, 0, Isa::Scalar, host)?;
        let mut times: Vec<(f64, usize, Isa)> = Vec::new();
        for (variant, about) in variants.iter().enumerate().skip(1) {
            for isa in machines(about) {
                let start = Instant::now();
                if rung.case.run(variant, isa).is_ok() {
                    let first = start.elapsed().as_secs_f64();
                    (rung.variant, rung.isa, rung.threads) = (variant, isa, about.threads);
                    // The slow ones need no second run to be told.
                    let least = if first > 0.1 { first } else { trial(&mut rung) };
                    times.push((least, variant, isa));
                }
            }
        }
        let fastest = times.iter().map(|t| t.0).fold(f64::INFINITY, f64::min);
        times.retain(|t| t.0 <= HOPELESS * fastest);
        times.iter_mut().for_each(|t| t.0 = f64::INFINITY);
        rung = self.rung(&self.at_most(TRIAL_ROWS[1]), 0, Isa::Scalar, host)?;
        for _ in 0..PASSES {
            for (least, variant, isa) in &mut times {
                (rung.variant, rung.isa, rung.threads) = (*variant, *isa, variants[*variant].threads);
                *least = trial(&mut rung).min(*least);
            }
        }
        drop(rung);
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        let finalists = times.into_iter().take(FINALISTS).map(|(_, variant, isa)| {
            let mut rung = self.rung(self.shape, variant, isa, host)?;
            rung.case.poison();
            rung.run(1);
            let name = format!("{} ({})", variants[variant].name, isa.name());
            match rung.case.verify(variant, isa.lanes()).failure {
                None => Ok(Contestant::new(name, rung)),
                Some(failure) => Err(format!("our {name} is wrong: {failure}")),
            }
        });
        finalists.collect()
    }
}

/// Least time of a run among a few.
fn trial(rung: &mut Rung<'_>) -> f64 {
    let start = Instant::now();
    let mut least = f64::INFINITY;
    let mut tries = 0;
    while tries < 2 || start.elapsed().as_secs_f64() < 0.02 {
        let one = Instant::now();
        rung.run(1);
        least = least.min(one.elapsed().as_secs_f64());
        tries += 1;
        if one.elapsed().as_secs_f64() > 0.5 {
            break;
        }
    }
    least
}

/// The machines here on which a rung above the first may be the fastest; as the harness chooses, but all of them.
fn machines(about: &About) -> Vec<Isa> {
    let fits = |isa: &Isa| about.suits(*isa) && (*isa != Isa::Scalar || about.width == Width::Scalar);
    Isa::EVERY.into_iter().filter(|isa| isa.available() && fits(isa)).collect()
}
