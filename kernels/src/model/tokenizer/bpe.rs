//! Byte-level BPE: text falls into words, a word's bytes are written as letters, and neighbours merge in the order of the
//! file's list. Source: openai/gpt-2's `encoder.py`; the order of merges as in huggingface/tokenizers.

use std::ops::Range;
use std::sync::Arc;

use super::merge::{characters, merge};
use super::vocabulary::{Kind, Marked, Table, Vocabulary};
use super::words::{KNOWN, Words, is_llama3};
use crate::model::error::ModelError;
use crate::model::{ModelFile, Strings};

#[derive(Debug)]
pub(super) struct Bpe {
    words: Words,
    merges: Strings,
    table: Table,
    /// Tokens that are found before the text falls into words.
    marked: Marked,
    /// A word that is a token is not merged, and prompts begin with a token (Llama 3).
    llama3: bool,
}

const PRE: &str = "tokenizer.ggml.pre";
const MERGES: &str = "tokenizer.ggml.merges";

impl Bpe {
    pub(super) fn new(file: &Arc<ModelFile>, vocabulary: &Vocabulary) -> Result<Self, ModelError> {
        let pre = file.metadata(PRE).ok_or_else(|| file.key_error(PRE, "is missing"))?;
        let words = pre.as_str().and_then(Words::named);
        let words = words.ok_or_else(|| file.key_error(PRE, format!("is {pre}, supported are {KNOWN}")))?;
        let merges = file.strings(MERGES)?.ok_or_else(|| file.key_error(MERGES, "is missing"))?;
        if u32::try_from(merges.len()).is_err() {
            return Err(file.key_error(MERGES, format!("has {} items", merges.len())));
        }
        let table = Table::new(merges.iter(), merges.len());
        let marked = Marked::new(vocabulary, &[Kind::Control, Kind::Custom]);
        Ok(Self { words, merges, table, marked, llama3: pre.as_str().is_some_and(is_llama3) })
    }

    /// Whether prompts begin with a token where the file does not say.
    pub(super) fn prompt_begins(&self) -> bool {
        self.llama3
    }

    pub(super) fn encode(&self, vocabulary: &Vocabulary, text: &str) -> Vec<u32> {
        let mut tokens = Vec::new();
        for (plain, token) in self.marked.split(vocabulary, text) {
            for word in self.words.split(plain) {
                self.word(vocabulary, word, &mut tokens);
            }
            tokens.extend(token);
        }
        tokens
    }

    fn word(&self, vocabulary: &Vocabulary, word: &str, tokens: &mut Vec<u32>) {
        let letters: String = word.bytes().map(letter).collect();
        if self.llama3
            && let Some(token) = vocabulary.find(letters.as_bytes())
        {
            tokens.push(token);
            return;
        }
        let rank = |l: Range<usize>, r: Range<usize>| {
            let pair = [&letters[l], " ", &letters[r]].concat();
            self.table.find(pair.as_bytes(), |i| self.merges.get(i as usize).unwrap_or_default())
        };
        for range in merge(characters(&letters), rank) {
            match vocabulary.find(&letters.as_bytes()[range.clone()]) {
                Some(token) => tokens.push(token),
                // Merged to what is no token: a list that does not fit the tokens. Its letters may be.
                None => {
                    let each = characters(&letters[range.clone()]);
                    let each = each.map(|r| range.start + r.start..range.start + r.end);
                    tokens.extend(each.filter_map(|r| vocabulary.find(&letters.as_bytes()[r])));
                }
            }
        }
    }
}

/// The letter that a byte is written as: itself where it is printable, else one after U+0100, in order.
pub(crate) fn letter(byte: u8) -> char {
    match byte {
        b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => char::from(byte),
        0..=0x20 => char::from_u32(0x100 + u32::from(byte)).unwrap_or_default(),
        0x7f..=0xa0 => char::from_u32(0x121 + u32::from(byte) - 0x7f).unwrap_or_default(),
        0xad => '\u{143}',
    }
}

/// The byte of a letter.
fn byte(letter: char) -> Option<u8> {
    match u32::from(letter) {
        code @ (0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff) => Some(code as u8),
        code @ 0x100..=0x120 => Some((code - 0x100) as u8),
        code @ 0x121..=0x142 => Some((code - 0x121 + 0x7f) as u8),
        0x143 => Some(0xad),
        _ => None,
    }
}

/// The bytes of a token; letters that stand for none are themselves.
pub(super) fn bytes(piece: &[u8], into: &mut Vec<u8>) {
    for chunk in piece.utf8_chunks() {
        for c in chunk.valid().chars() {
            match byte(c) {
                Some(byte) => into.push(byte),
                None => into.extend(c.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
        into.extend(chunk.invalid());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_a_letter_of_its_own() {
        let mut letters: Vec<char> = (0..=255).map(letter).collect();
        assert!((0..=255).all(|b| byte(letter(b)) == Some(b)));
        assert_eq!([b' ', b'\n', b'A', 0x7f, 0xad, 0xff].map(letter), ['Ġ', 'Ċ', 'A', 'ġ', 'Ń', 'ÿ']);
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), 256);
        assert!(letters.iter().all(|c| !c.is_whitespace() && !c.is_control()));
    }
}
