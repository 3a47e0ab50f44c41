//! What one token takes on machines whose machine code is emulated, naive and optimized, by the model's shape: weights are
//! seeded bytes, as no program there reads a model file.

use kernels::model::config::Config;

use crate::emulated::decode::{self, Done, Sizes};
use crate::plan::Step;
use crate::profile::{Emulated, Loaded};
use crate::record::Environment;

/// Programs do so many tokens of the cache at once: a text is taken where their number is a multiple of it.
const AT_ONCE: usize = 4;

/// One token of `config` with `tokens` or a few more in the cache, itself included, on each machine, each kind of weights
/// from each store that the machine has, every way.
///
/// # Errors
/// What of the model's shape no program there does.
pub fn steps(
    environment: &Environment,
    config: &Config,
    tokens: usize,
    machines: &[Loaded<Emulated>],
) -> Result<Vec<Done>, String> {
    let all = Step::all(tokens.max(1).next_multiple_of(AT_ONCE) - 1);
    let sizes = Sizes::of(config)?;
    let on = |machine: &Loaded<Emulated>| {
        let steps = all.iter().filter(|step| decode::has(step, &machine.profile));
        steps.flat_map(|step| decode::steps(environment, &sizes, step, machine)).collect::<Vec<_>>()
    };
    Ok(machines.iter().flat_map(on).collect())
}
