//! Whole models: text by the inference core with how long each token took, here or in a worker under limits, and what a
//! token would take on modelled machines.
//!
//! A result is a record of the kernel `decode`, one token: its shape is `model/tN` with `N` tokens in the cache, its two
//! variants are `naive`, every kernel at rung 0, and `best`.

pub mod emulated;
pub mod modelled;
pub mod native;
pub mod published;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use kernels::KERNELS;
use kernels::core::{Call, Core, CoreError, KvKind, Options, Rungs, RungsError, Sampler, Watch};
use kernels::machine::Isa;
use kernels::model::config::Config;
use kernels::model::tokenizer::Tokenizer;
use kernels::model::{ModelError, ModelFile};
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
    /// Of these, spent waiting for the paced bandwidth, ns.
    pub waited_ns: f64,
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
pub fn open(model: Option<&std::path::Path>) -> Result<Arc<ModelFile>, ModelError> {
    Ok(Arc::new(match model {
        Some(path) => ModelFile::open(path)?,
        None => ModelFile::built_in()?,
    }))
}

/// Where the text goes, piece by piece.
pub type Emit<'a> = &'a mut (dyn FnMut(&str) -> Result<(), String> + Send);

/// Makes the text; pieces of it are emitted as they come, the prompt first.
///
/// # Errors
/// [`GenerateError`].
pub fn run(job: &Job, emit: Emit<'_>) -> Result<Run, GenerateError> {
    let file = open(job.model.as_deref())?;
    let config = Config::from_file(&file)?;
    let tokenizer = match &job.tokenizer {
        Some(path) => Tokenizer::llama2c(path, config.vocab)?,
        None if file.metadata("tokenizer.ggml.model").is_none() => {
            return Err(GenerateError::NoTokenizer(file.path().to_owned()));
        }
        None => Tokenizer::from_file(&file)?,
    };
    let mut prompt = tokenizer.prompt(&job.prompt);
    if prompt.is_empty() {
        prompt.extend(tokenizer.begin());
    }
    if prompt.is_empty() {
        return Err(GenerateError::NoPrompt);
    }
    let (tokens, context) = (prompt.len().saturating_add(job.steps), config.context);
    if tokens > context {
        return Err(GenerateError::Context { prompt: prompt.len(), steps: job.steps, context });
    }
    let options = Options {
        rungs: job.rungs.parse::<Rungs>()?,
        kv: KvKind::ALL.into_iter().find(|kv| kv.name() == job.kv).unwrap_or_default(),
        threads: job.threads,
        tokens,
        batch: job.batch.min(prompt.len()),
        allowed: Isa::EVERY.into_iter().filter(|isa| job.isas.iter().any(|name| name == isa.name())).collect(),
    };
    let pool = pool(job.threads)?;
    let mut core = pool.install(|| Core::open(&file, config, &options))?;
    pool.install(|| text(job, &mut core, &tokenizer, &prompt, emit))
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
    let mut say = |piece: String| if piece.is_empty() { Ok(()) } else { emit(&piece).map_err(GenerateError::Emit) };
    for token in prompt {
        say(stream.push(*token))?;
    }
    let start = Instant::now();
    let now = || start.elapsed().as_nanos() as f64;
    core.feed(prompt, &mut ())?;
    let mut token = core.next(&mut sampler, &mut ());
    let mut run = Run { prompt_tokens: prompt.len(), prompt_ns: now(), ..Run::default() };
    // Once, outside the times: the head writes no logits where it only looks for the largest. Values that are no numbers may
    // have become zeros where activations are rounded to bytes.
    let logits = core.logits(&mut ());
    if logits.iter().any(|logit| !logit.is_finite()) || logits.windows(2).all(|two| two[0] == two[1]) {
        return Err(GenerateError::NoNumbers);
    }
    let mut clock = Clock::default();
    for _ in 1..job.steps {
        if tokenizer.is_end(token) {
            break;
        }
        say(stream.push(token))?;
        let begun = now();
        let watch: &mut dyn Watch = if job.traced { &mut clock } else { &mut () };
        core.feed(&[token], watch)?;
        token = core.next(&mut sampler, watch);
        if let Some(rate) = job.bytes_per_s {
            run.waited_ns += wait_until(begun + bytes_of_token(core) / rate * 1e9, now);
        }
        run.token_ns.push(now() - begun);
    }
    if job.steps > 0 && !tokenizer.is_end(token) {
        say(stream.push(token))?;
    }
    say(stream.finish())?;
    run.kernels = clock.kernels;
    Ok(run)
}

/// Least bytes that the token before moved, by the contracts of the kernels it called.
fn bytes_of_token(core: &Core) -> f64 {
    modelled::cost(core.config(), core.dtype(), core.position()).1 as f64
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
