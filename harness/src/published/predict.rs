//! What the GPU model says of a row. Generating a token is the sum of its kernels at their shapes, each by the rung that
//! stands for the software, and of a gap between kernels; what the host adds to a token is the profile's.
use std::collections::BTreeMap;

use kernels::KERNELS;
use kernels::input::{Flavor, Input};
use kernels::kernel::{Kernel, Shape};
use kernels::model::config::{Attention, Config};
use kernels::model::step::{self, Operation};
use kernels::model::{Dtype, Types, published};

use super::prediction::{Calls, OperationCost, Prediction};
use super::{Format, Row, RowsError, Task};
use crate::profile::gpu::Generation;
use crate::profile::{GpuProfile, Loaded};
use crate::record::Bound;
use crate::simt::cells::{operand_bytes, priced, stays_cached};
use crate::simt::gate::ShaderGate;
use crate::simt::rules::Rules;
use crate::simt::sample::{Counted, count};

/// A row with what is predicted of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicted {
    /// The row.
    pub row: Row,
    /// Its GPU's generation.
    pub generation: Generation,
    /// The gap that the profile states, for generations without a fitted one, ns.
    pub launch_ns: f64,
    /// What the model says.
    pub prediction: Prediction,
}

impl Predicted {
    /// The prediction in the row's unit, with so long a gap.
    pub fn value(&self, gap_ns: f64) -> Option<f64> {
        let ns = self.prediction.ns(gap_ns)?;
        Some(match (&self.row.task, self.row.unit.as_str()) {
            (Task::Decode { .. }, _) => 1e9 / ns,
            (Task::Prefill { tokens, .. }, _) => *tokens as f64 * 1e9 / ns,
            (Task::Kernel { kernel, sizes, parts }, "GFLOPS") => operations(kernel, *sizes, *parts) / ns,
            (Task::Kernel { kernel, sizes, parts }, "TFLOPS") => 1e-3 * operations(kernel, *sizes, *parts) / ns,
            (Task::Kernel { sizes, parts, .. }, "GB/s") => attention_bytes(*sizes, *parts) / ns,
            _ => ns / 1e6,
        })
    }

    /// `predicted / measured - 1`.
    pub fn error(&self, gap_ns: f64) -> Option<f64> {
        Some(self.value(gap_ns)? / self.row.measured - 1.0)
    }
}

/// Operations as those count them who publish rates: of an attention over latents, its two products.
fn operations(kernel: &str, [m, n, k]: [usize; 3], parts: usize) -> f64 {
    let depth = if kernel == ATTENTION { k + k / 8 + k } else { k };
    2.0 * (parts * m * n * depth) as f64
}

/// Bytes of an attention over latents as FlashMLA counts them: cached rows, queries and outputs once, in 16 bits.
fn attention_bytes([m, n, k]: [usize; 3], parts: usize) -> f64 {
    2.0 * (parts * ((n + m) * (k + k / 8) + m * k)) as f64
}

/// The kernel that stands for FlashMLA.
const ATTENTION: &str = "mla_attend_f16";
/// The kernel of a prompt's attention: llama.cpp caches f16.
const PROMPT_ATTENTION: &str = "attention_prefill_f16";

/// Predicts every row.
///
/// # Errors
/// A row that names what is not there.
pub fn predict(rows: Vec<Row>, machines: &[Loaded<GpuProfile>]) -> Result<Vec<Predicted>, RowsError> {
    let gpus = rows.iter().map(|row| gpu_of(row, machines)).collect::<Result<Vec<_>, _>>()?;
    let mut counts = Counts::new(&gpus);
    let each = rows.into_iter().zip(gpus).map(|(row, gpu)| {
        let wrong = |reason| RowsError { file: "profiles/published/gpu.csv", row: row.id.clone(), reason };
        let prediction = match &row.task {
            Task::None(reason) => Prediction::None(reason.clone()),
            Task::AllReduce { ranks, bytes } => match all_reduce_ns(&gpu, *ranks, *bytes) {
                Some(ns) => Prediction::alone(ns, Bound::Latency),
                None => Prediction::None("the profile has no link".into()),
            },
            Task::Kernel { kernel, sizes, parts } => {
                one(&mut counts, &gpu, &row, kernel, *sizes, *parts).map_err(wrong)?
            }
            Task::Prefill { model, format, tokens } => {
                let config = published::named(model).ok_or_else(|| wrong(format!("no model {model}")))?;
                prefill(&mut counts, &gpu, &config, *format, *tokens, &row.rung).map_err(wrong)?
            }
            Task::Decode { model, format, tokens } => {
                let config = published::named(model).ok_or_else(|| wrong(format!("no model {model}")))?;
                decode(&mut counts, &gpu, &config, *format, *tokens, &row.rung).map_err(wrong)?
            }
        };
        Ok(Predicted { generation: gpu.generation, launch_ns: gpu.machine.launch_ns.value, row, prediction })
    });
    each.collect()
}

/// The profile of a row's GPU, with what the row says differs. Memory that is wider or slower is as far from its peak.
fn gpu_of(row: &Row, machines: &[Loaded<GpuProfile>]) -> Result<GpuProfile, RowsError> {
    let found = machines.iter().find(|m| m.profile.id == row.profile);
    let reason = format!("no profile {}", row.profile);
    let mut gpu = found.map(|m| m.profile.clone()).ok_or(RowsError {
        file: "profiles/published/gpu.csv",
        row: row.id.clone(),
        reason,
    })?;
    let [clock, sms, bandwidth] = row.differs;
    let faster = clock.map_or(1.0, |c| c / gpu.machine.clock_mhz.value)
        * sms.map_or(1.0, |sms| sms / f64::from(gpu.machine.sms.value));
    if let Some(matrix) = &mut gpu.matrix {
        matrix.f16_tflops.value *= faster;
    }
    if let Some(clock) = clock {
        gpu.machine.clock_mhz.value = clock;
    }
    if let Some(sms) = sms {
        gpu.machine.sms.value = sms as u32;
    }
    if let Some(bandwidth) = bandwidth {
        gpu.memory.sustained_gb_s.value *= bandwidth / gpu.memory.bandwidth_gb_s.value;
        gpu.memory.bandwidth_gb_s.value = bandwidth;
    }
    Ok(gpu)
}

/// A ring: each rank sends and receives `2 (n - 1) / n` of the vector in `2 (n - 1)` steps (Patarasuk and Yuan, JPDC 2009).
/// ns; none without a link.
pub fn all_reduce_ns(gpu: &GpuProfile, ranks: usize, bytes: f64) -> Option<f64> {
    let link = gpu.link.as_ref()?;
    let steps = 2.0 * (ranks as f64 - 1.0);
    Some(bytes * steps / ranks as f64 / gpu.link_one_way_gb_s()? + steps * link.latency_ns.value)
}

fn one(
    counts: &mut Counts,
    gpu: &GpuProfile,
    row: &Row,
    kernel: &str,
    [m, n, k]: [usize; 3],
    parts: usize,
) -> Result<Prediction, String> {
    let shape = |k| Shape {
        name: format!("{}/kernel", row.id).into(),
        m,
        n,
        k,
        parts,
        chosen: 0,
        tour: false,
        gpu_tour: false,
    };
    // Products of one token were measured among the others of a layer, which L2 does not hold.
    let warm = kernel.starts_with("gemv_").then_some(false);
    // A call that waits for its result takes what its author saw; kernels behind each other the gap of their launches.
    let (call_ns, launch_ns) = row.call_ns.map_or((0.0, gpu.machine.launch_ns.value), |call_ns| (call_ns, 0.0));
    let rungs = match kernel {
        "gemm_fp8" => counts.deep(&of_fp8(gpu)?, "gemm_f16", &shape(k / 2), &row.rung)?,
        _ if kernel.starts_with("gemm_f16") => counts.deep(gpu, kernel, &shape(k), &row.rung)?,
        _ => counts.rungs(gpu, kernel, &shape(k), &row.rung, warm)?,
    };
    let rungs = rungs.iter().map(|cost| cost.launched(launch_ns)).collect();
    Ok(Prediction::Time { host_ns: call_ns, calls: vec![Calls { times: 1.0, rungs }] })
}

/// A GPU whose f16 are pairs of FP8: as many bytes, tiles and steps for twice the products, at its rate of FP8. What
/// DeepGEMM does beside, scales of blocks and promotion of sums, is left out.
fn of_fp8(gpu: &GpuProfile) -> Result<GpuProfile, String> {
    let mut gpu = gpu.clone();
    let matrix = gpu.matrix.as_mut().ok_or("no matrix units")?;
    matrix.f16_tflops.value = matrix.fp8_tflops.as_ref().ok_or("no FP8 on its matrix units")?.value / 2.0;
    Ok(gpu)
}

/// The kernels of a step of a model stored so.
fn step(config: &Config, format: Format, tokens: usize) -> Result<Vec<Operation>, String> {
    let dtype = match format {
        Format::F16 => Dtype::F16,
        Format::Q8_0 => Dtype::Q8_0,
        Format::Q4_0 | Format::Q4KM => Dtype::Q4_0,
    };
    let step = step::decode(config, &Types::uniform(dtype), tokens).ok_or("no kernel for this type")?;
    Ok(match format {
        Format::Q4KM => step.into_iter().flat_map(|operation| q4_k_m(config, operation)).collect(),
        _ => step,
    })
}

/// The product of a prompt with weights that this kernel multiplies with one token.
fn gemm(gemv: &str) -> Result<&'static str, String> {
    Ok(match gemv {
        "gemv_f16" => "gemm_f16",
        "gemv_q8" => "gemm_f16_q8_0",
        "gemv_q4_0" => "gemm_f16_q4_0",
        "gemv_q4_k" => "gemm_f16_q4_k",
        "gemv_q6_k" => "gemm_f16_q6_k",
        other => return Err(format!("no product of a prompt for {other}")),
    })
}

/// Tokens of a prompt that are taken in together: `-ub` of llama-bench, whose rows these are, by default.
const BATCH: usize = 512;

/// The products of a prompt, one for each matrix and batch of tokens, and of the head for the last token alone, which is all
/// that samples; and its attention, in one piece, as batches see no other keys. What goes value by value is left out.
fn prefill(
    counts: &mut Counts,
    gpu: &GpuProfile,
    config: &Config,
    format: Format,
    tokens: usize,
    rung: &str,
) -> Result<Prediction, String> {
    let (products, attention) = rung.split_once(" + ").ok_or("a rung of the attention after those of the products")?;
    if matches!(config.attention, Attention::Latent { .. }) {
        return Ok(Prediction::None("no shader of a prompt's attention over latents".into()));
    }
    let batches = [(BATCH, tokens / BATCH), (tokens % BATCH, usize::from(!tokens.is_multiple_of(BATCH)))];
    let mut calls = Vec::new();
    let mut call = |times: usize, rungs: Vec<OperationCost>| {
        let rungs = rungs.iter().map(|cost| cost.launched(gpu.machine.launch_ns.value)).collect();
        calls.push(Calls { times: times as f64, rungs });
    };
    for Operation { kernel, shape, times } in step(config, format, tokens)? {
        match kernel {
            "attention_decode" => {
                let shape = Shape { m: tokens, n: shape.m, ..shape };
                call(times, counts.rungs(gpu, PROMPT_ATTENTION, &shape, attention, None)?);
            }
            _ if !kernel.starts_with("gemv_") => {}
            _ if shape.n == config.vocab => call(times, counts.rungs(gpu, kernel, &shape, "best", Some(false))?),
            _ => {
                for (m, batches) in batches.into_iter().filter(|(_, batches)| *batches > 0) {
                    let shape = Shape { m, ..shape.clone() };
                    call(times * batches, counts.deep(gpu, gemm(kernel)?, &shape, products)?);
                }
            }
        }
    }
    Ok(Prediction::Time { host_ns: gpu.machine.host_token_ns.value, calls })
}

fn decode(
    counts: &mut Counts,
    gpu: &GpuProfile,
    config: &Config,
    format: Format,
    tokens: usize,
    rung: &str,
) -> Result<Prediction, String> {
    let step = step(config, format, tokens)?;
    let has = gpu.memory.memory_mib.value * 1024.0 * 1024.0;
    let needs = step.iter().filter(|o| is_product(o)).map(bytes).sum::<f64>();
    if needs > has {
        return Ok(Prediction::None(format!("does not fit: {:.0} of {:.0} GB", needs / 1e9, has / 1e9)));
    }
    let mut calls = Vec::new();
    for operation in &step {
        let product = is_product(operation);
        let warm = on_activations(operation.kernel);
        let rung = if product { rung } else { "best" };
        let rungs = counts.rungs(gpu, operation.kernel, &operation.shape, rung, Some(warm))?;
        calls.push(Calls { times: operation.times as f64, rungs });
    }
    Ok(Prediction::Time { host_ns: gpu.machine.host_token_ns.value, calls })
}

/// True where a token's kernel reads what those before it left in L2 and neither weights nor a cache, which are larger than
/// any L2.
pub fn on_activations(kernel: &str) -> bool {
    let of_token = ["rmsnorm", "rope", "softmax", "swiglu", "quantize_", "kv_append"];
    of_token.iter().any(|start| kernel.starts_with(start))
}

fn is_product(operation: &Operation) -> bool {
    operation.kernel.starts_with("gemv_")
}

/// All calls' weights, by contract.
fn bytes(operation: &Operation) -> f64 {
    let kernel = KERNELS.iter().find(|k| k.name() == operation.kernel);
    kernel.map_or(0.0, |k| (operation.times as u64 * k.cost(&operation.shape).bytes) as f64)
}

/// llama.cpp's Q4_K_M keeps the output head, and in half of the layers the values and the down projection, as q6_K, all
/// else as q4_K; `llama_tensor_get_type` in its llama-quant.cpp. Activations are quantized by 32 there too. Rows that are no
/// whole blocks of 256 stay as they are.
fn q4_k_m(config: &Config, operation: Operation) -> Vec<Operation> {
    let Shape { n, k, .. } = operation.shape;
    if !is_product(&operation) || !k.is_multiple_of(256) {
        return vec![operation];
    }
    let values = match config.attention {
        Attention::Grouped { kv_heads, width, .. } => kv_heads * width,
        Attention::Latent { .. } => 0,
    };
    let half = config.layers / 2;
    let kept = [(values, config.hidden, half), (config.hidden, config.ffn, half), (config.vocab, config.hidden, 1)];
    let of_shape = kept.iter().filter(|(rows, columns, _)| (*rows, *columns) == (n, k));
    let in_q6 = of_shape.map(|kept| kept.2).sum::<usize>().min(operation.times);
    let parts = [("gemv_q6_k", in_q6), ("gemv_q4_k", operation.times - in_q6)];
    let part = |(kernel, times)| Operation { kernel, times, shape: operation.shape.clone() };
    parts.into_iter().filter(|p| p.1 > 0).map(part).collect()
}

/// Depths at which a deeper product is counted.
const DEPTHS: [usize; 2] = [256, 512];

/// Shaders counted so far: each once for all machines with warps as wide.
struct Counts {
    gate: ShaderGate,
    rules: BTreeMap<u32, Vec<Rules>>,
    counted: BTreeMap<Key, (f64, Ladder)>,
}

/// Lanes, kernel, m, n, k, parts, rungs wanted, and the rules where they are those of one machine.
type Key = (u32, &'static str, [usize; 4], String, Option<Rules>);
/// Counts of the rungs wanted, or why one has none.
type Ladder = Vec<(&'static str, Result<Vec<Counted>, String>)>;

impl Counts {
    fn new(gpus: &[GpuProfile]) -> Self {
        let mut rules: BTreeMap<u32, Vec<Rules>> = BTreeMap::new();
        for gpu in gpus {
            let of = rules.entry(gpu.sm.warp_lanes.value).or_default();
            if !of.contains(&Rules::of(gpu)) {
                of.push(Rules::of(gpu));
            }
        }
        Self { gate: ShaderGate::default(), rules, counted: BTreeMap::new() }
    }

    /// What these rungs take over a product. Every step of k is as the one before, so beyond [`DEPTHS`] the time grows by what
    /// it grows between them.
    fn deep(
        &mut self,
        gpu: &GpuProfile,
        kernel: &str,
        shape: &Shape,
        rungs: &str,
    ) -> Result<Vec<OperationCost>, String> {
        let [near, far] = DEPTHS;
        if shape.k <= far {
            return self.rungs(gpu, kernel, shape, rungs, None);
        }
        let cost = KERNELS.iter().find(|k| k.name() == kernel).map(|k| k.cost(shape));
        let warm = cost.is_some_and(|cost| stays_cached(cost.bytes as f64, gpu));
        let steps = (shape.k - far) as f64 / (far - near) as f64;
        let mut deep = Vec::new();
        for rung in rungs.split(" or ") {
            let mut at = |k| self.rungs(gpu, kernel, &Shape { k, ..shape.clone() }, rung, Some(warm));
            let grown = |(near, far): (&OperationCost, &OperationCost)| OperationCost {
                body_ns: far.body_ns + (far.body_ns - near.body_ns) * steps,
                ..*far
            };
            deep.extend(at(near)?.iter().zip(&at(far)?).map(grown));
        }
        Ok(deep)
    }

    /// What the rungs of these names take, or all of them: those that the machine can run, one or more.
    fn rungs(
        &mut self,
        gpu: &GpuProfile,
        kernel: &str,
        shape: &Shape,
        rung: &str,
        warm: Option<bool>,
    ) -> Result<Vec<OperationCost>, String> {
        let found = KERNELS.iter().find(|k| k.name() == kernel && !k.shaders().is_empty());
        let kernel: &dyn Kernel = *found.ok_or_else(|| format!("no shader of a kernel {kernel}"))?;
        let (needed, ladder) = self.ladder(gpu, kernel, shape, rung)?;
        let warm = warm.unwrap_or_else(|| stays_cached(*needed, gpu));
        let mut able = Vec::new();
        for (shader, counted) in ladder {
            let counted = counted.as_ref().map_err(|e| format!("{}/{shader}: {e}", kernel.name()))?;
            // A rung that the machine cannot run leaves the others.
            let Ok(priced) = priced(gpu, counted, warm) else { continue };
            let launches = counted.len() as f64;
            let body_ns = priced.ns - launches * gpu.machine.launch_ns.value;
            let bound = priced.shares.iter().map(|s| s.0).find(|b| *b != Bound::Launch).unwrap_or(Bound::Launch);
            able.push(OperationCost { body_ns, launches, bound });
        }
        if able.is_empty() {
            return Err(format!("the {} runs no rung {rung} of {}", gpu.name, kernel.name()));
        }
        Ok(able)
    }

    fn ladder(
        &mut self,
        gpu: &GpuProfile,
        kernel: &dyn Kernel,
        shape: &Shape,
        rung: &str,
    ) -> Result<&(f64, Ladder), String> {
        let lanes = gpu.sm.warp_lanes.value;
        // Large products and batches were measured on one machine each.
        let measured_alone =
            kernel.name().starts_with("gemm_") || [ATTENTION, PROMPT_ATTENTION].contains(&kernel.name());
        let own = measured_alone.then(|| Rules::of(gpu));
        let key = (lanes, kernel.name(), [shape.m, shape.n, shape.k, shape.parts], rung.to_string(), own);
        if !self.counted.contains_key(&key) {
            let input = Input { flavor: Flavor::Blank, ..Input::typical(1) };
            let mut case = kernel.prepare(shape, &input).map_err(|e| e.to_string())?;
            let needed = operand_bytes(&case.operands(), false);
            let rules = own.as_ref().map_or(&self.rules[&lanes][..], std::slice::from_ref);
            let wanted = |name: &str| rung == "best" || rung.split(" or ").any(|rung| rung == name);
            let shaders = kernel.shaders().iter().enumerate().filter(|(_, shader)| wanted(shader.name));
            let ladder = shaders.map(|(i, shader)| {
                let program = self.gate.program(kernel, i).map_err(|e| e.to_string());
                let counted = program.and_then(|p| count(&p, shape, case.as_mut(), rules).map_err(|e| e.to_string()));
                (shader.name, counted)
            });
            let ladder = ladder.collect();
            self.counted.insert(key.clone(), (needed, ladder));
        }
        Ok(&self.counted[&key])
    }
}
