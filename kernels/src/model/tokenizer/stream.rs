//! Text of tokens that come one by one: a character may be spread over several, so bytes wait until it is whole.

use super::{Kind, Tokenizer};

/// Makes text of tokens; see [`Tokenizer::stream`].
#[derive(Debug)]
pub struct Stream<'a> {
    tokenizer: &'a Tokenizer,
    waiting: Vec<u8>,
    /// Whether the next token is a text's first, whose space was added.
    first: bool,
}

impl<'a> Stream<'a> {
    pub(super) fn new(tokenizer: &'a Tokenizer) -> Self {
        Self { tokenizer, waiting: Vec::new(), first: true }
    }

    /// The text that this token completes, perhaps none. Bytes that are no character become U+FFFD, and a number that is no
    /// token has no text.
    pub fn push(&mut self, token: u32) -> String {
        let begins = self.tokenizer.begin == Some(token);
        let from = self.waiting.len();
        self.tokenizer.bytes(token, &mut self.waiting);
        let normal = self.tokenizer.vocabulary.kind(token) == Kind::Normal;
        if self.first && normal && self.tokenizer.adds_space() && self.waiting.get(from) == Some(&b' ') {
            self.waiting.remove(from);
        }
        self.first = begins || self.first && self.tokenizer.vocabulary.kind(token) == Kind::Control;
        self.take(false)
    }

    /// The text that is left where no token follows.
    pub fn finish(mut self) -> String {
        self.take(true)
    }

    fn take(&mut self, all: bool) -> String {
        let mut text = String::new();
        let mut kept = 0;
        for chunk in self.waiting.utf8_chunks() {
            text.push_str(chunk.valid());
            let invalid = chunk.invalid();
            let end = chunk.valid().len() + invalid.len();
            // Only the last bytes may be the begin of a character.
            let cut = kept + end == self.waiting.len() && is_begin(invalid);
            if cut && !all {
                kept += chunk.valid().len();
                break;
            }
            if !invalid.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
            kept += end;
        }
        self.waiting.drain(..kept);
        text
    }
}

/// Whether bytes are no character, but could become one.
fn is_begin(bytes: &[u8]) -> bool {
    !bytes.is_empty() && std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}
