//! The inference core on whole models: logits of tiny ones against an independent forward pass in f64
//! (peers/core/reference.py), and a real one against the text that llama2.c makes of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kernels::core::{Call, Core, KvKind, Options, Sampler, Watch};
use kernels::dtype::q5_0::BlockQ5_0;
use kernels::model::config::{Attention, Config};
use kernels::model::synth::{Piece, Synth};
use kernels::model::tokenizer::Tokenizer;
use kernels::model::{Dtype, ModelFile, Types, published, step};

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
    let types = Types::of_file(file, config);
    let mut all = step::decode(config, &types, 4).unwrap();
    if rungs.contains("=expanded") {
        all.extend(step::expansion(config, &types).unwrap());
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

/// A small model with all the parts of a published one.
fn small(name: &str) -> Config {
    let mut config = published::named(name).unwrap();
    (config.hidden, config.ffn, config.vocab, config.context) = (256, 512, 400, 200);
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
    config.layers = config.experts.as_ref().map_or(2, |experts| experts.dense_layers + 1);
    if let Some(experts) = &mut config.experts {
        (experts.routed, experts.width) = (16, 32);
    }
    config
}

/// A file of seeded weights in these types, each row as `made` has it.
fn written(
    config: &Config,
    types: &Types,
    made: impl Fn(&Synth, &Piece, usize) -> Vec<u8>,
) -> (Arc<ModelFile>, Config) {
    let synth = Synth::of_types(config, types, 1);
    let mut bytes = synth.head.clone();
    for piece in &synth.pieces {
        (0..piece.rows()).for_each(|row| bytes.extend(made(&synth, piece, row)));
        bytes.resize(bytes.len() + piece.padding(), 0);
    }
    let place = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(place.path(), &bytes).unwrap();
    let file = Arc::new(ModelFile::open(place.path()).unwrap());
    let config = Config::from_file(&file).unwrap();
    (file, config)
}

/// Also where narrow matrices are no whole blocks of the type that the others have, and where files mix types.
#[test]
fn a_step_of_several_types_is_the_kernels_that_it_is_said_to_be() {
    let mixed = |rest: Dtype, named: &[(&str, Dtype)]| {
        named.iter().fold(Types::uniform(rest), |types, (name, dtype)| types.with(name, *dtype))
    };
    let half =
        [("output.weight", Dtype::Q6K), ("blk.0.attn_v.weight", Dtype::Q6K), ("blk.1.ffn_down.weight", Dtype::Q6K)];
    let apart = [
        ("output.weight", Dtype::F16),
        ("blk.0.attn_k.weight", Dtype::Q8_0),
        ("blk.1.attn_output.weight", Dtype::Bf16),
        ("blk.1.ffn_up.weight", Dtype::Q4_0),
        ("blk.0.attn_kv_a_mqa.weight", Dtype::Q4_0),
        ("blk.1.ffn_up_exps.weight", Dtype::Q4_0),
        ("blk.1.ffn_down_exps.weight", Dtype::Q5_0),
        ("blk.1.ffn_gate_shexp.weight", Dtype::Q8_0),
    ];
    for name in ["r1-distill-qwen-1.5b", "r1-distill-llama-8b", "deepseek-v2-lite", "deepseek-v3"] {
        let config = small(name);
        let all = [Dtype::Q4K, Dtype::Q6K, Dtype::Q4_0, Dtype::Bf16].map(Types::uniform);
        for types in all.into_iter().chain([mixed(Dtype::Q4K, &half), mixed(Dtype::Q4K, &apart)]) {
            let (file, config) = written(&config, &types, Synth::row);
            check_step(&format!("{name} in {types}"), &file, &config, "best");
            if matches!(config.attention, Attention::Latent { .. }) {
                check_step(&format!("{name} in {types}"), &file, &config, "best,mla_decode=expanded");
            }
        }
    }
}

/// The logits after a prompt and some tokens.
fn logits(file: &Arc<ModelFile>, config: &Config, options: &Options, prompt: usize) -> Vec<f64> {
    let mut core = Core::open(file, config.clone(), options).unwrap();
    let tokens: Vec<u32> = (0..prompt as u32 + 3).map(|i| i * 7 % 400).collect();
    core.feed(&tokens[..prompt], &mut ()).unwrap();
    tokens[prompt..].iter().for_each(|token| core.feed(&[*token], &mut ()).unwrap());
    core.logits(&mut ()).iter().map(|logit| f64::from(*logit)).collect()
}

/// Without copies, and for prompts that are worth none, other rungs give the same logits.
#[test]
fn weights_in_place_leave_the_same_logits() {
    for (name, dtype, most) in [
        ("r1-distill-qwen-1.5b", Dtype::F32, 1e-4),
        // A GEMM of bf16 takes activations in bf16 too.
        ("r1-distill-llama-8b", Dtype::Bf16, 5e-2),
        // An activation between two values of i8 may become the other.
        ("r1-distill-llama-8b", Dtype::Q8_0, 0.1),
        ("r1-distill-llama-8b", Dtype::Q4_0, 0.1),
        ("r1-distill-llama-8b", Dtype::Q4K, 0.1),
        ("r1-distill-llama-8b", Dtype::Q6K, 0.1),
        ("deepseek-v2-lite", Dtype::F32, 1e-4),
    ] {
        let (file, config) = written(&small(name), &Types::uniform(dtype), Synth::row);
        for prompt in [2, 9] {
            let wanted = logits(&file, &config, &Options { batch: 1, ..options("naive") }, prompt);
            for (batch, copies) in [(512, true), (512, false), (3, true), (1, false)] {
                let is = logits(&file, &config, &Options { batch, copies, ..options("best") }, prompt);
                let is: Vec<f32> = is.iter().map(|logit| *logit as f32).collect();
                let error = apart(&is, &wanted);
                println!("{name} {dtype}, {prompt} tokens by {batch}, copies {copies}: {error:.1e}");
                assert!(error < most, "{name} {dtype}, {prompt} tokens by {batch}, copies {copies}: {error:.1e}");
            }
        }
    }
    let (file, config) = written(&small("r1-distill-llama-8b"), &Types::uniform(Dtype::Q4K), Synth::row);
    for rungs in ["best,gemv_q4_k=interleaved", "best,gemm_q4_k=interleaved", "best,gemm_f32=naive"] {
        let wrong = Core::open(&file, config.clone(), &Options { copies: false, ..options(rungs) }).err().unwrap();
        assert!(wrong.to_string().contains("reads a copy of the weights"), "{wrong}");
    }
}

/// Q5_0 is what llama.cpp stores where rows are no whole blocks of Q4_K: a file of the same values in Q8_0 gives the same.
#[test]
fn q5_0_is_multiplied_as_the_same_values_in_q8_0() {
    for name in ["r1-distill-llama-8b", "deepseek-v2-lite"] {
        let narrow = Synth::new(&small(name), Dtype::Q5_0, 1);
        let widened = |_: &Synth, piece: &Piece, row: usize| {
            let narrow_piece = narrow.pieces.iter().find(|p| p.entry == piece.entry).unwrap();
            let bytes = narrow.row(narrow_piece, row);
            if piece.dtype != Dtype::Q8_0 {
                return bytes;
            }
            let blocks: Vec<BlockQ5_0> = bytemuck::pod_collect_to_vec(&bytes);
            blocks.iter().flat_map(|block| bytemuck::bytes_of(&block.widened()).to_vec()).collect()
        };
        let (file, config) = written(&small(name), &Types::uniform(Dtype::Q5_0), Synth::row);
        let (wide, _) = written(&small(name), &Types::uniform(Dtype::Q8_0), widened);
        let dtype = |file: &ModelFile| file.tensor("blk.0.attn_output.weight").unwrap().info().dtype;
        assert_eq!((dtype(&file), dtype(&wide)), (Dtype::Q5_0, Dtype::Q8_0));
        for rungs in ["naive", "best"] {
            let [is, wanted] = [&file, &wide].map(|file| logits(file, &config, &options(rungs), 5));
            assert!(is == wanted, "{name} {rungs}");
        }
    }
}

/// Gates whose scores are no numbers: each token still has so many experts, all different.
#[test]
fn experts_are_counted_where_scores_are_no_numbers() {
    for name in ["deepseek-v2-lite", "deepseek-v3"] {
        let config = small(name);
        let layer = config.layers - 1;
        let nan = |synth: &Synth, piece: &Piece, row: usize| {
            let mut row = synth.row(piece, row);
            if piece.entry.name == format!("blk.{layer}.ffn_norm.weight") {
                row[..4].copy_from_slice(&f32::NAN.to_le_bytes());
            }
            row
        };
        for dtype in [Dtype::Q8_0, Dtype::F32] {
            let (file, config) = written(&config, &Types::uniform(dtype), nan);
            for rungs in ["naive", "best"] {
                let mut core = Core::open(&file, config.clone(), &options(rungs)).unwrap();
                core.feed(&[3; 121], &mut ()).unwrap();
                core.feed(&[5], &mut ()).unwrap();
                assert_eq!(core.position(), 122, "{name} {dtype} {rungs}");
            }
        }
    }
}

/// Sizes of experts that no layer has follow from no tensor, and are not believed.
#[test]
fn experts_of_no_layer_take_no_room() {
    let mut config = small("deepseek-v2-lite");
    let mut experts = config.experts.take().unwrap();
    config.layers = 1;
    (experts.dense_layers, experts.routed, experts.width, experts.shared) = (1, 1 << 20, 1 << 20, 1 << 20);
    config.experts = Some(experts);
    let (file, read) = written(&config, &Types::uniform(Dtype::F32), Synth::row);
    assert_eq!(read.experts, None);
    let mut core = Core::open(&file, read, &options("best")).unwrap();
    core.feed(&[1, 2, 3], &mut ()).unwrap();
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
