//! The inference core computes one thing in many ways: naive and best, on one thread and several, token by token and in
//! batches. Naive, token by token, is what the others are held against.

use std::sync::Arc;

use half::{bf16, f16};
use kernels::core::{Core, KvKind, Options};
use kernels::dtype::encode_row;
use kernels::dtype::q4_0::BlockQ4_0;
use kernels::dtype::q4_k::BlockQ4K;
use kernels::dtype::q6_k::BlockQ6K;
use kernels::dtype::q8_0::BlockQ8_0;
use kernels::dtype::tq2_0::BlockTq2_0;
use kernels::input::Input;
use kernels::model::config::{Attention, Config, Experts};
use kernels::model::inventory::Role;
use kernels::model::synth::Synth;
use kernels::model::synthetic::Gguf;
use kernels::model::{Dtype, ModelFile, published};
use kernels::weights::Stored;

fn options(rungs: &str) -> Options {
    Options { rungs: rungs.parse().unwrap(), ..Options::default() }
}

/// A random model whose heads have whole blocks, its matrices stored as `T`, every weight of its norms `norm`.
fn wide<T: Stored>(norm: f32, encode: impl Fn(&[f32]) -> Vec<T>) -> Opened {
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
        Input::typical(seed).values_within(0, n as usize, scale, 3.0 * scale).as_slice().to_vec()
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

/// What rounding to bf16, or to i8 beside a block's largest, changes a number by: what a cache in those does.
const SMALL_CACHE: f32 = 1.0 / 256.0;

/// Norm weights so many steps from 1: a model whose every activation differs by as much.
const STEPS: [f32; 8] = [1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 4.0, -4.0];

/// A model file in a folder that goes when it is dropped.
type Opened = (tempfile::TempDir, Arc<ModelFile>, Config);

/// Naive token by token is what the other ways are held against. `open` makes the model, the weights of its norms larger by
/// so much of themselves; `kvs` are the small caches that it can have.
fn every_way_is_one_way(name: &str, most: Most, kvs: &[KvKind], open: impl Fn(f32) -> Opened) {
    let (_folder, file, config) = open(0.0);
    let truth = logits(&file, &config, &options("naive"), 0);
    let nudged = |by: f32| {
        let (_folder, file, config) = open(by);
        apart(&logits(&file, &config, &options("naive"), 0), &truth)
    };
    let by_steps_of = |step: f32| STEPS.iter().map(|n| nudged(n * step)).fold(0.0, f32::max);
    let most = match most {
        Most::Apart(most) => most,
        Most::LastBits => 2.0 * by_steps_of(f32::EPSILON),
    };
    let small_cache = if kvs.is_empty() { 0.0 } else { by_steps_of(SMALL_CACHE) };
    println!("{name}: at most {most:.1e}, and with a small cache {small_cache:.1e}");
    for (rungs, threads) in [("naive", 1), ("best", 1), ("best", 2)] {
        for (first, batch) in [(0, 1), (39, 39), (39, 16)] {
            let options = Options { threads, batch, ..options(rungs) };
            let error = apart(&logits(&file, &config, &options, first), &truth);
            println!("{name} {rungs}, {threads} threads, {first} by {batch}: {error:.1e}");
            assert!(error < most, "{name}, {rungs}, {threads} threads, {first} tokens by {batch}: {error:.1e}");
        }
    }
    for &kv in kvs {
        for (rungs, first) in [("naive", 0), ("best", 0), ("best", 39)] {
            let options = Options { kv, batch: 16, ..options(rungs) };
            let error = apart(&logits(&file, &config, &options, first), &truth);
            println!("{name} {rungs} {}, {first} by 16: {error:.1e}", kv.name());
            assert!(error < small_cache && error > 0.0, "{name}, {rungs}, {}, {first}: {error:.1e}", kv.name());
        }
    }
}

fn every_way_of_llama<T: Stored>(name: &str, most: Most, encode: impl Fn(&[f32]) -> Vec<T>) {
    every_way_is_one_way(name, most, &[KvKind::Bf16, KvKind::Q8], |by| wide(1.0 + by, &encode));
}

#[test]
fn every_type_of_weights_gives_one_text_in_every_way() {
    every_way_of_llama("f32", Most::Apart(1e-4), <[f32]>::to_vec);
    every_way_of_llama("f16", Most::Apart(1e-4), |x| x.iter().map(|x| f16::from_f32(*x)).collect());
    // A prompt's GEMM takes activations in bf16.
    every_way_of_llama("bf16", Most::Apart(5e-3), |x| x.iter().map(|x| bf16::from_f32(*x)).collect());
    every_way_of_llama("q8_0", Most::LastBits, encode_row::<BlockQ8_0>);
    every_way_of_llama("q4_0", Most::LastBits, encode_row::<BlockQ4_0>);
    every_way_of_llama("q4_k", Most::LastBits, encode_row::<BlockQ4K>);
    every_way_of_llama("q6_k", Most::LastBits, encode_row::<BlockQ6K>);
    // No GEMV takes them: they become f32.
    every_way_of_llama("tq2_0", Most::Apart(1e-4), encode_row::<BlockTq2_0>);
}

/// V2-Lite or V3 made small: latent attention, a dense layer, one of experts.
fn small(name: &str) -> Config {
    let published = published::named(name).unwrap();
    let query_rank = (name == "deepseek-v3").then_some(256);
    let experts = published.experts.unwrap();
    let (groups, groups_kept) = if experts.groups > 1 { (4, 2) } else { (1, 1) };
    let experts = Experts { dense_layers: 1, routed: 16, active: 3, width: 256, groups, groups_kept, ..experts };
    Config {
        hidden: 256,
        layers: 2,
        vocab: 512,
        context: 64,
        attention: Attention::Latent { heads: 4, query_rank, latent: 256, nope: 64, rope: 32, value: 64 },
        ffn: 512,
        experts: Some(experts),
        ..published
    }
}

/// A model of seeded weights, the gains of its norms larger by so much of themselves.
fn seeded(config: &Config, dtype: Dtype, by: f32) -> Opened {
    let synth = Synth::new(config, dtype, 5);
    let mut bytes = synth.head.clone();
    for piece in &synth.pieces {
        for row in 0..piece.rows() {
            let mut values = synth.row(piece, row);
            if piece.entry.role == Role::Gain {
                let floats: Vec<f32> = bytemuck::pod_collect_to_vec(&values);
                values = floats.iter().flat_map(|gain| (gain * (1.0 + by)).to_le_bytes()).collect();
            }
            bytes.extend(values);
        }
        bytes.resize(bytes.len() + piece.padding(), 0);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seeded.gguf");
    std::fs::write(&path, bytes).unwrap();
    let file = Arc::new(ModelFile::open(&path).unwrap());
    let config = Config::from_file(&file).unwrap();
    (folder, file, config)
}

#[test]
fn latent_attention_and_experts_give_one_text_in_every_way() {
    // A prompt's GEMM takes activations in bf16, and experts that are nearly as good may change places.
    let lite = [
        (Dtype::F32, Most::Apart(1e-4)),
        (Dtype::F16, Most::Apart(1e-4)),
        (Dtype::Bf16, Most::Apart(2e-2)),
        (Dtype::Q8_0, Most::LastBits),
    ];
    let v3 = [
        (Dtype::F32, Most::Apart(1e-4)),
        (Dtype::Q4_0, Most::LastBits),
        (Dtype::Q4K, Most::LastBits),
        (Dtype::Q6K, Most::LastBits),
    ];
    for (name, types) in [("deepseek-v2-lite", lite), ("deepseek-v3", v3)] {
        let config = small(name);
        for (dtype, most) in types {
            // What a small cache loses is no matter of the weights.
            let kvs: &[KvKind] = if dtype == Dtype::F32 { &[KvKind::Bf16, KvKind::Q8] } else { &[] };
            every_way_is_one_way(&format!("{name} {dtype}"), most, kvs, |by| seeded(&config, dtype, by));
        }
    }
}
