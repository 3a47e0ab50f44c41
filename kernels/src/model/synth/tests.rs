//! Synthetic models: whole, the same every time, of the spread they should have, with a tokenizer that works.

use std::fs;
use std::sync::Arc;

use super::*;
use crate::model::tokenizer::Tokenizer;
use crate::model::{ModelFile, published};

/// The whole file, in memory.
fn bytes(synth: &Synth) -> Vec<u8> {
    let mut bytes = synth.head.clone();
    for piece in &synth.pieces {
        (0..piece.rows()).for_each(|row| bytes.extend(synth.row(piece, row)));
        bytes.resize(bytes.len() + piece.padding(), 0);
    }
    bytes
}

/// Small, with all the parts of a published model.
pub(crate) fn small(name: &str) -> Config {
    let mut config = published::named(name).expect("published");
    (config.hidden, config.ffn, config.vocab) = (256, 512, 400);
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
    config
}

#[test]
fn every_type_is_written_and_read() {
    for name in ["r1-distill-qwen-1.5b", "r1-distill-llama-8b", "deepseek-v2-lite", "deepseek-v3"] {
        for dtype in Dtype::MULTIPLIED {
            let config = small(name);
            let synth = Synth::new(&config, dtype, 1);
            let bytes = bytes(&synth);
            assert_eq!(bytes.len() as u64, synth.byte_len());
            let place = tempfile::NamedTempFile::new().unwrap();
            fs::write(place.path(), &bytes).unwrap();
            let file = Arc::new(ModelFile::open(place.path()).unwrap());
            let read = Config::from_file(&file).unwrap();
            assert_eq!((read.attention, read.experts), (config.attention, config.experts), "{name}");
            // Spread: uniform, so its square is a third of the squared half-width.
            let tensor = file.tensor("blk.0.ffn_gate.weight").unwrap();
            assert_eq!(tensor.info().dtype, dtype);
            let mut values = vec![0.0; tensor.info().cols];
            let mut squares = 0.0;
            for row in 0..tensor.info().rows {
                tensor.decode_row(row, &mut values).unwrap();
                squares += values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
            }
            let mean_square = squares / tensor.info().rows as f64;
            assert!((0.97..1.03).contains(&mean_square), "{name} {dtype}: {mean_square}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_gives_others() {
    let made = |seed| bytes(&Synth::new(&small("deepseek-v3"), Dtype::Q8_0, seed));
    assert!(made(1) == made(1));
    assert!(made(1) != made(2));
    // Rows differ from each other, also those of the same place in two tensors.
    let synth = Synth::new(&small("r1-distill-qwen-1.5b"), Dtype::F32, 1);
    let piece = |name: &str| synth.pieces.iter().find(|piece| piece.entry.name == name).unwrap();
    let (gate, up) = (piece("blk.0.ffn_gate.weight"), piece("blk.0.ffn_up.weight"));
    assert!(synth.row(gate, 0) != synth.row(gate, 1) && synth.row(gate, 0) != synth.row(up, 0));
}

#[test]
fn llama_3s_divisors_are_those_of_its_rule() {
    let config = published::named("r1-distill-llama-8b").unwrap();
    let divisors = divisors(&config, 64);
    assert_eq!((divisors[0], divisors[63]), (1.0, 8.0));
    // Turns over 8192 positions: pair 28 makes 4.19, pair 29 3.41, pair 35 0.998.
    assert_eq!((divisors[28], divisors[35]), (1.0, 8.0));
    assert!(divisors[29] > 1.0 && divisors[29] < 2.0 && divisors[34] < 8.0, "{divisors:?}");
    assert!(divisors.is_sorted());
}

#[test]
fn the_vocabulary_works() {
    for (name, vocab) in [("r1-distill-qwen-1.5b", 20_000), ("deepseek-v3", 1000), ("deepseek-v2-lite", 258)] {
        let config = Config { vocab, ..small(name) };
        let synth = Synth::new(&config, Dtype::Q8_0, 1);
        let place = tempfile::NamedTempFile::new().unwrap();
        fs::write(place.path(), &synth.head).unwrap();
        place.as_file().set_len(synth.byte_len()).unwrap();
        let tokenizer = Tokenizer::from_file(&Arc::new(ModelFile::open(place.path()).unwrap())).unwrap();
        assert_eq!(tokenizer.len(), vocab);
        for text in ["bafu do kalu", "What is 日本?\n", "  x"] {
            assert_eq!(tokenizer.decode(&tokenizer.encode(text)), text, "{name}");
        }
        assert!(tokenizer.is_end(vocab as u32 - 1) && tokenizer.encode("<|end|>") == [vocab as u32 - 1]);
        if vocab > 10_000 {
            assert_eq!(tokenizer.encode("bafu do").len(), 2);
        }
    }
}
