//! What `generate --hw` says of a token on emulated machines.

use std::cmp::Reverse;

use kernels::model::config::Config;

use super::Common;
use super::output::plain_table;
use crate::emulated::decode::{Done, Part};
use crate::generate::emulated;
use crate::profile::Hardware;
use crate::record::{Environment, Outcome};
use crate::report::units;

/// Kinds of operations that a line names.
const NAMED: usize = 3;

/// Steps on the emulated machines among `machines`; where their programs do not do the model, each says so.
pub fn run(common: &Common, command: &str, config: &Config, tokens: usize, machines: &Hardware) -> Vec<Done> {
    if machines.emulated.is_empty() {
        return Vec::new();
    }
    let environment = Environment::build(command, common.seed);
    emulated::steps(&environment, config, tokens, &machines.emulated).unwrap_or_else(|reason| {
        for machine in &machines.emulated {
            eprintln!("emulated, {}, {}: not available: {reason}", machine.profile.name, config.name);
        }
        Vec::new()
    })
}

/// A line for each machine and way: seconds a token and what they went into; with `trace` all of it as a table.
pub fn show(steps: &[Done], trace: bool) {
    for step in steps {
        let r = &step.record;
        let head = format!("emulated, {} ({}), {}", r.machine.name, r.dims, r.variant);
        let timing = match &r.outcome {
            Outcome::Timed(timing) => timing,
            other => {
                eprintln!("{head}: {}: {}", other.status(), other.reason().unwrap_or_default());
                continue;
            }
        };
        let worth =
            timing.speedup.filter(|_| r.rung > 0).map_or(String::new(), |s| format!(", {}", units::ratio(s.ratio)));
        let [time, low, high] = [timing.time_ns, timing.low_ns, timing.high_ns].map(units::time);
        let parts = sorted(&step.parts);
        let all: u64 = parts.iter().map(|part| part.spent.cycles).sum();
        let share = |cycles: u64| units::percent(cycles as f64 / all.max(1) as f64);
        let named = parts.iter().take(NAMED).map(|part| format!("{} {}", part.name, share(part.spent.cycles)));
        eprintln!("{head}: {time} a token ({low} to {high}){worth}: {}", named.collect::<Vec<_>>().join(", "));
        if trace {
            let mut table = plain_table(&["operation", "calls", "time a token", "share", "cycles", "bytes streamed"]);
            for part in parts {
                table.add_row([
                    part.name.to_owned(),
                    part.calls.to_string(),
                    units::time(timing.time_ns * part.spent.cycles as f64 / all.max(1) as f64),
                    share(part.spent.cycles),
                    part.spent.cycles.to_string(),
                    part.spent.transferred_bytes.to_string(),
                ]);
            }
            eprintln!("{table}");
        }
    }
}

/// Those that take longest first.
fn sorted(parts: &[Part]) -> Vec<&Part> {
    let mut order: Vec<&Part> = parts.iter().collect();
    order.sort_by_key(|part| Reverse(part.spent.cycles));
    order
}
