//! The inference core on whole models: logits of tiny ones against an independent forward pass in f64
//! (peers/core/reference.py), and a real one against the text that llama2.c makes of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kernels::core::{Call, Core, KvKind, Options, Sampler, Watch};
use kernels::model::config::{Attention, Config};
use kernels::model::synth::Synth;
use kernels::model::tokenizer::Tokenizer;
use kernels::model::{Dtype, ModelFile, published, step};

const TINY: [&str; 5] = ["llama", "qwen2", "qwen2-yarn", "deepseek2-lite", "deepseek2-v3"];

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

/// The largest error beside the deviation.
fn apart(is: &[f32], wanted: &[f64]) -> f64 {
    let mean = wanted.iter().sum::<f64>() / wanted.len() as f64;
    let deviation = (wanted.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / wanted.len() as f64).sqrt();
    let errors = is.iter().zip(wanted).map(|(is, wanted)| (f64::from(*is) - wanted).abs());
    errors.fold(0.0, f64::max) / deviation
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
        worst = worst.max(apart(core.logits(&mut ()), wanted));
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
    for name in TINY {
        // A GEMM of bf16 takes activations in bf16 too.
        let most = if name == "deepseek2-lite" { 2e-2 } else { tolerance(name) };
        for rungs in ["naive", "best"] {
            for (first, batch) in [(2, 512), (7, 512), (12, 512), (12, 5)] {
                let error = error(name, &Options { batch, ..options(rungs) }, first);
                println!("{name} {rungs}, {first} tokens by {batch}: {error:.2e}");
                assert!(error < most, "{name}, {rungs}, {first} tokens by {batch}: {error:.1e}");
            }
        }
    }
}

#[test]
fn a_text_may_be_longer_than_positions_that_an_f32_multiplies_exactly() {
    let (file, config) = model("llama");
    let expected: Expected = serde_json::from_slice(&std::fs::read(data("llama.long.logits.json")).unwrap()).unwrap();
    let config = Config { context: expected.tokens.len(), ..config };
    for rungs in ["naive", "best"] {
        let mut core = Core::open(&file, config.clone(), &options(rungs)).unwrap();
        core.feed(&expected.tokens, &mut ()).unwrap();
        let error = apart(core.logits(&mut ()), &expected.logits[0]);
        println!("{rungs}: {error:.2e}");
        assert!(error < tolerance("llama"), "{rungs}: {error:.1e}");
        assert!(core.feed(&[1], &mut ()).unwrap_err().to_string().contains("room for 4200"));
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
        ("deepseek2-lite", KvKind::Bf16, "naive", 3e-2),
        ("deepseek2-lite", KvKind::Bf16, "best", 3e-2),
        ("deepseek2-lite", KvKind::Bf16, "best,mla_decode_bf16=expanded", 3e-2),
        // Rounding activations alone costs this model 0.22: near gates choose other experts.
        ("deepseek2-v3", KvKind::Q8, "naive", 0.22),
        ("deepseek2-v3", KvKind::Q8, "best", 0.22),
    ] {
        let error = error(name, &Options { kv, ..options(rungs) }, 0);
        println!("{name} {rungs} {}: {error:.2e}", kv.name());
        assert!(error < most, "{name}, {rungs}, {}: {error:.1e}", kv.name());
    }
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
struct Calls(BTreeMap<(String, [usize; 5]), usize>);

impl Watch for Calls {
    fn after(&mut self, call: &Call<'_>) {
        let s = call.shape;
        *self.0.entry((call.kernel.into(), [s.m, s.n, s.k, s.parts, s.chosen])).or_default() += 1;
    }
}

/// What one step of a model calls by `rungs`, and what it is said to call.
fn check_step(name: &str, file: &Arc<ModelFile>, config: &Config, rungs: &str) {
    let mut core = Core::open(file, config.clone(), &options(rungs)).unwrap_or_else(|e| panic!("{name}: {e}"));
    core.feed(&[1, 2, 3], &mut ()).unwrap();
    let mut calls = Calls::default();
    core.feed(&[4], &mut calls).unwrap();
    core.next(&mut Sampler::greedy(), &mut calls);
    let mut said = Calls::default();
    let mut all = step::decode(config, core.dtype(), 4).unwrap();
    if rungs.contains("=expanded") {
        all.extend(step::expansion(config, core.dtype()).unwrap());
    }
    for o in all {
        let sizes = [o.shape.m, o.shape.n, o.shape.k, o.shape.parts, o.shape.chosen];
        *said.0.entry((o.kernel.into(), sizes)).or_default() += o.times;
    }
    assert_eq!(calls.0, said.0, "{name}, {rungs}");
}

/// What times on other machines are sums of is what the core calls.
#[test]
fn a_step_is_the_kernels_that_it_is_said_to_be() {
    let mut expanded = 0;
    for name in TINY {
        let (file, config) = model(name);
        check_step(name, &file, &config, "best");
        // Files made since 2025 may hold latent attention's matrix in two, which serve the absorbed rungs alone.
        let whole = file.tensors().iter().any(|t| t.name == "blk.0.attn_kv_b.weight");
        if whole && matches!(config.attention, Attention::Latent { .. }) {
            check_step(name, &file, &config, "best,mla_decode=expanded");
            expanded += 1;
        }
    }
    assert!(expanded > 0, "no model of latent attention in one matrix");
}

/// Also where narrow matrices are no whole blocks of the type that the others have.
#[test]
fn a_step_of_several_types_is_the_kernels_that_it_is_said_to_be() {
    for name in ["r1-distill-qwen-1.5b", "deepseek-v2-lite", "deepseek-v3"] {
        let mut config = published::named(name).unwrap();
        (config.hidden, config.ffn, config.vocab, config.context) = (256, 512, 400, 64);
        config.attention = match config.attention {
            Attention::Grouped { biases, .. } => Attention::Grouped { heads: 4, kv_heads: 2, width: 64, biases },
            Attention::Latent { query_rank, .. } => Attention::Latent {
                heads: 2,
                query_rank: query_rank.map(|_| 64),
                latent: 128,
                nope: 32,
                rope: 16,
                value: 32,
            },
        };
        config.layers = config.experts.as_ref().map_or(1, |experts| experts.dense_layers + 1);
        if let Some(experts) = &mut config.experts {
            (experts.routed, experts.width) = (16, 32);
        }
        for dtype in [Dtype::Q4K, Dtype::Q6K, Dtype::Q4_0] {
            let synth = Synth::new(&config, dtype, 1);
            let mut bytes = synth.head.clone();
            for piece in &synth.pieces {
                (0..piece.rows()).for_each(|row| bytes.extend(synth.row(piece, row)));
                bytes.resize(bytes.len() + piece.padding(), 0);
            }
            let place = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(place.path(), &bytes).unwrap();
            let file = Arc::new(ModelFile::open(place.path()).unwrap());
            let config = Config::from_file(&file).unwrap();
            check_step(&format!("{name} in {dtype}"), &file, &config, "best");
            if matches!(config.attention, Attention::Latent { .. }) {
                check_step(&format!("{name} in {dtype}"), &file, &config, "best,mla_decode=expanded");
            }
        }
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
