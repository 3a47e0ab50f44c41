//! The rows and the fitted constants as the files have them.

use std::collections::BTreeMap;

use crate::profile::gpu::Generation;

const ROWS: &str = include_str!("../../../profiles/published/gpu.csv");
const CALLS: &str = include_str!("../../../profiles/published/gpu-calls.csv");
const GAPS: &str = include_str!("../../../profiles/published/gpu-gaps.csv");

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// As in the collection that it is from: `G036`.
    pub id: String,
    /// Profile of its GPU.
    pub profile: String,
    /// Where the card differs from the profile: clock in MHz, SMs, memory bandwidth in GB/s.
    pub differs: [Option<f64>; 3],
    /// Rows that are summed up together.
    pub group: String,
    /// What ran.
    pub task: Task,
    /// The rung that stands for the software: `best`, or its name, or several with `or` between them: the fastest. Of a
    /// prompt that of its products, then ` + ` and that of its attention.
    pub rung: String,
    /// The measurement.
    pub measured: f64,
    /// Its unit: `tok/s`, `GFLOPS`, `TFLOPS`, `GB/s` or `ms`.
    pub unit: String,
    /// Machine and model for people.
    pub subject: String,
    /// Software for people.
    pub software: String,
    /// Where it stands.
    pub source: String,
    /// What a call of the software takes, its launch included and its kernels not, where its author measured that, ns.
    pub call_ns: Option<f64>,
}

/// What a row's GPU did.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// Generated one token after so many.
    Decode {
        /// One of `kernels::model::published`.
        model: String,
        /// How its matrices are stored.
        format: Format,
        /// Tokens in the cache, on average.
        tokens: usize,
    },
    /// Took in a prompt, with no token before it.
    Prefill {
        /// One of `kernels::model::published`.
        model: String,
        /// How its matrices are stored.
        format: Format,
        /// Its length.
        tokens: usize,
    },
    /// Ran one kernel.
    Kernel {
        /// Its name; `gemm_fp8` for a product of FP8 on matrix units.
        kernel: String,
        /// m, n and k.
        sizes: [usize; 3],
        /// Parts of the shape: sequences of a batch. 1 where the row has none.
        parts: usize,
    },
    /// Summed so many bytes over so many GPUs.
    AllReduce {
        /// GPUs.
        ranks: usize,
        /// Of the vector on each.
        bytes: f64,
    },
    /// What the project has no shader for, and why.
    None(String),
}

/// How a model's matrices are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// 16 bits a weight.
    F16,
    /// 8.5 bits.
    Q8_0,
    /// 4.5 bits.
    Q4_0,
    /// llama.cpp's mixture of q4_K and q6_K.
    Q4KM,
}

/// A file that is not as it should be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{file}, row {row}: {reason}")]
pub struct RowsError {
    /// File.
    pub file: &'static str,
    /// Id of the row, or its number.
    pub row: String,
    /// What is wrong.
    pub reason: String,
}

/// One generation's constant as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct GapRow {
    /// From one kernel's end to the start of the next while a token is generated, ns.
    pub gap_ns: f64,
    /// Ids of the rows that it was fitted on.
    pub fitted_on: String,
}

/// All rows.
///
/// # Errors
/// The first row that is wrong; a test keeps that from being released.
pub fn rows() -> Result<Vec<Row>, RowsError> {
    let calls = records("profiles/published/gpu-calls.csv", CALLS, |r| {
        let call_us: f64 = r[2].parse().map_err(|e| format!("{:?}: {e}", &r[2]))?;
        Ok((r[0].to_string(), r[1].to_string(), 1e3 * call_us))
    })?;
    let call_ns = |software: &str, task: &Task| {
        let Task::Kernel { kernel, .. } = task else { return None };
        calls.iter().find(|call| (call.0.as_str(), call.1.as_str()) == (software, kernel)).map(|call| call.2)
    };
    records("profiles/published/gpu.csv", ROWS, |r| {
        let task = task(&r[6])?;
        let number = |i: usize| match &r[i] {
            "" => Ok(None),
            text => text.parse::<f64>().map(Some).map_err(|e| format!("{text:?}: {e}")),
        };
        Ok(Row {
            id: r[0].into(),
            profile: r[1].into(),
            differs: [number(2)?, number(3)?, number(4)?],
            group: r[5].into(),
            call_ns: call_ns(&r[12], &task),
            task,
            rung: r[7].into(),
            measured: number(8)?.filter(|m| *m > 0.0).ok_or("no measurement")?,
            unit: r[9].into(),
            subject: format!("{}, {}", &r[10], &r[11]),
            software: r[12].into(),
            source: r[14].into(),
        })
    })
}

/// The fitted constants.
///
/// # Errors
/// As [`rows`].
pub fn gaps() -> Result<BTreeMap<Generation, GapRow>, RowsError> {
    let all = records("profiles/published/gpu-gaps.csv", GAPS, |r| {
        let generation = Generation::named(&r[0]).ok_or("no such generation")?;
        let gap_ns = r[1].parse().map_err(|e| format!("{:?}: {e}", &r[1]))?;
        Ok((generation, GapRow { gap_ns, fitted_on: r[2].into() }))
    })?;
    Ok(all.into_iter().collect())
}

/// From the end of a kernel of a token to the start of the next on such a GPU, ns: the constant of its generation, or the
/// launch that its profile states where none was fitted.
pub fn gap_ns(kept: &BTreeMap<Generation, GapRow>, generation: Generation, launch_ns: f64) -> f64 {
    kept.get(&generation).map_or(launch_ns, |kept| kept.gap_ns)
}

/// What `read` makes of each row of a file.
pub(super) fn records<T>(
    file: &'static str,
    text: &str,
    read: impl Fn(&csv::StringRecord) -> Result<T, String>,
) -> Result<Vec<T>, RowsError> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let each = |(i, record): (usize, Result<csv::StringRecord, csv::Error>)| {
        let record = record.map_err(|e| RowsError { file, row: (i + 1).to_string(), reason: e.to_string() })?;
        read(&record).map_err(|reason| RowsError { file, row: record[0].into(), reason })
    };
    reader.records().enumerate().map(each).collect()
}

fn stored(word: &str) -> Result<Format, String> {
    match word {
        "f16" => Ok(Format::F16),
        "q8_0" => Ok(Format::Q8_0),
        "q4_0" => Ok(Format::Q4_0),
        "q4_k_m" => Ok(Format::Q4KM),
        other => Err(format!("format {other:?}: f16, q8_0, q4_0 or q4_k_m")),
    }
}

fn task(text: &str) -> Result<Task, String> {
    if let Some(reason) = text.strip_prefix("none: ") {
        return Ok(Task::None(reason.into()));
    }
    let words: Vec<&str> = text.split(' ').collect();
    let size = |word: &str| word.parse::<usize>().map_err(|e| format!("{word:?}: {e}"));
    Ok(match words[..] {
        ["decode", model, format, tokens] => {
            Task::Decode { model: model.into(), format: stored(format)?, tokens: size(tokens)? }
        }
        ["prefill", model, format, tokens] => {
            Task::Prefill { model: model.into(), format: stored(format)?, tokens: size(tokens)? }
        }
        ["all-reduce", ranks, bytes] => Task::AllReduce { ranks: size(ranks)?, bytes: size(bytes)? as f64 },
        [kernel, m, n, k] => Task::Kernel { kernel: kernel.into(), sizes: [size(m)?, size(n)?, size(k)?], parts: 1 },
        [kernel, m, n, k, parts] => {
            Task::Kernel { kernel: kernel.into(), sizes: [size(m)?, size(n)?, size(k)?], parts: size(parts)? }
        }
        _ => return Err(format!("task {text:?}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_reads_and_has_a_source() {
        let all = rows().expect("the rows are right");
        assert!(all.len() > 100);
        for row in &all {
            assert!(row.source.starts_with("http"), "{}: {}", row.id, row.source);
            let predicted = !matches!(row.task, Task::None(_) | Task::AllReduce { .. });
            assert_eq!(predicted, !row.rung.is_empty(), "{}: a rung where one stands for the software", row.id);
        }
        let mut ids: Vec<&str> = all.iter().map(|r| r.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all.len(), "ids are unique");
    }

    #[test]
    fn tasks_that_say_nothing_are_refused() {
        assert!(task("decode llama-2-7b q5_1 3").unwrap_err().contains("q5_1"));
        assert!(task("prefill llama-2-7b q3_k_s 512").is_err());
        assert!(task("gemm_f32 1 x 3").unwrap_err().contains("\"x\""));
        assert!(task("mla_attend_f16 16 8192 512 many").unwrap_err().contains("\"many\""));
        assert!(task("rest").is_err());
    }
}
