//! Mutation fuzzer of the model parsers, and of what is read from files that parse and run by the core, on stable Rust and
//! within `cargo test`: valid files are damaged at random, with a preference for their counts, lengths and offsets. No input
//! may panic, and what is accepted must lie within the file.
//!
//! `RETROBENCH_FUZZ_SECONDS` (default 3) is split between the formats, and whole models with hyperparameters and tokenizers,
//! which run. A failure prints the seed and the number of the input; `RETROBENCH_FUZZ_SEED` and `RETROBENCH_FUZZ_INPUT` run
//! that one again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kernels::core::{Core, Options, Rungs, Sampler};
use kernels::dtype::q8_0::BlockQ8_0;
use kernels::model::config::{Attention, Config};
use kernels::model::inventory::Role;
use kernels::model::synth::Synth;
use kernels::model::synthetic::{self, File, Gguf};
use kernels::model::tokenizer::Tokenizer;
use kernels::model::{Dtype, Layout, ModelFile, Value, inventory, published};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Inputs between two looks at the clock.
const BATCH: u64 = 256;
/// No input grows beyond this.
const MAX_BYTES: usize = 8192;
const BYTES: [u8; 4] = [0, 0xff, 0x7f, 0x80];
const INTEGERS: [u64; 18] = [
    0,
    1,
    2,
    3,
    4,
    8,
    9,
    31,
    32,
    33,
    64,
    256,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    i64::MAX as u64,
    1 << 63,
    u64::MAX,
];

fn setting<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, it should be a number")))
}

fn llama2c_files() -> Vec<File> {
    let mut files = vec![
        synthetic::llama2c([1, 1, 1, 1, 1, 1, 1]),
        synthetic::llama2c([8, 3, 2, 4, 2, 5, 3]),
        synthetic::llama2c([4, 2, 1, 2, 1, -3, 8]),
        synthetic::llama2c_later([4, 4, 1, 2, 1, 3, 8], None),
        synthetic::llama2c_later([4, 2, 1, 2, 1, -3, 8], None),
        synthetic::llama2c_later([8, 4, 2, 4, 2, 5, 3], Some(4)),
        synthetic::llama2c_later([4, 8, 1, 2, 1, -3, 8], Some(4)),
    ];
    // The start of the published stories260K model, whose sizes are real.
    let bytes = [64, 172, 5, 8, 4, 512, 512].into_iter().flat_map(i32::to_le_bytes).chain([0; 64]).collect();
    files.push(File { bytes, fields: (0..7).map(|i| (4 * i, 4)).collect() });
    files
}

fn gguf_files() -> Vec<File> {
    vec![
        synthetic::gguf(),
        Gguf::new(3).finish(),
        Gguf::new(2).alignment(64).weights("a", &[4, 2], &[0.0f32; 8]).tensor("b", &[9], 99, &[1]).finish(),
        Gguf::new(3).texts("tokens", &["a"; 20]).finish(),
    ]
}

/// Whole models, tiny, of every architecture and with every kind of tokenizer; those in f16 have gains that are no numbers.
fn whole_models() -> Vec<File> {
    let names = ["stories260k", "r1-distill-qwen-1.5b", "deepseek-v2-lite", "deepseek-v3"];
    let mut files: Vec<File> = names
        .into_iter()
        .flat_map(|name| [(name, Dtype::F32), (name, Dtype::F16)])
        .map(|(name, dtype)| {
            let mut config = published::named(name).expect("published");
            (config.hidden, config.ffn, config.vocab, config.layers) = (4, 4, 16, 1);
            config.attention = match config.attention {
                Attention::Grouped { biases, .. } => Attention::Grouped { heads: 2, kv_heads: 1, width: 2, biases },
                Attention::Latent { query_rank, .. } => {
                    let query_rank = query_rank.map(|_| 2);
                    Attention::Latent { heads: 1, query_rank, latent: 4, nope: 2, rope: 2, value: 2 }
                }
            };
            if let Some(experts) = &mut config.experts {
                (experts.routed, experts.width, experts.active, experts.dense_layers) = (16, 2, 2, 0);
            }
            let synth = Synth::new(&config, dtype, 1);
            let mut bytes = synth.head.clone();
            for piece in &synth.pieces {
                (0..piece.rows()).for_each(|row| bytes.extend(synth.row(piece, row)));
                if dtype == Dtype::F16 && piece.entry.role == Role::Gain {
                    let end = bytes.len();
                    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
                }
                bytes.resize(bytes.len() + piece.padding(), 0);
            }
            // Every byte of the head may describe something.
            File { bytes, fields: (0..synth.head.len() - 8).map(|at| (at, 4)).collect() }
        })
        .collect();
    let scores = [&6_u32.to_le_bytes()[..], &4_u64.to_le_bytes(), &[0; 16]].concat();
    let spm = Gguf::new(3)
        .text("tokenizer.ggml.model", "llama")
        .texts("tokenizer.ggml.tokens", &["<unk>", "<0x61>", "▁a", "b"])
        .kv("tokenizer.ggml.scores", 9, &scores)
        .i32s("tokenizer.ggml.token_type", &[2, 6, 1, 4])
        .u32("tokenizer.ggml.bos_token_id", 1);
    files.push(spm.finish());
    files
}

/// Opens the model and runs a prompt of several tokens and one token more.
fn run(file: &Arc<ModelFile>, config: &Config, rungs: Rungs) {
    let vocab = config.vocab as u32;
    let options = Options { rungs, tokens: 32, batch: 24, ..Options::default() };
    let Ok(mut core) = Core::open(file, config.clone(), &options) else { return };
    let token = |i: u32| i * 3 % vocab.max(1);
    let prompt: Vec<u32> = (0..5).map(token).collect();
    if core.feed(&prompt, &mut ()).is_ok() {
        let next = core.next(&mut Sampler::greedy(), &mut ());
        let fed = core.feed(&[next], &mut ());
        assert!(fed.is_ok() || core.room() < 6, "{:?}", fed.err());
        std::hint::black_box(core.logits(&mut ()).first().copied());
    }
}

/// Reads what a model's user needs, and runs it. Returns whether any of it was there.
fn execute_whole(place: &Path, bytes: &[u8]) -> bool {
    std::fs::write(place, bytes).expect("a file");
    let Ok(file) = ModelFile::open(place) else { return false };
    let file = Arc::new(file);
    let config = Config::from_file(&file);
    if let Ok(config) = &config {
        // What is accepted can be held: all of it follows from tensors in the file.
        let weights: u64 = inventory::tensors(config).map(|entry| entry.weights()).sum();
        assert!(weights <= bytes.len() as u64 * config.layers.max(1) as u64 * 64, "{weights} weights");
        // The rungs of most reach, and those that people run.
        run(&file, config, if bytes.len().is_multiple_of(2) { Rungs::naive() } else { Rungs::best() });
    }
    let tokenizer = Tokenizer::from_file(&file);
    if let Ok(tokenizer) = &tokenizer {
        let tokens = tokenizer.prompt("a b<|end|>\u{e9}\n");
        assert!(tokens.len() <= 64 && tokens.iter().all(|token| (*token as usize) < tokenizer.len()));
        std::hint::black_box(tokenizer.decode(&[&tokens[..], &[0, 3, u32::MAX]].concat()));
    }
    config.is_ok() || tokenizer.is_ok()
}

/// Damages `bytes` in one way.
fn mutate(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>, file: &File, files: &[File]) {
    if bytes.is_empty() {
        bytes.push(rng.random());
    }
    let at = rng.random_range(0..bytes.len());
    match rng.random_range(0..10_u32) {
        0 => bytes[at] ^= 1 << rng.random_range(0..8_u32),
        1 => bytes[at] = BYTES[rng.random_range(0..BYTES.len())],
        2 => bytes[at] = rng.random(),
        3 => bytes.truncate(at),
        4 => {
            let more = rng.random_range(1..64).min(MAX_BYTES.saturating_sub(bytes.len()));
            bytes.extend((0..more).map(|i| (i % 7) as u8));
        }
        5 => {
            // Twice the same block, so that names and keys repeat and all after it moves.
            let end = (at + rng.random_range(1..128)).min(bytes.len());
            if bytes.len() + end - at <= MAX_BYTES {
                let block = bytes[at..end].to_vec();
                bytes.splice(end..end, block);
            }
        }
        6 => {
            let other = &files[rng.random_range(0..files.len())].bytes;
            let from = rng.random_range(0..other.len());
            let end = (from + rng.random_range(1..256)).min(other.len());
            bytes.truncate(at);
            bytes.extend(&other[from..end]);
        }
        n => {
            // An integer: at one that the format has, mostly.
            let (at, width) = match file.fields.get(rng.random_range(0..file.fields.len().max(1))) {
                Some(&field) if n < 9 => field,
                _ => (at, if rng.random() { 4 } else { 8 }),
            };
            let Some(field) = bytes.get_mut(at..at + width) else {
                return;
            };
            let mut old = [0; 8];
            old[..width].copy_from_slice(field);
            let value = match rng.random_range(0..3_u32) {
                0 => INTEGERS[rng.random_range(0..INTEGERS.len())],
                1 => u64::from_le_bytes(old).wrapping_add(rng.random_range(0..5)).wrapping_sub(2),
                _ => rng.next_u64() >> rng.random_range(0..64_u32),
            };
            field.copy_from_slice(&value.to_le_bytes()[..width]);
        }
    }
}

/// Parses, and touches what was accepted. Returns whether it was.
fn execute(bytes: &[u8]) -> bool {
    let Ok(layout) = Layout::parse(bytes) else {
        return false;
    };
    for (index, info) in layout.tensors.iter().enumerate() {
        let Some(tensor) = layout.view(bytes, index) else {
            assert_eq!(info.byte_len(), None, "{} is outside the file", info.name);
            continue;
        };
        let weights = info.rows.checked_mul(info.cols).expect("weights of a tensor in a file can be counted");
        assert_eq!(Some(tensor.bytes().len()), info.byte_len());
        let expected = match info.dtype {
            Dtype::F32 => Some(4 * weights),
            Dtype::F16 | Dtype::Bf16 => Some(2 * weights),
            Dtype::Q4_0 => Some(18 * (weights / 32)),
            Dtype::Q4K => Some(144 * (weights / 256)),
            Dtype::Q5_0 => Some(22 * (weights / 32)),
            Dtype::Q6K => Some(210 * (weights / 256)),
            Dtype::Q8_0 => Some(34 * (weights / 32)),
            Dtype::Tq1_0 => Some(54 * (weights / 256)),
            Dtype::Tq2_0 => Some(66 * (weights / 256)),
            Dtype::Q8Grouped(group) => Some(weights + 4 * (weights / group as usize)),
            Dtype::Other(_) => None,
        };
        assert!(expected.is_none_or(|bytes| bytes == tensor.bytes().len()), "{} has a wrong size", info.name);
        let ends = [tensor.bytes().first(), tensor.bytes().last()];
        assert!(ends.iter().all(|byte| byte.is_some()), "{} is empty", info.name);
        let mut row = vec![0.0; info.cols];
        let decoded = tensor.decode_row(info.rows - 1, &mut row);
        assert_eq!(decoded.is_some(), info.dtype.is_supported(), "{} decodes", info.name);
        std::hint::black_box((ends, row, tensor.view::<f32>(), tensor.view::<half::f16>(), tensor.view::<BlockQ8_0>()));
    }
    for value in layout.metadata.values() {
        if let Value::Array(array) = value {
            let strings = array.strings(bytes).map(|s| s.len()).sum::<usize>();
            assert!(strings <= bytes.len() && array.number(bytes, array.len).is_none());
            std::hint::black_box(array.number(bytes, array.len.wrapping_sub(1)));
        }
    }
    true
}

fn fuzz(
    format: &str,
    files: &[File],
    execute: impl Fn(&[u8]) -> bool,
    (seed, only): (u64, Option<u64>),
    time: Duration,
) {
    let start = Instant::now();
    let (mut executions, mut accepted) = (0_u64, 0_u64);
    let mut bytes = Vec::with_capacity(MAX_BYTES);
    while start.elapsed() < time {
        for _ in 0..BATCH {
            let input = only.unwrap_or(executions);
            // Every input has its own stream, so that one can be made again without those before it.
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(input);
            let file = &files[rng.random_range(0..files.len())];
            bytes.clear();
            bytes.extend(&file.bytes);
            for _ in 0..rng.random_range(1..4) {
                mutate(&mut rng, &mut bytes, file, files);
            }
            match catch_unwind(AssertUnwindSafe(|| execute(&bytes))) {
                Ok(ok) => accepted += u64::from(ok),
                Err(_) => panic!(
                    "{format} parser panicked; again with RETROBENCH_FUZZ_SEED={seed} RETROBENCH_FUZZ_INPUT={input}"
                ),
            }
            executions += 1;
            if only.is_some() {
                return;
            }
        }
    }
    let per_second = executions as f64 / start.elapsed().as_secs_f64();
    println!("{format}: {executions} executions ({per_second:.0}/s), {accepted} accepted, seed {seed}");
    // A fuzzer that only ever sees refusals, or none, tests little.
    assert!(accepted > 0 && accepted < executions, "{format}: {accepted} of {executions} accepted");
}

#[test]
fn model_parsers_survive_damaged_files() {
    let seconds: f64 = setting("RETROBENCH_FUZZ_SECONDS").unwrap_or(3.0);
    let seed = setting("RETROBENCH_FUZZ_SEED").unwrap_or(0x6767_7566);
    let only = setting("RETROBENCH_FUZZ_INPUT");
    let time = Duration::from_secs_f64(seconds / 3.0);
    fuzz("llama2.c", &llama2c_files(), execute, (seed, only), time);
    fuzz("GGUF", &gguf_files(), execute, (seed, only), time);
    let place = tempfile::NamedTempFile::new().expect("a file");
    fuzz("whole model", &whole_models(), |bytes| execute_whole(place.path(), bytes), (seed, only), time);
}
