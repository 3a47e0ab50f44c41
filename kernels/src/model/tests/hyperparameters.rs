//! Hyperparameters of files: of every architecture, of synthetic models of the published ones, and every claim that a file's
//! tensors do not bear out.

use std::io::{Seek, SeekFrom, Write};

use super::*;
use crate::model::config::{Attention, Config, Experts, Pairs, Scaling, Score};
use crate::model::synth::Synth;
use crate::model::{Dtype, inventory, published};

fn data(name: &str) -> ModelFile {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/core");
    ModelFile::open(&folder.join(format!("{name}.gguf"))).unwrap()
}

#[test]
fn files_of_every_architecture() {
    let config = |name: &str| Config::from_file(&data(name)).unwrap();
    let llama = config("llama");
    assert_eq!(llama.attention, Attention::Grouped { heads: 4, kv_heads: 2, width: 8, biases: false });
    assert_eq!((llama.hidden, llama.layers, llama.vocab, llama.context, llama.ffn), (32, 2, 64, 256, 64));
    assert_eq!((llama.rope.theta, llama.rope.pairs), (500_000.0, Pairs::Interleaved));
    assert_eq!(llama.rope.scaling, Scaling::Divisors(vec![1.0, 1.0, 3.5, 8.0]));
    assert_eq!((llama.norm_eps, llama.tied_head, llama.name.as_str(), llama.experts), (1e-5, false, "llama", None));
    let qwen = config("qwen2");
    assert_eq!(qwen.attention, Attention::Grouped { heads: 4, kv_heads: 2, width: 8, biases: true });
    assert_eq!((qwen.rope.pairs, qwen.rope.scaling, qwen.tied_head), (Pairs::Halves, Scaling::None, true));
    // The same sizes from both generations of files, whose keys differ.
    let latent =
        |query_rank, latent, nope, rope, value| Attention::Latent { heads: 4, query_rank, latent, nope, rope, value };
    let (lite, v3) = (config("deepseek2-lite"), config("deepseek2-v3"));
    assert_eq!((lite.attention, v3.attention), (latent(None, 64, 16, 8, 16), latent(Some(64), 128, 32, 16, 32)));
    let Scaling::Yarn { factor, trained, beta_fast, beta_slow, mscale } = v3.rope.scaling else { panic!() };
    assert_eq!((factor, trained, beta_fast, beta_slow, mscale as f32), (4.0, 64, 32.0, 1.0, 1.0));
    assert!(matches!(lite.rope.scaling, Scaling::Yarn { mscale, .. } if (mscale - 0.707).abs() < 1e-6));
    let experts = Experts {
        dense_layers: 1,
        routed: 32,
        shared: 1,
        active: 8,
        width: 32,
        groups: 8,
        groups_kept: 4,
        score: Score::Sigmoid,
        normalized: true,
        scale: 2.5,
    };
    assert_eq!(v3.experts, Some(experts));
    let lite = lite.experts.unwrap();
    assert_eq!(
        (lite.shared, lite.groups, lite.groups_kept, lite.score, lite.normalized),
        (2, 1, 1, Score::Softmax, false)
    );
}

#[test]
fn llama2c_files_have_them_too() {
    let config = Config::from_file(&open(&synthetic::llama2c(TINY).bytes)).unwrap();
    assert_eq!(config.attention, Attention::Grouped { heads: 4, kv_heads: 2, width: 2, biases: false });
    assert_eq!((config.hidden, config.vocab, config.ffn, config.layers, config.context), (8, 5, 3, 2, 3));
    assert!(
        config.tied_head && !Config::from_file(&open(&synthetic::llama2c(with_vocab(-5)).bytes)).unwrap().tied_head
    );
}

#[test]
fn the_built_in_model_is_whole() {
    let config = Config::from_file(&ModelFile::built_in().unwrap()).unwrap();
    assert_eq!((config.hidden, config.layers, config.vocab, config.tied_head), (64, 5, 512, true));
}

/// Files of the published sizes with the first layers, of which only the head and the divisors of frequencies are written:
/// the rest is a hole on the disk.
#[test]
fn synthetic_models_of_published_shapes_are_what_they_should_be() {
    for mut config in published::all() {
        config.layers = config.experts.as_ref().map_or(1, |experts| experts.dense_layers + 1);
        let synth = Synth::new(&config, Dtype::Q4K, 1);
        let place = tempfile::NamedTempFile::new().unwrap();
        let mut file = place.as_file();
        file.write_all(&synth.head).unwrap();
        for piece in &synth.pieces {
            let bytes = (piece.rows() * piece.row_bytes() + piece.padding()) as i64;
            if piece.entry.role == inventory::Role::Divisors {
                file.write_all(&synth.row(piece, 0)).unwrap();
                file.seek(SeekFrom::Current(piece.padding() as i64)).unwrap();
            } else {
                file.seek(SeekFrom::Current(bytes)).unwrap();
            }
        }
        file.set_len(synth.byte_len()).unwrap();
        let file = ModelFile::open(place.path()).unwrap();
        let mut read = Config::from_file(&file).unwrap();
        read.name.clone_from(&config.name);
        match (&config.rope.scaling, &read.rope.scaling) {
            (Scaling::Llama3 { factor, .. }, Scaling::Divisors(divisors)) => {
                assert_eq!(divisors.last().copied(), Some(*factor as f32), "{}", config.name);
            }
            (Scaling::Yarn { mscale: a, .. }, Scaling::Yarn { mscale: b, .. }) => assert!((a - b).abs() < 1e-6),
            (was, is) => assert_eq!(was, is),
        }
        read.rope.scaling = config.rope.scaling.clone();
        assert_eq!(read, config);
        let dtype = |name: &str| file.tensors().iter().find(|t| t.name == name).unwrap().dtype;
        let expected = match config.hidden {
            hidden if hidden % 256 == 0 => Dtype::Q4K,
            _ => Dtype::Q5_0,
        };
        assert_eq!(dtype("token_embd.weight"), expected, "{}", config.name);
    }
}

fn without(key: &str) -> Vec<u8> {
    // A key of the same length that nobody reads.
    let mut bytes = fs::read(data("deepseek2-v3").path()).unwrap();
    let at = bytes.windows(key.len()).position(|w| w == key.as_bytes()).unwrap_or_else(|| panic!("{key}"));
    bytes[at] = b'_';
    bytes
}

/// The file with the value of a u32 or f32 key changed.
fn with(key: &str, value: u32) -> Vec<u8> {
    let mut bytes = fs::read(data("deepseek2-v3").path()).unwrap();
    let at = bytes.windows(key.len()).position(|w| w == key.as_bytes()).unwrap_or_else(|| panic!("{key}"));
    bytes[at + key.len() + 4..][..4].copy_from_slice(&value.to_le_bytes());
    bytes
}

/// A model with some keys and one tensor more.
fn with_more(keys: impl FnOnce(Gguf) -> Gguf, tensor: Option<&str>) -> Vec<u8> {
    let (hidden, vocab, layers) = (4usize, 3, 2);
    let mut gguf = Gguf::new(3).text("general.architecture", "llama");
    for (key, value) in [
        ("block_count", layers),
        ("context_length", 64),
        ("embedding_length", hidden),
        ("feed_forward_length", 4),
        ("attention.head_count", 2),
    ] {
        gguf = gguf.u32(&format!("llama.{key}"), value as u32);
    }
    gguf = keys(gguf.f32("llama.attention.layer_norm_rms_epsilon", 1e-5));
    let mut tensors = vec![("token_embd.weight".into(), vocab), ("output_norm.weight".into(), 1)];
    for layer in 0..layers {
        for name in ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"] {
            tensors.push((format!("blk.{layer}.{name}.weight"), 4));
        }
        tensors.extend(["attn_norm", "ffn_norm"].map(|name| (format!("blk.{layer}.{name}.weight"), 1)));
    }
    tensors.extend(tensor.map(|name| (name.to_owned(), 1)));
    for (name, rows) in tensors {
        let dims = [hidden as u64, rows as u64];
        gguf = gguf.weights(&name, if rows == 1 { &dims[..1] } else { &dims }, &vec![0.5f32; hidden * rows]);
    }
    gguf.finish().bytes
}

/// A whole one.
fn with_tensor(name: &str) -> Vec<u8> {
    with_more(|gguf| gguf, Some(name))
}

/// llama.cpp's rules: a factor alone scales positions linearly, and its old key is another.
#[test]
fn a_scaling_that_is_not_supported_is_refused() {
    let read = |keys: &dyn Fn(Gguf) -> Gguf| Config::from_file(&open(&with_more(keys, None)));
    let factor = |gguf: Gguf, factor| gguf.f32("llama.rope.scaling.factor", factor);
    let kind = |gguf: Gguf, kind| gguf.text("llama.rope.scaling.type", kind);
    for keys in [
        &(|gguf| gguf) as &dyn Fn(Gguf) -> Gguf,
        &|gguf| factor(gguf, 1.0),
        &|gguf| factor(kind(gguf, "linear"), 1.0),
        &|gguf| factor(kind(gguf, "none"), 4.0),
        &|gguf| gguf.f32("llama.rope.scale_linear", 1.0),
    ] {
        assert_eq!(read(keys).unwrap().rope.scaling, Scaling::None);
    }
    for keys in
        [&(|gguf| factor(gguf, 4.0)) as &dyn Fn(Gguf) -> Gguf, &|gguf| factor(kind(gguf, "linear"), 4.0), &|gguf| {
            factor(gguf, 0.5)
        }]
    {
        says(read(keys).unwrap_err(), &["llama.rope.scaling.factor", "scales positions linearly"]);
    }
    says(read(&|gguf| gguf.f32("llama.rope.scale_linear", 2.0)).unwrap_err(), &["llama.rope.scale_linear"]);
    says(read(&|gguf| kind(gguf, "longrope")).unwrap_err(), &["is \"longrope\", only \"none\" and \"yarn\""]);
}

#[test]
fn what_a_file_lacks_or_claims_wrongly_is_named() {
    let refuses = |bytes: Vec<u8>, parts: &[&str]| says(Config::from_file(&open(&bytes)).unwrap_err(), parts);
    for key in [
        "deepseek2.block_count",
        "deepseek2.embedding_length",
        "deepseek2.attention.layer_norm_rms_epsilon",
        "deepseek2.attention.kv_lora_rank",
        "deepseek2.rope.scaling.original_context_length",
        "deepseek2.expert_used_count",
        "general.architecture",
    ] {
        refuses(without(key), &[&format!("{key:?} is missing")]);
    }
    for key in ["deepseek2.block_count", "deepseek2.expert_count", "deepseek2.attention.head_count"] {
        for value in [u32::MAX, 1 << 20, 3] {
            refuses(with(key, value), &[]);
        }
    }
    refuses(with("deepseek2.block_count", 1 << 20), &["is 1048576, but the file has"]);
    refuses(with("deepseek2.block_count", 0), &["is 0, it should be at least 1"]);
    refuses(with("deepseek2.context_length", u32::MAX), &["context_length", "whole number of at most 16777216"]);
    refuses(with("deepseek2.expert_used_count", 33), &["expert_used_count", "is 33, of 32 experts"]);
    refuses(with("deepseek2.expert_group_count", 5), &["expert_group_count", "is 5, it should divide the 32 experts"]);
    refuses(with("deepseek2.expert_group_used_count", 1), &["is 8, of 4 experts in the groups that are kept"]);
    refuses(with("deepseek2.expert_gating_func", 9), &["expert_gating_func", "is 9, 1 (softmax) and 2 (sigmoid)"]);
    refuses(with("deepseek2.feed_forward_length", 63), &["blk.0.ffn_gate.weight", "is 64×32 Q8_0, it should be 63×32"]);
    refuses(with("deepseek2.rope.dimension_count", 48), &["rope.dimension_count", "less than a key's width, 48"]);
    refuses(with("deepseek2.rope.scaling.factor", 0), &["rope.scaling.factor", "should be above 0"]);
    refuses(with("deepseek2.attention.layer_norm_rms_epsilon", f32::NAN.to_bits()), &["should be a finite float"]);
    // Groups are compared by their two best experts.
    refuses(with("deepseek2.expert_group_count", 32), &["expert_group_count", "is 32, of 32 experts", "two at least"]);
    refuses(without("blk.1.attn_v_b.weight"), &["no tensor \"blk.1.attn_v_b.weight\""]);
    refuses(without("blk.1.attn_k_b.weight"), &["no tensor \"blk.1.attn_kv_b.weight\""]);
    refuses(without("output_norm.weight"), &["no tensor \"output_norm.weight\""]);
    // What nobody reads would be left out of the model.
    for name in ["blk.0.attn_output.bias", "blk.1.ffn_up.bias", "blk.0.attn_q_norm.weight", "output.bias"] {
        refuses(with_tensor(name), &[&format!("tensor {name:?} is not part of a llama model"), "another model"]);
    }
    refuses(with_tensor("blk.1.attn_q.bias"), &["blk.1.attn_q.bias"]);
    refuses(with_tensor("blk.2.attn_norm.weight"), &["blk.2.attn_norm.weight"]);
    let other = Gguf::new(3).text("general.architecture", "mamba").finish().bytes;
    refuses(other, &["general.architecture is \"mamba\"; llama, qwen2 and deepseek2"]);
    refuses(synthetic::gguf().bytes, &["llama.embedding_length", "is missing"]);
}
