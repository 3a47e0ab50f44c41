//! Whole models: text by the inference core with how long each token took, here or in a worker under limits, and what a
//! token would take on modelled machines.
//!
//! A result is a record of the kernel `decode`, one token: its shape is `model/tN` with `N` tokens in the cache, its two
//! variants are `naive`, every kernel at rung 0, and `best`.

pub mod emulated;
pub mod modelled;
pub mod native;
pub mod published;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use kernels::KERNELS;
use kernels::core::{Call, Core, CoreError, KvKind, Options, Rungs, RungsError, Sampler, Watch};
use kernels::machine::Isa;
use kernels::model::config::Config;
use kernels::model::tokenizer::Tokenizer;
use kernels::model::{ModelError, ModelFile, Types};
use serde::{Deserialize, Serialize};

use crate::native::{ThreadsError, pool};
use crate::pace::wait_until;

/// Name of the kernel in records: one token through a whole model.
pub const DECODE: &str = "decode";

/// What text to make, of what, and how.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Job {
    /// Model file; the built-in one where there is none.
    pub model: Option<PathBuf>,
    /// llama2.c's tokenizer file, for models without their own.
    pub tokenizer: Option<PathBuf>,
    /// What the text begins with.
    pub prompt: String,
    /// Tokens to generate.
    pub steps: usize,
    /// 0 = always the likeliest token.
    pub temperature: f32,
    /// The likeliest tokens that together have this probability are drawn from.
    pub top_p: f32,
    /// Seed of the draws.
    pub seed: u64,
    /// As [`Rungs`] reads them.
    pub rungs: String,
    /// What the cache is stored as, by name.
    pub kv: String,
    /// Threads.
    pub threads: usize,
    /// Tokens of the prompt that pass at once.
    pub batch: usize,
    /// Weights are read where the file is mapped, without copies.
    pub in_place: bool,
    /// Memory that the process may take, bytes: where copies of weights would not fit beside the file there are none.
    pub memory_bytes: Option<u64>,
    /// Names of the machines that rungs may use.
    pub isas: Vec<String>,
    /// Memory bandwidth that tokens are paced to, bytes/s.
    pub bytes_per_s: Option<f64>,
    /// Each call is timed, which costs some time itself.
    pub traced: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Run {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// From the first token of the prompt to the first generated one, ns.
    pub prompt_ns: f64,
    /// Each token after the first generated one, ns.
    pub token_ns: Vec<f64>,
    /// Of the prompt's time, spent waiting for the paced bandwidth, ns.
    pub prompt_waited_ns: f64,
    /// The same of the tokens' times, ns.
    pub waited_ns: f64,
    /// Bytes of copies of weights that would not have fit the memory, so that none were made; 0 where that was not so.
    pub uncopied_bytes: u64,
    /// Kernels of the generated tokens, where they were traced, in the order of their first call.
    pub kernels: Vec<KernelTime>,
}

/// Calls of one rung at one shape.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct KernelTime {
    /// Kernel.
    pub kernel: String,
    /// Sizes m, n, k and parts of its shape.
    pub sizes: [usize; 4],
    /// Its sizes for people.
    pub dims: String,
    /// The rung.
    pub variant: String,
    /// The machine it ran on.
    pub isa: String,
    /// Calls.
    pub calls: usize,
    /// All of them, ns.
    pub ns: f64,
}

impl Run {
    /// Tokens a second after the first generated one; none where there are no others.
    pub fn tokens_per_s(&self) -> Option<f64> {
        let ns: f64 = self.token_ns.iter().sum();
        (ns > 0.0).then(|| self.token_ns.len() as f64 / ns * 1e9)
    }
}

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The model cannot be read.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It cannot run.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// No such rungs.
    #[error(transparent)]
    Rungs(#[from] RungsError),
    /// No threads.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
    /// Nothing to begin with.
    #[error("the prompt is empty and the model has no token that begins a text; give --prompt")]
    NoPrompt,
    /// No tokenizer in the file, nor beside it.
    #[error("{}: the file has no tokenizer; name llama2.c's file of it with --tokenizer", .0.display())]
    NoTokenizer(PathBuf),
    /// The model is not made for so long a text.
    #[error("{}", too_long(*.prompt, *.steps, *.context))]
    Context {
        /// Tokens of the prompt.
        prompt: usize,
        /// Tokens to generate.
        steps: usize,
        /// The model's longest text, tokens.
        context: usize,
    },
    /// The model computes no numbers.
    #[error(
        "the model's logits are no numbers or all alike: its weights, or a rung, are broken, and no token can be chosen"
    )]
    NoNumbers,
    /// The text reaches nobody.
    #[error("{0}")]
    Emit(String),
}

fn too_long(prompt: usize, steps: usize, context: usize) -> String {
    let tokens = if prompt == 1 { "token" } else { "tokens" };
    let wanted = format!("a prompt of {prompt} {tokens} and {steps} to generate, and the model's context is {context}");
    match context.checked_sub(prompt).filter(|left| *left > 0) {
        Some(left) => format!("{wanted}: give --steps {left} or less"),
        None => format!("{wanted}: shorten the prompt"),
    }
}

/// The model file of a job.
///
/// # Errors
/// [`ModelError`] where it cannot be read.
pub fn open(model: Option<&Path>) -> Result<Arc<ModelFile>, ModelError> {
    Ok(Arc::new(match model {
        Some(path) => ModelFile::open(path)?,
        None => ModelFile::built_in()?,
    }))
}

/// Where the text goes: called once for each token, those of the prompt first, with the text that it completes, perhaps none.
pub type Emit<'a> = &'a mut (dyn FnMut(&str) -> Result<(), String> + Send);

/// What a text needs to begin with: the model's tokenizer, that of llama2.c where one is named, and the tokens of the prompt.
///
/// # Errors
/// [`GenerateError`] where there is no tokenizer, nothing to begin with, or no room for `steps` tokens more.
pub fn begin(
    file: &Arc<ModelFile>,
    config: &Config,
    tokenizer: Option<&Path>,
    prompt: &str,
    steps: usize,
) -> Result<(Tokenizer, Vec<u32>), GenerateError> {
    let tokenizer = match tokenizer {
        Some(path) => Tokenizer::llama2c(path, config.vocab)?,
        None if file.metadata("tokenizer.ggml.model").is_none() => {
            return Err(GenerateError::NoTokenizer(file.path().to_owned()));
        }
        None => Tokenizer::from_file(file)?,
    };
    let mut prompt = tokenizer.prompt(prompt);
    if prompt.is_empty() {
        prompt.extend(tokenizer.begin());
    }
    if prompt.is_empty() {
        return Err(GenerateError::NoPrompt);
    }
    let context = config.context;
    if prompt.len().saturating_add(steps) > context {
        return Err(GenerateError::Context { prompt: prompt.len(), steps, context });
    }
    Ok((tokenizer, prompt))
}

/// Makes the text; pieces of it are emitted as they come, the prompt first.
///
/// # Errors
/// [`GenerateError`].
pub fn run(job: &Job, emit: Emit<'_>) -> Result<Run, GenerateError> {
    let file = open(job.model.as_deref())?;
    let config = Config::from_file(&file)?;
    let (tokenizer, prompt) = begin(&file, &config, job.tokenizer.as_deref(), &job.prompt, job.steps)?;
    let options = Options {
        rungs: job.rungs.parse::<Rungs>()?,
        kv: KvKind::ALL.into_iter().find(|kv| kv.name() == job.kv).unwrap_or_default(),
        threads: job.threads,
        tokens: prompt.len() + job.steps,
        batch: job.batch.min(prompt.len()),
        copies: !job.in_place,
        allowed: Isa::EVERY.into_iter().filter(|isa| job.isas.iter().any(|name| name == isa.name())).collect(),
    };
    let uncopied_bytes = uncopied(&file, &config, job.memory_bytes, &options)?;
    let options = Options { copies: options.copies && uncopied_bytes == 0, ..options };
    let pool = pool(job.threads)?;
    let mut core = pool.install(|| Core::open(&file, config, &options))?;
    let run = pool.install(|| text(job, &mut core, &tokenizer, &prompt, emit))?;
    Ok(Run { uncopied_bytes, ..run })
}

/// Bytes of copies of weights that would not fit the memory beside the file, 0 where they do. Rungs that need them are not
/// taken from those who named them.
fn uncopied(
    file: &ModelFile,
    config: &Config,
    memory_bytes: Option<u64>,
    options: &Options,
) -> Result<u64, GenerateError> {
    let Some(memory_bytes) = memory_bytes.filter(|_| options.copies) else { return Ok(0) };
    let copied = options.copied_bytes(config, &Types::of_file(file, config))?;
    let without = Options { copies: false, ..options.clone() };
    let fits = file.byte_len().saturating_add(copied) <= memory_bytes;
    Ok(if fits || without.copied_bytes(config, &Types::of_file(file, config)).is_err() { 0 } else { copied })
}

fn text(
    job: &Job,
    core: &mut Core,
    tokenizer: &Tokenizer,
    prompt: &[u32],
    emit: Emit<'_>,
) -> Result<Run, GenerateError> {
    let mut sampler = Sampler::new(job.temperature, job.top_p, job.seed);
    let mut stream = tokenizer.stream();
    let mut say = |piece: String| emit(&piece).map_err(GenerateError::Emit);
    for token in prompt {
        say(stream.push(*token))?;
    }
    let start = Instant::now();
    let now = || start.elapsed().as_nanos() as f64;
    // Waits until what moved since `begun` could have at the paced bandwidth.
    let paced = |begun: f64, meter: &mut Meter| {
        let bytes = std::mem::take(&mut meter.bytes) as f64;
        job.bytes_per_s.map_or(0.0, |rate| wait_until(begun + bytes / rate * 1e9, now))
    };
    let mut run = Run { prompt_tokens: prompt.len(), ..Run::default() };
    let mut meter = Meter::default();
    let mut token = 0;
    let last = prompt.len().saturating_sub(1) / job.batch.max(1);
    for (i, batch) in prompt.chunks(job.batch.max(1)).enumerate() {
        let begun = now();
        core.feed(batch, &mut meter)?;
        if i == last {
            token = core.next(&mut sampler, &mut meter);
        }
        run.prompt_waited_ns += paced(begun, &mut meter);
    }
    run.prompt_ns = now();
    // Once, outside the times: the head writes no logits where it only looks for the largest. Values that are no numbers may
    // have become zeros where activations are rounded to bytes.
    let logits = core.logits(&mut ());
    if logits.iter().any(|logit| !logit.is_finite()) || logits.windows(2).all(|two| two[0] == two[1]) {
        return Err(GenerateError::NoNumbers);
    }
    meter.clock = job.traced.then(Clock::default);
    for _ in 1..job.steps {
        if tokenizer.is_end(token) {
            break;
        }
        say(stream.push(token))?;
        let begun = now();
        core.feed(&[token], &mut meter)?;
        token = core.next(&mut sampler, &mut meter);
        run.waited_ns += paced(begun, &mut meter);
        run.token_ns.push(now() - begun);
    }
    // What waited for the rest of a character comes with the last token.
    let mut rest = if job.steps > 0 && !tokenizer.is_end(token) { stream.push(token) } else { String::new() };
    rest.push_str(&stream.finish());
    if job.steps > 0 || !rest.is_empty() {
        say(rest)?;
    }
    run.kernels = meter.clock.map_or_else(Vec::new, |clock| clock.kernels);
    Ok(run)
}

/// Counts the least bytes that calls move, by the contracts of their kernels, and times them where there is a clock.
#[derive(Default)]
struct Meter {
    bytes: u64,
    clock: Option<Clock>,
}

impl Watch for Meter {
    fn before(&mut self) {
        if let Some(clock) = &mut self.clock {
            clock.before();
        }
    }

    fn after(&mut self, call: &Call<'_>) {
        self.bytes += call.cost.bytes;
        if let Some(clock) = &mut self.clock {
            clock.after(call);
        }
    }
}

/// Times every call.
#[derive(Default)]
struct Clock {
    begun: Option<Instant>,
    kernels: Vec<KernelTime>,
}

impl Watch for Clock {
    fn before(&mut self) {
        self.begun = Some(Instant::now());
    }

    fn after(&mut self, call: &Call<'_>) {
        let ns = self.begun.map_or(0.0, |begun| begun.elapsed().as_nanos() as f64);
        let sizes = [call.shape.m, call.shape.n, call.shape.k, call.shape.parts];
        // What grows with the text is one row.
        let grows = call.kernel.starts_with("attention") || call.kernel.starts_with("mla");
        let key = |s: [usize; 4]| if grows { [s[0], 0, s[2], s[3]] } else { s };
        let variant = call.variant.name;
        let same = |k: &&mut KernelTime| {
            (k.kernel.as_str(), k.variant.as_str(), key(k.sizes)) == (call.kernel, variant, key(sizes))
        };
        let known = self.kernels.iter_mut().find(same);
        let kernel = || KERNELS.iter().find(|kernel| kernel.name() == call.kernel);
        match known {
            Some(known) => {
                known.calls += 1;
                known.ns += ns;
                if known.sizes != sizes {
                    known.sizes = sizes;
                    known.dims = kernel().map_or(String::new(), |kernel| kernel.dims(call.shape));
                }
            }
            None => self.kernels.push(KernelTime {
                kernel: call.kernel.into(),
                sizes,
                dims: kernel().map_or(String::new(), |kernel| kernel.dims(call.shape)),
                variant: variant.into(),
                isa: call.isa.name().into(),
                calls: 1,
                ns,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
