//! What others measured of whole models on machines that have a profile here: records of the published tier.

use kernels::model::Types;
use kernels::model::config::Config;
use serde::Deserialize;

use super::{DECODE, modelled};
use crate::profile::Hardware;
use crate::record::{CostRef, Environment, MachineRef, Outcome, Record, SCHEMA, Tier, Timing};

const TEXT: &str = include_str!("../../../profiles/published/cpu.csv");

/// A measurement.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    machine: String,
    model: String,
    storage: String,
    software: String,
    tokens_per_s: f64,
    source: String,
}

/// The rows of a model on some of `machines`, beside records of a step with so many tokens in the cache and weights in
/// `types`.
///
/// # Errors
/// Where the table, which is part of this program, is not what it should be.
pub fn records(
    config: &Config,
    types: &Types,
    tokens: usize,
    machines: &Hardware,
    environment: &Environment,
) -> Result<Vec<Record>, String> {
    let of_model = rows()?.into_iter().filter(|row| row.model == config.name);
    let (operations, bytes) = modelled::cost(config, types, tokens);
    let step = (modelled::shape_name(&config.name, tokens), modelled::dims(config, types, tokens));
    let cost = CostRef { operations, bytes };
    Ok(of_model.filter_map(|row| record(row, &step, cost, machines, environment)).collect())
}

fn rows() -> Result<Vec<Row>, String> {
    let rows: Result<_, csv::Error> = csv::Reader::from_reader(TEXT.as_bytes()).into_deserialize().collect();
    rows.map_err(|e| format!("profiles/published/cpu.csv: {e}"))
}

fn record(
    row: Row,
    (shape, dims): &(String, String),
    cost: CostRef,
    machines: &Hardware,
    environment: &Environment,
) -> Option<Record> {
    let machine = &machines.cpus.iter().find(|machine| machine.profile.id == row.machine)?;
    let ns = 1e9 / row.tokens_per_s;
    Some(Record {
        schema: SCHEMA,
        tier: Tier::Published,
        kernel: DECODE.into(),
        shape: shape.clone(),
        dims: dims.clone(),
        variant: row.software,
        rung: 0,
        idea: format!("weights in {}; {}, row {}", row.storage, row.source, row.id),
        after: None,
        machine: MachineRef {
            id: row.machine,
            name: machine.profile.name.clone(),
            class: machine.profile.class.as_str().into(),
            year: Some(machine.profile.year),
            profile_hash: Some(machine.hash.clone()),
            isa: "-".into(),
            threads: machine.profile.machine.cores.value,
            peak_ops_per_s: None,
            peak_bytes_per_s: None,
        },
        outcome: Outcome::Timed(Timing {
            time_ns: ns,
            low_ns: ns,
            high_ns: ns,
            speedup: None,
            samples_ns: Vec::new(),
            warm: false,
            floor_ns: None,
            bound: None,
            shares: Vec::new(),
            paced_share: None,
            cycles: None,
            counts: None,
            nmse: 0.0,
            backward_error: 0.0,
        }),
        cost,
        caps: Vec::new(),
        environment: environment.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_of_a_machine_and_a_model_that_there_is() {
        let all = Hardware::select("all").expect("profiles");
        for row in rows().expect("rows") {
            assert!(kernels::model::published::named(&row.model).is_some(), "{}", row.model);
            assert!(all.cpus.iter().any(|machine| machine.profile.id == row.machine), "{}", row.machine);
            assert!(row.tokens_per_s > 0.0 && !row.source.is_empty());
        }
        let config = kernels::model::published::named("stories260k").expect("known");
        let types = Types::uniform(kernels::model::Dtype::F32);
        let rows = records(&config, &types, 64, &all, &Environment::build("", 1)).expect("records");
        assert_eq!((rows.len(), rows[0].variant.as_str(), rows[0].tier), (1, "llama98.c", Tier::Published));
    }
}
