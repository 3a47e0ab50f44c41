//! What others measured of whole models on processors that have a profile here: records of the published tier, and the same
//! rows beside what the model says of a token there, which is the only test of processors that nobody here owns.

use kernels::model::Types;
use kernels::model::config::Config;
use kernels::model::{Dtype, published};
use serde::Deserialize;

use super::{DECODE, modelled};
use crate::profile::{Class, Hardware};
use crate::record::{Bound, CostRef, Environment, MachineRef, Outcome, Record, SCHEMA, Tier, Timing};
use crate::simt::gate::ShaderGate;
use crate::timed::cells::Context;

const TEXT: &str = include_str!("../../../profiles/published/cpu.csv");

/// A measurement.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// As in the collection that it is from: `R001`.
    pub id: String,
    /// Profile of its machine.
    pub machine: String,
    /// Threads that it was measured with: at most the machine's cores.
    pub threads: u32,
    /// One of `kernels::model::published`.
    pub model: String,
    /// How its matrices are stored, the closest type that has kernels here.
    pub storage: String,
    /// The way of a step that stands for the software: `naive` or `best`.
    pub rung: String,
    /// Software for people.
    pub software: String,
    /// The measurement.
    pub tokens_per_s: f64,
    /// Where it stands.
    pub source: String,
}

impl Row {
    /// Software and threads, where a machine has several: one row's variant.
    fn variant(&self, cores: u32) -> String {
        match (self.threads, cores) {
            (_, 1) => self.software.clone(),
            (1, _) => format!("{}, 1 thread", self.software),
            (threads, _) => format!("{}, {threads} threads", self.software),
        }
    }

    fn dtype(&self) -> Option<Dtype> {
        let types = [Dtype::F32, Dtype::F16, Dtype::Q8_0, Dtype::Q4_0, Dtype::Q4K];
        types.into_iter().find(|dtype| dtype.to_string().eq_ignore_ascii_case(&self.storage))
    }
}

/// A row with what is predicted of it.
#[derive(Clone, Debug)]
pub struct Predicted {
    /// The row.
    pub row: Row,
    /// Its machine's.
    pub class: Class,
    /// Tokens a second and what bounds them, or why there are none.
    pub said: Result<(f64, Option<Bound>), String>,
}

impl Predicted {
    /// `predicted / measured - 1`.
    pub fn error(&self) -> Option<f64> {
        self.said.as_ref().ok().map(|(tokens_per_s, _)| tokens_per_s / self.row.tokens_per_s - 1.0)
    }
}

/// Tokens in the cache of a token that is predicted: in the middle of the texts that people measure with.
const TOKENS: usize = 64;

/// Every row as `generate` would answer it, on as many cores as it was measured on.
///
/// # Errors
/// Rows that name what is not there.
pub fn predict(context: &Context, shaders: &ShaderGate, machines: &Hardware) -> Result<Vec<Predicted>, String> {
    let one = |row: Row| {
        let wrong = |what: &str| format!("profiles/published/cpu.csv, row {}: {what}", row.id);
        let config = published::named(&row.model).ok_or_else(|| wrong("no such model"))?;
        let dtype = row.dtype().ok_or_else(|| wrong("no such type"))?;
        let found = machines.cpus.iter().find(|m| m.profile.id == row.machine).ok_or_else(|| wrong("no profile"))?;
        let (class, mut machine) = (found.profile.class, found.clone());
        machine.profile.machine.cores.value = row.threads;
        let there = Hardware { cpus: vec![machine], ..Hardware::default() };
        let steps = modelled::steps(context, shaders, &config, &Types::uniform(dtype), TOKENS, &there)
            .map_err(|e| e.to_string())?;
        let step =
            steps.into_iter().find(|step| step.record.variant == row.rung).ok_or_else(|| wrong("no such way"))?;
        let said = match &step.record.outcome {
            Outcome::Timed(timing) => Ok((1e9 / timing.time_ns, timing.bound)),
            other => Err(other.reason().unwrap_or_default().to_string()),
        };
        Ok(Predicted { row, class, said })
    };
    rows()?.into_iter().map(one).collect()
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

/// All rows.
///
/// # Errors
/// A table that is not what it should be; a test keeps that from being released.
pub fn rows() -> Result<Vec<Row>, String> {
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
        variant: row.variant(machine.profile.machine.cores.value),
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
            threads: row.threads,
            peak_ops_per_s: None,
            peak_bytes_per_s: None,
        },
        outcome: Outcome::Timed(Timing {
            time_ns: ns,
            low_ns: ns,
            high_ns: ns,
            speedup: None,
            ratio_within: None,
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
            assert!(published::named(&row.model).is_some() && row.dtype().is_some(), "{}: {}", row.id, row.model);
            let machine = all.cpus.iter().find(|machine| machine.profile.id == row.machine);
            let cores = machine.map_or(0, |machine| machine.profile.machine.cores.value);
            assert!((1..=cores).contains(&row.threads), "{}: {} threads on {cores} cores", row.id, row.threads);
            assert!(row.tokens_per_s > 0.0 && row.source.starts_with("http"), "{}", row.id);
        }
        let config = published::named("stories260k").expect("known");
        let rows =
            records(&config, &Types::uniform(Dtype::F32), 64, &all, &Environment::build("", 1)).expect("records");
        let [row] = &rows[..] else { panic!("{} rows", rows.len()) };
        assert_eq!((row.variant.as_str(), row.tier), ("llama98.c, Borland C++ 5.02", Tier::Published));
        // As many threads as were measured with, not as the machine has cores.
        let llama = published::named("llama-2-7b").expect("known");
        let rows =
            records(&llama, &Types::uniform(Dtype::Q4_0), 64, &all, &Environment::build("", 1)).expect("records");
        let threads = |variant: &str| {
            let of_mac = rows.iter().find(|r| r.machine.id == "mac-studio-m2-ultra" && r.variant == variant);
            of_mac.map(|r| r.machine.threads)
        };
        assert_eq!((threads("llama.cpp, 8 threads"), threads("T-MAC, 1 thread")), (Some(8), Some(1)));
    }
}
