//! llama2.c: positions of the tensors, untied classifiers, headers that make no sense, and a published model.

use std::path::Path;

use super::*;
use crate::dtype::q8_0::BlockQ8_0;

#[test]
fn llama2c_tensors_are_where_run_c_reads_them() {
    let file = open(&synthetic::llama2c(TINY).bytes);
    assert_eq!(file.format().to_string(), "llama2.c v0");
    let names = shapes(file.tensors());
    assert_eq!(names.len(), 1 + 2 * 9 + 1);
    assert_eq!(
        names[..3],
        [("token_embd.weight", 5, 8), ("blk.0.attn_norm.weight", 1, 8), ("blk.1.attn_norm.weight", 1, 8)]
    );
    // The numbers of a synthetic file count up from its start, so a first weight is a position.
    let first = |name: &str| file.tensor(name).unwrap().view::<f32>().unwrap()[0];
    for (name, at) in [
        ("token_embd.weight", 0.0),
        ("blk.0.attn_norm.weight", 40.0),
        ("blk.0.attn_q.weight", 56.0),
        ("blk.1.attn_q.weight", 120.0),
        ("blk.0.attn_k.weight", 184.0),
        ("blk.0.attn_v.weight", 248.0),
        ("blk.0.attn_output.weight", 312.0),
        ("blk.0.ffn_norm.weight", 440.0),
        ("blk.0.ffn_gate.weight", 456.0),
        ("blk.0.ffn_down.weight", 504.0),
        ("blk.0.ffn_up.weight", 552.0),
        ("output_norm.weight", 600.0),
    ] {
        assert_eq!(first(name), at, "{name}");
    }
    let down = file.tensor("blk.1.ffn_down.weight").unwrap();
    assert_eq!((down.info().rows, down.info().cols, down.view::<f32>().unwrap().len()), (8, 3, 24));
    assert_eq!((down.view::<half::f16>(), down.view::<BlockQ8_0>()), (None, None));
    assert_eq!(file.metadata("llama.attention.head_count_kv").unwrap().as_u64(), Some(2));
    assert_eq!(file.metadata("general.architecture").unwrap().as_str(), Some("llama"));
}

#[test]
fn llama2c_untied_classifier_lies_after_the_rope_tables() {
    let file = open(&synthetic::llama2c(with_vocab(-5)).bytes);
    let last = file.tensors().last().unwrap();
    assert_eq!((last.name.as_str(), last.rows, last.cols), ("output.weight", 5, 8));
    // 600 + output_norm + two tables of 3 positions × 1 pair.
    assert_eq!(file.tensor("output.weight").unwrap().view::<f32>().unwrap()[0], 614.0);
    assert_eq!(last.offset() + last.byte_len().unwrap(), file.byte_len() as usize);
    assert_eq!(file.metadata("llama.vocab_size").unwrap().as_u64(), Some(5));
}

#[test]
fn llama2c_headers_must_make_sense_and_match_the_size() {
    let change = |at: usize, value: i32| {
        let mut header = TINY;
        header[at] = value;
        let mut bytes = synthetic::llama2c(TINY).bytes;
        bytes[..28].copy_from_slice(bytemuck::cast_slice(&header));
        bytes
    };
    refuses(&change(2, -1), &["n_layers (byte 8) would be -1"]);
    refuses(&change(3, 3), &["dim by n_heads, 8 by 3"]);
    refuses(&change(4, 3), &["n_heads by n_kv_heads, 4 by 3"]);
    let size = synthetic::llama2c(TINY).bytes.len();
    refuses(&change(6, 4), &[&format!("implies {} bytes", size + 8), &format!("has {size}")]);
    for at in 0..7 {
        assert!(Layout::parse(&change(at, i32::MAX)).is_err());
        assert!(Layout::parse(&change(at, i32::MIN)).is_err());
    }
    let (max, min) = (1 << 24, -(1 << 24));
    let largest = [max, max, max, 1, 1, min, max];
    refuses(bytemuck::cast_slice(&largest), &["implies ", "but the file has 28"]);
}

#[test]
fn llama2c_version_1_has_norms_first() {
    let header = [8, 4, 2, 4, 2, 5, 3];
    let file = open(&synthetic::llama2c_later(header, None).bytes);
    assert_eq!(file.format().to_string(), "llama2.c v1");
    let first = |name: &str| file.tensor(name).unwrap().view::<f32>().unwrap()[0];
    for (name, at) in [
        ("blk.0.attn_norm.weight", 0.0),
        ("blk.1.attn_norm.weight", 8.0),
        ("blk.0.ffn_norm.weight", 16.0),
        ("output_norm.weight", 32.0),
        ("token_embd.weight", 40.0),
        ("blk.0.attn_q.weight", 80.0),
        ("blk.1.ffn_up.weight", 80.0 + 2.0 * (64.0 + 32.0 + 32.0 + 64.0 + 32.0 + 32.0) + 32.0),
    ] {
        assert_eq!(first(name), at, "{name}");
    }
    assert_eq!(file.tensors().len(), 1 + 2 * 9 + 1);
    let untied = [8, 4, 2, 4, 2, -5, 3];
    let file = open(&synthetic::llama2c_later(untied, None).bytes);
    let last = file.tensors().last().unwrap();
    assert_eq!(
        (last.name.as_str(), last.offset() + last.byte_len().unwrap()),
        ("output.weight", file.byte_len() as usize)
    );
    assert_eq!(file.metadata("llama.vocab_size").unwrap().as_u64(), Some(5));
}

#[test]
fn llama2c_version_2_has_scales_after_the_quants_of_each_tensor() {
    let header = [8, 4, 2, 4, 2, 5, 3];
    let file = open(&synthetic::llama2c_later(header, Some(4)).bytes);
    assert_eq!(file.format().to_string(), "llama2.c v2");
    assert_eq!(file.tensor("output_norm.weight").unwrap().view::<f32>().unwrap()[0], 32.0);
    for name in ["token_embd.weight", "blk.1.attn_k.weight", "blk.1.ffn_down.weight"] {
        let tensor = file.tensor(name).unwrap();
        let weights = tensor.grouped().unwrap();
        assert_eq!(
            (weights.group, weights.quants[..3].to_vec(), weights.scales[..3].to_vec()),
            (4, vec![0, 1, 2], vec![1.0, 2.0, 3.0])
        );
        assert_eq!(weights.quants.len(), tensor.info().rows * tensor.info().cols);
        assert_eq!(weights.scales.len() * 4, weights.quants.len());
        let cols = tensor.info().cols;
        let mut row = vec![0.0; cols];
        tensor.decode_row(1, &mut row).unwrap();
        assert!((0..cols).all(|c| row[c] == ((cols + c) % 100 * ((cols + c) / 4 + 1)) as f32), "{row:?}");
        assert_eq!((tensor.decode_row(tensor.info().rows, &mut row), tensor.view::<f32>()), (None, None));
    }
    assert_eq!(file.tensor("blk.0.attn_q.weight").unwrap().info().dtype.to_string(), "Q8 in groups of 4");
    // dim is no multiple of 3 or 16, hidden_dim none of 8; a group of 2 would put scales at odd places.
    for group in [0, 2, 3, 8, 16, -4] {
        let mut bytes = synthetic::llama2c_later(header, Some(4)).bytes;
        bytes[37..41].copy_from_slice(&i32::to_le_bytes(group));
        refuses(
            &bytes,
            &["byte 37", &format!("the group size is {group}, it must be a multiple of 4 that divides dim 8")],
        );
    }
}

#[test]
fn llama2c_later_headers_must_make_sense_and_match_the_size() {
    for group in [None, Some(4)] {
        let good = synthetic::llama2c_later([8, 4, 2, 4, 2, 5, 3], group).bytes;
        let change = |at: usize, value: i32| {
            let mut bytes = good.clone();
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
            bytes
        };
        refuses(&change(28, -5), &["vocab_size (byte 28) would be -5"]);
        refuses(&change(36, 2), &["byte 36", "would be 2"]);
        refuses(&change(16, 3), &["implies", "but the file has"]);
        refuses(&change(4, 3), &["llama2.c version 3 (byte 4) is not supported; versions 0, 1 and 2"]);
        for len in 0..good.len() {
            assert!(Layout::parse(&good[..len]).is_err(), "{len}");
        }
    }
}

/// The published 260K-parameter model. Not part of the repository: the test runs where it is found.
#[test]
fn stories260k() {
    let folder = std::env::var_os("RETROBENCH_MODELS_DIR").map_or_else(
        || Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/models")).to_owned(),
        PathBuf::from,
    );
    let path = folder.join("stories260K.bin");
    if !path.exists() {
        println!("skipped: there is no {}; set RETROBENCH_MODELS_DIR to its folder", path.display());
        return;
    }
    let file = ModelFile::open(&path).unwrap();
    assert_eq!(file.byte_len(), 1_056_540);
    let number = |key: &str| file.metadata(key).unwrap().as_u64().unwrap();
    let keys = [
        "embedding_length",
        "feed_forward_length",
        "block_count",
        "attention.head_count",
        "attention.head_count_kv",
        "vocab_size",
        "context_length",
    ];
    assert_eq!(keys.map(|key| number(&format!("llama.{key}"))), [64, 172, 5, 8, 4, 512, 512]);
    assert_eq!(file.tensors().len(), 1 + 5 * 9 + 1); // tied
    for layer in 0..5 {
        let q = file.tensor(&format!("blk.{layer}.attn_q.weight")).unwrap();
        assert_eq!((q.info().rows, q.info().cols, q.view::<f32>().unwrap().len()), (64, 64, 4096));
        let k = file.tensor(&format!("blk.{layer}.attn_k.weight")).unwrap();
        assert_eq!((k.info().rows, k.info().cols), (32, 64));
    }
    // Trained weights are small everywhere; read at a wrong place or in a wrong type they would not be.
    for info in file.tensors() {
        let weights = file.tensor(&info.name).unwrap().view::<f32>().unwrap();
        assert!(weights.iter().all(|w| w.is_finite() && w.abs() < 20.0), "{}", info.name);
    }
    assert_eq!(file.tensor("token_embd.weight").unwrap().view::<f32>().unwrap()[0].to_bits(), 0xbe96_e950);
    // RMSNorm gains are positive, around 1: a sharp test of the last offset.
    let norm = file.tensor("output_norm.weight").unwrap().view::<f32>().unwrap();
    assert!(norm.iter().all(|&w| w > 0.0), "{norm:?}");
}
