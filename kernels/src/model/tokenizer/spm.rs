//! sentencepiece's BPE: spaces are letters, neighbours whose joined text is a token merge in the order of the tokens' scores,
//! and what is no token at the end falls into bytes. Source: google/sentencepiece's `bpe_model.cc`; llama2.c's `run.c`.

use std::cmp::Reverse;
use std::ops::Range;

use super::merge::{characters, merge};
use super::vocabulary::{Kind, Marked, Vocabulary};

#[derive(Debug)]
pub(super) struct Spm {
    /// How the vocabulary writes a space.
    space: &'static str,
    /// Whether a text gets a space before it.
    prefix: bool,
    bytes: Vec<Option<u32>>,
    unknown: Option<u32>,
    /// Tokens that are found before the rest is merged.
    custom: Marked,
    /// Tokens between which each text is one of its own: turns of a chat, say.
    control: Option<Marked>,
}

/// An f32 in its total order.
#[derive(Clone, Copy, PartialEq)]
struct Score(f32);

impl Eq for Score {}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Spm {
    pub(super) fn new(vocabulary: &Vocabulary, space: &'static str, prefix: bool) -> Self {
        let bytes = (0..=255_u8).map(|b| vocabulary.find(format!("<0x{b:02X}>").as_bytes())).collect();
        let unknown = vocabulary.of_kind(&[Kind::Unknown]).first().copied();
        Self { space, prefix, bytes, unknown, custom: Marked::new(vocabulary, &[Kind::Custom]), control: None }
    }

    /// The same where control tokens may be spelled out in a text, as llama.cpp has it; sentencepiece itself does not.
    pub(super) fn with_control(self, vocabulary: &Vocabulary) -> Self {
        Self { control: Some(Marked::new(vocabulary, &[Kind::Control])), ..self }
    }

    pub(super) fn encode(&self, vocabulary: &Vocabulary, text: &str) -> Vec<u32> {
        let mut tokens = Vec::new();
        let texts = self.control.as_ref().map_or_else(|| vec![(text, None)], |control| control.split(vocabulary, text));
        for (text, token) in texts {
            self.text(vocabulary, text, &mut tokens);
            tokens.extend(token);
        }
        tokens
    }

    fn text(&self, vocabulary: &Vocabulary, text: &str, tokens: &mut Vec<u32>) {
        if text.is_empty() {
            return;
        }
        let space = if self.prefix { self.space } else { "" };
        let text = format!("{space}{}", text.replace(' ', self.space));
        for (plain, token) in self.custom.split(vocabulary, &text) {
            self.merge(vocabulary, plain, tokens);
            tokens.extend(token);
        }
    }

    fn merge(&self, vocabulary: &Vocabulary, text: &str, tokens: &mut Vec<u32>) {
        let normal = |range: Range<usize>| {
            let token = vocabulary.find(&text.as_bytes()[range])?;
            (vocabulary.kind(token) == Kind::Normal).then_some(token)
        };
        let rank = |l: Range<usize>, r: Range<usize>| {
            normal(l.start..r.end).map(|token| Reverse(Score(vocabulary.score(token))))
        };
        for range in merge(characters(text), rank) {
            match normal(range.clone()) {
                Some(token) => tokens.push(token),
                None => {
                    let bytes = text.as_bytes()[range].iter().map(|b| self.bytes[usize::from(*b)].or(self.unknown));
                    tokens.extend(bytes.flatten());
                }
            }
        }
    }

    /// The text of a token's piece.
    pub(super) fn bytes(&self, piece: &[u8], into: &mut Vec<u8>) {
        let mut rest = piece;
        while let Some((first, after)) = rest.split_first() {
            match rest.strip_prefix(self.space.as_bytes()) {
                Some(after) => {
                    into.push(b' ');
                    rest = after;
                }
                None => {
                    into.push(*first);
                    rest = after;
                }
            }
        }
    }

    pub(super) fn adds_space(&self) -> bool {
        self.prefix
    }
}
