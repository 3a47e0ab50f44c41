//! The inference core on whole models: logits of tiny ones against an independent forward pass in f64
//! (peers/core/reference.py), and a real one against the text that llama2.c makes of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kernels::core::{Core, KvKind, Options, Sampler};
use kernels::model::ModelFile;
use kernels::model::config::{Attention, Config, Experts, Pairs, Rope, Scaling, Score};

const TINY: [&str; 4] = ["llama", "qwen2", "deepseek2-lite", "deepseek2-v3"];

fn data(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/core")).join(name)
}

fn config(name: &str) -> Config {
    let grouped = |biases| Attention::Grouped { heads: 4, kv_heads: 2, width: 8, biases };
    let plain = |theta, pairs| Rope { theta, pairs, scaling: Scaling::None };
    let base = Config {
        name: name.into(),
        hidden: 32,
        layers: 2,
        vocab: 64,
        context: 256,
        norm_eps: 1e-5,
        attention: grouped(name == "qwen2"),
        rope: plain(10_000.0, Pairs::Halves),
        ffn: 64,
        experts: None,
        tied_head: name == "qwen2",
    };
    let yarn = |mscale| Rope {
        theta: 10_000.0,
        pairs: Pairs::Interleaved,
        scaling: Scaling::Yarn { factor: 4.0, trained: 64, beta_fast: 32.0, beta_slow: 1.0, mscale },
    };
    let experts = Experts {
        dense_layers: 1,
        routed: 8,
        shared: 2,
        active: 6,
        width: 32,
        groups: 1,
        groups_kept: 1,
        score: Score::Softmax,
        normalized: false,
        scale: 1.0,
    };
    match name {
        "llama" => Config {
            rope: Rope {
                theta: 500_000.0,
                pairs: Pairs::Interleaved,
                scaling: Scaling::Divisors(vec![1.0, 1.0, 3.5, 8.0]),
            },
            ..base
        },
        "qwen2" => base,
        "deepseek2-lite" => Config {
            attention: Attention::Latent { heads: 4, query_rank: None, latent: 64, nope: 16, rope: 8, value: 16 },
            rope: yarn(0.707),
            experts: Some(experts),
            ..base
        },
        _ => Config {
            attention: Attention::Latent { heads: 4, query_rank: Some(64), latent: 128, nope: 32, rope: 16, value: 32 },
            rope: yarn(1.0),
            experts: Some(Experts {
                routed: 32,
                shared: 1,
                active: 8,
                groups: 8,
                groups_kept: 4,
                score: Score::Sigmoid,
                normalized: true,
                scale: 2.5,
                ..experts
            }),
            ..base
        },
    }
}

#[derive(serde::Deserialize)]
struct Expected {
    tokens: Vec<u32>,
    logits: Vec<Vec<f64>>,
}

/// Logits after each token of the prompt from `first` on, whose tokens before pass at once, against the reference: the
/// largest error beside their deviation.
fn error(name: &str, options: &Options, first: usize) -> f64 {
    let file = Arc::new(ModelFile::open(&data(&format!("{name}.gguf"))).unwrap());
    let expected: Expected =
        serde_json::from_slice(&std::fs::read(data(&format!("{name}.logits.json"))).unwrap()).unwrap();
    let mut core = Core::open(&file, config(name), options).unwrap_or_else(|e| panic!("{name}: {e}"));
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

/// How far logits may be off: what rounds is f32 everywhere but where weights or activations are i8.
fn tolerance(name: &str) -> f64 {
    if name == "deepseek2-v3" { 3e-2 } else { 2e-5 }
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
        ("deepseek2-lite", "mla_decode", &["naive", "absorbed", "absorbed_online", "expanded", "expanded_simd", "parallel"]),
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
        ("deepseek2-v3", KvKind::Q8, "naive", 5e-2),
        ("deepseek2-v3", KvKind::Q8, "best", 5e-2),
    ] {
        let error = error(name, &Options { kv, ..options(rungs) }, 0);
        println!("{name} {rungs} {}: {error:.2e}", kv.name());
        assert!(error < most, "{name}, {rungs}, {}: {error:.1e}", kv.name());
    }
}

#[test]
fn what_has_no_kernel_is_said() {
    let file = Arc::new(ModelFile::open(&data("llama.gguf")).unwrap());
    let wrong = Core::open(&file, config("llama"), &Options { kv: KvKind::Q8, ..Options::default() }).err().unwrap();
    assert!(wrong.to_string().contains("heads 8 wide"), "{wrong}");
    let mut core = Core::open(&file, config("llama"), &Options { tokens: 3, ..Options::default() }).unwrap();
    assert!(core.feed(&[1, 2, 3, 4], &mut ()).unwrap_err().to_string().contains("room for 3"));
    assert!(core.feed(&[64], &mut ()).unwrap_err().to_string().contains("token 64"));
    let narrow = Config { hidden: 16, ..config("llama") };
    assert!(Core::open(&file, narrow, &Options::default()).err().unwrap().to_string().contains("attn_norm"));
}

/// The folder of real models; none where there is none here, which the test says.
fn real_models() -> Option<PathBuf> {
    let folder = std::env::var_os("RETROBENCH_TEST_MODELS")
        .map_or_else(|| Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/models")).to_owned(), PathBuf::from);
    let there = folder.join("stories260K.bin").exists();
    if !there {
        println!("skipped: no stories260K.bin in {}; set RETROBENCH_TEST_MODELS to its folder", folder.display());
    }
    there.then_some(folder)
}

/// llama2.c's vocabulary: the longest piece, then of each a score, a length and the bytes.
fn pieces(folder: &Path) -> Vec<String> {
    let bytes = std::fs::read(folder.join("tok512.bin")).unwrap();
    let (mut at, mut pieces) = (4, Vec::new());
    while at < bytes.len() {
        let len = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
        pieces.push(String::from_utf8_lossy(&bytes[at + 8..at + 8 + len]).into_owned());
        at += 8 + len;
    }
    pieces
}

/// 200 steps at temperature 0, byte for byte what llama2.c's run.c prints.
#[test]
fn a_real_model_tells_the_story_it_is_known_for() {
    let Some(folder) = real_models() else { return };
    let file = Arc::new(ModelFile::open(&folder.join("stories260K.bin")).unwrap());
    let expected = std::fs::read_to_string(folder.join("stories260K.expected.txt")).unwrap();
    let pieces = pieces(&folder);
    let config = kernels::model::published::named("stories260k").unwrap();
    for rungs in ["naive", "best"] {
        let mut core = Core::open(&file, config.clone(), &options(rungs)).unwrap();
        let (mut text, mut token) = (String::new(), 1);
        for _ in 0..200 {
            core.feed(&[token], &mut ()).unwrap();
            let next = core.next(&mut Sampler::greedy(), &mut ());
            if next == 1 {
                break;
            }
            let piece = match pieces[next as usize].strip_prefix("<0x") {
                Some(hex) => char::from(u8::from_str_radix(&hex[..2], 16).unwrap()).to_string(),
                None => pieces[next as usize].clone(),
            };
            text.push_str(if token == 1 { piece.trim_start() } else { &piece });
            token = next;
        }
        assert_eq!(text, expected, "{rungs}");
    }
}
