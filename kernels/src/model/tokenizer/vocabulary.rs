//! Tokens by number and by bytes. The bytes stay in the mapped file; kept is a hash table of token numbers.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

use crate::model::error::ModelError;
use crate::model::reader::Reader;
use crate::model::{ModelFile, Numbers, ParseError, Strings, map};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text.
    Normal,
    /// What stands for text that no token has.
    Unknown,
    /// No text: the begin or end of one, a speaker's turn.
    Control,
    /// Text that is never part of another token.
    Custom,
    /// One byte, written `<0x41>`.
    Byte,
}

/// A model's tokens.
#[derive(Debug)]
pub(super) struct Vocabulary {
    pieces: Pieces,
    table: Table,
}

#[derive(Debug)]
enum Pieces {
    Gguf {
        tokens: Strings,
        scores: Option<Numbers>,
        kinds: Option<Numbers>,
    },
    /// llama2.c's `tokenizer.bin`, and where in it each token is.
    Llama2c {
        map: Mmap,
        places: Vec<u32>,
    },
}

const TOKENS: &str = "tokenizer.ggml.tokens";

impl Vocabulary {
    pub(super) fn gguf(file: &Arc<ModelFile>) -> Result<Self, ModelError> {
        let tokens = file.strings(TOKENS)?.ok_or_else(|| file.key_error(TOKENS, "is missing"))?;
        if tokens.is_empty() || u32::try_from(tokens.len()).is_err() {
            return Err(file.key_error(TOKENS, format!("has {} items, it should have 1 to 2³²", tokens.len())));
        }
        let numbers = |key: &str| {
            let numbers = file.numbers(key)?;
            match &numbers {
                Some(n) if n.len() != tokens.len() => {
                    Err(file.key_error(key, format!("has {} items, for {} tokens", n.len(), tokens.len())))
                }
                _ => Ok(numbers),
            }
        };
        let (scores, kinds) = (numbers("tokenizer.ggml.scores")?, numbers("tokenizer.ggml.token_type")?);
        let table = Table::new(tokens.iter(), tokens.len());
        Ok(Self { pieces: Pieces::Gguf { tokens, scores, kinds }, table })
    }

    pub(super) fn llama2c(path: &Path, tokens: usize) -> Result<Self, ModelError> {
        let map = map::map(path)?;
        let places = places(&map, tokens).map_err(|error| ModelError::Parse { path: path.to_owned(), error })?;
        let table = Table::new(places.iter().map(|at| llama2c_token(&map, *at).1), places.len());
        Ok(Self { pieces: Pieces::Llama2c { map, places }, table })
    }

    pub(super) fn len(&self) -> u32 {
        match &self.pieces {
            Pieces::Gguf { tokens, .. } => tokens.len() as u32,
            Pieces::Llama2c { places, .. } => places.len() as u32,
        }
    }

    /// A token as the file writes it; nothing for one that is not there.
    pub(super) fn piece(&self, token: u32) -> &[u8] {
        match &self.pieces {
            Pieces::Gguf { tokens, .. } => tokens.get(token as usize).unwrap_or_default(),
            Pieces::Llama2c { map, places } => places.get(token as usize).map_or(&[], |at| llama2c_token(map, *at).1),
        }
    }

    /// How early sentencepiece merges to it; the highest first.
    pub(super) fn score(&self, token: u32) -> f32 {
        match &self.pieces {
            Pieces::Gguf { scores, .. } => {
                scores.as_ref().and_then(|scores| scores.get(token as usize)).map_or(0.0, |score| score as f32)
            }
            Pieces::Llama2c { map, places } => places.get(token as usize).map_or(0.0, |at| llama2c_token(map, *at).0),
        }
    }

    pub(super) fn kind(&self, token: u32) -> Kind {
        match &self.pieces {
            Pieces::Gguf { kinds, .. } => match kinds.as_ref().and_then(|kinds| kinds.get(token as usize)) {
                Some(2.0) => Kind::Unknown,
                Some(3.0) => Kind::Control,
                Some(4.0) => Kind::Custom,
                Some(6.0) => Kind::Byte,
                _ => Kind::Normal,
            },
            Pieces::Llama2c { .. } => match token {
                0 => Kind::Unknown,
                1 | 2 => Kind::Control,
                _ if byte_of(self.piece(token)).is_some() => Kind::Byte,
                _ => Kind::Normal,
            },
        }
    }

    /// The byte of a token of that kind.
    pub(super) fn byte(&self, token: u32) -> Option<u8> {
        byte_of(self.piece(token))
    }

    /// The first token that the file writes so.
    pub(super) fn find(&self, piece: &[u8]) -> Option<u32> {
        self.table.find(piece, |token| self.piece(token))
    }

    /// All tokens of some kinds.
    pub(super) fn of_kind(&self, kinds: &[Kind]) -> Vec<u32> {
        (0..self.len()).filter(|token| kinds.contains(&self.kind(*token))).collect()
    }
}

/// Tokens of some kinds that a text is searched for, the longest at each place.
#[derive(Debug)]
pub(super) struct Marked {
    kinds: &'static [Kind],
    /// Whether one begins with this byte.
    begins: [bool; 256],
    /// How long they are, the longest first.
    lengths: Vec<usize>,
}

impl Marked {
    pub(super) fn new(vocabulary: &Vocabulary, kinds: &'static [Kind]) -> Self {
        let mut marked = Self { kinds, begins: [false; 256], lengths: Vec::new() };
        for token in vocabulary.of_kind(kinds) {
            let piece = vocabulary.piece(token);
            if let (Some(first), Ok(_)) = (piece.first(), std::str::from_utf8(piece)) {
                marked.begins[usize::from(*first)] = true;
                marked.lengths.push(piece.len());
            }
        }
        marked.lengths.sort_unstable_by(|a, b| b.cmp(a));
        marked.lengths.dedup();
        marked
    }

    /// The text between them, each with the one that follows it, and what is left with none.
    pub(super) fn split<'a>(&self, vocabulary: &Vocabulary, text: &'a str) -> Vec<(&'a str, Option<u32>)> {
        let mut parts = Vec::new();
        let (mut plain, mut at) = (0, 0);
        while at < text.len() {
            let found = self.at(vocabulary, &text.as_bytes()[at..]).filter(|(len, _)| text.is_char_boundary(at + len));
            match found {
                Some((len, token)) => {
                    parts.push((&text[plain..at], Some(token)));
                    at += len;
                    plain = at;
                }
                None => at = (at + 1..=text.len()).find(|next| text.is_char_boundary(*next)).unwrap_or(text.len()),
            }
        }
        parts.push((&text[plain..], None));
        parts
    }

    fn at(&self, vocabulary: &Vocabulary, text: &[u8]) -> Option<(usize, u32)> {
        if !text.first().is_some_and(|first| self.begins[usize::from(*first)]) {
            return None;
        }
        self.lengths.iter().find_map(|len| {
            let token = vocabulary.find(text.get(..*len)?)?;
            self.kinds.contains(&vocabulary.kind(token)).then_some((*len, token))
        })
    }
}

/// The byte that `<0x41>` stands for.
fn byte_of(piece: &[u8]) -> Option<u8> {
    let digits = piece.strip_prefix(b"<0x")?.strip_suffix(b">")?;
    let hex = digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit);
    u8::from_str_radix(std::str::from_utf8(digits).ok().filter(|_| hex)?, 16).ok()
}

/// Where each token of a `tokenizer.bin` begins: after a u32, its score in f32, its length in u32, its bytes.
fn places(bytes: &[u8], tokens: usize) -> Result<Vec<u32>, ParseError> {
    const WHAT: &str = "token of llama2.c's tokenizer";
    let mut reader = Reader::new(bytes);
    reader.u32(WHAT)?;
    let mut places = Vec::new();
    for _ in 0..tokens {
        let offset = reader.offset();
        let place = u32::try_from(offset);
        reader.take(4, WHAT)?;
        let len = reader.u32(WHAT)?;
        reader.take(len.into(), WHAT)?;
        let too_large = |_| ParseError::Invalid { offset, problem: "a tokenizer has more than 4 GB".into() };
        places.push(place.map_err(too_large)?);
    }
    if reader.left() > 0 {
        let problem =
            format!("{} bytes follow the last of {tokens} tokens; this is another model's tokenizer", reader.left());
        return Err(ParseError::Invalid { offset: reader.offset(), problem });
    }
    Ok(places)
}

/// Score and bytes of the token at a place that [`places`] has checked.
fn llama2c_token(bytes: &[u8], at: u32) -> (f32, &[u8]) {
    let mut reader = Reader::at(bytes, at as usize);
    let mut read = || {
        let score = f32::from_le_bytes(reader.array("score").ok()?);
        let len = reader.u32("length").ok()?;
        Some((score, reader.take(len.into(), "bytes").ok()?))
    };
    read().unwrap_or_default()
}

/// Numbers of byte strings by what they are, with the strings elsewhere: a hash table with open addressing.
#[derive(Debug)]
pub(super) struct Table {
    slots: Vec<u32>,
    /// Eight other bits of each slot's hash: without them, each string that happens to fall to the same slot would have to be
    /// looked at, and so a page of the file be brought into memory.
    tags: Vec<u8>,
    seed: u64,
}

const EMPTY: u32 = u32::MAX;

impl Table {
    /// Of strings that are equal, the first is kept.
    pub(super) fn new<'a>(strings: impl Iterator<Item = &'a [u8]>, len: usize) -> Self {
        // Random, so that no file can be made whose strings all fall together.
        let seed = RandomState::new().hash_one(0);
        // A fifth of the slots is empty at least.
        let slots = (len + len / 4 + 1).next_power_of_two();
        let mut table = Self { slots: vec![EMPTY; slots], tags: vec![0; slots], seed };
        for (i, string) in strings.enumerate() {
            let (mut slot, tag) = table.hash(string);
            // Of equal strings the second lies behind the first and is never found.
            while table.slots[slot] != EMPTY {
                slot = (slot + 1) & (slots - 1);
            }
            (table.slots[slot], table.tags[slot]) = (i as u32, tag);
        }
        table
    }

    pub(super) fn find<'a>(&self, string: &[u8], of: impl Fn(u32) -> &'a [u8]) -> Option<u32> {
        let (mut slot, tag) = self.hash(string);
        loop {
            match self.slots[slot] {
                EMPTY => return None,
                i if self.tags[slot] == tag && of(i) == string => return Some(i),
                _ => slot = (slot + 1) & (self.slots.len() - 1),
            }
        }
    }

    /// Slot and tag. Eight bytes at a time, folded into half of their product: several times faster than the standard one, which shows
    /// when a file of 300 thousand strings is opened.
    fn hash(&self, string: &[u8]) -> (usize, u8) {
        let mut hash = self.seed ^ string.len() as u64;
        for chunk in string.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            let product = u128::from(hash ^ u64::from_le_bytes(word)) * u128::from(self.seed | 1);
            hash = (product as u64) ^ (product >> 64) as u64;
        }
        (hash as usize & (self.slots.len() - 1), (hash >> 56) as u8)
    }
}
