//! The inference core on whole models: logits of tiny ones against an independent forward pass in f64
//! (peers/core/reference.py), and a real one against the text that llama2.c makes of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use half::{bf16, f16};
use kernels::core::{Call, Core, KvKind, Options, Sampler, Watch};
use kernels::dtype::encode_row;
use kernels::dtype::q4_0::BlockQ4_0;
use kernels::dtype::q4_k::BlockQ4K;
use kernels::dtype::q6_k::BlockQ6K;
use kernels::dtype::q8_0::BlockQ8_0;
use kernels::dtype::tq2_0::BlockTq2_0;
use kernels::input::Input;
use kernels::model::ModelFile;
use kernels::model::config::Config;
use kernels::model::step;
use kernels::model::synthetic::Gguf;
use kernels::model::tokenizer::Tokenizer;
use kernels::weights::Stored;

const TINY: [&str; 4] = ["llama", "qwen2", "deepseek2-lite", "deepseek2-v3"];

fn data(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/core")).join(name)
}

fn model(name: &str) -> (Arc<ModelFile>, Config) {
    let file = Arc::new(ModelFile::open(&data(&format!("{name}.gguf"))).unwrap());
    let config = Config::from_file(&file).unwrap();
    (file, config)
}

#[derive(serde::Deserialize)]
struct Expected {
    tokens: Vec<u32>,
    logits: Vec<Vec<f64>>,
}

/// Logits after each token of the prompt from `first` on, whose tokens before pass at once, against the reference: the
/// largest error beside their deviation.
fn error(name: &str, options: &Options, first: usize) -> f64 {
    let (file, config) = model(name);
    // Weights in q8_0 meet activations in i8: the reference rounds them too, or the test would be of its rounding.
    let exact = data(&format!("{name}.logits.json"));
    let rounded = data(&format!("{name}.i8.logits.json"));
    let expected = std::fs::read(if rounded.exists() { rounded } else { exact }).unwrap();
    let expected: Expected = serde_json::from_slice(&expected).unwrap();
    let mut core = Core::open(&file, config, options).unwrap_or_else(|e| panic!("{name}: {e}"));
    core.feed(&expected.tokens[..first], &mut ()).unwrap();
    let mut worst = 0.0f64;
    for (t, wanted) in expected.logits.iter().enumerate().skip(first.saturating_sub(1)) {
        if t >= first {
            core.feed(&expected.tokens[t..=t], &mut ()).unwrap();
        }
        let mean = wanted.iter().sum::<f64>() / wanted.len() as f64;
        let deviation = (wanted.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / wanted.len() as f64).sqrt();
        let errors = core.logits(&mut ()).iter().zip(wanted).map(|(is, wanted)| (f64::from(*is) - wanted).abs());
        worst = worst.max(errors.fold(0.0, f64::max) / deviation);
    }
    worst
}

/// How far logits may be off. Where activations become i8, one that lies between two of them may become the other.
fn tolerance(name: &str) -> f64 {
    if name == "deepseek2-v3" { 2e-2 } else { 2e-5 }
}

fn options(rungs: &str) -> Options {
    Options { rungs: rungs.parse().unwrap(), ..Options::default() }
}

#[test]
fn logits_are_those_of_the_reference_naive_and_best() {
    for name in TINY {
        for rungs in ["naive", "best"] {
            let error = error(name, &options(rungs), 0);
            println!("{name} {rungs}: {error:.2e}");
            assert!(error < tolerance(name), "{name}, {rungs}: logits are off by {error:.1e} of their deviation");
        }
    }
}

#[test]
fn prompts_that_pass_at_once_leave_the_same_logits() {
    for name in ["llama", "qwen2"] {
        for rungs in ["naive", "best"] {
            for first in [2, 7, 12] {
                let error = error(name, &options(rungs), first);
                assert!(error < tolerance(name), "{name}, {rungs}, {first} tokens at once: {error:.1e}");
            }
        }
    }
}

#[test]
fn every_rung_of_attention_leaves_the_same_logits() {
    for (name, kernel, variants) in [
        ("llama", "attention_decode", ["simd", "online", "head_major", "panels", "parallel"].as_slice()),
        (
            "deepseek2-lite",
            "mla_decode",
            &["naive", "absorbed", "absorbed_online", "expanded", "expanded_simd", "parallel"],
        ),
    ] {
        for variant in variants {
            let error = error(name, &options(&format!("{kernel}={variant}")), 0);
            assert!(error < tolerance(name), "{name}, {variant}: {error:.1e}");
        }
    }
}

#[test]
fn smaller_caches_lose_what_their_types_lose() {
    for (name, kv, rungs, most) in [
        ("llama", KvKind::Bf16, "naive", 3e-2),
        ("llama", KvKind::Bf16, "best", 3e-2),
        // Rounding activations alone costs this model 0.22: near gates choose other experts.
        ("deepseek2-v3", KvKind::Q8, "naive", 0.22),
        ("deepseek2-v3", KvKind::Q8, "best", 0.22),
    ] {
        let error = error(name, &Options { kv, ..options(rungs) }, 0);
        println!("{name} {rungs} {}: {error:.2e}", kv.name());
        assert!(error < most, "{name}, {rungs}, {}: {error:.1e}", kv.name());
    }
}

/// A random model whose heads have whole blocks, its matrices stored as `T`, every weight of its norms `norm`.
fn wide<T: Stored>(norm: f32, encode: impl Fn(&[f32]) -> Vec<T>) -> (tempfile::TempDir, Arc<ModelFile>, Config) {
    let (hidden, kv, vocab) = (256u64, 64u64, 64u64);
    let number = |n: u64| n.to_le_bytes();
    let mut file = Gguf::new(3).text("general.architecture", "llama");
    for (key, value) in [
        ("embedding_length", hidden),
        ("feed_forward_length", hidden),
        ("block_count", 2),
        ("attention.head_count", 8),
        ("attention.head_count_kv", 2),
        ("vocab_size", vocab),
        ("context_length", 64),
        ("rope.dimension_count", 32),
    ] {
        file = file.kv(&format!("llama.{key}"), 10, &number(value));
    }
    file = file.kv("llama.attention.layer_norm_rms_epsilon", 6, &1e-5f32.to_le_bytes());
    let mut seed = 0;
    let mut values = |n: u64, scale: f32| {
        seed += 1;
        Input::typical(seed).tame(0, n as usize, scale, 3.0 * scale).as_slice().to_vec()
    };
    let names = |layer: u64| {
        [("attn_q", hidden), ("attn_k", kv), ("attn_v", kv), ("attn_output", hidden)]
            .into_iter()
            .chain([("ffn_gate", hidden), ("ffn_up", hidden), ("ffn_down", hidden)])
            .map(move |(what, rows)| (format!("blk.{layer}.{what}.weight"), rows))
    };
    file = file.weights("token_embd.weight", &[hidden, vocab], &encode(&values(hidden * vocab, 1.0)));
    file = file.weights("output.weight", &[hidden, vocab], &encode(&values(hidden * vocab, 0.2)));
    for (name, rows) in (0..2).flat_map(names) {
        file = file.weights(&name, &[hidden, rows], &encode(&values(hidden * rows, 0.1)));
    }
    for name in ["output_norm", "blk.0.attn_norm", "blk.0.ffn_norm", "blk.1.attn_norm", "blk.1.ffn_norm"] {
        file = file.weights(&format!("{name}.weight"), &[hidden], &vec![norm; hidden as usize]);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wide.gguf");
    std::fs::write(&path, file.finish().bytes).unwrap();
    let file = Arc::new(ModelFile::open(&path).unwrap());
    let config = Config::from_file(&file).unwrap();
    (folder, file, config)
}

/// Logits after tokens of which the first pass at once.
fn logits(file: &Arc<ModelFile>, config: &Config, options: &Options, first: usize) -> Vec<f32> {
    let tokens: Vec<u32> = (0..40).map(|i| i * 7 % 64).collect();
    let mut core = Core::open(file, config.clone(), options).unwrap();
    core.feed(&tokens[..first], &mut ()).unwrap();
    tokens[first..].iter().for_each(|token| core.feed(&[*token], &mut ()).unwrap());
    core.logits(&mut ()).to_vec()
}

/// The largest difference beside the deviation.
fn apart(a: &[f32], b: &[f32]) -> f32 {
    let mean = b.iter().sum::<f32>() / b.len() as f32;
    let deviation = (b.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / b.len() as f32).sqrt();
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / deviation
}

/// How far logits may be from those of naive rungs, beside their deviation.
#[derive(Clone, Copy)]
enum Most {
    /// So far.
    Apart(f32),
    /// Activations become i8. One that lies between two of them goes to the other when anything before differs in the
    /// last bit of an f32, so twice what a last bit does to the model itself is allowed.
    LastBits,
}

impl Most {
    fn of(self, last_bits: f32) -> f32 {
        match self {
            Self::Apart(most) => most,
            Self::LastBits => 2.0 * last_bits,
        }
    }
}

/// What rounding to bf16, or to i8 beside a block's largest, changes a number by: what a cache in those does.
const SMALL_CACHE: f32 = 1.0 / 256.0;

/// Norm weights so many steps from 1: a model whose every activation differs by as much.
const STEPS: [f32; 8] = [1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 4.0, -4.0];

/// Naive token by token is what the other ways are held against.
fn every_way_is_one_way<T: Stored>(name: &str, most: Most, encode: impl Fn(&[f32]) -> Vec<T>) {
    let (_folder, file, config) = wide(1.0, &encode);
    let truth = logits(&file, &config, &options("naive"), 0);
    let nudged = |by: f32| {
        let (_folder, file, config) = wide(1.0 + by, &encode);
        apart(&logits(&file, &config, &options("naive"), 0), &truth)
    };
    let by_steps_of = |step: f32| STEPS.iter().map(|n| nudged(n * step)).fold(0.0, f32::max);
    let (last_bits, small_cache) = (by_steps_of(f32::EPSILON), by_steps_of(SMALL_CACHE));
    println!("{name}: {last_bits:.1e} by last bits alone, {small_cache:.1e} by a small cache's");
    let most = most.of(last_bits);
    for (rungs, threads) in [("naive", 1), ("best", 1), ("best", 2)] {
        for first in [0, 39] {
            let options = Options { threads, ..options(rungs) };
            let error = apart(&logits(&file, &config, &options, first), &truth);
            println!("{name} {rungs}, {threads} threads, {first} at once: {error:.1e}");
            assert!(error < most, "{name}, {rungs}, {threads} threads, {first} tokens at once: {error:.1e}");
        }
    }
    for kv in [KvKind::Bf16, KvKind::Q8] {
        for rungs in ["naive", "best"] {
            let error = apart(&logits(&file, &config, &Options { kv, ..options(rungs) }, 0), &truth);
            println!("{name} {rungs} {}: {error:.1e}", kv.name());
            assert!(error < small_cache && error > 0.0, "{name}, {rungs}, {}: {error:.1e}", kv.name());
        }
    }
}

#[test]
fn every_type_of_weights_gives_one_text_in_every_way() {
    every_way_is_one_way("f32", Most::Apart(1e-4), <[f32]>::to_vec);
    every_way_is_one_way("f16", Most::Apart(1e-4), |x| x.iter().map(|x| f16::from_f32(*x)).collect());
    // A prompt's GEMM takes activations in bf16.
    every_way_is_one_way("bf16", Most::Apart(5e-3), |x| x.iter().map(|x| bf16::from_f32(*x)).collect());
    every_way_is_one_way("q8_0", Most::LastBits, encode_row::<BlockQ8_0>);
    every_way_is_one_way("q4_0", Most::LastBits, encode_row::<BlockQ4_0>);
    every_way_is_one_way("q4_k", Most::LastBits, encode_row::<BlockQ4K>);
    every_way_is_one_way("q6_k", Most::LastBits, encode_row::<BlockQ6K>);
    // No GEMV takes them: they become f32.
    every_way_is_one_way("tq2_0", Most::Apart(1e-4), encode_row::<BlockTq2_0>);
}

#[test]
fn what_has_no_kernel_is_said() {
    let (file, config) = model("llama");
    let wrong = Core::open(&file, config.clone(), &Options { kv: KvKind::Q8, ..Options::default() }).err().unwrap();
    assert!(wrong.to_string().contains("heads 8 wide"), "{wrong}");
    let mut core = Core::open(&file, config.clone(), &Options { tokens: 3, ..Options::default() }).unwrap();
    assert!(core.feed(&[1, 2, 3, 4], &mut ()).unwrap_err().to_string().contains("room for 3"));
    assert!(core.feed(&[64], &mut ()).unwrap_err().to_string().contains("token 64"));
    let narrow = Config { hidden: 16, ..config };
    let wrong = Core::open(&file, narrow, &Options::default()).err().unwrap().to_string();
    assert!(wrong.contains("blk.0.attn_q.weight") && wrong.contains("32×16"), "{wrong}");
}

/// The folder of real models; none where there is none here, which the test says.
fn real_models() -> Option<PathBuf> {
    let folder = std::env::var_os("RETROBENCH_TEST_MODELS").map_or_else(
        || Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/models")).to_owned(),
        PathBuf::from,
    );
    let there = folder.join("stories260K.bin").exists();
    if !there {
        println!("skipped: no stories260K.bin in {}; set RETROBENCH_TEST_MODELS to its folder", folder.display());
    }
    there.then_some(folder)
}

/// Calls by kernel and sizes, with how often.
#[derive(Default)]
struct Calls(BTreeMap<(String, [usize; 4]), usize>);

impl Watch for Calls {
    fn after(&mut self, call: &Call<'_>) {
        let s = call.shape;
        *self.0.entry((call.kernel.into(), [s.m, s.n, s.k, s.parts])).or_default() += 1;
    }
}

/// What times on other machines are sums of is what the core calls.
#[test]
fn a_step_is_the_kernels_that_it_is_said_to_be() {
    for name in TINY {
        let (file, config) = model(name);
        let mut core = Core::open(&file, config.clone(), &options("best")).unwrap();
        core.feed(&[1, 2, 3], &mut ()).unwrap();
        let mut calls = Calls::default();
        core.feed(&[4], &mut calls).unwrap();
        core.next(&mut Sampler::greedy(), &mut calls);
        let said = step::decode(&config, core.dtype(), 4).unwrap();
        let said = said
            .into_iter()
            .map(|o| ((o.kernel.to_string(), [o.shape.m, o.shape.n, o.shape.k, o.shape.parts]), o.times));
        assert_eq!(calls.0, said.collect(), "{name}");
    }
}

/// 200 steps at temperature 0, byte for byte what llama2.c's run.c prints.
#[test]
fn a_real_model_tells_the_story_it_is_known_for() {
    let Some(folder) = real_models() else { return };
    let file = Arc::new(ModelFile::open(&folder.join("stories260K.bin")).unwrap());
    let expected = std::fs::read_to_string(folder.join("stories260K.expected.txt")).unwrap();
    let tokenizer = Tokenizer::llama2c(&folder.join("tok512.bin"), 512).unwrap();
    let config = Config::from_file(&file).unwrap();
    for rungs in ["naive", "best"] {
        let mut core = Core::open(&file, config.clone(), &options(rungs)).unwrap();
        let mut stream = tokenizer.stream();
        let (mut text, mut token) = (String::new(), tokenizer.begin().unwrap());
        for _ in 0..200 {
            text.push_str(&stream.push(token));
            core.feed(&[token], &mut ()).unwrap();
            token = core.next(&mut Sampler::greedy(), &mut ());
            if tokenizer.is_end(token) {
                break;
            }
        }
        text.push_str(&stream.push(token));
        text.push_str(&stream.finish());
        assert_eq!(text, expected, "{rungs}");
    }
}

#[test]
fn a_rung_that_there_is_not_is_named_with_those_that_there_are() {
    let (file, config) = model("llama");
    let refused = |rungs: &str| {
        let options = Options { rungs: rungs.parse().unwrap(), ..Options::default() };
        Core::open(&file, config.clone(), &options).err().unwrap().to_string()
    };
    let wrong = refused("gemv=simd");
    assert!(wrong.contains("'gemv'") && wrong.contains("gemv_f32"), "{wrong}");
    let wrong = refused("gemv_f32=sind");
    assert!(wrong.contains("'sind'") && wrong.contains("multi_row"), "{wrong}");
}
