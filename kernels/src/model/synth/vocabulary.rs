//! A made-up vocabulary for a synthetic model: byte-level BPE whose tokens are syllables and words of them, so that what the
//! model says can be read out, though it means nothing.

use super::super::config::{Attention, Config, Pairs, Score};
use super::super::write::Gguf;
use crate::model::tokenizer::letter;

const CONSONANTS: &str = "bdfghjklmnprstvwxyzc";
const VOWELS: &str = "aeiou";
/// The last tokens: begin and end of a text.
const SPECIAL: [&str; 2] = ["<|begin|>", "<|end|>"];
const NORMAL: i32 = 1;
const CONTROL: i32 = 3;

/// Adds a tokenizer of as many tokens as the configuration has.
pub(super) fn add(gguf: Gguf, config: &Config) -> Gguf {
    let pre = match (&config.attention, config.rope.pairs, &config.experts) {
        (Attention::Latent { .. }, _, Some(e)) if e.score == Score::Sigmoid => "deepseek-v3",
        (Attention::Latent { .. }, ..) => "deepseek-llm",
        (_, Pairs::Halves, _) => "qwen2",
        (_, Pairs::Interleaved, _) => "llama-bpe",
    };
    let (mut tokens, merges) = tokens(config.vocab.saturating_sub(SPECIAL.len()));
    let mut kinds = vec![NORMAL; tokens.len()];
    tokens.extend(SPECIAL.map(str::to_owned));
    kinds.extend([CONTROL; 2]);
    tokens.truncate(config.vocab);
    kinds.truncate(config.vocab);
    let begin = tokens.len().saturating_sub(2) as u32;
    gguf.text("tokenizer.ggml.model", "gpt2")
        .text("tokenizer.ggml.pre", pre)
        .texts("tokenizer.ggml.tokens", &tokens)
        .i32s("tokenizer.ggml.token_type", &kinds)
        .texts("tokenizer.ggml.merges", &merges)
        .u32("tokenizer.ggml.bos_token_id", begin)
        .u32("tokenizer.ggml.eos_token_id", tokens.len().saturating_sub(1) as u32)
        .flag("tokenizer.ggml.add_bos_token", pre != "qwen2")
}

/// `count` tokens and the merges that make them: bytes, syllables, syllables after a space, then words of two, three and so on,
/// each with a space and without.
fn tokens(count: usize) -> (Vec<String>, Vec<String>) {
    let mut tokens: Vec<String> = (0..=255).map(|byte| letter(byte).to_string()).take(count).collect();
    let mut merges = Vec::new();
    let space = letter(b' ').to_string();
    let syllables: Vec<(String, String)> =
        CONSONANTS.chars().flat_map(|c| VOWELS.chars().map(move |v| (c.to_string(), v.to_string()))).collect();
    let mut add = |left: &str, right: &str| {
        let room = tokens.len() < count;
        if room {
            tokens.push([left, right].concat());
            merges.push(format!("{left} {right}"));
        }
        room
    };
    let mut words: Vec<String> = Vec::new();
    for (consonant, vowel) in &syllables {
        add(consonant, vowel);
        words.push([consonant.as_str(), vowel].concat());
    }
    for word in &words {
        add(&space, word);
    }
    let syllables = words.clone();
    // Words grow by a syllable each time round, until there are enough.
    'enough: loop {
        let mut longer = Vec::new();
        for word in &words {
            for syllable in &syllables {
                if !add(word, syllable) || !add(&format!("{space}{word}"), syllable) {
                    break 'enough;
                }
                longer.push([word.as_str(), syllable].concat());
            }
        }
        words = longer;
    }
    (tokens, merges)
}
