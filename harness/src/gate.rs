//! The correctness gate of the modelled tier: before a variant's modelled time is shown, the same source has run in full
//! on the traced machine with the same number of lanes and matched its f64 reference on every ragged test shape.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use kernels::input::{Flavor, Input};
use kernels::kernel::Kernel;
use kernels::machine::traced::Counter;

use crate::caught::caught;

/// Worst errors over the test shapes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Errors {
    /// NMSE.
    pub nmse: f64,
    /// Backward error.
    pub backward: f64,
}

/// Values that the first to ask for them makes, while others wait.
pub(crate) type Once<K, V> = Mutex<HashMap<K, Arc<OnceLock<V>>>>;

/// Where the value of a key is, or is to be.
pub(crate) fn cell<K: Hash + Eq, V>(map: &Once<K, V>, key: K) -> Arc<OnceLock<V>> {
    let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
    map.entry(key).or_default().clone()
}

/// Kernel, variant, lanes.
type Key = (&'static str, usize, usize);

/// Verdicts so far; each (kernel, variant, lanes) is run once.
#[derive(Debug, Default)]
pub struct Gate {
    seen: Once<Key, Result<Errors, String>>,
}

impl Gate {
    /// Runs variant number `variant` with `lanes` lanes over the test shapes, or recalls what came of it.
    /// The error says which shape and which output.
    pub fn check(&self, kernel: &dyn Kernel, variant: usize, lanes: usize, seed: u64) -> Result<Errors, String> {
        let cell = cell(&self.seen, (kernel.name(), variant, lanes));
        cell.get_or_init(|| run(kernel, variant, lanes, seed)).clone()
    }
}

fn run(kernel: &dyn Kernel, variant: usize, lanes: usize, seed: u64) -> Result<Errors, String> {
    let mut worst = Errors { nmse: 0.0, backward: 0.0 };
    for flavor in [Flavor::Typical, Flavor::Adversarial] {
        let input = Input { flavor, ..Input::typical(seed) };
        for shape in kernel.test_shapes() {
            let mut case = kernel.prepare(&shape, &input).map_err(|e| e.to_string())?;
            case.poison();
            caught(|| case.trace(variant, &Counter::default(), lanes))?.map_err(|e| e.to_string())?;
            let verdict = case.verify(variant, lanes);
            if let Some(failure) = verdict.failure {
                return Err(format!("test shape {}, {flavor:?} input: {failure}", kernel.dims(&shape)));
            }
            worst.nmse = worst.nmse.max(verdict.nmse);
            worst.backward = worst.backward.max(verdict.backward);
        }
    }
    Ok(worst)
}
